// The list of resources: the first thing one sees.
import { call } from "./api.js";
import { foreign, h, link, path, title } from "./dom.js";
import { listing } from "./listing.js";
import { breakerBadge } from "./status.js";
import { T } from "./texts.js";
import { minute } from "./time.js";

const REFRESHED = 15; // seconds

/** `#/resources`. */
export function resourcesView(page) {
  const list = listing({
    load: async (cursor, limit) =>
      (
        await call(
          "GET",
          `/v1/resources?limit=${limit}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`,
          undefined,
          page,
        )
      ).body,
    columns: [
      [
        T.resources.name,
        (one) =>
          h(
            "span",
            { class: "stack" },
            link(path("resources", one.resource_id), foreign(one.name, { limit: 80 }), { class: "strong" }),
            h("code", { class: "quiet" }, one.resource_id),
          ),
      ],
      [T.resources.service, (one) => foreign(host(one), { limit: 80 })],
      [T.resources.provider, (one) => breakerBadge(one.provider_state.state)],
      [T.resources.changed, (one) => h("time", { datetime: one.updated_at, class: "number" }, minute(one.updated_at))],
    ],
    key: (one) => one.resource_id,
    text: (one) => `${one.resource_id} ${one.name} ${host(one)}`,
    empty: () => welcome(page.config),
    label: T.resources.title,
    searchLabel: T.resources.search,
    signal: page.signal,
  });
  page.show(
    h("div", { class: "head" }, title(T.resources.title), link("/add", T.resources.add, { class: "button primary" })),
    h("p", { class: "lead" }, T.resources.lead),
    list.element,
  );
  page.every(REFRESHED, list.refresh);
}

/** Where a resource's tokens come from: the host of its token URL, placeholders and all. */
function host(resource) {
  return /^[a-z]+:\/\/([^/?#]*)/.exec(resource.token?.url ?? "")?.[1] ?? "";
}

function welcome(config) {
  return h(
    "section",
    { class: "empty" },
    h("h2", {}, T.resources.emptyTitle),
    h(
      "ol",
      { class: "plain-steps" },
      T.resources.emptySteps.map(([title, text]) => h("li", {}, h("strong", {}, title), h("span", {}, text))),
    ),
    h(
      "div",
      { class: "actions" },
      link("/add", T.resources.addFirst, { class: "button primary" }),
      config.demo_provider && link("/add?service=demo", T.resources.tryDemo, { class: "button" }),
    ),
  );
}
