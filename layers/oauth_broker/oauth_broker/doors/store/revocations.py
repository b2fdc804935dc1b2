"""What is left to revoke of connections that are gone, and how that ended."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from oauth_broker.doors.store.change import Change
from oauth_broker.doors.store.connection_rows import lease_attributes, token_set_attributes
from oauth_broker.doors.store.keys import ended_key, left_key
from oauth_broker.doors.store.left_rows import (
    RECORD_KEPT_FOR,
    EndedRevocation,
    LeftToRevoke,
    ended_item,
    ended_of,
    left_item,
    left_of,
    note_values,
)
from oauth_broker.doors.store.table import ConditionFailedError, Table
from oauth_broker.doors.store.values import key_of, to_item, to_value

if TYPE_CHECKING:
    from oauth_broker.connection import Lease

NOT_LEFT_YET: Final = "attribute_not_exists(pk)"
"""A commit that comes twice by the rescue must not undo what was tried since."""

DUE_AS_SEEN: Final = "refresh_at = :seen AND (attribute_not_exists(l) OR l.u < :now)"
"""The index may lag. A lease that ran out is simply taken: to revoke twice does no harm (RFC 7009, 2.2)."""

STILL_MINE: Final = "l.i = :mine"


class RevocationTable:
    """Revocations, open and ended."""

    def __init__(self, table: Table) -> None:
        """Share the table."""
        self._table = table

    def leave(self, left: LeftToRevoke, *, shard: str, now: int) -> None:
        """Keep a token set that the provider gave for a connection that is gone, for the worker to revoke."""
        with suppress(ConditionFailedError):
            self._table.put(left_item(left, shard=shard, refresh_at=now), condition=NOT_LEFT_YET)

    def take(
        self, resource_id: str, sort: str, lease: Lease, *, seen: int, now_ms: int
    ) -> LeftToRevoke | None:
        """Take the lease of what is left to revoke if `refresh_at` is as the index showed.

        Gives it with the lease, and the time of its first try; None where somebody has it or it is done.
        """
        change = Change(DUE_AS_SEEN).given(seen=seen, now=now_ms)
        change.set({"l": lease_attributes(lease)}).set_if_absent(fa=now_ms // 1000)
        try:
            item = self._table.update(left_key(resource_id, sort), change, returning="ALL_NEW")
        except ConditionFailedError as lost:
            there = None if lost.item is None else left_of(lost.item)
            # the answer to our first try was lost
            mine = there is not None and there.lease is not None and there.lease.lease_id == lease.lease_id
            return there if mine else None
        return left_of(item)

    def put_off(self, left: LeftToRevoke, lease: Lease, *, due: int) -> None:
        """Give the lease back, and keep how far it has come; it is looked at again at `due`."""
        change = Change(STILL_MINE).given(mine=lease.lease_id).remove("l")
        change.set({"refresh_at": due, "nr": left.next_try, "f": left.attempts or None, "ct": left.category})
        change.set({"rd": dict(left.revoked) or None, "n": note_values(left.notes)})
        with suppress(ConditionFailedError):
            self._table.update(left_key(left.resource_id, left.sort), change)

    def end(self, left: LeftToRevoke, lease: Lease, *, now: int) -> None:
        """Forget what was left, and keep for 30 days how it ended: both or neither."""
        delete = {
            "Key": key_of(left_key(left.resource_id, left.sort)),
            "ConditionExpression": STILL_MINE,
            "ExpressionAttributeValues": {":mine": to_value(lease.lease_id)},
        }
        self._with_record({"Delete": delete}, left, now)

    def end_untold(self, left: LeftToRevoke, lease: Lease, *, now: int, due: int) -> None:
        """Keep how it ended, and of what was left only that this is to be told; the tokens go at once."""
        change = Change(STILL_MINE).given(mine=lease.lease_id).remove("l", "va", "rd", "nr")
        if left.token_set is not None:
            change.remove(*token_set_attributes(left.token_set))
        change.set({"rv": left.outcome, "ct": left.category, "f": left.attempts, "refresh_at": due})
        update = {"Key": key_of(left_key(left.resource_id, left.sort)), **change.arguments()}
        self._with_record({"Update": update}, left, now)

    def forget(self, left: LeftToRevoke, lease: Lease) -> None:
        """Forget what was left, once it has ended and been told."""
        key = left_key(left.resource_id, left.sort)
        with suppress(ConditionFailedError):
            self._table.delete(key, condition=STILL_MINE, values={":mine": lease.lease_id})

    def page(
        self, resource_id: str, *, now: int, limit: int, after: str | None = None
    ) -> tuple[list[EndedRevocation], str | None]:
        """List how a resource's revocations ended in the last 30 days, oldest first.

        Gives the cursor to go on after, None at the end.
        """
        pk, oldest = ended_key(resource_id, now - RECORD_KEPT_FOR, "")
        items, last = self._table.query(
            "pk = :pk AND sk > :after",
            {":pk": pk, ":after": after or oldest},
            Limit=limit,
            ConsistentRead=True,
        )
        return [ended_of(item) for item in items], None if last is None else str(last["sk"])

    def _with_record(self, write: dict[str, Any], left: LeftToRevoke, now: int) -> None:
        """Make a write and keep how it ended, unless somebody took the lease over: that one tells."""
        with suppress(ConditionFailedError):
            self._table.transact([write, {"Put": {"Item": to_item(ended_item(left, at=now))}}])
