"""The check of a consent's ID token (OpenID Connect Core 1.0 section 3.1.3.7), before anything is stored.

A refused consent leaves what the provider just gave alone: it is forgotten, and not revoked, since with many
providers that would end what the same account granted before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from oauth_broker.connection import LastError
from oauth_broker.errors import IssuerKeysError
from oauth_broker.flows.exchange import EXCHANGE_FAILED, ConsentFailedError
from oauth_broker.protocol.authorization import OPENID
from oauth_broker.protocol.id_token import UnknownKeyError, id_token_problem
from oauth_broker.protocol.template import names_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauth_broker.flows.kit import Kit
    from oauth_broker.protocol.state import Derived
    from oauth_broker.resource import Resource
    from oauth_broker.secret import Secret
    from oauth_broker.transaction import Authorization

REFUSED: Final = "id_token_refused"


def expects_id_token(resource: Resource, authorization: Authorization) -> bool:
    """Say whether an answer must bring an ID token: it was asked for with a nonce, of an issuer with keys.

    Who took the nonce out of the request, or asks for `openid` behind the broker's back, gets no check.
    """
    known = authorization.issuer is not None and resource.jwks_uri is not None
    return known and OPENID in authorization.scopes and "nonce" in names_in(authorization.authorization_url)


def bring_keys(kit: Kit, resource: Resource) -> None:
    """Fetch the issuer's keys unless they are held: without them no code is exchanged.

    Raises ConsentFailedError.
    """
    try:
        kit.issuers.keys(resource.jwks_uri or "")
    except IssuerKeysError as error:
        raise _failed(kit, error.category, error.detail) from None


def check_id_token(
    kit: Kit, resource: Resource, authorization: Authorization, *, id_token: Secret | None, derived: Derived
) -> None:
    """See that the ID token is of this issuer, for this client, and for this very browser.

    An answer without one is refused as well (section 3.1.3.3). Raises ConsentFailedError.
    """
    problem = _problem(kit, resource, authorization, id_token=id_token, derived=derived)
    if problem is not None:
        raise _failed(kit, REFUSED, f"the ID token is refused: {problem}")


def _problem(
    kit: Kit, resource: Resource, authorization: Authorization, *, id_token: Secret | None, derived: Derived
) -> str | None:
    if id_token is None:
        return "the answer has none, though openid was asked for"
    jwks_uri = resource.jwks_uri or ""

    def judged(keys: Mapping[str, Any]) -> str | None:
        return id_token_problem(
            id_token.reveal(),
            keys,
            issuer=authorization.issuer or "",
            client_id=authorization.client_id,
            nonce=derived.nonce,
            algorithms=resource.id_token_signed_response_algs,
            now=int(kit.machine.now()),
        )

    try:
        try:
            return judged(kit.issuers.keys(jwks_uri))
        except UnknownKeyError:
            return judged(kit.issuers.newer_keys(jwks_uri))
    except UnknownKeyError:
        return "its key is none of the issuer's"
    except IssuerKeysError as error:
        return error.detail


def _failed(kit: Kit, category: str, description: str) -> ConsentFailedError:
    failure = LastError(int(kit.machine.now()), category, error_description=description)
    return ConsentFailedError(EXCHANGE_FAILED, failure)
