"""A registration that names an issuer and leaves URLs out: what the issuer's metadata says is laid under it.

That happens when it is saved: a stored resource is whole, and its destinations are sealed with its secrets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from oauth_broker.errors import FieldProblem, InvalidError
from oauth_broker.protocol.discovery import URL_MEMBERS, registration_members, scopes_supported
from oauth_broker.registration.checks import members as members_check
from oauth_broker.registration.document import OF_THE_ISSUER
from oauth_broker.registration.fields import fields
from oauth_broker.registration.prefill import prefilled
from oauth_broker.registration.urls import url
from oauth_broker.resource import AuthMethod, GrantType

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

_OF_ENDPOINTS: Final = frozenset({"url", "auth_method"})
_OF_CONSENTS: Final = frozenset({"authorization", *OF_THE_ISSUER})


def issuer_to_ask(registration: Mapping[str, Any], *, loopback: bool) -> str | None:
    """Give the issuer whose metadata a registration needs.

    None where it has its URLs, names no issuer, or one that cannot be, which `parse_registration` will say.
    """
    issuer = registration.get("issuer")
    if not isinstance(issuer, str) or any(fields(loopback=loopback)["issuer"](issuer, "/issuer")):
        return None
    return None if all(_has_url(registration, step) for step in _needed(registration)) else issuer


def stand_in(registration: Mapping[str, Any]) -> dict[str, Any]:
    """Give the registration with its issuer in the place of the URLs that it lacks.

    What else is wrong with it can so be said before anything is asked of the issuer.
    """
    step = {"url": registration["issuer"]}
    return _laid_under({"authorization": step, "token": step}, registration)


def discovered(
    metadata: Mapping[str, Any],
    registration: Mapping[str, Any],
    *,
    can: Collection[AuthMethod],
    loopback: bool,
) -> dict[str, Any]:
    """Give the registration with what the issuer's metadata says laid under it: what it says itself wins.

    `can`: how the client can authenticate (`possible_methods`). Raises InvalidError at `/issuer` for metadata
    without an endpoint that is needed, or with a URL that a resource may not have.
    """
    # What metadata does not say is null: a catalogue entry's word about it was about another issuer.
    said = {
        "revocation": None,
        **dict.fromkeys(OF_THE_ISSUER),
        **registration_members(metadata, can=can),
    }
    filled = _laid_under(said, registration)
    used = {
        name: address
        for name, address in _urls(said)
        if not _has_url(registration, name) and filled.get(name) is not None
    }
    problems = list(_url_problems(used, loopback=loopback))
    missing = [step for step in _needed(registration) if not _has_url(filled, step)]
    problems += [FieldProblem("/issuer", f"its metadata has no {URL_MEMBERS[step]}") for step in missing]
    if problems:
        raise InvalidError(*problems)
    return filled


def forgotten(document: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Give the stored document that a PATCH which names an issuer changes: without what metadata gave it.

    That is the URL and client authentication of each step that the patch does not name; the rest stays.
    """
    if not isinstance(patch.get("issuer"), str):
        return dict(document)
    rest = dict(document)
    for step in URL_MEMBERS:
        if step in document and step not in patch and isinstance(document[step], dict):
            rest[step] = {name: one for name, one in document[step].items() if name not in _OF_ENDPOINTS}
            if not rest[step]:
                del rest[step]
    return rest


def asked_issuer(body: Mapping[str, Any], *, loopback: bool) -> str:
    """Give the issuer that `POST /v1/discovery` asks for. Raises InvalidError."""
    address = url(loopback=loopback, query=False, templates=False)
    problems = list(members_check({"issuer": address}, required=("issuer",))(body, ""))
    if problems:
        raise InvalidError(*problems)
    return str(body["issuer"])


def discovery_json(metadata: Mapping[str, Any], *, loopback: bool) -> dict[str, Any]:
    """Give what metadata says as members of a registration whose client can do anything, and its scopes.

    Raises InvalidError at `/issuer` for a URL that a resource may not have.
    """
    said = registration_members(metadata, can=frozenset(AuthMethod))
    problems = list(_url_problems(dict(_urls(said)), loopback=loopback))
    if problems:
        raise InvalidError(*problems)
    return {**said, "scopes_supported": scopes_supported(metadata)}


def _laid_under(said: Mapping[str, Any], registration: Mapping[str, Any]) -> dict[str, Any]:
    consents = _takes_consents(registration)
    under = {name: value for name, value in said.items() if consents or name not in _OF_CONSENTS}
    return prefilled({"registration": under}, registration)


def _takes_consents(registration: Mapping[str, Any]) -> bool:
    grant = registration.get("grant_type", GrantType.AUTHORIZATION_CODE)
    return bool(grant != GrantType.CLIENT_CREDENTIALS)


def _needed(registration: Mapping[str, Any]) -> tuple[str, ...]:
    return ("token", "authorization") if _takes_consents(registration) else ("token",)


def _has_url(registration: Mapping[str, Any], name: str) -> bool:
    value = registration.get(name)
    return "url" in value if isinstance(value, dict) else isinstance(value, str)


def _urls(said: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in URL_MEMBERS:
        if said.get(name) is not None:
            yield name, said[name] if isinstance(said[name], str) else said[name]["url"]


def _url_problems(urls: Mapping[str, str], *, loopback: bool) -> Iterator[FieldProblem]:
    """Metadata is the issuer's word: it may hold no placeholder, which would be filled with our values."""
    check = url(loopback=loopback, templates=False)
    for name, address in urls.items():
        for problem in check(address, "/issuer"):
            yield FieldProblem("/issuer", f"the {URL_MEMBERS[name]} of its metadata: {problem.detail}")
