// A consent is given in a window of its own. The tab that comes back from the provider hands its code to the tab that
// asked, which alone holds the `user` that can confirm it (DESIGN: Confirmation).
import { call } from "./api.js";
import { apiPath, fill, h, path } from "./dom.js";
import { askedFor, forgetAsking, newUser, rememberAsking } from "./storage.js";
import { T } from "./texts.js";

const ANSWERED_MS = 1500;
const FEATURES = "popup,width=560,height=760";
const channel = new BroadcastChannel("oauth-broker.consent");

/** The window of the consent that this tab waits for, and its link; of no use after a reload. */
let open = null;

export const openConsent = (resource, connection) =>
  open && open.resource === resource && open.connection === connection ? open : null;

/** The place of the console where a consent is waited for. */
export const consentPath = (resource, connection) => path("resources", resource, "connections", connection, "consent");

/**
 * An empty window for a consent, which only a click may open: it is sent on once there is a link. Null where it was
 * blocked. It starts with a copy of this tab's memory, so what was asked for before is forgotten first.
 */
export function openWindow(resource, connection = null) {
  if (connection !== null) forgetAsking(resource, connection);
  const opened = window.open("", "_blank", FEATURES);
  if (!opened) return null;
  opened.document.body.textContent = T.consent.opening;
  opened.opener = null;
  return opened;
}

/**
 * Ask for a connection, or with `connection` for a new consent to it, which was like `before`; and send the window to the
 * provider. Gives the connection's id, and whether it is connected at once. Throws what `call` throws.
 */
export async function ask({ opened, resource, connection = null, before = null, body = {} }) {
  const user = newUser();
  const back = `${location.origin}/?resource_id=${encodeURIComponent(resource)}`;
  const where = connection === null ? apiPath(resource, null) : apiPath(resource, connection, "/reauthorize");
  let answer;
  try {
    answer = (await call("POST", where, { ...body, user, return_url: back })).body;
  } catch (error) {
    opened?.close();
    throw error;
  }
  if (!answer.start_url) {
    opened?.close();
    return { connection: answer.connection_id, connected: true };
  }
  const asked = {
    resource,
    connection: answer.connection_id,
    user,
    expires_at: answer.expires_at,
    generation: before?.generation ?? 0,
    error_at: before?.last_error?.at, // a later one is of this consent
  };
  rememberAsking(asked);
  open = { ...asked, opened, url: answer.start_url };
  if (opened && !opened.closed) opened.location.replace(answer.start_url);
  return { connection: answer.connection_id, connected: false };
}

/** Confirm a consent that came back. Gives the connection; throws what `call` throws. */
export async function confirm(asked) {
  const body = { confirmation_code: asked.returned.code, user: asked.user };
  return (await call("POST", apiPath(asked.resource, asked.connection, "/confirm"), body)).body;
}

/** Wait for consents that come back in other tabs, and go to where they are settled. */
export function watchReturns(go) {
  channel.addEventListener("message", ({ data }) => {
    if (data?.kind !== "returned") return;
    const asked = askedFor(data.resource, data.connection);
    if (!asked) return;
    channel.postMessage({ kind: "taken", id: data.id });
    rememberAsking({ ...asked, returned: { code: data.code, error: data.error } });
    go(consentPath(data.resource, data.connection), { replace: true });
  });
}

/**
 * If the browser came back here from a consent, hand it over and give true; the console need not start then. Where no
 * other tab asked but this one did, since the link was opened in it, it goes on as the one that waits.
 */
export async function receiveReturn(main) {
  const query = new URLSearchParams(location.search);
  const connection = query.get("connection_id");
  const resource = query.get("resource_id");
  if (connection === null) return false;
  history.replaceState(null, "", "/");
  const returned = { code: query.get("confirmation_code"), error: query.get("error") };
  say(main, T.consent.handingOver, T.consent.handingOverText);
  if (resource !== null && (await taken({ resource, connection, ...returned }))) {
    say(main, T.consent.handedOver, T.consent.handedOverText);
    window.close();
    return true;
  }
  const asked = askedFor(resource, connection);
  if (asked) {
    rememberAsking({ ...asked, returned });
    history.replaceState(null, "", `/#${consentPath(resource, connection)}`);
    return false;
  }
  const again = `/#${resource === null ? "/resources" : path("resources", resource, "connections", connection)}`;
  say(
    main,
    T.consent.nobodyAsked,
    T.consent.nobodyAskedText,
    h(
      "p",
      {},
      h(
        "a",
        {
          href: again,
          class: "button",
          onclick: (event) => {
            event.preventDefault();
            history.replaceState(null, "", again);
            location.reload();
          },
        },
        T.consent.startAgain,
      ),
    ),
  );
  return true;
}

function say(main, title, text, ...rest) {
  document.title = T.titleOf(title);
  fill(main, h("div", { class: "centre", role: "status" }, h("h1", {}, title), h("p", {}, text), rest));
}

/** Whether another tab took what came back. */
function taken(message) {
  const id = newUser();
  return new Promise((resolve) => {
    const answered = ({ data }) => data?.kind === "taken" && data.id === id && end(true);
    const timer = setTimeout(() => end(false), ANSWERED_MS);
    function end(result) {
      clearTimeout(timer);
      channel.removeEventListener("message", answered);
      resolve(result);
    }
    channel.addEventListener("message", answered);
    channel.postMessage({ kind: "returned", id, ...message });
  });
}
