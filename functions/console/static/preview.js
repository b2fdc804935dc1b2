// The exact requests that a registration makes, secrets masked, as one types.
import { call } from "./api.js";
import { announce, copyButton, fill, foreign, h } from "./dom.js";
import { notice, sentence } from "./feedback.js";
import { fieldOf } from "./fields.js";
import { T } from "./texts.js";

const PAUSE_MS = 350;

/**
 * `current()` gives the registration, or throws SyntaxError; `problems(list)` is told of the errors that were found.
 * Gives {element, update}.
 */
export function preview({ current, form, problems, signal }) {
  const shown = h("div", { class: "requests" }, h("p", { class: "quiet" }, T.preview.waiting));
  const element = h("div", { class: "preview", "aria-busy": "false" }, shown);
  let timer = 0;
  let asked = 0;

  async function load() {
    const number = ++asked;
    let registration;
    try {
      registration = current();
    } catch {
      return; // the field says that it is no JSON
    }
    if (!registration.token?.url && !registration.issuer && !registration.provider)
      return fill(shown, h("p", { class: "quiet" }, T.preview.waiting));
    element.setAttribute("aria-busy", "true");
    try {
      // A request is best seen before everything is typed: what is missing stands there by its name.
      const body = {
        ...registration,
        name: registration.name || "NAME",
        client_id: registration.client_id || "CLIENT_ID",
      };
      const answer = await call("POST", "/v1/preview", body, { signal });
      if (number !== asked) return;
      fill(shown, requests(answer.body, form));
      problems([]);
    } catch (error) {
      if (number !== asked || error.name === "AbortError") return;
      problems(error.errors ?? []);
      fill(
        shown,
        error.errors?.length
          ? notice(
              "wait",
              T.preview.notYet,
              h(
                "ul",
                {},
                error.errors.map((one) => h("li", {}, h("code", {}, one.pointer), " ", foreign(one.detail))),
              ),
            )
          : h("p", { class: "quiet" }, sentence(error)),
      );
    } finally {
      if (number === asked) element.setAttribute("aria-busy", "false");
    }
  }

  return {
    element,
    update() {
      clearTimeout(timer);
      timer = setTimeout(load, PAUSE_MS);
    },
  };
}

function requests(preview, form) {
  const { authorization, token, refresh, revocation, warnings } = preview;
  return [
    warnings.length > 0 &&
      notice(
        "wait",
        T.preview.warnings(warnings.length),
        h(
          "ul",
          {},
          warnings.map((one) => h("li", {}, whereOf(one, form), foreign(one.detail))),
        ),
      ),
    authorization && request(T.preview.authorization, { ...authorization, headers: {}, body: null }),
    token && request(T.preview.token, token),
    (refresh || revocation) &&
      h(
        "details",
        {},
        h("summary", {}, T.preview.later),
        refresh && request(T.preview.refresh, refresh),
        revocation && request(T.preview.revocation, revocation),
      ),
  ];
}

function whereOf({ pointer }, form) {
  const field = fieldOf(form, pointer);
  const control = field?.querySelector("input, select, textarea");
  if (!control) return [h("code", {}, pointer), ": "];
  return [
    h(
      "button",
      {
        type: "button",
        class: "link",
        onclick: () => {
          for (let box = field.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
          control.focus();
          announce(pointer);
        },
      },
      field.querySelector("label, legend")?.textContent ?? pointer,
    ),
    ": ",
  ];
}

function request(name, { method, url, headers, body }) {
  const text = `${method} ${url}\n${Object.entries(headers)
    .map(([key, value]) => `${key}: ${value}\n`)
    .join("")}${body === null ? "" : `\n${body}\n`}`;
  return h(
    "section",
    { class: "request" },
    h(
      "div",
      { class: "head" },
      h("h3", {}, name),
      copyButton(() => (Object.keys(headers).length > 0 ? text : url), name),
    ),
    h(
      "pre",
      { tabindex: "0", dir: "ltr", "aria-label": name },
      h("span", { class: "verb" }, method),
      " ",
      parts(url, /(?=[?&#])/),
      Object.entries(headers).map(([key, value]) =>
        h("span", { class: "row head-line" }, h("span", { class: "key" }, key), `: ${value}`),
      ),
      body !== null && h("span", { class: "row body" }, body.startsWith("{") ? body : parts(body, /(?=&)/)),
    ),
  );
}

// Each parameter on a line of its own; what is copied is exact all the same.
const parts = (text, border) =>
  text.split(border).map((part, at) => {
    const [, key, rest] = /^([?&#]?[^=]*)(=?.*)$/s.exec(part);
    return at === 0 && border.source.includes("?")
      ? h("span", { class: "origin" }, part)
      : h("span", { class: "row" }, h("span", { class: "key" }, key), rest);
  });
