// The form that makes a resource, or changes one: four steps on one page, with what would be sent always in sight.
import { call } from "./api.js";
import { announce, apiPath, fill, foreign, h, link, path, title } from "./dom.js";
import { busy } from "./feedback.js";
import { clearErrors, fieldOf, markError, MORE, showErrors } from "./fields.js";
import { preview } from "./preview.js";
import { emptyDraft, fromEntry, fromResource, kept, registration } from "./registration.js";
import { credentialsStep, urlStep } from "./request_steps.js";
import { pickedService, servicePicker } from "./service_step.js";
import { draft as keptDraft, keepDraft } from "./storage.js";
import { T } from "./texts.js";

const KEPT_AFTER_MS = 200;
const DEMO_SECRETS = { client_secret: "demo-secret" }; // known to everybody: the local stack's README has it

/** `#/add`. */
export function addView(page) {
  const before = keptDraft("add");
  const demo =
    new URLSearchParams(location.hash.split("?")[1] ?? "").get("service") === "demo" && page.config.demo_provider;
  return resourceForm(page, {
    mode: "add",
    name: "add",
    draft: demo ? demoDraft(page.config.demo_provider) : before,
    restored: before !== null && !demo,
  });
}

/** `#/resources/{resource_id}/edit`. */
export async function editView(page, id) {
  const { body, headers } = await call("GET", apiPath(id), null, page);
  const name = `edit.${id}`;
  const before = keptDraft(name);
  const etag = headers.get("etag");
  const restored = before !== null && before.etag === etag;
  return resourceForm(page, {
    mode: "edit",
    name,
    draft: restored ? before.draft : fromResource(body),
    restored,
    id,
    etag,
    callback: body.callback_url,
  });
}

function resourceForm(page, { mode, name, draft: initial, restored, id, etag, callback = null }) {
  let draft = initial;
  const secrets = draft?.demo ? { ...DEMO_SECRETS } : {};
  const editing = mode === "edit";
  const trouble = h("div");
  const submit = h("button", { class: "primary large" }, editing ? T.form.save : T.form.add);
  const names = editing ? T.form.steps.with(3, T.form.lastStep) : T.form.steps;
  const steps = names.map((text, at) => step(at + 1, text));
  const form = h(
    "form",
    { class: "builder", novalidate: true, autocomplete: "off", onsubmit: save },
    h(
      "div",
      { class: "building" },
      steps.slice(0, 3).map((one) => one.element),
    ),
    h("div", { class: "checking" }, steps[3].element),
  );
  const shown = preview({
    current: () => registration(draft, secrets, { mode, masked: true }),
    form,
    problems,
    signal: page.signal,
  });
  fill(
    steps[3].body,
    shown.element,
    trouble,
    h(
      "div",
      { class: "actions" },
      submit,
      h("button", { type: "button", onclick: discard }, editing ? T.cancel : T.form.discard),
    ),
    h("p", { class: "quiet" }, T.form.keptNote),
  );
  let timer = 0;

  function changed() {
    clearTimeout(timer);
    timer = setTimeout(() => keepDraft(name, editing ? { draft: kept(draft), etag } : kept(draft)), KEPT_AFTER_MS);
    shown.update();
  }

  function build() {
    const chosen = draft !== null;
    for (const one of steps.slice(1)) one.element.hidden = !chosen;
    form.classList.toggle("choosing", !chosen);
    if (!chosen) return fill(steps[0].body, servicePicker(page, pick));
    fill(steps[0].body, pickedService(page, { draft, callback, changed, again }));
    fill(steps[1].body, urlStep(page, { draft, changed, replace }));
    fill(steps[2].body, credentialsStep({ draft, secrets, changed }));
    shown.update();
  }

  function replace(next) {
    const focused = document.activeElement?.closest?.("[data-pointer]")?.dataset.pointer;
    draft = next;
    build();
    changed();
    if (focused)
      [...form.querySelectorAll("[data-pointer]")]
        .find((one) => one.dataset.pointer === focused)
        ?.querySelector("input, select")
        ?.focus();
  }

  async function pick(item, button) {
    if (item === null) draft = emptyDraft();
    else if (item === "demo") {
      draft = demoDraft(page.config.demo_provider);
      Object.assign(secrets, DEMO_SECRETS);
    } else {
      let entry = null;
      await busy(
        button,
        trouble,
        async () =>
          (entry = (await call("GET", `/v1/providers/${encodeURIComponent(item.provider)}`, null, page)).body),
      );
      if (!entry || page.signal.aborted) return;
      draft = fromEntry(entry);
      draft.service.connection_variables = Object.keys(entry.registration.connection_variables ?? {});
      draft.resource_id = await freeId(draft.resource_id);
    }
    build();
    changed();
    announce(T.add.picked(draft.service.title || T.add.other));
    steps[0].body.querySelector("input").focus();
  }

  // The callback address has the id in it, and is given to the service before the resource is saved.
  async function freeId(wanted) {
    for (let at = 1; at < 20; at += 1) {
      const candidate = at === 1 ? wanted : `${wanted}-${at}`;
      try {
        await call("GET", apiPath(candidate), null, page);
      } catch {
        return candidate;
      }
    }
    return wanted;
  }

  function again() {
    draft = null;
    for (const one of Object.keys(secrets)) delete secrets[one];
    keepDraft(name, null);
    clearTimeout(timer);
    fill(trouble);
    build();
    steps[0].body.querySelector("input").focus();
  }

  function discard() {
    if (!editing) return again();
    keepDraft(name, null);
    page.go(path("resources", id));
  }

  // While one types, only what is wrong with what stands there is said; what is missing is said when one is done.
  function problems(list) {
    clearErrors(form, { early: true });
    for (const { pointer, detail } of list) {
      const field = fieldOf(form, pointer);
      const control = field?.querySelector("input, textarea");
      const typed = control?.value && control !== document.activeElement;
      if (typed && !field.classList.contains("wrong")) markError(field, detail, { early: true });
    }
  }

  async function save(event) {
    event.preventDefault();
    if (draft === null) return;
    await busy(submit, trouble, async () => {
      try {
        const body = registration(draft, secrets, { mode });
        const answer = editing
          ? await call("PUT", apiPath(id), body, { headers: { "If-Match": etag } })
          : await call("POST", "/v1/resources", body);
        clearTimeout(timer);
        keepDraft(name, null);
        page.flash("good", editing ? T.form.saved(answer.body.name) : T.form.added(answer.body.name));
        page.go(path("resources", answer.body.resource_id), { replace: true });
      } catch (error) {
        const said =
          error instanceof SyntaxError
            ? { errors: [{ pointer: MORE, detail: T.further.noJson }] }
            : error.type === "urn:oauth-broker:id-in-use"
              ? { errors: [{ pointer: "/resource_id", detail: error.detail }] }
              : error;
        if (!showErrors(form, trouble, said)) throw error;
      }
    });
  }

  page.show(
    editing &&
      h(
        "p",
        { class: "crumbs" },
        link("/resources", T.resources.title),
        " / ",
        link(path("resources", id), foreign(id)),
      ),
    title(editing ? T.form.editTitle : T.form.addTitle),
    !editing && h("p", { class: "lead" }, T.form.lead),
    restored && h("p", { class: "quiet restored" }, T.form.restored),
    form,
  );
  build();
}

function step(number, text) {
  const body = h("div");
  const id = `step-${number}`;
  return {
    body,
    element: h(
      "section",
      { class: "panel step", "aria-labelledby": id },
      h("h2", { id }, h("span", { class: "step-number", "aria-hidden": "true" }, String(number)), text),
      body,
    ),
  };
}

// The local stack's demo provider: everything that a service would have given, so that one can see the circle at once.
function demoDraft(origin) {
  const draft = emptyDraft();
  Object.assign(draft, {
    name: T.add.demo,
    resource_id: "demo",
    client_id: "demo-client",
    scopes: ["profile", "notes.read", "offline"],
    demo: true,
  });
  Object.assign(draft.service, { title: T.add.demo, documentation: origin });
  for (const [step, end] of [
    ["authorization", "authorize"],
    ["token", "token"],
    ["revocation", "revoke"],
  ])
    draft[step].url = `${origin}/${end}`;
  draft.values = [];
  return draft;
}
