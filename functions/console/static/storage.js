// What this tab remembers across a reload: drafts without their secrets, and who asked for which consent.

const DRAFT = "oauth-broker.draft.";
const CONSENTS = "oauth-broker.consents";
const KEPT_MS = 60 * 60 * 1000; // a start link lives ten minutes, and a confirmation code ten more

/** The draft that was typed under a name, or null. */
export const draft = (name) => read(DRAFT + name);

/** Keep a draft, or forget it with null. Secrets are the caller's to leave out. */
export const keepDraft = (name, value) => write(DRAFT + name, value);

/** The `user` that this tab asked for a consent as, with what it asked for; undefined where it asked for none. */
export function askedFor(resource, connection) {
  return consents().find((one) => one.resource === resource && one.connection === connection);
}

/** Remember who asked, so that the consent can be confirmed when the browser comes back. */
export function rememberAsking(asked) {
  const others = consents().filter((one) => one.resource !== asked.resource || one.connection !== asked.connection);
  write(CONSENTS, [...others, { ...asked, at: Date.now() }]);
}

/** Forget who asked: confirmed, or given up. */
export function forgetAsking(resource, connection) {
  write(
    CONSENTS,
    consents().filter((one) => one.resource !== resource || one.connection !== connection),
  );
}

/** A random opaque id of the person at this tab, for one consent. */
export function newUser() {
  const bytes = crypto.getRandomValues(new Uint8Array(24));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const consents = () => (read(CONSENTS) ?? []).filter((one) => Date.now() - one.at < KEPT_MS);

function read(name) {
  try {
    return JSON.parse(sessionStorage.getItem(name));
  } catch {
    return null; // written by another version, or no storage is allowed
  }
}

function write(name, value) {
  try {
    if (value === null) sessionStorage.removeItem(name);
    else sessionStorage.setItem(name, JSON.stringify(value));
  } catch {
    // A full or forbidden storage costs the reload, not the page.
  }
}
