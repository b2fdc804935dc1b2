"""Asking for a connection, or for a new consent to an existing one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from oauth_broker.asking import Asking, parse_asking
from oauth_broker.connection import LINK_LIFETIME, Connection, Note, Status
from oauth_broker.errors import (
    CallerError,
    ConflictError,
    ExchangeFailedError,
    FieldProblem,
    InvalidError,
    UnfitValueError,
)
from oauth_broker.flows.commit_refreshed import TOKEN_SET_ID_BYTES, next_refresh_of
from oauth_broker.flows.exchange import ConsentFailedError, granted
from oauth_broker.flows.show_connection import find_connection, time_text
from oauth_broker.flows.start_link import random_id, start_link
from oauth_broker.flows.token_sets import sealed_token_set
from oauth_broker.protocol.token import client_credentials_request
from oauth_broker.protocol.variables import checked_values
from oauth_broker.resource import GrantType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauth_broker.caller import Caller
    from oauth_broker.flows.kit import Kit
    from oauth_broker.flows.shelf import HeldResource
    from oauth_broker.flows.start_link import Addresses, StartLink

NEVER_CONNECTED_KEPT: Final = 30 * 86_400


def ask_for_connection(
    kit: Kit, caller: Caller, addresses: Addresses, resource_id: str, body: Mapping[str, Any]
) -> dict[str, Any]:
    """Make a connection: pending with a start link, or at once active for client_credentials.

    Raises InvalidError, NotFoundError, IdInUseError, and ExchangeFailedError where the provider refuses.
    """
    held = kit.shelf.resource(resource_id)
    asking = parse_asking(
        body, held.resource, may_return_to=addresses.may_return_to, console=addresses.console
    )
    connection_id = asking.connection_id or random_id(kit)
    if held.resource.grant_type is GrantType.CLIENT_CREDENTIALS:
        return _connected_at_once(kit, caller, held, asking, connection_id)
    now, created_at = int(kit.machine.now()), int(kit.machine.now() * 1000)
    connection = Connection(
        resource_id=resource_id,
        connection_id=connection_id,
        status=Status.PENDING,
        created_at=created_at,
        start_until=now + LINK_LIFETIME,
        owner=caller.owner,
        labels=asking.labels,
        variables=asking.variables,
    )
    link = start_link(kit, held, addresses, asking, connection)
    kit.store.connections.create(
        connection,
        link.authorization,
        shard=kit.shard(resource_id, connection_id),
        ttl=now + NEVER_CONNECTED_KEPT,
    )
    return _link_json(link, connection_id, Status.PENDING)


def reauthorize(  # noqa: PLR0913 - who asks, for what, and where they may be sent
    kit: Kit,
    caller: Caller,
    addresses: Addresses,
    *,
    resource_id: str,
    connection_id: str,
    body: Mapping[str, Any],
) -> dict[str, Any]:
    """Give a new start link for an existing connection: its old token set serves until the new one is there.

    Raises InvalidError, NotFoundError, and ConflictError for client_credentials, which nobody consents to.
    """
    held, connection = find_connection(kit, caller, resource_id, connection_id)
    if held.resource.grant_type is GrantType.CLIENT_CREDENTIALS:
        message = "a client_credentials connection has no consent to renew"
        raise ConflictError(message)
    asking = parse_asking(
        body,
        held.resource,
        may_return_to=addresses.may_return_to,
        console=addresses.console,
        known_variables={
            name: value
            for name, value in connection.variables.items()
            if name in held.resource.connection_variables
        },
    )
    link = start_link(kit, held, addresses, asking, connection)
    authorization = link.authorization
    if connection.status is Status.PENDING:
        kit.store.connections.renew_link(
            connection, authorization, ttl=authorization.start_until + NEVER_CONNECTED_KEPT
        )
        connection = replace(connection, start_until=authorization.start_until)
    else:
        kit.store.authorizations.add(authorization)
    status = connection.shown_status(kit.machine.now(), held.destinations_ids)
    return _link_json(link, connection_id, status)


def _connected_at_once(
    kit: Kit, caller: Caller, held: HeldResource, asking: Asking, connection_id: str
) -> dict[str, Any]:
    now = int(kit.machine.now())
    key = kit.shelf.vault_key()
    secrets = kit.shelf.secrets(held)
    try:
        request = client_credentials_request(
            held.resource, secrets, scopes=asking.scopes, variables={**asking.variables, **kit.moment()}
        )
    except CallerError as error:
        raise InvalidError(FieldProblem("/variables", error.detail)) from None
    try:
        answer = granted(kit, held, request, secrets)
        checked_values(held.resource, answer.metadata, known=asking.variables)
    except ConsentFailedError as failed:
        told = failed.failure.error_description or failed.failure.error or failed.failure.category
        message = f"the provider gave no token: {told}"
        raise ExchangeFailedError(message, request=failed.failure.request) from None
    except UnfitValueError as error:
        message = f"the provider's answer does not fit the resource: {error.detail}"
        raise ExchangeFailedError(message) from None
    token_set = sealed_token_set(
        kit.sealing,
        key,
        answer,
        resource=held.resource,
        connection_id=connection_id,
        destinations_id=held.row.destinations_id,
        token_set_id=kit.machine.random(TOKEN_SET_ID_BYTES),
        asked_scopes=asking.scopes,
        issued_at=int(kit.machine.now()),
    )
    connection = Connection(
        resource_id=held.resource.resource_id,
        connection_id=connection_id,
        status=Status.ACTIVE,
        created_at=now * 1000,
        owner=caller.owner,
        labels=asking.labels,
        variables=asking.variables,
        asked_scopes=asking.scopes,
        token_set=token_set,
        generation=1,
        consented_at=now * 1000,
        next_refresh=next_refresh_of(kit, held.resource, token_set),
        refresh_at=now,
        notes=(Note.CONNECTED,),
    )
    shard = kit.shard(connection.resource_id, connection_id)
    kit.store.connections.create(connection, None, shard=shard, ttl=None)
    return {"connection_id": connection_id, "status": str(Status.ACTIVE)}


def _link_json(link: StartLink, connection_id: str, status: Status) -> dict[str, Any]:
    return {
        "connection_id": connection_id,
        "status": str(status),
        "start_url": link.url,
        "expires_at": time_text(link.authorization.start_until),
    }
