// What tells the person how something went: notices, errors, questions, and buttons that are at work.
import { announce, fill, foreign, freshId, h } from "./dom.js";
import { shape } from "./status.js";
import { T } from "./texts.js";

/** A sentence of the page about itself; tone: good, wait, bad. */
export function notice(tone, title, ...rest) {
  const icon = { good: "check", wait: "half", bad: "triangle" }[tone];
  return h("div", { class: `notice ${tone}` }, shape(icon), h("div", {}, h("p", { class: "strong" }, title), rest));
}

/** What the API, or the network, said instead of an answer. `again` is offered where it is given. */
export function failure(error, again) {
  const parts = [];
  if (error.detail && error.detail !== error.title) parts.push(h("p", {}, foreign(error.detail)));
  if (error.retryAfter) parts.push(h("p", {}, T.retryAfter(error.retryAfter)));
  if (again) parts.push(h("p", {}, h("button", { type: "button", onclick: again }, T.tryAgain)));
  return h("div", { role: "alert" }, notice("bad", sentence(error), parts));
}

/** The one sentence of an error. */
export function sentence(error) {
  if (error.name === "Offline") return T.offline;
  if (error.status === 403) return T.forbidden;
  return error.title || error.message || T.unknownError;
}

/** Run `work` with the button held; the place shows what went wrong. */
export async function busy(button, place, work) {
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true"); // not `disabled`, which would lose the focus
  button.classList.add("busy");
  fill(place);
  try {
    await work();
  } catch (error) {
    if (error.name !== "AbortError") fill(place, failure(error));
  } finally {
    button.removeAttribute("aria-disabled");
    button.classList.remove("busy");
  }
}

/** Ask before something that cannot be undone. Resolves to true or false. */
export function confirmed({ title, text, yes }) {
  const id = freshId("question");
  const dialog = h(
    "dialog",
    { "aria-labelledby": id },
    h("h2", { id }, title),
    text.map((line) => h("p", {}, line)),
    h(
      "form",
      { method: "dialog", class: "actions" },
      h("button", { value: "no", autofocus: true }, T.cancel),
      h("button", { value: "yes", class: "danger" }, yes),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}

/** A notice that goes above the next view, or above this one: set by `flash`, shown by the router. */
let waiting = null;

export function flash(tone, text) {
  waiting = [tone, text];
}

export function takeFlash() {
  if (!waiting) return null;
  const [tone, text] = waiting;
  waiting = null;
  announce(text);
  return notice(tone, text);
}
