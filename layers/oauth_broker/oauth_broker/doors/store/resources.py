"""Resources in the table, and the one call that brings resource, connection and vault key together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from oauth_broker.connection import Connection
from oauth_broker.doors.store.change import Change
from oauth_broker.doors.store.connection_rows import connection_of
from oauth_broker.doors.store.keys import (
    CONNECTION_PARTITIONS,
    Key,
    connection_key,
    partition_of,
    resource_key,
    vault_key_key,
)
from oauth_broker.doors.store.resource_rows import ResourceRow, pause_attributes, resource_item, resource_row
from oauth_broker.doors.store.table import ConditionFailedError, Table
from oauth_broker.errors import IdInUseError, NotFoundError, PreconditionFailedError, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from oauth_broker.doors.store.values import Item
    from oauth_broker.pause import Pause

IS_NEW: Final = "attribute_not_exists(pk)"
STILL_THE_SAME_VERSION: Final = "e = :etag AND attribute_not_exists(dg)"
IS_BEING_DELETED: Final = "attribute_exists(dg)"
LEFT_PAGE: Final = 100
THE_VERSION_CALLED: Final = "e = :etag"
"""What a call told is true of the registration it was made with, not of one that was mended meanwhile."""

NOT_PAUSED: Final = "attribute_not_exists(pa)"
PAUSE_AS_SEEN: Final = "pa.s = :since AND pa.u = :until AND pa.n = :times"
"""Of many processes that tell the same, one writes; and one alone has the right to the probe."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What one BatchGetItem brought; None for what was not asked for or is not there."""

    resource: ResourceRow | None
    connection: Connection | None
    wrapped_key: bytes | None


class ResourceTable:
    """Resources and vault keys."""

    def __init__(self, table: Table, *, pauses: Table) -> None:
        """Share the table; `pauses` is the same, for writes that nothing waits for."""
        self._table = table
        self._pauses = pauses

    def load(
        self,
        *,
        resource_id: str | None = None,
        connection: tuple[str, str] | None = None,
        period: int | None = None,
    ) -> Loaded:
        """Bring a resource, a connection (resource id, connection id) and a period's vault key in a call."""
        keys: dict[str, Key] = {}
        if resource_id is not None:
            keys["resource"] = resource_key(resource_id)
        if connection is not None:
            keys["connection"] = connection_key(*connection)
        if period is not None:
            keys["vault"] = vault_key_key(period)
        found = self._table.get_many(keys.values()) if keys else {}
        items = {name: found.get(key) for name, key in keys.items()}
        resource, held, vault = items.get("resource"), items.get("connection"), items.get("vault")
        return Loaded(
            resource=None if resource is None else resource_row(resource),
            connection=None if held is None else connection_of(held),
            wrapped_key=None if vault is None else vault["w"],
        )

    def load_all(
        self, resource_ids: Iterable[str], *, period: int | None
    ) -> tuple[dict[str, ResourceRow | None], bytes | None]:
        """Bring many resources, and a period's vault key with them: one call for each 100.

        None for a row that cannot be read; what is not there is left out.
        """
        keys = [resource_key(resource_id) for resource_id in resource_ids]
        vault = None if period is None else vault_key_key(period)
        found = self._table.get_many([*keys, *([vault] if vault else [])])
        wrapped = found.pop(vault, None) if vault else None
        rows = {key[1]: _read(item) for key, item in found.items()}
        return rows, None if wrapped is None else wrapped["w"]

    def repause(self, row: ResourceRow, pause: Pause | None) -> ResourceRow | None:
        """Write a resource's pause, or end it, where version and pause are still those of `row`.

        Gives the row as it is where they are not, None where it is done or the resource is gone. Raises
        UnreadableError for a row that cannot be read.
        """
        change = Change(THE_VERSION_CALLED).given(etag=row.etag)
        if row.pause is None:
            change.also(NOT_PAUSED)
        else:
            change.also(PAUSE_AS_SEEN)
            change.given(since=row.pause.since, until=row.pause.until, times=row.pause.times)
        change.set({"pa": None if pause is None else pause_attributes(pause)})
        try:
            self._pauses.update(resource_key(row.resource_id), change)
        except ConditionFailedError as lost:
            if lost.item is None:
                return None
            there = _read(lost.item)
            if there is None:
                message = "the resource's row cannot be read"
                raise UnreadableError(message) from None
            return there
        return None

    def keep_vault_key(self, period: int, wrapped: bytes, *, ttl: int) -> bytes:
        """Keep a period's vault key, and give the one that is kept: another process may have been first."""
        pk, sk = vault_key_key(period)
        try:
            self._table.put({"pk": pk, "sk": sk, "w": wrapped, "ttl": ttl}, condition=IS_NEW)
        except ConditionFailedError as lost:
            if lost.item is None:
                raise
            stored: bytes = lost.item["w"]
            return stored
        return wrapped

    def create(self, row: ResourceRow) -> None:
        """Keep a new resource. Raises IdInUseError."""
        try:
            self._table.put(resource_item(row), condition=IS_NEW)
        except ConditionFailedError as lost:
            if not _is_ours(lost, row):
                message = f"a resource {row.resource_id} exists"
                raise IdInUseError(message) from None

    def replace(self, row: ResourceRow, *, was: str) -> None:
        """Write a resource anew where it still has the etag `was`.

        Raises NotFoundError, PreconditionFailedError.
        """
        try:
            self._table.put(resource_item(row), condition=STILL_THE_SAME_VERSION, values={":etag": was})
        except ConditionFailedError as lost:
            if not _is_ours(lost, row):
                raise _why_not(row.resource_id, lost) from None

    def page(self, *, limit: int, after: str | None) -> tuple[list[ResourceRow], str | None]:
        """List resources by id; gives the id to go on after."""
        start = (
            {}
            if after is None
            else {"ExclusiveStartKey": dict(zip(("pk", "sk"), resource_key(after), strict=True))}
        )
        items, last = self._table.query("pk = :pk", {":pk": "R"}, Limit=limit, ConsistentRead=True, **start)
        rows = [resource_row(item) for item in items]
        return [row for row in rows if row.deleting is None], None if last is None else str(last["sk"])

    def mark_deleting(self, row: ResourceRow, *, how: str, shard: str, due: int) -> None:
        """Take a resource out of use; the worker looks at it at `due`.

        Raises NotFoundError, PreconditionFailedError.
        """
        change = Change(STILL_THE_SAME_VERSION).given(etag=row.etag)
        change.set({"dg": how, "shard": shard, "refresh_at": due})
        try:
            self._table.update(resource_key(row.resource_id), change)
        except ConditionFailedError as lost:
            raise _why_not(row.resource_id, lost) from None

    def keep_after_all(self, row: ResourceRow) -> None:
        """Put a resource that was to be deleted if empty into use again."""
        change = Change("dg = :if_empty").given(if_empty="if_empty").remove("dg", "shard", "refresh_at")
        try:
            self._table.update(resource_key(row.resource_id), change)
        except ConditionFailedError:
            return

    def look_again(self, resource_id: str, *, due: int) -> None:
        """Let the worker look at a resource that is being deleted again at `due`."""
        try:
            self._table.update(resource_key(resource_id), Change(IS_BEING_DELETED).set({"refresh_at": due}))
        except ConditionFailedError:
            return

    def forget(self, resource_id: str) -> None:
        """Delete a resource that is being deleted."""
        try:
            self._table.delete(resource_key(resource_id), condition=IS_BEING_DELETED)
        except ConditionFailedError:
            return

    def has_connections(self, resource_id: str) -> bool:
        """Say whether any connection, in any status, stands under the resource."""
        return any(self._any(partition_of(resource_id, digit)) for digit in CONNECTION_PARTITIONS)

    def has_left_to_revoke(self, resource_id: str, *, begun_after: int = 0) -> bool:
        """Say whether a revocation under the resource is not done yet.

        One whose first try was not after `begun_after` (epoch seconds) does not count.
        """
        start: dict[str, object] = {}
        while True:
            items, last = self._table.query(
                "pk = :pk",
                {":pk": f"D#{resource_id}"},
                Limit=LEFT_PAGE,
                ConsistentRead=True,
                ProjectionExpression="pk, sk, fa",
                **start,
            )
            if any("fa" not in item or item["fa"] > begun_after for item in items):
                return True
            if last is None:
                return False
            start = {"ExclusiveStartKey": last}

    def _any(self, pk: str) -> bool:
        items, _ = self._table.query(
            "pk = :pk", {":pk": pk}, Limit=1, ConsistentRead=True, ProjectionExpression="pk, sk"
        )
        return bool(items)


def _read(item: Item) -> ResourceRow | None:
    """Read a resource; None for a row that is not as we write them."""
    try:
        return resource_row(item)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _is_ours(lost: ConditionFailedError, row: ResourceRow) -> bool:
    """Say whether the write was ours all the same: its first answer was lost, and the second try refused."""
    return lost.item is not None and lost.item.get("e") == row.etag


def _why_not(resource_id: str, lost: ConditionFailedError) -> NotFoundError | PreconditionFailedError:
    if lost.item is None or "dg" in lost.item:
        message = f"there is no resource {resource_id}"
        return NotFoundError(message)
    message = "the resource was changed meanwhile"
    return PreconditionFailedError(message)
