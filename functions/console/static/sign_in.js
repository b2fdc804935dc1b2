// Signing in: authorization code with PKCE (RFC 6749, 7636, 9700) at the deployment's issuer, as a public client.
//
// The access token lives in this module's memory and nowhere else. Nothing renews it: when it has expired, the browser
// goes to the issuer once more, which knows the person, and comes back to the same place. No ID token is asked for: the
// page needs rights, not an identity, so there is nothing for a nonce to bind; PKCE and `state` bind the code.

import { config } from "./config.js";

const RIGHTS = ["read", "write", "token", "proxy", "admin"];
const TRIP = "oauth-broker.sign-in"; // sessionStorage: what the trip to the issuer must find again in this tab
const SIGNED_OUT = "oauth-broker.signed-out"; // sessionStorage: not at once again to the issuer
const EARLY = 5_000; // ms before its end from which a token is not used any more
const FRESH = 30_000; // ms in which a refused token is no expired one: the deployment does not accept it

let held = null; // {token, granted, expiresAt, since, renewed}
let pending = null;
let leaving = null; // the one trip that this page is about to make

// "Back" may show this page as it was when it was left, waiting for good.
addEventListener("pageshow", (event) => event.persisted && leaving && location.reload());

/**
 * Why nobody is signed in. `reason`: "unconfigured" (the deployment has no OidcClientId), "signed_out", "state" (an
 * answer that this tab did not ask for), "issuer" (an answer of another issuer), "refused" (the issuer said `error`,
 * `description`), "exchange" (the code could not be exchanged), "unreachable" (the issuer, with the broker's
 * `description` of why, or the broker).
 */
export class SignInError extends Error {
  constructor(reason, { error = "", description = "" } = {}) {
    super(`sign-in: ${reason}`);
    this.name = "SignInError";
    this.reason = reason;
    this.error = error;
    this.description = description;
  }
}

/**
 * Resolves to who() when calls may be made, or leaves for the issuer. Rejects with SignInError, and goes on doing so
 * until signIn() is called: who was refused is not sent round in circles.
 */
export function session() {
  pending ??= established().catch((error) => {
    if (error.reason === "unreachable") pending = null;
    throw error;
  });
  return pending;
}

/** Leaves for the issuer, also after signing out or an error. Never resolves; rejects with SignInError. */
export async function signIn() {
  sessionStorage.removeItem(SIGNED_OUT);
  return leave(await signInConfig(), {});
}

/** Forgets the token and ends the session at the issuer, where it can be ended. */
export async function signOut() {
  held = pending = null;
  sessionStorage.setItem(SIGNED_OUT, "1");
  const endpoint = (await signInConfig())?.end_session_endpoint;
  if (!endpoint) return location.replace("/");
  const { client_id, end_session_return_parameter } = await signInConfig();
  return go(endpoint, { client_id, [end_session_return_parameter]: here() });
}

/**
 * {signedIn, rights, missing, expiresAt, renewed}: `rights` and `missing` are of read, write, token, proxy and admin
 * (which has all the others); `expiresAt` in ms or null; `renewed` after a token that expired in the middle of something.
 * Without sign-in, on the local stack, everything may be done.
 */
export function who() {
  if (held === null) return { signedIn: false, rights: [...RIGHTS], missing: [], expiresAt: null, renewed: false };
  const { granted, expiresAt, renewed } = held;
  const rights = RIGHTS.filter((right) => granted.includes("admin") || granted.includes(right));
  return { signedIn: true, rights, missing: RIGHTS.filter((one) => !rights.includes(one)), expiresAt, renewed };
}

/** For api.js: the header with the token; none where nobody signs in. Leaves for the issuer when it has expired. */
export async function authorization() {
  await session();
  if (held === null) return {};
  if (Date.now() > (held.expiresAt ?? Infinity) - EARLY) await again();
  return { Authorization: `Bearer ${held.token}` };
}

/** For api.js, after a 401: leaves for the issuer, unless the token is fresh and another one would be refused too. */
export async function refused() {
  if (held !== null && Date.now() - held.since > FRESH) await again();
}

async function again() {
  return leave(await signInConfig(), { renewed: true });
}

async function established() {
  const { api_prefix, public_url } = await configured();
  const settings = await signInConfig();
  if (settings === null) {
    if (api_prefix) throw new SignInError("unconfigured");
    return who();
  }
  // Only there may the issuer send the browser back to; and storage is each origin's own.
  if (location.origin !== public_url) {
    location.replace(public_url + "/" + location.hash);
    return new Promise(() => {});
  }
  const answer = answered();
  if (answer !== null) return finish(settings, answer);
  if (sessionStorage.getItem(SIGNED_OUT)) throw new SignInError("signed_out");
  return leave(settings, {});
}

async function configured() {
  try {
    return await config();
  } catch (error) {
    throw new SignInError("unreachable", { description: text(error.detail) });
  }
}

async function signInConfig() {
  return (await configured()).sign_in;
}

// The issuer's answer in the address, which is cleaned before anything else is done; null where there is none. An
// answer of a provider to a consent has no state: it is not for here.
function answered() {
  const query = new URLSearchParams(location.search);
  if (!query.has("state") || !(query.has("code") || query.has("error"))) return null;
  history.replaceState(null, "", location.pathname + location.hash);
  return query;
}

async function finish(settings, answer) {
  const trip = JSON.parse(sessionStorage.getItem(TRIP) ?? "null");
  sessionStorage.removeItem(TRIP); // good for one answer
  const once = [...answer.keys()].every((name) => answer.getAll(name).length === 1);
  if (trip === null || !once || answer.get("state") !== trip.state) throw new SignInError("state");
  history.replaceState(null, "", location.pathname + trip.place);
  if ((answer.get("iss") ?? settings.issuer) !== settings.issuer) throw new SignInError("issuer"); // RFC 9207
  if (answer.has("error")) return without(settings, trip, answer);
  held = { ...(await exchanged(settings, trip, answer.get("code"))), since: Date.now(), renewed: trip.renewed };
  return who();
}

// Some issuers refuse a request with a scope that the person may not have, instead of leaving the scope out.
function without(settings, trip, answer) {
  const error = answer.get("error");
  const fewer = trip.scopes.slice(0, -1);
  if (error === "invalid_scope" && fewer.length > 0) return leave(settings, { ...trip, scopes: fewer });
  throw new SignInError("refused", { error, description: answer.get("error_description") ?? "" });
}

function leave(settings, trip) {
  leaving ??= setOut(settings, trip);
  return leaving;
}

async function setOut(settings, { scopes = settings.scopes, place = location.hash, renewed = false }) {
  const [state, verifier] = [random(), random()];
  sessionStorage.setItem(TRIP, JSON.stringify({ state, verifier, scopes, place, renewed }));
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  return go(settings.authorization_endpoint, {
    response_type: "code",
    client_id: settings.client_id,
    redirect_uri: here(),
    scope: scopes.join(" "),
    state,
    code_challenge: base64url(new Uint8Array(digest)),
    code_challenge_method: "S256",
    ...resource(settings),
  });
}

async function exchanged(settings, trip, code) {
  const body = new URLSearchParams({
    grant_type: "authorization_code",
    code,
    redirect_uri: here(),
    client_id: settings.client_id,
    code_verifier: trip.verifier,
    ...resource(settings),
  });
  let response, answer;
  try {
    response = await fetch(settings.token_endpoint, { method: "POST", body, credentials: "omit", redirect: "error" });
    answer = await response.json();
  } catch {
    throw new SignInError(response ? "exchange" : "unreachable");
  }
  const bearer = String(answer.token_type).toLowerCase() === "bearer";
  if (!response.ok || !bearer || typeof answer.access_token !== "string") {
    throw new SignInError("exchange", { error: text(answer.error), description: text(answer.error_description) });
  }
  const lifetime = Number(answer.expires_in);
  // Where the answer names no scope, those that were asked for were granted (RFC 6749 section 5.1).
  const scopes = typeof answer.scope === "string" ? answer.scope.split(" ") : trip.scopes;
  return {
    token: answer.access_token,
    granted: RIGHTS.filter((right) => scopes.includes(settings.scope_prefix + right)),
    expiresAt: lifetime > 0 ? Date.now() + lifetime * 1000 : null,
  };
}

// The audience of the token is to be the API, never this page (RFC 8707).
function resource(settings) {
  return settings.resource ? { resource: settings.resource } : {};
}

function go(endpoint, parameters) {
  const url = new URL(endpoint);
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  location.assign(url);
  return new Promise(() => {}); // the page is being left
}

function here() {
  return location.origin + "/";
}

function random() {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function text(value) {
  return typeof value === "string" ? value : "";
}
