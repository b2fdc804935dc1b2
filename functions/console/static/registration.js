// What the form holds (a draft, without secrets), and the registration that the API takes: pure, one from the other.

const STEPS = ["authorization", "token", "refresh", "revocation"];
// Members of a step that the form has fields for; whatever else one has is kept as it is.
const SHOWN = new Set(["url", "method", "params", "headers", "body", "auth_method"]);
const FIELDS = new Set([
  "resource_id",
  "name",
  "provider",
  "issuer",
  "grant_type",
  "client_id",
  "client_secret",
  "variables",
  "secret_variables",
  "scopes",
  ...STEPS,
]);
const MADE_BY_THE_BROKER = new Set(["callback_url", "created_at", "updated_at", "provider_state"]);
const WITH_SECRET = new Set(["client_secret_basic", "client_secret_basic_raw", "client_secret_post", "client_secret_jwt"]);
const ID_LENGTH = 64;

let rows = 0;
/** A row of a name and a value. `secret` values are never kept; `left` leaves a standard parameter out. */
export const row = (name = "", value = "", rest = {}) => ({
  id: `r${Date.now().toString(36)}${++rows}`,
  name,
  value,
  ...rest,
});

/** An id made of a name: lower-case letters, digits and hyphens. */
export const idOf = (name) =>
  name
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+/, "")
    .slice(0, ID_LENGTH)
    .replace(/-+$/, "");

/** The draft of a service that is not in the catalogue. */
export function emptyDraft() {
  return fromMembers({}, { provider: null, title: "", documentation: null, notes: [], needs: null });
}

/** The draft that starts from a catalogue entry. */
export function fromEntry(entry) {
  const asked = Object.entries(entry.variables).map(([name, about]) => row(name, "", { about }));
  const draft = fromMembers(
    { ...entry.registration, variables: {}, name: entry.title },
    {
      provider: entry.provider,
      title: entry.title,
      documentation: entry.documentation,
      notes: entry.notes,
      needs: entry.needs,
    },
  );
  return { ...draft, values: [...asked, ...draft.values], more: "" };
}

/** The draft of a resource that is there. */
export function fromResource(resource) {
  const service = {
    provider: resource.provider ?? null,
    title: resource.name,
    documentation: null,
    notes: [],
    needs: null,
  };
  const own = { resource_id: resource.resource_id, idTyped: true, hasSecret: Boolean(resource.client_secret) };
  return { ...fromMembers(resource, service), ...own };
}

function fromMembers(members, service) {
  const more = Object.fromEntries(
    Object.entries(members).filter(([name]) => !FIELDS.has(name) && !MADE_BY_THE_BROKER.has(name)),
  );
  const name = members.name ?? "";
  return {
    service,
    name,
    resource_id: idOf(name),
    idTyped: false,
    issuer: members.issuer ?? "",
    grant_type: members.grant_type ?? "authorization_code",
    ...Object.fromEntries(STEPS.map((step) => [step, stepOf(members[step] ?? {})])),
    client_id: members.client_id ?? "",
    values: [
      ...Object.entries(members.variables ?? {}).map(([key, value]) => row(key, value)),
      ...Object.keys(members.secret_variables ?? {}).map((key) => row(key, "", { secret: true, kept: true })),
    ],
    scopes: members.scopes ?? [],
    known: [],
    more: Object.keys(more).length > 0 ? JSON.stringify(more, null, 2) : "",
  };
}

function stepOf(step) {
  const rest = Object.fromEntries(Object.entries(step).filter(([name]) => !SHOWN.has(name)));
  return {
    url: step.url ?? "",
    method: step.method ?? "",
    body: step.body ?? "",
    auth_method: step.auth_method ?? "",
    params: rowsOf(step.params),
    headers: rowsOf(step.headers),
    had: { params: Object.keys(step.params ?? {}), headers: Object.keys(step.headers ?? {}) },
    rest,
  };
}

// What is no text is kept as it was for as long as nobody writes over it.
const rowsOf = (values) =>
  Object.entries(values ?? {}).map(([name, value]) =>
    value === null
      ? row(name, "", { left: true })
      : typeof value === "string"
        ? row(name, value)
        : row(name, JSON.stringify(value), { json: JSON.stringify(value) }),
  );

function valueOf({ value, left, json }) {
  if (left) return null;
  return json !== undefined && json === value ? JSON.parse(json) : value;
}

/**
 * The registration of a draft. `secrets` has what was typed as secret, by row id and under client_secret; `masked`: say
 * only that they are there, as for a preview. `mode`: "add" or "edit". Throws SyntaxError for further members that are
 * no JSON object.
 */
export function registration(draft, secrets, { mode, masked = false }) {
  const secret = (id) => (secrets[id] ? (masked ? "***" : secrets[id]) : undefined);
  const fromCatalogue = draft.service.provider !== null;
  const plain = draft.values.filter((one) => one.name && !one.secret && (one.value || !one.about));
  const sealed = draft.values.filter((one) => one.name && one.secret);
  const made = {
    name: draft.name,
    resource_id: draft.resource_id || undefined,
    provider: draft.service.provider ?? undefined,
    issuer: draft.issuer || undefined,
    grant_type: draft.grant_type === "authorization_code" ? undefined : draft.grant_type,
    client_id: draft.client_id,
    client_secret: secret("client_secret") ?? (masked && hasSecret(draft) ? "***" : undefined),
    variables: some(Object.fromEntries(plain.map((one) => [one.name, one.value]))),
    secret_variables: some({
      ...Object.fromEntries((draft.dropped ?? []).map((name) => [name, null])),
      ...Object.fromEntries(
        sealed.map((one) => [one.name, secret(one.id) ?? (mode === "edit" && one.kept ? "***" : undefined)]),
      ),
    }),
    scopes: draft.scopes.length > 0 || fromCatalogue ? draft.scopes : undefined,
    ...Object.fromEntries(STEPS.map((step) => [step, stepMembers(draft[step], step, draft, mode)])),
    ...moreOf(draft.more),
  };
  return Object.fromEntries(Object.entries(made).filter(([, value]) => value !== undefined));
}

// One that is kept, or that is still to be typed: the requests are shown with it.
const hasSecret = (draft) => draft.hasSecret || WITH_SECRET.has(draft.token.auth_method);

function stepMembers(step, name, draft, mode) {
  if (name === "authorization" && draft.grant_type === "client_credentials") return undefined;
  const members = {
    ...(mode === "edit" ? step.rest : {}),
    url: step.url.trim() || undefined,
    method: step.method || undefined,
    body: step.body || undefined,
    auth_method: step.auth_method || undefined,
    params: pairs(step.params, step.had.params, draft),
    headers: pairs(step.headers, step.had.headers, draft),
  };
  return some(members);
}

// A parameter of the catalogue's that was taken away has to be said to be gone: its entry lies under the registration.
function pairs(list, had, draft) {
  const named = list.filter((one) => one.name.trim());
  const gone =
    draft.service.provider === null ? [] : had.filter((name) => !named.some((one) => one.name.trim() === name));
  return some({
    ...Object.fromEntries(gone.map((name) => [name, null])),
    ...Object.fromEntries(named.map((one) => [one.name.trim(), valueOf(one)])),
  });
}

function some(members) {
  const there = Object.entries(members).filter(([, value]) => value !== undefined);
  return there.length > 0 ? Object.fromEntries(there) : undefined;
}

function moreOf(text) {
  if (!text.trim()) return {};
  const members = JSON.parse(text);
  if (members === null || typeof members !== "object" || Array.isArray(members)) throw new SyntaxError("no object");
  return members;
}

/** A draft with what an issuer's metadata says laid over it. */
export function discovered(draft, { scopes_supported: known, ...members }) {
  const steps = Object.fromEntries(
    STEPS.filter((step) => members[step]).map((step) => {
      const said = stepOf(members[step]);
      return [
        step,
        { ...draft[step], url: said.url, auth_method: said.auth_method, rest: { ...draft[step].rest, ...said.rest } },
      ];
    }),
  );
  const further = Object.fromEntries(Object.entries(members).filter(([name]) => !FIELDS.has(name)));
  let more = {};
  try {
    more = moreOf(draft.more);
  } catch {
    // What is no JSON is not kept beside what the issuer says.
  }
  const all = { ...more, ...further };
  return {
    ...draft,
    ...steps,
    issuer: members.issuer,
    known,
    more: Object.keys(all).length > 0 ? JSON.stringify(all, null, 2) : "",
  };
}

/** A draft as it may be kept: without anything secret. */
export const kept = (draft) => ({
  ...draft,
  values: draft.values.map((one) => (one.secret ? { ...one, value: "" } : one)),
});

const STANDARD = {
  authorization: [
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
    "nonce",
    "now",
    "random",
  ],
  token: [
    "client_id",
    "client_secret",
    "code",
    "code_verifier",
    "grant_type",
    "redirect_uri",
    "scope",
    "now",
    "random",
  ],
  refresh: ["client_id", "client_secret", "grant_type", "refresh_token", "scope", "now", "random"],
};

/** The names that may stand in `{{…}}` in a step; secrets never where a browser would see them. */
export function placeholders(draft, step) {
  let declared = {};
  try {
    declared = moreOf(draft.more).connection_variables ?? {};
  } catch {
    // offered again when it is JSON
  }
  const own = draft.values
    .filter((one) => one.name && (!one.secret || step !== "authorization"))
    .map((one) => one.name);
  return [
    ...new Set([...own, ...Object.keys(declared), ...(draft.service.connection_variables ?? []), ...STANDARD[step]]),
  ];
}
