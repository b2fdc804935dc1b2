"""Disconnecting: the connection is gone at once; what it held is left to the worker to revoke."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from oauth_broker.connection import Connection, Note
from oauth_broker.doors.store import LeftToRevoke
from oauth_broker.errors import UnavailableError

if TYPE_CHECKING:
    from oauth_broker.flows.kit import Kit

TRIES: Final = 3


def disconnect(kit: Kit, connection: Connection) -> None:
    """Delete a connection; what is left to revoke is due now.

    Raises UnavailableError where it keeps changing.
    """
    current: Connection | None = connection
    for _ in range(TRIES):
        if current is None or current.created_at != connection.created_at:
            return  # another connection took its id meanwhile: perhaps somebody else's
        now = int(kit.machine.now())
        shard = kit.shard(current.resource_id, current.connection_id)
        if kit.store.connections.disconnect(current, _left(kit, current), shard=shard, now=now):
            return
        current = kit.store.connections.get(current.resource_id, current.connection_id)
    message = "the connection is being changed: ask again"
    raise UnavailableError(message, retry_after=1)


def _left(kit: Kit, connection: Connection) -> LeftToRevoke | None:
    token_set = connection.token_set
    if token_set is None:
        return None
    return LeftToRevoke(
        resource_id=connection.resource_id,
        sort=f"{connection.connection_id}#{kit.machine.random(9).hex()}",
        connection_id=connection.connection_id,
        token_set=token_set,
        variables=connection.variables,
        notes=(Note.DISCONNECTED,),
    )
