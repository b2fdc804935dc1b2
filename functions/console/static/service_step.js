// The first step: which service, under which name, and the address to give to it.
import { call } from "./api.js";
import { copyButton, fill, foreign, freshId, h, skeleton } from "./dom.js";
import { failure } from "./feedback.js";
import { textField } from "./fields.js";
import { idOf } from "./registration.js";
import { T } from "./texts.js";

const MOST = 200; // entries a page may have
let catalogue = null;

/** All entries of the catalogue: it changes only with a release. */
async function entries(page) {
  if (catalogue) return catalogue;
  let found = [];
  let cursor = null;
  do {
    const { body } = await call(
      "GET",
      `/v1/providers?limit=${MOST}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`,
      null,
      page,
    );
    found = [...found, ...body.items];
    cursor = body.next_cursor;
  } while (cursor);
  catalogue = found;
  return found;
}

/** The services to pick from. `pick(item)` gets an entry, "demo", or null for any other service. */
export function servicePicker(page, pick) {
  const id = freshId("service");
  const list = h("ul", { class: "services" });
  const count = h("p", { class: "quiet", role: "status" });
  const trouble = h("div");
  const waiting = skeleton(6);
  const search = h("input", {
    id,
    type: "search",
    autocomplete: "off",
    spellcheck: "false",
    oninput: draw,
    onkeydown: (event) => event.key === "Enter" && event.preventDefault(),
  });
  let all = [];

  function draw() {
    const query = search.value.trim().toLowerCase();
    const found = all.filter((one) => one.title.toLowerCase().includes(query) || one.provider.includes(query));
    fill(
      list,
      tile(T.add.other, T.add.otherText, () => pick(null), "other"),
      page.config.demo_provider && !query && tile(T.add.demo, T.add.demoText, () => pick("demo"), "demo"),
      found.map((one) => tile(foreign(one.title, { limit: 60 }), null, (event) => pick(one, event.currentTarget))),
    );
    count.textContent = query ? T.add.found(found.length) : "";
  }

  async function load() {
    try {
      fill(trouble);
      all = await entries(page);
      draw();
    } catch (error) {
      if (error.name === "AbortError") return;
      draw(); // any other service can be added without the catalogue
      fill(trouble, failure(error, load));
    } finally {
      waiting.remove();
    }
  }

  load();
  return h(
    "div",
    { class: "rows" },
    h("div", { class: "field" }, h("label", { for: id }, T.add.search), search),
    trouble,
    waiting,
    list,
    count,
  );
}

const tile = (name, text, onclick, kind = "") =>
  h(
    "li",
    {},
    h(
      "button",
      { type: "button", class: `tile ${kind}`, onclick },
      h("span", { class: "strong" }, name),
      text && h("span", { class: "quiet" }, text),
    ),
  );

/**
 * What was picked, its name here, and the callback address: `callback` where the resource is there already, and its id
 * stays. `changed()` after each change; `again` picks anew.
 */
export function pickedService(page, { draft, callback, changed, again }) {
  const { service } = draft;
  const address = h("code", {}, h("bdi", {}, callback ?? "…"));
  let asked = 0;

  async function showAddress() {
    const number = ++asked;
    if (!/^[a-z0-9-]{1,64}$/.test(draft.resource_id)) return fill(address, T.add.needsId);
    try {
      const { body } = await call(
        "GET",
        `/v1/callback-url?resource_id=${encodeURIComponent(draft.resource_id)}`,
        null,
        page,
      );
      if (number === asked) fill(address, h("bdi", {}, body.callback_url));
    } catch (error) {
      if (number === asked && error.name !== "AbortError") fill(address, T.add.noAddress);
    }
  }

  const id = textField({
    label: T.add.id,
    hint: callback ? null : T.add.idHint,
    pointer: "/resource_id",
    value: draft.resource_id,
    mono: true,
    oninput: (value) => {
      draft.resource_id = value.trim();
      draft.idTyped = true;
      showAddress();
      changed();
    },
  });
  id.input.readOnly = callback !== null;
  const name = textField({
    label: T.add.name,
    hint: T.add.nameHint,
    pointer: "/name",
    value: draft.name,
    required: true,
    oninput: (value) => {
      draft.name = value;
      if (!draft.idTyped) {
        draft.resource_id = idOf(value);
        id.input.value = draft.resource_id;
        showAddress();
      }
      changed();
    },
  });
  if (!callback) showAddress();
  return h(
    "div",
    { class: "rows" },
    !callback &&
      h(
        "div",
        { class: "picked" },
        h(
          "div",
          {},
          h("p", { class: "strong" }, service.title ? foreign(service.title) : T.add.other),
          /^https?:/.test(service.documentation ?? "") &&
            h("a", { href: service.documentation, target: "_blank", rel: "noopener noreferrer" }, T.add.documentation),
        ),
        h("button", { type: "button", class: "small", onclick: again }, T.add.change),
      ),
    (service.needs || service.notes.length > 0) &&
      h(
        "ul",
        { class: "notes" },
        [service.needs && `${T.add.needs} ${service.needs}`, ...service.notes]
          .filter(Boolean)
          .map((one) => h("li", {}, foreign(one, { limit: 400 }))),
      ),
    h("div", { class: "two" }, name.element, id.element),
    h(
      "div",
      { class: "field", "data-pointer": "/callback" },
      h("p", { class: "label" }, T.add.callback),
      h(
        "span",
        { class: "copyable" },
        address,
        copyButton(() => address.textContent, T.add.callback),
      ),
      h("p", { class: "hint" }, T.add.callbackHint),
    ),
  );
}
