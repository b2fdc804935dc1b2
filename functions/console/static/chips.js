// A list of short values, such as scopes: each is a chip that can be taken away.
import { announce, fill, foreign, freshId, h } from "./dom.js";
import { T } from "./texts.js";

/** `items` are shown at first; `onchange` gets all of them. `separators` part what is typed or pasted. */
export function chips({ label, hint, pointer, items, separators = /[\s,]+/, suggestions = [], onchange }) {
  let all = [...items];
  const id = freshId("chips");
  const list = h("ul", { class: "chips" });
  const options = suggestions.length > 0 && h("datalist", { id: `${id}-known` });
  const input = h("input", {
    id,
    type: "text",
    autocomplete: "off",
    spellcheck: "false",
    autocapitalize: "none",
    "aria-describedby": `${id}-hint ${id}-error`,
    list: options ? options.id : null,
    onkeydown: (event) => {
      if (event.key === "Enter") {
        event.preventDefault(); // it ends the chip, not the form
        take();
      } else if (event.key === "Backspace" && input.value === "" && all.length > 0) remove(all.length - 1);
    },
    oninput: () => (separators.test(input.value) || known()) && take(),
    onblur: () => take(),
  });

  const known = () =>
    suggestions.includes(input.value) && !suggestions.some((one) => one !== input.value && one.startsWith(input.value));

  function take() {
    const fresh = input.value
      .split(separators)
      .map((one) => one.trim())
      .filter((one) => one && !all.includes(one));
    if (input.value.trim() === "" && fresh.length === 0) return;
    input.value = "";
    if (fresh.length === 0) return;
    all = [...all, ...new Set(fresh)];
    changed();
    announce(T.chips.added(fresh.join(", ").slice(0, 120)));
  }

  function remove(at) {
    const [gone] = all.splice(at, 1);
    changed();
    announce(T.chips.removed(gone.slice(0, 120)));
    (list.querySelectorAll("button")[at] ?? input).focus();
  }

  function changed() {
    draw();
    onchange([...all]);
  }

  function draw() {
    fill(
      list,
      all.map((one, at) =>
        h(
          "li",
          {},
          foreign(one, { limit: 60 }),
          h(
            "button",
            { type: "button", "aria-label": T.chips.remove(one.slice(0, 120)), onclick: () => remove(at) },
            "×",
          ),
        ),
      ),
    );
    list.hidden = all.length === 0;
    if (options)
      fill(
        options,
        suggestions.filter((one) => !all.includes(one)).map((one) => h("option", { value: one })),
      );
  }

  draw();
  return h(
    "div",
    { class: "field", "data-pointer": pointer },
    h("label", { for: id }, label),
    list,
    input,
    options,
    h("p", { class: "hint", id: `${id}-hint` }, hint),
    h("p", { class: "error", id: `${id}-error` }),
  );
}
