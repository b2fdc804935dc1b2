// How a program reads the token: commands to copy, with this deployment's addresses in them.
import { call } from "./api.js";
import { apiPath, copyButton, freshId, h, link, path, title } from "./dom.js";
import { T } from "./texts.js";

/** `#/use/{resource_id}/{connection_id}`. */
export async function useView(page, resource, id) {
  const { body: connection } = await call("GET", apiPath(resource, id), null, page);
  page.show(
    h(
      "p",
      { class: "crumbs" },
      link(path("resources", resource), resource),
      " / ",
      link(path("resources", resource, "connections", id), id),
    ),
    title(T.use.titleOf(id)),
    h("div", { class: "panel" }, snippets(page.config, connection)),
  );
}

/** The snippets as tabs (WAI-ARIA: tabs, with automatic activation). */
export function snippets(config, connection) {
  const entries = commands(config, connection);
  const ids = entries.map(() => freshId("tab"));
  const panels = entries.map(([, lead, code], at) =>
    h(
      "div",
      { role: "tabpanel", id: `${ids[at]}-panel`, "aria-labelledby": ids[at], hidden: at > 0 },
      h("p", {}, lead),
      h(
        "div",
        { class: "code" },
        h("pre", { tabindex: "0", dir: "ltr" }, h("code", {}, code)),
        copyButton(() => code, entries[at][0]),
      ),
    ),
  );
  const tabs = entries.map(([name], at) =>
    h(
      "button",
      {
        type: "button",
        role: "tab",
        id: ids[at],
        "aria-controls": `${ids[at]}-panel`,
        "aria-selected": String(at === 0),
        tabindex: at === 0 ? "0" : "-1",
        onclick: () => choose(at),
        onkeydown: ({ key }) => {
          const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: entries.length - 1 }[key];
          if (to !== undefined) choose((to + entries.length) % entries.length).focus();
        },
      },
      name,
    ),
  );
  function choose(chosen) {
    tabs.forEach((tab, at) => {
      tab.setAttribute("aria-selected", String(at === chosen));
      tab.tabIndex = at === chosen ? 0 : -1;
      panels[at].hidden = at !== chosen;
    });
    return tabs[chosen];
  }
  return [h("div", { role: "tablist", "aria-label": T.use.title, class: "tabs" }, tabs), panels];
}

function commands(config, { resource_id: resource, connection_id: id }) {
  const url = `${config.public_url}/v1/tokens/${resource}/${id}`;
  const region = /\.execute-api\.([a-z0-9-]+)\.amazonaws\./.exec(config.public_url)?.[1];
  const local = /^http:\/\/(127\.0\.0\.1|localhost)(:|$)/.test(config.public_url);
  return [
    local && [T.use.here, T.use.hereText, `curl -sS '${url}'`],
    [T.use.curl, local ? T.use.signedHere : T.use.signed(region), signedCurl(url, region)],
    [T.use.python, T.use.pythonText, python(url, region)],
  ].filter(Boolean);
}

const signedCurl = (url, region) => `eval "$(aws configure export-credentials --format env)"
curl -sS '${url}' \\
  --aws-sigv4 "aws:amz:${region ?? "${AWS_REGION:-eu-central-1}"}:execute-api" \\
  --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \\
  -H "x-amz-security-token: $AWS_SESSION_TOKEN"
`;

const python = (url, region) => `import boto3
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

session = boto3.Session(${region ? `region_name="${region}"` : ""})
request = AWSRequest("GET", "${url}")
SigV4Auth(session.get_credentials(), "execute-api", session.region_name or "eu-central-1").add_auth(request)
answer = requests.get(request.url, headers=dict(request.headers), timeout=30)
answer.raise_for_status()
access_token = answer.json()["access_token"]
`;
