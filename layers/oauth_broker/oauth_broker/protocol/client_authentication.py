"""Client authentication (RFC 6749 section 2.3): one kind a request, never two."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote_plus

from oauth_broker.errors import BrokerError
from oauth_broker.protocol.client_assertion import assertion_input, by_client_secret, signed
from oauth_broker.protocol.expressions import names_told_by
from oauth_broker.protocol.template import expressions_in
from oauth_broker.resource import AuthMethod, Signer
from oauth_broker.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oauth_broker.protocol.functions import Values
    from oauth_broker.resource import EndpointStep, Resource, ResourceSecrets


@dataclass(frozen=True, slots=True)
class ClientAuthentication:
    """What a request carries of it.

    `standard` parameters by name, an `Authorization` header or None, and a signed assertion or None, which is
    the value of `client_assertion`.
    """

    standard: tuple[str, ...]
    authorization: Secret | None = None
    assertion: Secret | None = None


def client_authentication(
    step: EndpointStep, resource: Resource, secrets: ResourceSecrets, *, url: str, moment: Values
) -> ClientAuthentication:
    """Give what `step`, whose URL is written out as `url`, needs to authenticate the client.

    A step that puts the client secret, or an `Authorization` header, into the request by itself has chosen
    its own kind: then nothing secret is added, and `client_id` is, since whoever reads a secret needs to know
    whose it is. `moment` (`moment_values`) is when, and with which `jti`, an assertion is made. Raises
    BrokerError where the resource lacks what its method signs with.
    """
    own_header = any(name.lower() == "authorization" for name in step.headers)
    named = _names(step)
    chosen = own_header or "client_secret" in named
    if step.auth_method in _JWT and (not chosen or "client_assertion" in named):
        audience = resource.client_assertion_audience or url.partition("?")[0]
        assertion = _assertion(step, resource.client_id, secrets, audience=audience, moment=moment)
        standard = () if "client_assertion" in named else _ASSERTION_PARAMETERS
        return ClientAuthentication(("client_id", *standard), assertion=assertion)
    if own_header:
        return ClientAuthentication(() if step.auth_method in _BASIC else ("client_id",))
    if "client_secret" in named:
        return ClientAuthentication(("client_id",))
    client_secret = secrets.client_secret
    if (credentials := _BASIC.get(step.auth_method)) is not None:
        secret = client_secret.reveal() if client_secret else ""
        return ClientAuthentication((), Secret(credentials(resource.client_id, secret)))
    if step.auth_method is AuthMethod.CLIENT_SECRET_POST and client_secret is not None:
        return ClientAuthentication(("client_id", "client_secret"))
    return ClientAuthentication(("client_id",))


def _assertion(
    step: EndpointStep, client_id: str, secrets: ResourceSecrets, *, audience: str, moment: Values
) -> Secret:
    signer = secrets.signer
    if step.auth_method is AuthMethod.CLIENT_SECRET_JWT and secrets.client_secret is not None:
        signer = Signer("HS256", None, by_client_secret(secrets.client_secret))
    if signer is None:
        raise BrokerError("the resource has no key to sign with")
    signing_input = assertion_input(
        algorithm=signer.algorithm,
        key_id=signer.key_id,
        client_id=client_id,
        audience=audience,
        moment=moment,
    )
    return signed(signing_input, signer.sign)


def basic(client_id: str, client_secret: str) -> str:
    """Give `Basic …` with both parts form-encoded first (RFC 6749 section 2.3.1 and appendix B)."""
    return basic_raw(quote_plus(client_id), quote_plus(client_secret))


def basic_raw(client_id: str, client_secret: str) -> str:
    """Give `Basic …` of both parts as they are (RFC 7617): what servers want that skip the form encoding."""
    return "Basic " + b64encode(f"{client_id}:{client_secret}".encode()).decode("ascii")


_ASSERTION_PARAMETERS: Final = ("client_assertion_type", "client_assertion")
_JWT: Final = frozenset({AuthMethod.CLIENT_SECRET_JWT, AuthMethod.PRIVATE_KEY_JWT})
_BASIC: Final[Mapping[AuthMethod, Callable[[str, str], str]]] = {
    AuthMethod.CLIENT_SECRET_BASIC: basic,
    AuthMethod.CLIENT_SECRET_BASIC_RAW: basic_raw,
}


def _names(step: EndpointStep) -> set[str]:
    """Give the names of which a request of the step tells the values: a signature tells none."""
    return {
        name
        for text in texts_of([step.url, step.params, step.headers])
        for expression in expressions_in(text)
        for name in names_told_by(expression)
    }


def texts_of(value: Any) -> Iterator[str]:
    """Give every text in a JSON value."""
    match value:
        case str():
            yield value
        case Mapping():
            yield from texts_of(list(value.values()))
        case list() | tuple():
            for inner in value:
                yield from texts_of(inner)
