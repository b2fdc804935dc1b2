// One connection, live: how it is, what went wrong, how its refreshes went, when its grant would die.
import { call } from "./api.js";
import { apiPath, fill, foreign, h, link, path, skeleton, title } from "./dom.js";
import { disconnect, reconnect, refreshNow, surelyDisconnect } from "./connection_actions.js";
import { busy, notice } from "./feedback.js";
import { timeline } from "./plot.js";
import { fact, scopeList, waitingFacts } from "./resource_view.js";
import { statusBadge } from "./status.js";
import { T } from "./texts.js";
import { countdown, distance, moment } from "./time.js";
import { snippets } from "./use_view.js";

const REFRESHED = 5; // seconds

/** `#/resources/{resource_id}/connections/{connection_id}`. */
export async function connectionView(page, resource, id) {
  const heading = title(id);
  const actions = h("div", { class: "actions" });
  const trouble = h("div");
  const live = h(
    "div",
    { class: "live" },
    h(
      "div",
      { class: "panel" },
      waitingFacts(
        [T.connection.status, T.connection.expires, T.connection.nextRefresh, T.connection.generation],
        "big",
      ),
    ),
    h("div", { class: "panel" }, h("h2", {}, T.connection.attempts), skeleton(5)),
  );
  const use = h("section", { class: "panel", "aria-labelledby": "use", hidden: true });
  page.show(
    h(
      "p",
      { class: "crumbs" },
      link("/resources", T.resources.title),
      " / ",
      link(path("resources", resource), resource),
    ),
    h("div", { class: "head" }, heading, actions),
    trouble,
    live,
    use,
  );
  let shown = "";
  const draw = (connection) => {
    const state = JSON.stringify(connection);
    if (state === shown || page.signal.aborted) return;
    const before = shown && JSON.parse(shown);
    shown = state;
    fill(live, describe(connection));
    use.hidden = false;
    if (!before || before.status !== connection.status) {
      fill(actions, buttons(page, connection, trouble, draw));
      fill(
        use,
        h("h2", { id: "use" }, T.use.title),
        connection.generation > 0 ? snippets(page.config, connection) : h("p", { class: "quiet" }, T.use.notYet),
      );
    }
  };
  const load = async () => draw((await call("GET", apiPath(resource, id), null, page)).body);
  await load();
  page.every(REFRESHED, () => {
    // Another try comes soon; and what somebody is reading, or has opened, is not taken away under their eyes.
    if (!live.contains(document.activeElement) && !live.querySelector("details[open]")) load().catch(() => {});
  });
}

function buttons(page, connection, trouble, draw) {
  const { status, generation } = connection;
  const act = (work) => (event) => busy(event.currentTarget, trouble, () => work(page, connection, draw));
  const renew = status !== "active";
  return [
    status === "active" &&
      h("button", { type: "button", class: "primary", onclick: act(refreshNow) }, T.connection.refreshNow),
    h(
      "button",
      { type: "button", class: renew ? "primary" : "", onclick: act(reconnect) },
      generation > 0 ? T.connection.reconnect : T.connection.connectAgain,
    ),
    h(
      "button",
      {
        type: "button",
        class: "quiet-danger",
        onclick: async ({ currentTarget: button }) =>
          (await surelyDisconnect(connection)) && busy(button, trouble, () => disconnect(page, connection)),
      },
      T.connection.disconnect,
    ),
  ];
}

function describe(connection) {
  return [
    h(
      "section",
      { class: "panel", "aria-label": T.connection.now },
      connection.status !== "active" &&
        notice(connection.status === "needs_reauthorization" ? "bad" : "wait", T.connection.means[connection.status]),
      h(
        "dl",
        { class: "facts big" },
        fact(T.connection.status, statusBadge(connection.status)),
        fact(
          T.connection.expires,
          countdown(connection.expires_at, connection.status === "active" ? T.time.unknown : "–"),
        ),
        fact(
          T.connection.nextRefresh,
          countdown(connection.next_refresh_at, connection.status === "active" ? T.connection.whenRead : "–"),
        ),
        fact(T.connection.generation, h("span", { class: "number" }, String(connection.generation))),
      ),
    ),
    connection.last_error && failureOf(connection.last_error),
    h(
      "section",
      { class: "panel", "aria-labelledby": "attempts" },
      h("h2", { id: "attempts" }, T.connection.attempts),
      timeline(connection.attempts),
      forecast(connection),
    ),
    h(
      "section",
      { class: "panel", "aria-labelledby": "granted" },
      h("h2", { id: "granted" }, T.connection.granted),
      h(
        "dl",
        { class: "facts" },
        fact(T.connection.scopes, connection.scopes.length ? scopeList(connection.scopes) : T.none),
        fact(T.connection.labels, connection.labels.length ? scopeList(connection.labels) : T.none),
        fact(T.connection.created, h("time", { datetime: connection.created_at }, moment(connection.created_at))),
        Object.entries(connection.metadata).map(([name, value]) => fact(foreign(name, { limit: 64 }), foreign(value))),
      ),
    ),
  ];
}

function failureOf(error) {
  return h(
    "section",
    { class: "panel", "aria-labelledby": "last-error" },
    h("h2", { id: "last-error" }, T.connection.lastError),
    h(
      "p",
      {},
      h("strong", {}, T.categories[error.category] ?? error.category),
      " · ",
      countdown(error.at),
      error.http_status && ` · HTTP ${error.http_status}`,
    ),
    (error.error || error.error_description) &&
      h(
        "blockquote",
        {},
        error.error && h("p", {}, foreign(error.error, { tag: "code" })),
        error.error_description && h("p", {}, foreign(error.error_description)),
      ),
    error.request &&
      h(
        "details",
        {},
        h("summary", {}, T.connection.request),
        h("p", { class: "quiet" }, T.connection.masked),
        h("pre", { tabindex: "0", dir: "ltr" }, foreign(error.request, { limit: 2000 })),
      ),
  );
}

function forecast({ dies_at: at, status, generation, next_refresh_at: next }) {
  if (generation === 0) return null;
  if (status === "needs_reauthorization") return h("p", { class: "forecast" }, T.forecast.dead);
  if (!at) return h("p", { class: "forecast" }, T.forecast.unknown);
  const kept = next && Date.parse(next) < Date.parse(at);
  return h(
    "p",
    { class: "forecast" },
    T.forecast.dies(distance(at), moment(at)),
    " ",
    kept ? T.forecast.kept(moment(next)) : T.forecast.notKept,
  );
}
