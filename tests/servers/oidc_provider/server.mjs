// A certified OpenID provider (npm oidc-provider) as strict as it can be, on loopback, for the tests.
//
//     node server.mjs PORT ACCESS_TOKEN_LIFETIME
//
// Clients register themselves (RFC 7591) at /reg. An access token for a resource indicator (RFC 8707) is a JWT
// (RFC 9068), any other opaque. GET /journal says what reached the token endpoint and which grants were revoked;
// DELETE /grants/ID withdraws a person's consent.

import { generateKeyPairSync, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";

import { Provider } from "oidc-provider";

import { outcome, page } from "./interaction.mjs";
import { journal } from "./journal.mjs";
import { Store } from "./store.mjs";

const [port, accessTokenLifetime] = process.argv.slice(2).map(Number);
const issuer = `http://127.0.0.1:${port}`;
const scopesOfResources = ["read", "write", "token", "proxy", "admin"].map((right) => `broker/${right}`);

// Tokens for an API live ten minutes, others as long as the command line says.
const lifetime = (ctx, token) => token.resourceServer?.accessTokenTTL ?? accessTokenLifetime;

function signingKey() {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { ...privateKey.export({ format: "jwk" }), kid: "signing", use: "sig", alg: "RS256" };
}

const provider = new Provider(issuer, {
  adapter: Store,
  jwks: { keys: [signingKey()] },
  cookies: { keys: [randomBytes(32).toString("base64url")] },
  clockTolerance: 0, // with the usual few seconds, what has expired would still work
  pkce: { required: () => true },
  rotateRefreshToken: true,
  scopes: ["openid", "offline_access"],
  // It would not ask loopback for a client's keys.
  fetch: (url, options) => fetch(url, { ...options, dispatcher: undefined }),
  // A page of a client's own origin may exchange its code.
  clientBasedCORS: (ctx, origin, client) => client.redirectUris.some((uri) => new URL(uri).origin === origin),
  findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  ttl: {
    AccessToken: lifetime,
    ClientCredentials: lifetime,
    AuthorizationCode: 60,
    Grant: 86400,
    IdToken: 600,
    Interaction: 600,
    RefreshToken: 86400,
    Session: 86400,
  },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: (ctx, client, token) => token.clientId === client.clientId },
    registration: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (ctx, resource) => ({
        audience: resource,
        scope: scopesOfResources.join(" "),
        accessTokenTTL: 600,
        accessTokenFormat: "jwt",
        jwt: { sign: { alg: "RS256" } },
      }),
    },
    revocation: { enabled: true },
    userinfo: { enabled: true },
  },
});

const record = journal(provider);
const providers = provider.callback();

// As a person does on a provider's page of connected applications.
async function withdraw(grantId) {
  const models = [provider.AccessToken, provider.RefreshToken];
  await Promise.all([...models.map((model) => model.revokeByGrantId(grantId)), new Store("Grant").destroy(grantId)]);
}

async function answer(request, response) {
  const { pathname } = new URL(request.url, issuer);
  if (pathname === "/journal") {
    response.setHeader("Content-Type", "application/json").end(JSON.stringify(record));
  } else if (request.method === "DELETE" && pathname.startsWith("/grants/")) {
    await withdraw(pathname.slice("/grants/".length));
    response.writeHead(204).end();
  } else if (pathname.startsWith("/interaction/")) {
    const interaction = await provider.interactionDetails(request, response);
    if (request.method === "POST") {
      const fields = new URLSearchParams(await text(request));
      await provider.interactionFinished(request, response, await outcome(provider, interaction, fields));
    } else {
      response.setHeader("Content-Type", "text/html; charset=utf-8").end(page(interaction.uid, interaction.params));
    }
  } else {
    providers(request, response);
  }
}

createServer((request, response) => {
  answer(request, response).catch((error) => {
    response.writeHead(400, { "Content-Type": "text/plain" }).end(String(error));
  });
}).listen(port, "127.0.0.1");
