"""Deleting a resource: out of use at once, forgotten when its last revocation ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from oauth_broker.errors import NotFoundError, PreconditionFailedError, ResourceInUseError
from oauth_broker.flows.disconnect import disconnect
from oauth_broker.flows.shelf import IF_EMPTY, REVOKE
from oauth_broker.revocation_job import SECRETS_KEPT_FOR
from oauth_broker.schedule import shard_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from oauth_broker.doors.store import ResourceRow
    from oauth_broker.flows.kit import Kit

PAGE: Final = 100
SECOND_THOUGHT: Final = 60
"""Seconds after which the worker finishes what a deletion that broke off left half done."""


def delete_resource(kit: Kit, resource_id: str, *, revoke: bool, if_match: frozenset[str] | None) -> bool:
    """Delete a resource; with `revoke` its connections too. True: it is gone; False: the worker is at it.

    Raises NotFoundError, PreconditionFailedError, and ResourceInUseError where it has connections and not
    `revoke`.
    """
    row = current_row(kit, resource_id, if_match)
    now = int(kit.machine.now())
    kit.store.resources.mark_deleting(
        row,
        how=REVOKE if revoke else IF_EMPTY,
        shard=shard_of(resource_id, "", kit.schedule.shards),
        due=now if revoke else now + SECOND_THOUGHT,
    )
    kit.shelf.drop(resource_id)
    if revoke:
        return False
    # Out of use first, then counted: a connection that is asked for meanwhile finds no resource.
    if kit.store.resources.has_connections(resource_id):
        kit.store.resources.keep_after_all(row)
        message = "the resource has connections: delete them first, or say ?connections=revoke"
        raise ResourceInUseError(message)
    if not _waits(kit, resource_id, now):
        kit.store.resources.forget(resource_id)
    return True


def current_row(kit: Kit, resource_id: str, if_match: frozenset[str] | None) -> ResourceRow:
    """Give a resource as it is in the table now. Raises NotFoundError, PreconditionFailedError."""
    row = kit.store.resources.load(resource_id=resource_id).resource
    if row is None or row.deleting is not None:
        message = f"there is no resource {resource_id}"
        raise NotFoundError(message)
    if if_match is not None and not {"*", f'"{row.etag}"'} & if_match:
        message = "the resource is another version than If-Match names"
        raise PreconditionFailedError(message)
    return row


def attend_deleting(kit: Kit, resource_id: str, *, remaining: Callable[[], float]) -> None:
    """Go on deleting a resource: disconnect what it has, and forget it when nothing is left to revoke."""
    row = kit.store.resources.load(resource_id=resource_id).resource
    if row is None or row.deleting is None:
        return
    if row.deleting == IF_EMPTY and kit.store.resources.has_connections(resource_id):
        kit.store.resources.keep_after_all(row)
        return
    now = int(kit.machine.now())
    while remaining() >= kit.numbers.attempt_margin:
        connections, more = kit.store.connections.page(resource_id, limit=PAGE, after=None)
        for connection in connections:
            disconnect(kit, connection)
        if not connections and more is None:
            break
    else:
        kit.store.resources.look_again(resource_id, due=now)
        return
    if _waits(kit, resource_id, now):
        kit.store.resources.look_again(resource_id, due=now + kit.schedule.period)
    else:
        kit.store.resources.forget(resource_id)


def _waits(kit: Kit, resource_id: str, now: int) -> bool:
    """Say whether a revocation still needs the resource's secrets: no longer than one is tried."""
    return kit.store.resources.has_left_to_revoke(resource_id, begun_after=now - SECRETS_KEPT_FOR)
