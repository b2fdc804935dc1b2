// Fields of a form, each with its place for what the API says of it, found by JSON pointer (RFC 6901).
import { fill, foreign, freshId, h } from "./dom.js";
import { notice } from "./feedback.js";
import { T } from "./texts.js";

/** A labelled line of text. `pointer` names the member it is for; several are parted by spaces. */
export function textField({
  label,
  hint,
  pointer,
  value,
  oninput,
  type = "text",
  mono = false,
  required = false,
  placeholder,
  onblur,
  autocomplete = "off",
  beside,
}) {
  const id = freshId("field");
  const input = h("input", {
    id,
    type,
    value,
    autocomplete,
    placeholder,
    spellcheck: "false",
    autocapitalize: "none",
    class: mono ? "mono" : null,
    "aria-describedby": `${id}-hint ${id}-error`,
    "aria-required": required ? "true" : null,
    oninput: () => oninput(input.value),
    onblur,
  });
  return {
    input,
    element: wrapped(id, {
      label,
      hint,
      pointer,
      control: beside ? h("div", { class: "beside" }, input, beside) : input,
    }),
  };
}

/** A choice; `options` are [value, text]. */
export function choice({ label, hint, pointer, value, options, onchange }) {
  const id = freshId("field");
  const select = h(
    "select",
    { id, "aria-describedby": `${id}-hint ${id}-error`, onchange: () => onchange(select.value) },
    options.map(([one, text]) => h("option", { value: one, selected: one === value }, text)),
  );
  return wrapped(id, { label, hint, pointer, control: select });
}

/** Several lines of text. */
export function textArea({ label, hint, pointer, value, oninput, rows = 6 }) {
  const id = freshId("field");
  const area = h("textarea", {
    id,
    rows,
    spellcheck: "false",
    class: "mono",
    "aria-describedby": `${id}-hint ${id}-error`,
    value,
    oninput: () => oninput(area.value),
  });
  return wrapped(id, { label, hint, pointer, control: area });
}

function wrapped(id, { label, hint, pointer, control }) {
  return h(
    "div",
    { class: "field", "data-pointer": pointer },
    h("label", { for: id }, label),
    control,
    hint && h("p", { class: "hint", id: `${id}-hint` }, hint),
    h("p", { class: "error", id: `${id}-error` }),
  );
}

/** Stands for the pointers of all members that have no field of their own. */
export const MORE = "more";

/** The field that a pointer is for: the one that names it, or the nearest member above, or that of further members. */
export function fieldOf(form, pointer) {
  let best = null;
  let length = 0;
  for (const field of form.querySelectorAll("[data-pointer]")) {
    for (const one of field.dataset.pointer.split(" ")) {
      if ((pointer === one || pointer.startsWith(`${one}/`)) && one.length > length)
        [best, length] = [field, one.length];
    }
  }
  return best ?? form.querySelector(`[data-pointer="${MORE}"]`);
}

/** Take away what was said of the fields; with `early` what was said before anything was sent. */
export function clearErrors(form, { early = false } = {}) {
  for (const field of form.querySelectorAll(early ? ".field.wrong.early" : ".field.wrong")) markError(field, "");
}

/** Say at a field what is wrong with it, until somebody changes it; nothing with "". `early`: it is still being typed. */
export function markError(field, text, { early = false } = {}) {
  field.classList.toggle("wrong", text !== "");
  field.classList.toggle("early", early);
  const place = field.querySelector(".error");
  if (place) fill(place, text && foreign(text));
  for (const control of field.querySelectorAll("input, select, textarea")) {
    if (text) control.setAttribute("aria-invalid", "true");
    else control.removeAttribute("aria-invalid");
  }
  if (text) field.addEventListener("input", () => markError(field, ""), { once: true });
}

/**
 * Show the errors of a problem at their fields and in a summary, and go to the first; false where it names no field.
 * What belongs to no field stands in the summary alone.
 */
export function showErrors(form, place, problem) {
  clearErrors(form);
  if (!problem.errors?.length) return false;
  const found = problem.errors.map((one) => [one, fieldOf(form, one.pointer)]);
  for (const [one, field] of found) {
    if (!field) continue;
    const before = field.querySelector(".error")?.textContent;
    markError(field, before ? `${before} · ${one.detail}` : one.detail);
    for (const box of parents(field)) box.open = true;
  }
  const items = found.map(([one, field]) =>
    h(
      "li",
      {},
      field
        ? h("button", { type: "button", class: "link", onclick: () => controlOf(field)?.focus() }, nameOf(field))
        : h("code", {}, one.pointer),
      ": ",
      foreign(one.detail),
    ),
  );
  fill(place, h("div", { role: "alert" }, notice("bad", T.form.wrong(found.length), h("ul", {}, items))));
  const first = [...form.querySelectorAll(".wrong")].map(controlOf).find(Boolean);
  if (first) first.focus();
  else place.scrollIntoView({ block: "center" });
  return true;
}

const controlOf = (field) => field.querySelector("input, select, textarea, button");
const nameOf = (field) => field.getAttribute("aria-label") ?? field.querySelector("label, legend").textContent;

function* parents(field) {
  for (let box = field.closest("details"); box; box = box.parentElement.closest("details")) yield box;
}
