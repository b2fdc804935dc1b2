"""What the members that authenticate the client must be to each other, and the grants never offered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from oauth_broker.errors import FieldProblem
from oauth_broker.protocol.destinations import origin_of
from oauth_broker.registration.document import placeholders
from oauth_broker.registration.names import texts_of
from oauth_broker.resource import AuthMethod

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

NO_GRANT: Final = {
    "password": "the password grant is never offered: it hands a person's password to a third party (RFC 9700"
    " section 2.4)",
    "implicit": "the implicit grant is never offered: it leaks tokens (RFC 9700 section 2.1.2)",
}
"""Grants → why not."""

NO_METHOD: Final = dict.fromkeys(
    ("tls_client_auth", "self_signed_tls_client_auth"),
    "mutual TLS (RFC 8705) is not offered: a certificate's key would have to be open in every process, for"
    " every handshake; private_key_jwt (RFC 7523) proves the same with a key that may stay in KMS",
)
"""Methods of client authentication → why not."""

_ENDPOINTS: Final = ("token", "refresh", "revocation")
_ASSERTION: Final = frozenset({"client_assertion", "client_assertion_type"})
_ASSERTION_METHODS: Final = frozenset({AuthMethod.CLIENT_SECRET_JWT, AuthMethod.PRIVATE_KEY_JWT})


def client_problems(document: Mapping[str, Any]) -> Iterator[FieldProblem]:
    """Find what in a document contradicts its client authentication, or asks for a grant by a parameter."""
    for rule in _RULES:
        yield from rule(document)


def needs_client_secret(method: str) -> bool:
    """Say whether a method of client authentication uses the client secret."""
    return method not in (AuthMethod.NONE, AuthMethod.PRIVATE_KEY_JWT)


def possible_methods(document: Mapping[str, Any]) -> frozenset[AuthMethod]:
    """Give the methods for which a document's client has what they need: its secret, a key, or nothing."""
    lacks = {
        method
        for method in AuthMethod
        if (needs_client_secret(method) and not document.get("client_secret"))
        or (method is AuthMethod.PRIVATE_KEY_JWT and not document.get("signing_keys"))
    }
    return frozenset(AuthMethod) - lacks


def _methods(document: Mapping[str, Any]) -> dict[str, str | None]:
    """Give each step's method, the token step's where it has none of its own, and None where no step has."""
    of_the_token = document.get("token", {}).get("auth_method")
    steps = [step for step in _ENDPOINTS if step in document or step == "refresh"]
    return {step: document.get(step, {}).get("auth_method", of_the_token) for step in steps}


def _keys(document: Mapping[str, Any]) -> Iterator[FieldProblem]:
    if document.get("signing_keys"):
        return
    for step in _ENDPOINTS:
        if document.get(step, {}).get("auth_method") == "private_key_jwt":
            yield FieldProblem("/signing_keys", f"is required: /{step}/auth_method is private_key_jwt")


def _assertion_names(document: Mapping[str, Any]) -> Iterator[FieldProblem]:
    methods = _methods(document)
    for text in texts_of(document):
        for name in sorted(_ASSERTION & placeholders(text.value)):
            if methods.get(text.step) not in _ASSERTION_METHODS:
                detail = f"{name} is made only where auth_method is client_secret_jwt or private_key_jwt"
                yield FieldProblem(text.pointer, detail)


def _audience_of_kms(document: Mapping[str, Any]) -> Iterator[FieldProblem]:
    """A key in KMS cannot be given again with a new origin: what is sent there must be good there alone."""
    audience = document.get("client_assertion_audience")
    if audience is None or not any("kms_key" in key for key in document.get("signing_keys") or ()):
        return
    for step, method in _methods(document).items():
        url = document.get(step, {}).get("url")
        if method == "private_key_jwt" and url is not None and not _same_origin(audience, url):
            detail = f"must be of the origin of /{step}/url where a key lies in KMS, or be left out"
            yield FieldProblem("/client_assertion_audience", detail)


def _same_origin(one: str, other: str) -> bool:
    try:
        return origin_of(one) == origin_of(other)
    except ValueError:
        return False


def _grants(document: Mapping[str, Any]) -> Iterator[FieldProblem]:
    """Grants that are never offered, asked for by a parameter."""
    for place, text in _parameters(document, "authorization", "response_type"):
        if "token" in text.split():
            yield FieldProblem(place, NO_GRANT["implicit"])
    for step in ("token", "refresh"):
        for place, text in _parameters(document, step, "grant_type"):
            if text == "password":
                yield FieldProblem(place, NO_GRANT["password"])


def _parameters(document: Mapping[str, Any], step: str, name: str) -> Iterator[tuple[str, str]]:
    """Give the values of a parameter as a step writes it, in `params` and in the URL, with their pointers."""
    members = document.get(step) or {}
    value = members.get("params", {}).get(name)
    if isinstance(value, str):
        yield f"/{step}/params/{name}", value
    query = members.get("url", "").partition("?")[2].partition("#")[0]
    yield from ((f"/{step}/url", text) for one, text in parse_qsl(query) if one == name)


_RULES: Final[tuple[Callable[[Mapping[str, Any]], Iterator[FieldProblem]], ...]] = (
    _keys,
    _assertion_names,
    _audience_of_kms,
    _grants,
)
