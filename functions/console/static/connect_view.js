// Asking for a connection: what it needs, then the consent in a window of its own.
import { call } from "./api.js";
import { chips } from "./chips.js";
import { ask, consentPath, openWindow } from "./consent.js";
import { apiPath, foreign, h, link, path, title } from "./dom.js";
import { busy } from "./feedback.js";
import { showErrors, textField } from "./fields.js";
import { T } from "./texts.js";

/** `#/resources/{resource_id}/connect`. */
export async function connectView(page, id) {
  const { body: resource } = await call("GET", apiPath(id), null, page);
  const alone = resource.grant_type === "client_credentials";
  const variables = Object.entries(resource.connection_variables ?? {});
  const wanted = { connection_id: "", labels: [], scopes: new Set(resource.scopes ?? []), variables: {} };
  const trouble = h("div");
  const button = h("button", { class: "primary" }, alone ? T.connect.get : T.connect.open);
  const form = h(
    "form",
    { class: "panel form", novalidate: true, autocomplete: "off", onsubmit: submit },
    trouble,
    variables.map(([name, one]) => variableField(name, one, wanted.variables)),
    textField({
      label: T.connect.id,
      hint: T.connect.idHint,
      pointer: "/connection_id",
      value: "",
      mono: true,
      oninput: (value) => (wanted.connection_id = value.trim()),
    }).element,
    chips({
      label: T.connect.labels,
      hint: T.connect.labelsHint,
      pointer: "/labels",
      items: wanted.labels,
      separators: /,/,
      onchange: (items) => (wanted.labels = items),
    }),
    !alone && wanted.scopes.size > 0 && scopeChoice(wanted.scopes),
    h("div", { class: "actions" }, button, link(path("resources", id), T.cancel, { class: "button" })),
    h("p", { class: "quiet" }, alone ? T.connect.aloneText : T.connect.text),
  );
  page.show(
    h(
      "p",
      { class: "crumbs" },
      link("/resources", T.resources.title),
      " / ",
      link(path("resources", id), foreign(resource.name, { limit: 80 })),
    ),
    title(alone ? T.connect.titleAlone : T.connect.title),
    form,
  );

  async function submit(event) {
    event.preventDefault();
    const opened = alone ? null : openWindow(id); // only here, in the click, may it be opened
    await busy(button, trouble, async () => {
      try {
        const { connection, connected } = await ask({ opened, resource: id, body: body() });
        if (connected) page.flash("good", T.consent.connected(connection));
        page.go(connected ? path("resources", id, "connections", connection) : consentPath(id, connection));
      } catch (error) {
        if (!showErrors(form, trouble, error)) throw error;
      }
    });
  }

  function body() {
    const all = resource.scopes ?? [];
    const scopes = all.filter((scope) => wanted.scopes.has(scope));
    return {
      ...(wanted.connection_id && { connection_id: wanted.connection_id }),
      ...(wanted.labels.length > 0 && { labels: wanted.labels }),
      ...(scopes.length < all.length && { scopes }),
      ...(Object.keys(wanted.variables).length > 0 && { variables: wanted.variables }),
    };
  }
}

function variableField(name, { title: label, description, example, default: usual }, values) {
  if (usual) values[name] = usual;
  return textField({
    label: foreign(label || name),
    hint: [description && foreign(description), example && [" ", T.example, " ", foreign(example, { tag: "code" })]],
    pointer: `/variables/${name}`,
    value: usual ?? "",
    required: true,
    oninput: (value) => {
      if (value) values[name] = value;
      else delete values[name];
    },
  }).element;
}

function scopeChoice(chosen) {
  return h(
    "fieldset",
    { "data-pointer": "/scopes" },
    h("legend", {}, T.connect.scopes),
    [...chosen].map((scope) =>
      h(
        "label",
        { class: "check" },
        h("input", {
          type: "checkbox",
          checked: true,
          onchange: ({ target }) => (target.checked ? chosen.add(scope) : chosen.delete(scope)),
        }),
        foreign(scope, { limit: 120 }),
      ),
    ),
  );
}
