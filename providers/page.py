"""The page that shows every entry: what it asks for, and the exact requests that the broker makes of it."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from oauth_broker.protocol.authorization import (
    VerifiedCallback,
    authorization_url,
    callback_verdict,
    completed,
    parameter,
)
from oauth_broker.protocol.destinations import Destinations
from oauth_broker.protocol.endpoint import hosts_of
from oauth_broker.protocol.functions import moment_values
from oauth_broker.protocol.revocation import revocation_request
from oauth_broker.protocol.token import exchange_request, refresh_request
from oauth_broker.protocol.url_template import fill_url
from oauth_broker.registration.parsing import parse_registration
from oauth_broker.registration.prefill import prefilled
from oauth_broker.resource import RefreshPolicy, ResourceSecrets
from oauth_broker.secret import Secret

if TYPE_CHECKING:
    from oauth_broker.protocol.http import HttpRequest
    from oauth_broker.resource import Resource

HEAD: Final = """<!-- Made by `make catalogue` from the YAML files beside it. -->

# The catalogue

What the broker knows of {count} providers, one YAML file each; [docs/providers.md](../docs/providers.md) says
how to use one and how to add one. Below: what each asks for, and every request that the broker makes of the
entry, with the examples of its variables. What the broker fills in is written in capitals; `base64(…)` stands
for the encoding of what is in it.

| provider | asks for | client authentication | PKCE | scopes joined by | refresh tokens | revocation |
|---|---|---|---|---|---|---|
"""
_SECRET: Final = Secret("CLIENT_SECRET")
_SECRETS: Final = ResourceSecrets(_SECRET, {}, Destinations(frozenset()))
_CALLBACK: Final = "https://broker.example/oauth/{provider}/callback"
_SEPARATORS: Final = {" ": "space", ",": "comma"}
_POLICIES: Final = {
    RefreshPolicy.EAGER: (),
    RefreshPolicy.LAZY: ("used when a reader needs it",),
    RefreshPolicy.AFTER_EXPIRY: ("taken only after expiry",),
}
_INDENT: Final = " " * 15


def page(entries: Mapping[str, Mapping[str, Any]]) -> str:
    """Give the page, entries by title."""
    by_title = sorted(entries.items(), key=lambda item: item[1]["title"].casefold())
    rows = "".join(_row(entry) for _, entry in by_title)
    return HEAD.format(count=len(entries)) + rows + "".join(_section(*item) for item in by_title)


def example(provider: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Give a registration that names the entry and gives no more than must be given."""
    given = {name: variable["example"] for name, variable in entry.get("variables", {}).items()}
    body = {"name": entry["title"], "provider": provider, "client_id": "CLIENT_ID"}
    return {**body, "client_secret": _SECRET.reveal(), **({"variables": given} if given else {})}


def resource_of_entry(provider: str, entry: Mapping[str, Any]) -> Resource:
    """Give the resource that this registration makes. Raises InvalidError."""
    body = prefilled(entry, example(provider, entry))
    return parse_registration(body, resource_id=provider, loopback=False).resource


def requests_of(provider: str, entry: Mapping[str, Any]) -> dict[str, HttpRequest | str]:
    """Give an entry's requests by step, those that it has: a URL where a browser or the API's caller goes."""
    resource = resource_of_entry(provider, entry)
    redirect_uri = _CALLBACK.format(provider=provider)
    values = {**values_of(resource), **moment_values(1_800_000_000_000, bytes(16))}
    url = authorization_url(resource, redirect_uri=redirect_uri, scopes=resource.scopes, variables=values)
    found: dict[str, HttpRequest | str] = {
        "authorization": completed(url, state="STATE", code_challenge="CHALLENGE", nonce="NONCE"),
        "token": exchange_request(
            resource,
            _SECRETS,
            _callback(resource),
            code_verifier=Secret("VERIFIER"),
            redirect_uri=redirect_uri,
            variables=values,
        ),
        "refresh": refresh_request(
            resource, _SECRETS, refresh_token=Secret("REFRESH_TOKEN"), variables=values
        ),
    }
    revocation = revocation_request(resource, _SECRETS, Secret("TOKEN"), "refresh_token", variables=values)
    if revocation is not None:
        found["revocation"] = revocation
    if resource.api_base_url is not None:
        found["api"] = fill_url(resource.api_base_url, values, hosts=hosts_of(resource))
    return found


def values_of(resource: Resource) -> dict[str, str]:
    """Give a value of each variable: its example, or its name in capitals where nothing declares it."""
    names = (*resource.connection_variables, *resource.callback_variables, *resource.metadata)
    declared = resource.connection_variables
    return {name: declared[name].example if name in declared else name.upper() for name in names}


def _callback(resource: Resource) -> VerifiedCallback:
    name = resource.callback_params.get("code", "code")
    parameters = {name: "CODE", **dict.fromkeys(resource.callback_variables, "x")}
    if resource.issuer is not None:
        parameters["iss"] = resource.issuer
    verdict = callback_verdict(resource, parameters, authorization_iss=resource.issuer)
    if not isinstance(verdict, VerifiedCallback) or parameter(resource, parameters, "code") != "CODE":
        raise TypeError("a callback with a code is one to exchange")
    return verdict


def _row(entry: Mapping[str, Any]) -> str:
    registration = entry["registration"]
    names = [*entry.get("variables", {}), *registration.get("connection_variables", {})]
    brought = {*registration.get("callback_variables", ()), *registration.get("metadata", ())}
    token = registration["token"]
    own_header = "Authorization" in token.get("headers", {})
    cells = (
        f"[{entry['title']}](#{_anchor(entry['title'])})",
        ", ".join(f"`{name}`" for name in names if name not in brought),
        "own header" if own_header else token.get("auth_method", "client_secret_basic"),
        "off" if "code_challenge_method" in registration else "S256",
        _SEPARATORS[registration.get("scope_separator", " ")],
        _refresh_tokens(registration),
        _revocation(entry),
    )
    return f"| {' | '.join(cells)} |\n"


def _refresh_tokens(registration: Mapping[str, Any]) -> str:
    known = registration.get("refresh_token", {})
    told = {
        "rotates": "rotate" if known.get("rotates") else "stay",
        "grace_period": "spent ones are good for {} more",
        "idle_lifetime": "die {} unused",
        "lifetime": "end after {}",
    }
    words = [text.format(_duration(known[name])) for name, text in told.items() if name in known]
    return ", ".join([*words, *_POLICIES[registration.get("refresh_policy", RefreshPolicy.EAGER)]])


def _duration(seconds: int) -> str:
    return f"{seconds // 86_400} days" if seconds >= 86_400 else f"{seconds // 60} minutes"  # noqa: PLR2004


def _revocation(entry: Mapping[str, Any]) -> str:
    if "revocation" not in entry["registration"]:
        return ""
    return "ends the whole grant" if entry.get("revoking_ends_the_grant") else "yes"


def _anchor(title: str) -> str:
    return title.casefold().replace(" ", "-")


def _section(provider: str, entry: Mapping[str, Any]) -> str:
    lines = [f"\n## {entry['title']}", "", f"`{provider}`: [documentation]({entry['documentation']})"]
    facts = list(_facts(entry))
    lines += ["", *(f"- {fact}" for fact in facts)] if facts else []
    lines += ["", "```text"]
    for step, request in requests_of(provider, entry).items():
        lines += _written(step, request)
    return "\n".join([*lines, "```"]) + "\n"


def _facts(entry: Mapping[str, Any]) -> Iterator[str]:
    for name, variable in entry.get("variables", {}).items():
        yield f"Each registration gives `{name}` in its `variables`: {variable['title']}."
    if "needs" in entry:
        yield f"For a refresh token: {entry['needs']}"
    if entry.get("revoking_ends_the_grant"):
        yield "Revoking one token ends everything that the account granted to the client."
    if entry.get("sends_iss"):
        yield "Its callbacks have `iss`."
    if entry.get("enforces_pkce"):
        yield "It refuses who does not use PKCE."
    for name, text in entry.get("api_headers", {}).items():
        yield f"Calls of the API have the header `{name}: {text}`."
    yield from entry.get("notes", ())


def _written(step: str, request: HttpRequest | str) -> Iterator[str]:
    if isinstance(request, str):
        method, url, headers, body = "GET" if step == "authorization" else "", request, {}, None
    else:
        method, url, headers, body = request.method, request.url, dict(request.headers), request.body
    base, _, query = url.partition("?")
    yield f"{step:<15}{method} {base}".rstrip() if method else f"{step:<15}{base}"
    for index, field in enumerate(query.split("&") if query else ()):
        yield f"{_INDENT}{'&' if index else '?'}{field}"
    for name, text in headers.items():
        if name.lower() not in {"accept", "content-type"}:
            yield f"{_INDENT}{name}: {_readable(text)}"
    if body:
        text = body.decode()
        parts = [text] if text.startswith("{") else text.split("&")
        yield from (f"{_INDENT}  {part}" for part in parts)


def _readable(header: str) -> str:
    scheme, _, credentials = header.partition(" ")
    return f"Basic base64({b64decode(credentials).decode()})" if scheme == "Basic" else header
