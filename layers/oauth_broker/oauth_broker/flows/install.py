"""An install that the provider began: its callback has no state, so what it brings is worth nothing.

The code is dropped, since it may be anybody's (RFC 6749 section 10.12), and a fresh authorization begins in
this browser: one whose token set is of use only once the application confirms it at `install_return_url`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from oauth_broker.asking import Asking
from oauth_broker.connection import Connection, LastError, Status
from oauth_broker.errors import BrokerError, InvalidError, NotFoundError
from oauth_broker.flows.exchange import EXCHANGE_FAILED, ConsentFailedError
from oauth_broker.flows.start_link import random_id, start_link
from oauth_broker.protocol.authorization import callback_parameters, parameter
from oauth_broker.protocol.variables import connection_values
from oauth_broker.return_url import return_url_problem

if TYPE_CHECKING:
    from oauth_broker.flows.kit import Kit
    from oauth_broker.flows.start_link import Addresses
    from oauth_broker.transaction import Authorization

NEVER_CONNECTED_KEPT: Final = 86_400
"""Seconds: nobody asked for it, so nobody will ask what became of it."""


def begin_install(kit: Kit, addresses: Addresses, resource_id: str, raw_query: str) -> str | None:
    """Give the start link that sends this browser to consent anew; its connection is made when it comes back.

    Anybody may open the address, as often as they like: what it costs is one small item with an end.
    Of the callback's `raw_query` only the values of the resource's connection variables are used, checked as
    a caller's are. None, and nothing is kept, where no install begins here: the resource is unknown or does
    not allow it, the provider reports an error, a variable is missing or unfit, or the deployment does not
    allow the `install_return_url`.
    """
    try:
        held = kit.shelf.resource(resource_id)
    except NotFoundError:
        return None
    resource, parameters = held.resource, callback_parameters(raw_query)
    if (
        not resource.provider_initiated
        or parameter(resource, parameters, "error") is not None
        or return_url_problem(resource.install_return_url, addresses.may_return_to)
    ):
        return None
    given = {name: value for name, value in parameters.items() if name in resource.connection_variables}
    try:
        asking = Asking(
            connection_id=None,
            return_url=resource.install_return_url,
            user=None,
            scopes=resource.scopes,
            variables=connection_values(resource, given),
            labels=(),
        )
        to_come = Connection(
            resource_id=resource_id,
            connection_id=random_id(kit),
            status=Status.PENDING,
            created_at=int(kit.machine.now() * 1000),
        )
        link = start_link(kit, held, addresses, asking, to_come)
    except InvalidError:
        return None
    kit.store.authorizations.add(replace(link.authorization, makes_connection=True))
    return link.url


def make_connection(kit: Kit, authorization: Authorization) -> None:
    """Make the pending connection of an install whose callback has come.

    Raises ConsentFailedError where the resource is gone or the table does not answer: the code is not spent.
    """
    connection = Connection(
        resource_id=authorization.resource_id,
        connection_id=authorization.connection_id,
        status=Status.PENDING,
        created_at=authorization.connection_created_at,
        start_until=authorization.start_until,
        variables=authorization.variables,
    )
    shard = kit.shard(connection.resource_id, connection.connection_id)
    now = int(kit.machine.now())
    try:
        kit.store.connections.create(connection, None, shard=shard, ttl=now + NEVER_CONNECTED_KEPT)
    except BrokerError as error:
        raise ConsentFailedError(EXCHANGE_FAILED, LastError(now, error.category)) from None
