// The page's frame: which view stands at which address, what a view is given, and who is signed in.
import { config } from "./api.js";
import { receiveReturn, watchReturns } from "./consent.js";
import { fill, foreign, h, link, title } from "./dom.js";
import { failure, flash, takeFlash } from "./feedback.js";
import { session, signIn, SignInError, signOut, who } from "./sign_in.js";
import { T } from "./texts.js";

// What is seen first is loaded at once, the rest when somebody goes there.
import { resourcesView } from "./resources_view.js";

const NAME = "([^/]+)";
const VIEWS = [
  [/^\/(?:resources)?$/, async () => resourcesView],
  [/^\/add$/, async () => (await import("./resource_form.js")).addView],
  [new RegExp(`^/resources/${NAME}$`), async () => (await import("./resource_view.js")).resourceView],
  [new RegExp(`^/resources/${NAME}/edit$`), async () => (await import("./resource_form.js")).editView],
  [new RegExp(`^/resources/${NAME}/connect$`), async () => (await import("./connect_view.js")).connectView],
  [
    new RegExp(`^/resources/${NAME}/connections/${NAME}$`),
    async () => (await import("./connection_view.js")).connectionView,
  ],
  [
    new RegExp(`^/resources/${NAME}/connections/${NAME}/consent$`),
    async () => (await import("./consent_view.js")).consentView,
  ],
  [new RegExp(`^/use/${NAME}/${NAME}$`), async () => (await import("./use_view.js")).useView],
];

const main = document.getElementById("main");
let leave = new AbortController();
let settings = null;
let first = true;

/** Go to a place of the console; `replace`: the place before is no place to come back to. */
function go(where, { replace = false } = {}) {
  if (replace) {
    history.replaceState(null, "", `#${where}`);
    show();
  } else if (location.hash === `#${where}`) show();
  else location.hash = where;
}

/** What a view is given: it ends when `signal` says so. */
function page(signal) {
  return {
    config: settings,
    signal,
    go,
    flash,
    /** Show the view. Its h1 is in `content`, and gives the page its name. */
    show(...content) {
      if (signal.aborted) return;
      fill(main, takeFlash(), content);
      const heading = main.querySelector("h1");
      document.title = T.titleOf(heading.textContent);
      if (!first) {
        window.scrollTo(0, 0);
        heading.focus({ preventScroll: true });
      }
      first = false;
    },
    /** Call `work` every so many seconds while the page is looked at, until the view ends. */
    every(seconds, work) {
      const timer = setInterval(() => document.hidden || work(), seconds * 1000);
      signal.addEventListener("abort", () => clearInterval(timer));
    },
  };
}

async function show() {
  leave.abort();
  leave = new AbortController();
  const { signal } = leave;
  const where = (location.hash.slice(1) || "/").split("?")[0];
  markPlace(where);
  const here = page(signal);
  try {
    const found = VIEWS.map(([pattern, load]) => [pattern.exec(where), load]).find(([match]) => match);
    if (!found) return notFound(here);
    const view = await found[1]();
    if (!signal.aborted) await view(here, ...found[0].slice(1).map(decodeURIComponent));
  } catch (error) {
    if (error.name === "AbortError" || signal.aborted) return;
    if (error.status === 404) notFound(here, error);
    else here.show(title(T.failed), failure(error, show));
  }
}

function notFound(here, error) {
  const what = error?.detail ? T.notFoundWhat : T.notFoundText;
  here.show(title(T.notFound), h("p", {}, what), h("p", {}, link("/resources", T.toResources, { class: "button" })));
}

function markPlace(where) {
  for (const anchor of document.querySelectorAll("header nav a")) {
    const target = anchor.getAttribute("href").slice(1);
    const here = where === target || (target === "/resources" && where !== "/add");
    if (here) anchor.setAttribute("aria-current", "page");
    else anchor.removeAttribute("aria-current");
  }
}

function showWho() {
  const { signedIn, missing } = who();
  if (!signedIn) return;
  fill(
    document.getElementById("who"),
    missing.length > 0 && h("span", { class: "quiet", title: T.signIn.missing(missing) }, T.signIn.limited),
    h("button", { type: "button", class: "small", onclick: signOut }, T.signIn.out),
  );
}

function signedOut(error) {
  const words = T.signIn[error.reason] ?? T.signIn.unreachable;
  const said = [error.error, error.description].filter(Boolean).map((text) => h("p", {}, foreign(text)));
  const again =
    error.reason !== "unconfigured" &&
    h("p", {}, h("button", { type: "button", class: "primary", onclick: signIn }, T.signIn.in));
  return h("div", { class: "centre", role: "alert" }, title(T.signIn.title), h("p", {}, words), said, again);
}

async function start() {
  // A consent that comes back here belongs to the tab that asked; its code leaves the address before anything else.
  if (await receiveReturn(main)) return;
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault(); // the hash is the console's address
    main.focus();
  });
  try {
    await session();
    settings = await config();
  } catch (error) {
    const here = page(leave.signal);
    if (error instanceof SignInError) here.show(signedOut(error));
    else
      here.show(
        title(T.failed),
        failure(error, () => location.reload()),
      );
    return;
  }
  showWho();
  if (who().renewed) flash("wait", T.signIn.renewed);
  watchReturns(go);
  addEventListener("hashchange", show);
  await show();
}

start();
