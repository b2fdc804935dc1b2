// What reached the token and revocation endpoints, and which grants ended: by this a storm is judged.

const now = () => Date.now() / 1000;

// oidc-provider takes a secret either way, whatever the client registered. Of an assertion it checks the kind.
function authMethod(ctx, body) {
  if (body?.client_assertion) return ctx.oidc.client?.clientAuthMethod ?? "assertion";
  if (ctx.get("authorization")) return "client_secret_basic";
  return body?.client_secret ? "client_secret_post" : "none";
}

const keyOf = (body) => {
  const header = body?.client_assertion?.split(".")[0];
  return header ? (JSON.parse(Buffer.from(header, "base64url")).kid ?? null) : null;
};

export function journal(provider) {
  const calls = [];
  const revoked = [];
  const revocations = [];

  const note = (ctx, error) => {
    const { client, params, body, entities } = ctx.oidc;
    const spent = entities.RotatedRefreshToken ?? entities.RefreshToken ?? entities.AuthorizationCode;
    calls.push({
      at: now(),
      client_id: client?.clientId ?? null,
      auth_method: authMethod(ctx, body),
      kid: keyOf(body),
      grant_type: params?.grant_type ?? body?.grant_type ?? null,
      grant_id: spent?.grantId ?? null,
      account_id: spent?.accountId ?? null,
      error: error?.error ?? null,
      error_detail: error?.error_detail ?? null,
    });
  };

  provider.on("grant.success", (ctx) => note(ctx));
  provider.on("grant.error", note);
  provider.on("grant.revoked", (ctx, grantId) => {
    revoked.push({ at: now(), grant_id: grantId, client_id: ctx.oidc.client?.clientId ?? null, by: ctx.oidc.route });
  });

  // RFC 7009 answers 200 for any token: `grant_id` is null where the provider did not know it, or no longer.
  provider.use(async (ctx, next) => {
    await next();
    if (ctx.oidc?.route === "revocation") {
      const { client, entities } = ctx.oidc;
      const token = entities.RefreshToken ?? entities.AccessToken;
      revocations.push({ at: now(), client_id: client?.clientId ?? null, grant_id: token?.grantId ?? null });
    }
  });
  return { calls, revoked, revocations };
}
