"""What is allowed in a registration, and yet gives reason to look again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from oauth_broker.errors import FieldProblem
from oauth_broker.protocol.parameters import names_in_url
from oauth_broker.protocol.template import names_in
from oauth_broker.protocol.url_template import split_url
from oauth_broker.registration.checks import child
from oauth_broker.registration.names import SECRET_NAMES
from oauth_broker.registration.names import texts_of as templates_of
from oauth_broker.resource import AuthMethod, GrantType, RefreshPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from oauth_broker.resource import AuthorizationStep, EndpointStep, Resource

_ENDPOINTS: Final = ("token", "refresh", "revocation")
_WORDS: Final = re.compile(r"[\s,=]+")
_STEPS: Final = ("authorization", *_ENDPOINTS)


def warnings_of(resource: Resource, entries: Iterable[Mapping[str, Any]] = ()) -> list[FieldProblem]:
    """Give the warnings about a resource, by JSON pointer.

    `entries` are the catalogue's: what is known of the provider counts, also where the registration does not
    name it but its token URL is the provider's.
    """
    entry = _entry_of(resource, entries)
    return [warning for rule in _RULES for warning in rule(resource, entry)]


def _entry_of(resource: Resource, entries: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    provider = resource.document.get("provider")
    found = [entry for entry in entries if entry["provider"] == provider or _same_host(entry, resource)]
    return next((entry for entry in found if entry["provider"] == provider), found[0] if found else None)


def _same_host(entry: Mapping[str, Any], resource: Resource) -> bool:
    theirs = split_url(entry["registration"]["token"]["url"]).host
    return not names_in(theirs) and theirs == split_url(resource.token.url).host.lower()


def _http(resource: Resource, _: Mapping[str, Any] | None) -> Iterator[FieldProblem]:
    document = resource.document
    urls = {f"/{step}/url": (document.get(step) or {}).get("url") for step in _STEPS}
    urls |= {"/jwks_uri": resource.jwks_uri, "/api_base_url": resource.api_base_url}
    for pointer, url in urls.items():
        if url is not None and urlsplit(url).scheme == "http":
            yield FieldProblem(pointer, "is http: whoever is on the way reads and changes what is sent")


def _secret_in_query(resource: Resource, _: Mapping[str, Any] | None) -> Iterator[FieldProblem]:
    secrets = SECRET_NAMES | resource.secret_variable_names
    for step in _ENDPOINTS:
        members = resource.document.get(step) or {}
        if members.get("method") == "GET":
            detail = "puts secrets in the query, which servers and proxies write to their logs"
            yield FieldProblem(f"/{step}/method", detail)
        elif "url" in members and secrets.intersection(names_in(split_url(members["url"]).query)):
            detail = "has a secret in its query, which servers and proxies write to their logs"
            yield FieldProblem(f"/{step}/url", detail)


def _pkce(resource: Resource, _: Mapping[str, Any] | None) -> Iterator[FieldProblem]:
    if resource.authorization is not None and resource.code_challenge_method is None:
        detail = "PKCE is off: a stolen or injected code is not noticed (RFC 9700 section 2.1.1)"
        yield FieldProblem("/code_challenge_method", detail)


def _no_refresh_token(resource: Resource, entry: Mapping[str, Any] | None) -> Iterator[FieldProblem]:
    if resource.grant_type is not GrantType.AUTHORIZATION_CODE:
        return
    if entry is None:
        offline = any("offline" in scope for scope in resource.scopes)
        if (
            "openid" in resource.scopes
            and not offline
            and not _has(resource.authorization, "access_type", "offline")
        ):
            detail = "without offline_access an OpenID provider gives no refresh token (Core section 11)"
            yield FieldProblem("/scopes", detail)
        return
    needs, registration = entry.get("needs"), entry["registration"]
    if needs is None:
        return
    detail = f"for a refresh token {entry['title']} needs: {needs}"
    words = frozenset(_WORDS.split(needs.rstrip(".")))
    if not words.intersection(registration.get("scopes", ())) <= set(resource.scopes):
        yield FieldProblem("/scopes", detail)
    for name, step in (("authorization", resource.authorization), ("token", resource.token)):
        wanted = registration.get(name, {}).get("params", {})
        missing = (param for param, value in wanted.items() if not _has(step, param, value))
        if not words.isdisjoint(missing):
            yield FieldProblem(f"/{name}/params", detail)


def _has(step: AuthorizationStep | EndpointStep | None, name: str, value: Any) -> bool:
    """Say whether a step sends a parameter with that value, or has it in its URL with any."""
    return step is None or name in names_in_url(step.url, fragment=True) or step.params.get(name) == value


def _unused(resource: Resource, _: Mapping[str, Any] | None) -> Iterator[FieldProblem]:
    used = {name for text in templates_of(resource.document) for name in names_in(text.value)}
    brought = {*resource.callback_variables, *resource.metadata}
    for member in ("variables", "secret_variables", "connection_variables"):
        for name in resource.document.get(member) or ():
            if name not in used and name not in brought:
                yield FieldProblem(child(f"/{member}", name), "is used nowhere")


def _unused_keys(resource: Resource, _: Mapping[str, Any] | None) -> Iterator[FieldProblem]:
    steps = (resource.token, resource.refresh, resource.revocation)
    used = any(step is not None and step.auth_method is AuthMethod.PRIVATE_KEY_JWT for step in steps)
    if resource.document.get("signing_keys") and not used:
        yield FieldProblem("/signing_keys", "sign nothing: no step has the auth_method private_key_jwt")


def _shared(resource: Resource, entry: Mapping[str, Any] | None) -> Iterator[FieldProblem]:
    known = entry or {}
    names_itself = known.get("sends_iss") or resource.authorization_response_iss_parameter_supported
    pkce = known.get("enforces_pkce") and resource.code_challenge_method is not None
    if resource.shared_callback and not names_itself and not pkce:
        detail = (
            "is the address of all resources: another provider's answer could be taken for this one's"
            " (RFC 9700 section 4.4), unless it sends iss or enforces PKCE"
        )
        yield FieldProblem("/callback", detail)


def _useless_refresh(resource: Resource, entry: Mapping[str, Any] | None) -> Iterator[FieldProblem]:
    known = (entry or {}).get("registration", {}).get("refresh_policy")
    if known == RefreshPolicy.AFTER_EXPIRY and resource.refresh_policy is not RefreshPolicy.AFTER_EXPIRY:
        detail = "refreshing early is useless: until a token has expired the provider gives the same one"
        yield FieldProblem("/refresh_policy", detail)


_RULES: Final[tuple[Callable[[Resource, Mapping[str, Any] | None], Iterator[FieldProblem]], ...]] = (
    _http,
    _secret_in_query,
    _pkce,
    _no_refresh_token,
    _unused,
    _unused_keys,
    _shared,
    _useless_refresh,
)
