// Waiting for a consent, and every way in which it can end: each is a sentence and a way on.
import { call } from "./api.js";
import { ask, confirm, consentPath, openConsent, openWindow } from "./consent.js";
import { announce, apiPath, fill, foreign, h, link, path, title } from "./dom.js";
import { busy, notice } from "./feedback.js";
import { askedFor, forgetAsking } from "./storage.js";
import { statusBadge } from "./status.js";
import { T } from "./texts.js";
import { countdown } from "./time.js";

const LOOKED_AT = 3; // seconds
const WAITING = new Set(["waiting", "reloaded", "blocked", "closed"]);
// The endings, of which T.consent.endings has the words: how serious, and whether trying again is the way on.
const ENDINGS = {
  waiting: ["wait", false],
  reloaded: ["wait", true],
  blocked: ["wait", false],
  closed: ["wait", true],
  confirming: ["wait", false],
  refused: ["bad", true],
  failed: ["bad", true],
  expired: ["bad", true],
  unconfirmed: ["bad", true],
  elsewhere: ["bad", true],
  lost: ["wait", true],
};

/** `#/resources/{resource_id}/connections/{connection_id}/consent`. */
export async function consentView(page, resource, id) {
  const asked = askedFor(resource, id);
  const open = openConsent(resource, id);
  const place = h("div");
  const trouble = h("div");
  let state = "";
  page.show(
    h(
      "p",
      { class: "crumbs" },
      link("/resources", T.resources.title),
      " / ",
      link(path("resources", resource), resource),
    ),
    title(T.consent.title(id)),
    h("div", { class: "panel consent" }, place, trouble),
  );

  function enter(next, connection = null) {
    if (page.signal.aborted || state === next) return;
    state = next;
    const [tone, again] = ENDINGS[next];
    const [head, text] = T.consent.endings[next];
    const link_ =
      WAITING.has(next) &&
      open &&
      h(
        "a",
        { href: open.url, target: "_blank", rel: "noopener", class: next === "blocked" ? "button primary" : "" },
        T.consent.openLink,
      );
    fill(
      place,
      h(
        "div",
        { class: "ending" },
        notice(tone, head, h("p", {}, text), connection && said(connection)),
        WAITING.has(next) && asked && h("p", { class: "quiet" }, T.consent.linkEnds, " ", countdown(asked.expires_at)),
        h(
          "div",
          { class: "actions" },
          link_,
          again && h("button", { type: "button", class: "primary", onclick: retry }, T.consent.startAgain),
          link(path("resources", resource, "connections", id), T.consent.toConnection, { class: "button" }),
        ),
      ),
    );
    announce(`${head} ${text}`);
  }

  const retry = (event) =>
    busy(event.currentTarget, trouble, async () => {
      const opened = openWindow(resource, id);
      await ask({ opened, resource, connection: id, before: await look().catch(() => null) });
      page.go(consentPath(resource, id), { replace: true });
    });

  function connected() {
    forgetAsking(resource, id);
    page.flash("good", T.consent.connected(id));
    page.go(path("resources", resource, "connections", id), { replace: true });
  }

  const look = async () => (await call("GET", apiPath(resource, id), null, page)).body;
  const isConnected = (connection) =>
    connection.status === "active" && connection.generation > (asked?.generation ?? 0);

  async function settle() {
    const { code, error } = asked.returned;
    if (error) {
      return enter(error === "access_denied" ? "refused" : "failed", {
        ...(await look().catch(() => ({}))),
        code: error,
      });
    }
    // Without a code there is nothing to confirm with: how the connection is tells whether the consent counts.
    if (!code) return isConnected(await look()) ? connected() : wait();
    enter("confirming");
    try {
      await confirm(asked);
      connected();
    } catch (problem) {
      if (problem.name === "Offline") throw problem;
      const connection = await look();
      if (isConnected(connection)) return connected(); // the same tab, twice: its copy confirmed
      forgetAsking(resource, id);
      enter("unconfirmed", connection);
    }
  }

  async function watch() {
    if (!WAITING.has(state)) return;
    const connection = await look().catch(() => null);
    if (!connection || !WAITING.has(state) || page.signal.aborted) return;
    const failed = connection.last_error && connection.last_error.at !== asked.error_at;
    if (isConnected(connection)) connected();
    else if (Date.now() > Date.parse(asked.expires_at) && connection.status !== "awaiting_confirmation")
      enter("expired", connection);
    else if (failed) enter(connection.last_error.error === "access_denied" ? "refused" : "failed", connection);
    else if (connection.status === "awaiting_confirmation" && open?.opened?.closed) enter("elsewhere", connection);
    else if (state === "waiting" && open?.opened?.closed) enter("closed");
  }

  function wait() {
    enter(!open ? "reloaded" : !open.opened ? "blocked" : open.opened.closed ? "closed" : "waiting");
    page.every(LOOKED_AT, watch);
    return watch();
  }

  if (!asked) return lost(enter, await look());
  return asked.returned ? settle() : wait();
}

// This tab asked for nothing: the address was kept, or the tab's memory is gone. How the connection is tells more.
function lost(enter, connection) {
  enter(connection.status === "expired" ? "expired" : "lost", connection);
}

function said({ code, status, last_error: error }) {
  return [
    (code || error) &&
      h(
        "blockquote",
        {},
        h("p", {}, foreign(error?.error ?? code ?? error.category, { tag: "code" })),
        error?.error_description && h("p", {}, foreign(error.error_description)),
      ),
    error?.request &&
      h(
        "details",
        {},
        h("summary", {}, T.connection.request),
        h("pre", { tabindex: "0", dir: "ltr" }, foreign(error.request, { limit: 2000 })),
      ),
    status && h("p", {}, T.consent.statusIs, " ", statusBadge(status)),
  ];
}
