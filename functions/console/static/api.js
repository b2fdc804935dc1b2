// The broker's API, as the page calls it: /v1 on the local stack, /jwt/v1 with the access token of who is signed in.

import { config } from "./config.js";
import { authorization, refused } from "./sign_in.js";

export { config };

/** An answer of 4xx or 5xx: what its problem document (RFC 9457) says, else what its status does. */
export class Problem extends Error {
  constructor(status, document, retryAfter = null) {
    super(document.detail ?? document.title ?? document.message ?? `HTTP ${status}`);
    this.name = "Problem";
    this.status = status;
    this.type = document.type ?? "about:blank";
    this.title = document.title ?? document.message ?? `HTTP ${status}`;
    this.detail = document.detail ?? "";
    /** [{pointer, detail}], one for each member that is wrong. */
    this.errors = Array.isArray(document.errors) ? document.errors : [];
    /** Seconds, or null. */
    this.retryAfter = retryAfter;
  }
}

/** No answer came: no network, or no broker. */
export class Offline extends Error {
  constructor(cause) {
    super("The broker cannot be reached.", { cause });
    this.name = "Offline";
  }
}

/**
 * Calls `path`, such as /v1/resources, and resolves to {status, headers, body}; `body` is sent and comes as JSON, null
 * is none. `headers` may hold If-Match and the like. Rejects with Problem, Offline, or the signal's AbortError. Where the
 * access token has expired the page leaves to sign in, and what was asked never settles.
 */
export async function call(method, path, body = null, { signal, headers = {} } = {}) {
  const { api_prefix: prefix } = await reached(config(), signal);
  const sent = { Accept: "application/json", ...headers, ...(await authorization()) };
  if (body !== null) sent["Content-Type"] = "application/json";
  const init = { method, headers: sent, body: body === null ? undefined : JSON.stringify(body), signal };
  const response = await reached(fetch(prefix + path, { ...init, redirect: "error" }), signal);
  const text = await reached(response.text(), signal);
  if (response.status === 401) await refused();
  const document = parsed(text);
  if (!response.ok) throw new Problem(response.status, document ?? {}, seconds(response.headers.get("Retry-After")));
  return { status: response.status, headers: response.headers, body: document };
}

async function reached(promise, signal) {
  try {
    return await promise;
  } catch (error) {
    signal?.throwIfAborted();
    throw new Offline(error);
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null; // an empty 204, or what a proxy in between wrote
  }
}

function seconds(text) {
  return /^\d{1,6}$/.test(text ?? "") ? Number(text) : null;
}
