// The second and third step: where the requests go, and what they carry.
import { call } from "./api.js";
import { chips } from "./chips.js";
import { announce, fill, h } from "./dom.js";
import { busy } from "./feedback.js";
import { choice, MORE, showErrors, textArea, textField } from "./fields.js";
import { pairs, values } from "./pairs.js";
import { withPlaceholders } from "./placeholders.js";
import { discovered, placeholders } from "./registration.js";
import { T } from "./texts.js";

const METHODS = [
  ["", "POST"],
  ["GET", "GET"],
];
const BODIES = [
  ["", T.urls.form],
  ["json", "JSON"],
];
const AUTH_METHODS = [
  "",
  "client_secret_basic",
  "client_secret_basic_raw",
  "client_secret_post",
  "client_secret_jwt",
  "private_key_jwt",
  "none",
];

/** Authorization URL, Token URL, Refresh URL; or an issuer, whose metadata fills them. `replace(draft)` shows another. */
export function urlStep(page, { draft, changed, replace }) {
  const alone = draft.grant_type === "client_credentials";
  return h(
    "div",
    { class: "rows" },
    draft.service.provider === null && issuerField(page, { draft, changed, replace }),
    choice({
      label: T.urls.who,
      pointer: "/grant_type",
      value: draft.grant_type,
      options: [
        ["authorization_code", T.urls.person],
        ["client_credentials", T.urls.nobody],
      ],
      onchange: (value) => replace({ ...draft, grant_type: value }),
    }),
    !alone &&
      urlField({
        draft,
        changed,
        step: "authorization",
        label: T.urls.authorization,
        hint: T.urls.authorizationHint,
        example: "https://login.example.com/authorize",
      }),
    h(
      "div",
      { class: "url-and-method" },
      urlField({
        draft,
        changed,
        step: "token",
        label: T.urls.token,
        hint: null,
        example: "https://login.example.com/token",
      }),
      methodChoice({ draft, changed, step: "token", label: T.urls.method }),
    ),
    !alone &&
      h(
        "div",
        { class: "url-and-method" },
        urlField({
          draft,
          changed,
          step: "refresh",
          label: T.urls.refresh,
          hint: T.urls.refreshHint,
          example: T.urls.refreshUsual,
        }),
        methodChoice({
          draft,
          changed,
          step: "refresh",
          label: [T.urls.method, h("span", { class: "hidden" }, T.urls.ofRefresh)],
          usual: T.urls.asToken,
        }),
      ),
  );
}

function urlField({ draft, changed, step, label, hint, example }) {
  const field = textField({
    label,
    hint,
    pointer: `/${step}/url${step === "refresh" ? "" : ` /${step}`}`,
    value: draft[step].url,
    type: "text",
    mono: true,
    placeholder: example,
    required: step !== "refresh",
    oninput: (value) => {
      draft[step].url = value;
      changed();
    },
  });
  const { input } = field;
  const after = input.nextSibling;
  const parent = input.parentNode;
  parent.insertBefore(
    withPlaceholders(input, () => placeholders(draft, step)),
    after,
  );
  return field.element;
}

function methodChoice({ draft, changed, step, label, usual }) {
  const options = usual
    ? [
        ["", usual],
        ["POST", "POST"],
        ["GET", "GET"],
      ]
    : METHODS;
  return choice({
    label,
    pointer: `/${step}/method`,
    value: !usual && draft[step].method === "POST" ? "" : draft[step].method,
    options,
    onchange: (value) => {
      draft[step].method = value;
      changed();
    },
  });
}

function issuerField(page, { draft, changed, replace }) {
  const trouble = h("div");
  const look = h("button", { type: "button" }, T.urls.discover);
  const field = textField({
    label: T.urls.issuer,
    hint: T.urls.issuerHint,
    pointer: "/issuer",
    value: draft.issuer,
    mono: true,
    placeholder: "https://login.example.com",
    beside: look,
    oninput: (value) => {
      draft.issuer = value.trim();
      changed();
    },
  });
  const discover = () =>
    busy(look, trouble, async () => {
      try {
        const { body } = await call("POST", "/v1/discovery", { issuer: draft.issuer }, page);
        replace(discovered(draft, body));
        announce(T.urls.discovered);
      } catch (error) {
        if (!showErrors(field.element.parentElement, trouble, error)) throw error;
      }
    });
  look.addEventListener("click", discover);
  field.input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    discover();
  });
  return h("div", {}, field.element, trouble);
}

/** Client ID, Client secret, further values, scopes, and the parameters of each URL. */
export function credentialsStep({ draft, secrets, changed }) {
  const clientId = textField({
    label: T.credentials.clientId,
    pointer: "/client_id",
    value: draft.client_id,
    mono: true,
    required: true,
    oninput: (value) => {
      draft.client_id = value.trim();
      changed();
    },
  });
  const alone = draft.grant_type === "client_credentials";
  return h(
    "div",
    { class: "rows" },
    h("div", { class: "two" }, clientId.element, secretField({ secrets, changed, kept: draft.hasSecret })),
    values({ draft, secrets, changed }),
    chips({
      label: T.credentials.scopes,
      hint: T.credentials.scopesHint,
      pointer: "/scopes",
      items: draft.scopes,
      suggestions: draft.known,
      onchange: (items) => {
        draft.scopes = items;
        changed();
      },
    }),
    h("h3", {}, T.credentials.params),
    h("p", { class: "hint" }, T.credentials.paramsHint),
    !alone && pairsOf("authorization", "params", T.credentials.ofAuthorization),
    pairsOf("token", "params", T.credentials.ofToken),
    !alone && pairsOf("refresh", "params", T.credentials.ofRefresh),
    furtherMembers({ draft, changed, pairsOf }),
  );

  function pairsOf(step, member, label) {
    return pairs({
      label,
      pointer: `/${step}/${member}`,
      rows: draft[step][member],
      changed,
      names: () => placeholders(draft, step),
      leavable: member === "params",
    });
  }
}

function secretField({ secrets, changed, kept }) {
  const seen = h("button", { type: "button", "aria-pressed": "false" }, T.credentials.show);
  const field = textField({
    label: T.credentials.clientSecret,
    hint: kept ? T.credentials.secretKept : T.credentials.secretHint,
    pointer: "/client_secret",
    value: secrets.client_secret ?? "",
    type: "password",
    mono: true,
    autocomplete: "new-password",
    beside: seen,
    placeholder: kept ? T.values.kept : null,
    oninput: (value) => {
      secrets.client_secret = value;
      changed();
    },
  });
  seen.addEventListener("click", () => {
    const hidden = field.input.type === "password";
    field.input.type = hidden ? "text" : "password";
    seen.setAttribute("aria-pressed", String(hidden));
    fill(seen, hidden ? T.credentials.hide : T.credentials.show);
  });
  return field.element;
}

function furtherMembers({ draft, changed, pairsOf }) {
  const set = (step, member) => (value) => {
    draft[step][member] = value;
    changed();
  };
  return h(
    "details",
    { open: draft.more.length > 0 && draft.service.provider === null && draft.moreOpen },
    h("summary", {}, T.further.title),
    choice({
      label: T.further.auth,
      pointer: "/token/auth_method",
      value: draft.token.auth_method,
      options: AUTH_METHODS.map((one) => [one, T.further.auths[one] ?? one]),
      onchange: set("token", "auth_method"),
    }),
    choice({
      label: T.further.body,
      pointer: "/token/body",
      value: draft.token.body === "form" ? "" : draft.token.body,
      options: BODIES,
      onchange: set("token", "body"),
    }),
    pairsOf("token", "headers", T.further.headers),
    textField({
      label: T.further.revocation,
      pointer: "/revocation",
      value: draft.revocation.url,
      mono: true,
      oninput: set("revocation", "url"),
    }).element,
    textArea({
      label: T.further.more,
      hint: T.further.moreHint,
      pointer: MORE,
      value: draft.more,
      oninput: (value) => {
        draft.more = value;
        changed();
      },
    }),
  );
}
