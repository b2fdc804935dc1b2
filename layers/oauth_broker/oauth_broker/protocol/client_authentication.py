"""Client authentication (RFC 6749 section 2.3): one kind a request, never two."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote_plus

from oauth_broker.protocol.template import names_in
from oauth_broker.resource import AuthMethod
from oauth_broker.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oauth_broker.resource import EndpointStep


@dataclass(frozen=True, slots=True)
class ClientAuthentication:
    """What a request carries of it: `standard` parameters by name, and an `Authorization` header or None."""

    standard: tuple[str, ...]
    authorization: Secret | None


def client_authentication(
    step: EndpointStep, client_id: str, client_secret: Secret | None
) -> ClientAuthentication:
    """Give what `step` needs to authenticate the client.

    A step that puts the client secret, or an `Authorization` header, into the request by itself has chosen
    its own kind: then nothing secret is added, and `client_id` is, since whoever reads a secret needs to know
    whose it is.
    """
    if any(name.lower() == "authorization" for name in step.headers):
        return ClientAuthentication(() if step.auth_method in _BASIC else ("client_id",), None)
    if "client_secret" in _names(step):
        return ClientAuthentication(("client_id",), None)
    if (credentials := _BASIC.get(step.auth_method)) is not None:
        secret = client_secret.reveal() if client_secret else ""
        return ClientAuthentication((), Secret(credentials(client_id, secret)))
    if step.auth_method is AuthMethod.CLIENT_SECRET_POST and client_secret is not None:
        return ClientAuthentication(("client_id", "client_secret"), None)
    return ClientAuthentication(("client_id",), None)


def basic(client_id: str, client_secret: str) -> str:
    """Give `Basic …` with both parts form-encoded first (RFC 6749 section 2.3.1 and appendix B)."""
    return basic_raw(quote_plus(client_id), quote_plus(client_secret))


def basic_raw(client_id: str, client_secret: str) -> str:
    """Give `Basic …` of both parts as they are (RFC 7617): what servers want that skip the form encoding."""
    return "Basic " + b64encode(f"{client_id}:{client_secret}".encode()).decode("ascii")


_BASIC: Final[Mapping[AuthMethod, Callable[[str, str], str]]] = {
    AuthMethod.CLIENT_SECRET_BASIC: basic,
    AuthMethod.CLIENT_SECRET_BASIC_RAW: basic_raw,
}


def _names(step: EndpointStep) -> set[str]:
    return {name for text in _texts([step.url, step.params, step.headers]) for name in names_in(text)}


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            yield from _texts(list(value.values()))
        case list() | tuple():
            for inner in value:
                yield from _texts(inner)
