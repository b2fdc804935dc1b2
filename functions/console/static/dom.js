// Elements are built from values, never from markup: what a provider says is text, whatever is in it.
import { T } from "./texts.js";

const SVG = "http://www.w3.org/2000/svg";
const CUT = 240; // characters of a foreign text that are shown at first

/** An HTML element. `on…` members are listeners, `class`, `aria-…`, `data-…` and the like are attributes. */
export function h(tag, attributes = {}, ...children) {
  return furnish(document.createElement(tag), attributes, children);
}

/** The same in SVG. */
export function s(tag, attributes = {}, ...children) {
  return furnish(document.createElementNS(SVG, tag), attributes, children);
}

function furnish(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...real(children));
  return element;
}

const real = (children) =>
  children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);

/** Replace what an element holds. */
export function fill(element, ...children) {
  element.replaceChildren(...real(children));
  return element;
}

/** The heading of a view. It can take the focus, which it gets when somebody came from another view. */
export const title = (text) => h("h1", { tabindex: "-1" }, text);

let made = 0;
/** An id that no other element of the page has. */
export const freshId = (prefix) => `${prefix}-${++made}`;

/** Text that somebody else wrote: isolated in its direction, and cut where it is long, with a way to see it all. */
export function foreign(text, { tag = "bdi", limit = CUT, ...attributes } = {}) {
  const whole = String(text);
  const element = h(tag, { dir: "auto", ...attributes });
  if (whole.length <= limit) return fill(element, whole);
  const characters = [...whole];
  const shown = h("span", {}, `${characters.slice(0, limit).join("")}…`);
  const more = h(
    "button",
    {
      type: "button",
      class: "link more",
      onclick: () => {
        shown.textContent = whole;
        more.remove();
        shown.tabIndex = -1;
        shown.focus();
      },
    },
    T.showAll(characters.length),
  );
  return h("span", { class: "cut" }, fill(element, shown), " ", more);
}

/** A button that copies what `text()` gives, and says that it did. */
export function copyButton(text, what) {
  const said = h("span", {}, T.copy);
  return h(
    "button",
    {
      type: "button",
      class: "small",
      "aria-label": T.copyWhat(what),
      onclick: async () => {
        try {
          await navigator.clipboard.writeText(text());
          said.textContent = T.copied;
          announce(T.copiedWhat(what));
        } catch {
          said.textContent = T.notCopied;
          announce(T.notCopied);
        }
        setTimeout(() => (said.textContent = T.copy), 2000);
      },
    },
    said,
  );
}

/** A text to copy, whole, beside its button. */
export function copyable(text, what) {
  return h(
    "span",
    { class: "copyable" },
    h("code", {}, h("bdi", {}, text)),
    copyButton(() => text, what),
  );
}

/** Say something to who listens rather than looks. */
export function announce(text) {
  const region = document.getElementById("live");
  region.textContent = "";
  setTimeout(() => (region.textContent = text), 50); // the same words again are said again
}

/** A link to a place of the console. */
export const link = (path, text, attributes = {}) => h("a", { href: `#${path}`, ...attributes }, text);

/** A path of the console, each part encoded. */
export const path = (...parts) => `/${parts.map(encodeURIComponent).join("/")}`;

/** A path of the API below a resource, and below a connection where one is named. */
export function apiPath(resource, connection, rest = "") {
  const below = `/v1/resources/${encodeURIComponent(resource)}`;
  if (connection === undefined) return below;
  return `${below}/connections${connection === null ? "" : `/${encodeURIComponent(connection)}`}${rest}`;
}

/** Grey lines of the size of what is being loaded. */
export function skeleton(lines, label = T.loading) {
  const bars = Array.from({ length: lines }, () => h("div", { class: "bar" }));
  return h("div", { class: "skeleton", role: "status" }, h("span", { class: "hidden" }, label), bars);
}
