// One resource: what it is, and its connections.
import { call } from "./api.js";
import { apiPath, copyable, fill, foreign, h, link, path, title } from "./dom.js";
import { busy, confirmed, notice } from "./feedback.js";
import { listing } from "./listing.js";
import { breakerBadge, statusBadge } from "./status.js";
import { T } from "./texts.js";
import { countdown, moment } from "./time.js";

const REFRESHED = 10; // seconds
const STATUSES = ["active", "needs_reauthorization", "awaiting_confirmation", "pending", "expired"];

/** `#/resources/{resource_id}`. */
export async function resourceView(page, id) {
  const heading = title(id);
  const facts = h("div", { class: "panel" }, waitingFacts(FACTS));
  const trouble = h("div");
  const actions = h(
    "div",
    { class: "actions" },
    link(path("resources", id, "connect"), T.resource.connect, { class: "button primary" }),
    link(path("resources", id, "edit"), T.resource.edit, { class: "button" }),
    h(
      "button",
      { type: "button", class: "quiet-danger", onclick: (event) => remove(page, id, event.currentTarget, trouble) },
      T.resource.delete,
    ),
  );
  const list = connectionList(page, id);
  page.show(
    h("p", { class: "crumbs" }, link("/resources", T.resources.title)),
    h("div", { class: "head" }, heading, actions),
    trouble,
    facts,
    h(
      "section",
      { "aria-labelledby": "connections" },
      h("h2", { id: "connections" }, T.resource.connections),
      list.element,
    ),
  );
  const { body: resource } = await call("GET", apiPath(id), null, page);
  fill(heading, foreign(resource.name, { limit: 80 }));
  document.title = T.titleOf(resource.name.slice(0, 80));
  fill(facts, describe(resource));
  page.every(REFRESHED, list.refresh);
}

const FACTS = [
  T.resource.provider,
  T.resource.clientId,
  T.resource.tokenUrl,
  T.resource.policy,
  T.resource.scopes,
  T.resource.callback,
];
const LONG = new Set([T.resource.tokenUrl, T.resource.callback]);

/** Facts whose values are still to come, in the place that they will have. */
export const waitingFacts = (names, kind = "") =>
  h(
    "dl",
    { class: `facts ${kind}`, "aria-busy": "true" },
    names.map((name) =>
      (LONG.has(name) ? longFact : fact)(name, h("div", { class: "bar" }, h("span", { class: "hidden" }, T.loading))),
    ),
  );

function describe(resource) {
  const { provider_state: provider } = resource;
  return [
    provider.state !== "closed" &&
      notice(
        "bad",
        T.resource.open[provider.state] ?? provider.state,
        h(
          "p",
          {},
          T.resource.because,
          " ",
          h("code", {}, provider.category ?? "?"),
          provider.error && [" · ", foreign(provider.error)],
          provider.http_status && ` · HTTP ${provider.http_status}`,
        ),
        provider.error_description && h("p", {}, foreign(provider.error_description)),
        provider.until && h("p", {}, T.resource.until, " ", countdown(provider.until)),
      ),
    h(
      "dl",
      { class: "facts" },
      fact(T.resource.provider, breakerBadge(provider.state)),
      fact(T.resource.clientId, foreign(resource.client_id, { tag: "code", limit: 80 })),
      longFact(T.resource.tokenUrl, foreign(resource.token?.url ?? "", { tag: "code" })),
      fact(T.resource.policy, T.policies[resource.refresh_policy ?? "eager"]),
      fact(T.resource.scopes, resource.scopes?.length ? scopeList(resource.scopes) : T.none),
      longFact(T.resource.callback, copyable(resource.callback_url, T.resource.callback)),
    ),
  ];
}

export const fact = (name, ...value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));

/** A fact that needs the room of two. */
const longFact = (name, ...value) => h("div", { class: "long" }, h("dt", {}, name), h("dd", {}, value));

/** Scopes as small tags; many are cut. */
export function scopeList(scopes) {
  const shown = scopes.slice(0, 12).map((scope) => h("li", {}, foreign(scope, { limit: 80 })));
  if (scopes.length > 12) shown.push(h("li", { class: "quiet" }, T.andMore(scopes.length - 12)));
  return h("ul", { class: "tags" }, shown);
}

function connectionList(page, id) {
  const status = h(
    "select",
    { id: "of-status", onchange: () => list.restart() },
    h("option", { value: "" }, T.list.allStatuses),
    STATUSES.map((one) => h("option", { value: one }, T.status[one])),
  );
  const label = h("input", {
    id: "of-label",
    type: "text",
    autocomplete: "off",
    spellcheck: "false",
    onchange: () => list.restart(),
  });
  const list = listing({
    load: async (cursor, limit) => {
      const query = new URLSearchParams({ limit });
      if (cursor) query.set("cursor", cursor);
      if (status.value) query.set("status", status.value);
      if (label.value.trim()) query.set("label", label.value.trim());
      return (await call("GET", `${apiPath(id, null)}?${query}`, null, page)).body;
    },
    columns: [
      [
        T.connection.id,
        (one) =>
          h(
            "span",
            { class: "stack" },
            link(path("resources", id, "connections", one.connection_id), one.connection_id, { class: "strong" }),
            lastError(one),
          ),
      ],
      [T.connection.status, (one) => statusBadge(one.status)],
      [T.connection.expires, (one) => countdown(one.expires_at, "–")],
      [T.connection.nextRefresh, (one) => countdown(one.next_refresh_at, "–")],
      [T.connection.generation, (one) => h("span", { class: "number" }, String(one.generation))],
      [T.connection.labels, (one) => (one.labels.length ? scopeList(one.labels) : h("span", { class: "quiet" }, "–"))],
    ],
    key: (one) => one.connection_id,
    text: (one) =>
      `${one.connection_id} ${one.labels.join(" ")} ${T.status[one.status]} ${one.last_error?.error ?? ""}`,
    empty: () =>
      h(
        "div",
        { class: "empty small" },
        h("h3", {}, T.resource.noConnections),
        h("p", {}, T.resource.noConnectionsText),
        link(path("resources", id, "connect"), T.resource.connectFirst, { class: "button primary" }),
      ),
    label: T.resource.connections,
    searchLabel: T.resource.search,
    filters: [
      h("div", { class: "field" }, h("label", { for: "of-status" }, T.connection.status), status),
      h("div", { class: "field" }, h("label", { for: "of-label" }, T.resource.label), label),
    ],
    isFiltered: () => Boolean(status.value || label.value.trim()),
    signal: page.signal,
  });
  return list;
}

const lastError = ({ last_error: error, status }) =>
  error &&
  h(
    "span",
    { class: status === "active" ? "quiet" : "bad-text" },
    foreign(error.error_description || error.error || error.category, { limit: 80 }),
    " ",
    h("time", { datetime: error.at, class: "hidden" }, moment(error.at)),
  );

async function remove(page, id, button, trouble) {
  let some = null;
  await busy(button, trouble, async () => {
    const { body } = await call("GET", `${apiPath(id, null)}?limit=1`, null, page);
    some = body.items.length > 0 || body.next_cursor !== null;
  });
  if (some === null) return;
  const sure = await confirmed({
    title: T.resource.deleteTitle(id),
    text: some ? T.resource.deleteSome : T.resource.deleteNone,
    yes: T.resource.deleteYes,
  });
  if (!sure) return;
  await busy(button, trouble, async () => {
    await call("DELETE", `${apiPath(id)}${some ? "?connections=revoke" : ""}`);
    page.flash("good", T.resource.deleted(id));
    page.go("/resources", { replace: true });
  });
}
