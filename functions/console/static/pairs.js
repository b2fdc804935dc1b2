// Rows of names and values: the parameters of a request, its headers, the further values of a resource.
import { fill, foreign, freshId, h } from "./dom.js";
import { withPlaceholders } from "./placeholders.js";
import { row } from "./registration.js";
import { T } from "./texts.js";

/**
 * `rows` are edited in place; `changed()` is called after each change. `pointer` is the member that they make: each row
 * is the field of its own name below it. `names()` are the placeholders; with `leavable` a parameter may be left out.
 */
export function pairs({ label, hint, pointer, rows, changed, names, leavable = false, add = T.pairs.add }) {
  const id = freshId("pairs");
  const list = h("ul", { class: "pairs" });
  const draw = () =>
    fill(
      list,
      rows.map((one) => line(one)),
    );

  function line(one) {
    const item = h("li", {
      class: "field",
      "data-pointer": `${pointer}/${escaped(one.name)}`,
      "aria-label": `${label}: ${one.name}`,
    });
    const value = h("input", {
      type: "text",
      class: "mono",
      "aria-label": T.pairs.value(label),
      autocomplete: "off",
      spellcheck: "false",
      autocapitalize: "none",
      value: one.value,
      placeholder: T.pairs.valueWord,
      oninput: () => {
        one.value = value.value;
        changed();
      },
    });
    const name = h("input", {
      type: "text",
      class: "mono",
      "aria-label": T.pairs.name(label),
      autocomplete: "off",
      spellcheck: "false",
      autocapitalize: "none",
      value: one.name,
      placeholder: T.pairs.nameWord,
      oninput: () => {
        one.name = name.value;
        item.dataset.pointer = `${pointer}/${escaped(one.name)}`;
        changed();
      },
    });
    const control = names ? withPlaceholders(value, names) : value;
    control.hidden = Boolean(one.left);
    const left =
      leavable &&
      h(
        "label",
        { class: "check" },
        h("input", {
          type: "checkbox",
          checked: Boolean(one.left),
          onchange: ({ target }) => {
            one.left = target.checked;
            control.hidden = target.checked;
            changed();
          },
        }),
        T.pairs.leaveOut,
      );
    const gone = h(
      "button",
      {
        type: "button",
        class: "small",
        "aria-label": T.pairs.remove(one.name),
        onclick: () => {
          rows.splice(rows.indexOf(one), 1);
          draw();
          (list.querySelector("input") ?? more).focus();
          changed();
        },
      },
      "×",
    );
    return fill(item, h("div", { class: "pair" }, name, control, left, gone), h("p", { class: "error" }));
  }

  const more = h(
    "button",
    {
      type: "button",
      class: "small",
      onclick: () => {
        rows.push(row());
        draw();
        list.lastElementChild.querySelector("input").focus();
      },
    },
    add,
  );
  draw();
  return h(
    "fieldset",
    { class: "field", "data-pointer": pointer },
    h("legend", { id }, label),
    hint && h("p", { class: "hint" }, hint),
    list,
    more,
    h("p", { class: "error" }),
  );
}

const escaped = (name) => name.replaceAll("~", "~0").replaceAll("/", "~1");

/** The further values: some are secret, some a catalogue entry asks for. `secrets` takes what is typed as secret. */
export function values({ draft, secrets, changed }) {
  const list = h("ul", { class: "pairs" });
  const draw = () =>
    fill(
      list,
      draft.values.map((one) => line(one)),
    );

  function line(one) {
    const item = h("li", { class: "field", "aria-label": one.about?.title ?? `${T.values.title}: ${one.name}` });
    const point = () =>
      (item.dataset.pointer = `/${one.secret ? "secret_variables" : "variables"}/${escaped(one.name)}`);
    const value = h("input", {
      type: one.secret ? "password" : "text",
      class: "mono",
      autocomplete: one.secret ? "new-password" : "off",
      spellcheck: "false",
      autocapitalize: "none",
      "aria-label": one.about ? one.about.title : T.pairs.value(T.values.title),
      value: one.secret ? (secrets[one.id] ?? "") : one.value,
      placeholder: one.kept ? T.values.kept : (one.about?.example ?? T.pairs.valueWord),
      oninput: () => {
        if (one.secret) secrets[one.id] = value.value;
        else one.value = value.value;
        changed();
      },
    });
    const name = h("input", {
      type: "text",
      class: "mono",
      "aria-label": T.pairs.name(T.values.title),
      autocomplete: "off",
      spellcheck: "false",
      autocapitalize: "none",
      value: one.name,
      placeholder: T.pairs.nameWord,
      readonly: Boolean(one.about),
      oninput: () => {
        one.name = name.value;
        point();
        changed();
      },
    });
    const secret = h(
      "label",
      { class: "check" },
      h("input", {
        type: "checkbox",
        checked: Boolean(one.secret),
        onchange: ({ target }) => {
          const typed = value.value;
          Object.assign(one, { secret: target.checked, value: target.checked ? "" : typed, kept: false });
          if (target.checked) secrets[one.id] = typed;
          else delete secrets[one.id];
          draw();
          changed();
        },
      }),
      T.values.secret,
    );
    const gone =
      !one.about &&
      h(
        "button",
        {
          type: "button",
          class: "small",
          "aria-label": T.pairs.remove(one.name),
          onclick: () => {
            draft.values.splice(draft.values.indexOf(one), 1);
            if (one.kept) draft.dropped = [...(draft.dropped ?? []), one.name];
            delete secrets[one.id];
            draw();
            more.focus();
            changed();
          },
        },
        "×",
      );
    point();
    return fill(
      item,
      one.about &&
        h(
          "p",
          { class: "hint strong" },
          foreign(one.about.title),
          one.about.description && [": ", foreign(one.about.description)],
        ),
      h("div", { class: "pair" }, name, value, secret, gone),
      h("p", { class: "error" }),
    );
  }

  const more = h(
    "button",
    {
      type: "button",
      class: "small",
      onclick: () => {
        draft.values.push(row());
        draw();
        list.lastElementChild.querySelector("input").focus();
      },
    },
    T.values.add,
  );
  draw();
  return h(
    "fieldset",
    { class: "field", "data-pointer": "/variables /secret_variables" },
    h("legend", {}, T.values.title),
    h("p", { class: "hint" }, T.values.hint),
    list,
    more,
    h("p", { class: "error" }),
  );
}
