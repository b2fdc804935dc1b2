// What may stand in {{…}} is offered as one types it (WAI-ARIA: combobox with a list box).
import { announce, fill, freshId, h } from "./dom.js";
import { T } from "./texts.js";

const BEGUN = /\{\{\s*([\w.-]*)$/;
const MOST = 8;

/** Let an input offer names; `names()` gives those that may stand there. Gives the input with its list. */
export function withPlaceholders(input, names) {
  const id = freshId("names");
  const list = h("ul", { role: "listbox", id, class: "offers", hidden: true, "aria-label": T.placeholders.label });
  let offered = [];
  let chosen = 0;
  for (const [name, value] of Object.entries({
    role: "combobox",
    "aria-autocomplete": "list",
    "aria-expanded": "false",
    "aria-controls": id,
  }))
    input.setAttribute(name, value);

  function offer() {
    const begun = BEGUN.exec(input.value.slice(0, input.selectionStart));
    const found = begun ? names().filter((name) => name.toLowerCase().includes(begun[1].toLowerCase())) : [];
    offered = found.sort((a, b) => b.startsWith(begun[1]) - a.startsWith(begun[1])).slice(0, MOST);
    chosen = 0;
    draw();
    if (offered.length > 0) announce(T.placeholders.offered(offered.length));
  }

  function draw() {
    const open = offered.length > 0;
    list.hidden = !open;
    input.setAttribute("aria-expanded", String(open));
    fill(
      list,
      offered.map((name, at) =>
        h(
          "li",
          {
            role: "option",
            id: `${id}-${at}`,
            "aria-selected": String(at === chosen),
            onpointerdown: (event) => {
              event.preventDefault(); // the input keeps the focus
              take(at);
            },
          },
          `{{${name}}}`,
        ),
      ),
    );
    if (open) input.setAttribute("aria-activedescendant", `${id}-${chosen}`);
    else input.removeAttribute("aria-activedescendant");
  }

  function take(at) {
    const before = input.value.slice(0, input.selectionStart).replace(BEGUN, `{{${offered[at]}}}`);
    const after = input.value.slice(input.selectionStart).replace(/^[\w.-]*\}\}/, "");
    input.value = before + after;
    input.setSelectionRange(before.length, before.length);
    close();
    input.dispatchEvent(new Event("input"));
  }

  function close() {
    offered = [];
    draw();
  }

  input.addEventListener("input", offer);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (offered.length === 0) return;
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (move) chosen = (chosen + move + offered.length) % offered.length;
    else if (event.key === "Enter" || event.key === "Tab") return (event.preventDefault(), take(chosen));
    else if (event.key === "Escape") return (event.stopPropagation(), close());
    else return;
    event.preventDefault();
    draw();
  });
  return h("div", { class: "offering" }, input, list);
}
