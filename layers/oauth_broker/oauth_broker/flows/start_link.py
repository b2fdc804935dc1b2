"""Start links: an authorization that pins the resource as it is, and the address that begins it."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from oauth_broker.connection import LINK_LIFETIME
from oauth_broker.errors import FieldProblem, InvalidError, UnfitValueError
from oauth_broker.protocol.authorization import authorization_url
from oauth_broker.protocol.state import BITS_LENGTH, encoded, hash_of, join_ticket
from oauth_broker.transaction import Authorization

if TYPE_CHECKING:
    from collections.abc import Callable

    from oauth_broker.asking import Asking
    from oauth_broker.connection import Connection
    from oauth_broker.flows.kit import Kit
    from oauth_broker.flows.shelf import HeldResource
    from oauth_broker.resource import Resource

LONGEST_URL: Final = 8192


@dataclass(frozen=True, slots=True)
class Addresses:
    """The broker's own address as this deployment has it, and where a browser may be sent back to."""

    base: str
    may_return_to: Callable[[str], bool]

    @classmethod
    def of(cls, public_url: str | None, domain: str, may_return_to: Callable[[str], bool]) -> Self:
        """Take the deployment's own address, else what API Gateway says it is; never the Host header."""
        return cls(public_url or f"https://{domain}", may_return_to)

    @property
    def console(self) -> str:
        """The address of the broker's own page."""
        return f"{self.base}/"

    def callback(self, resource: Resource) -> str:
        """Give the resource's callback URL."""
        return callback_url(self.base, None if resource.shared_callback else resource.resource_id)


def callback_url(base: str, resource_id: str | None) -> str:
    """Give the callback URL of a resource, or the shared one."""
    return f"{base}/oauth/callback" if resource_id is None else f"{base}/oauth/{resource_id}/callback"


@dataclass(frozen=True, slots=True)
class StartLink:
    """A new authorization, not kept yet, and the address at which a browser begins it."""

    authorization: Authorization
    url: str


def start_link(
    kit: Kit, held: HeldResource, addresses: Addresses, asking: Asking, connection: Connection
) -> StartLink:
    """Make an authorization that is to fill `connection`; nothing is kept yet.

    Raises InvalidError where the variables do not fit the authorization URL.
    """
    resource = held.resource
    redirect_uri = addresses.callback(resource)
    ticket = encoded(kit.machine.random(BITS_LENGTH))
    try:
        url = authorization_url(
            resource,
            redirect_uri=redirect_uri,
            scopes=asking.scopes,
            variables={**asking.variables, **kit.moment()},
        )
    except UnfitValueError as error:
        raise InvalidError(FieldProblem(f"/variables/{error.name}", error.detail)) from None
    if len(url) > LONGEST_URL:
        message = f"the authorization URL would be longer than {LONGEST_URL} characters"
        raise InvalidError(FieldProblem("/variables", message))
    authorization = Authorization(
        authorization_id=random_id(kit),
        resource_id=resource.resource_id,
        connection_id=connection.connection_id,
        connection_created_at=connection.created_at,
        ticket_hash=hash_of(ticket),
        start_until=int(kit.machine.now()) + LINK_LIFETIME,
        authorization_url=url,
        redirect_uri=redirect_uri,
        token_url=resource.token.url,
        client_id=resource.client_id,
        destinations_id=held.row.destinations_id,
        require_confirmation=resource.require_confirmation,
        issuer=resource.issuer,
        shared_callback=resource.shared_callback,
        return_url=asking.return_url,
        user_hash=None if asking.user is None else hash_of(asking.user),
        scopes=asking.scopes,
        variables=asking.variables,
    )
    joined = join_ticket(authorization.authorization_id, ticket)
    return StartLink(authorization, f"{addresses.base}/oauth/start?ticket={joined}")


def random_id(kit: Kit) -> str:
    """Give an id that nobody can guess."""
    return urlsafe_b64encode(kit.machine.random(15)).decode("ascii")
