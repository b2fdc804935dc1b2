"""The due index, and the lease: at most one refresh of a connection is under way."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from oauth_broker.connection import Connection, LastError, Lease, Note
from oauth_broker.doors.store.change import Change
from oauth_broker.doors.store.connection_rows import connection_of, last_error_attributes, lease_attributes
from oauth_broker.doors.store.due import Due
from oauth_broker.doors.store.keys import Key, connection_key
from oauth_broker.doors.store.table import ConditionFailedError, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oauth_broker.doors.store.values import Item

DUE_AS_SEEN: Final = "refresh_at = :seen AND attribute_not_exists(l)"
"""The index may lag: what it showed must still be so.

It costs a refused write then, never a call to the provider.
"""

GENERATION_AS_SEEN: Final = "cr = :cr AND g = :seen AND attribute_not_exists(l)"
"""A reader takes the lease for the token set that it saw: not a newer one's, nor another connection's."""

DUE_STILL: Final = "refresh_at = :seen"
LAPSED_AS_SEEN: Final = "l.i = :lapsed"
STILL_MINE: Final = "l.i = :mine"
STILL_THE_SPENT_SET: Final = "ts = :spent"
NOTES_AS_SEEN: Final = "size(n) = :count"
"""Notes are only appended, and taken off by the lease's holder alone: their number tells of a new one."""

NO_NOTES: Final = "attribute_not_exists(n)"
PROPOSAL_AS_SEEN: Final = "p.ch = :code"
NO_PROPOSAL: Final = "attribute_not_exists(p)"
"""A callback commits its proposal whoever has the lease: a new one is neither forgotten nor overlooked."""

STILL_ACTIVE: Final = "st = :active"


@dataclass(frozen=True, slots=True)
class NotTaken:
    """The lease was not to be had; `there` is the connection as it is, None where it is gone."""

    there: Connection | None


class LeaseTable:
    """What is due, and who may refresh it."""

    def __init__(self, table: Table) -> None:
        """Share the table."""
        self._table = table

    def due(
        self, shard: str, *, now: int, limit: int, after: Item | None = None
    ) -> tuple[list[Due], Item | None]:
        """Give the keys of a shard that are due at `now`, oldest first, and where to go on."""
        start = {} if after is None else {"ExclusiveStartKey": after}
        items, last = self._table.query(
            "#shard = :shard AND refresh_at <= :now",
            {":shard": shard, ":now": now},
            ExpressionAttributeNames={"#shard": "shard"},  # a reserved word, of which moto does not know
            IndexName="due",
            Limit=limit,
            **start,
        )
        return [Due(key=(item["pk"], item["sk"]), refresh_at=int(item["refresh_at"])) for item in items], last

    def due_for_refresh_alone(self, due: Sequence[Due]) -> set[Due]:
        """Read connections and give those that are due for a refresh alone: a call for each 100."""
        found = self._table.get_many(one.key for one in due) if due else {}
        return {one for one in due if one.key in found and _for_refresh_alone(found[one.key])}

    def take_when_due(
        self, resource_id: str, connection_id: str, lease: Lease, *, seen: int
    ) -> Connection | NotTaken:
        """Take the lease if `refresh_at` is still as the index showed; gives the connection as it was."""
        change = Change(DUE_AS_SEEN).given(seen=seen)
        return self._take(resource_id, connection_id, lease, change)

    def take_as_seen(self, seen: Connection, lease: Lease) -> Connection | NotTaken:
        """Take the lease if the connection is the one the reader saw, with the same generation."""
        change = Change(GENERATION_AS_SEEN).given(cr=seen.created_at, seen=seen.generation)
        return self._take(seen.resource_id, seen.connection_id, lease, change)

    def take_over(
        self, resource_id: str, connection_id: str, lease: Lease, *, lapsed: Lease, attempts: bytes = b""
    ) -> Connection | NotTaken:
        """Take over a lease that ran out unreleased.

        `attempts`, here and below: the ring to be written; empty, it stays as it is.
        """
        change = Change(LAPSED_AS_SEEN).given(lapsed=lapsed.lease_id).set(_ring(attempts))
        taken = self._take(resource_id, connection_id, lease, change)
        if isinstance(taken, NotTaken) or not attempts:
            return taken
        return replace(taken, attempts=attempts)

    def _take(
        self, resource_id: str, connection_id: str, lease: Lease, change: Change
    ) -> Connection | NotTaken:
        change.set({"l": lease_attributes(lease)})
        try:
            return connection_of(
                self._table.update(connection_key(resource_id, connection_id), change, returning="ALL_OLD")
            )
        except ConditionFailedError as lost:
            there = None if lost.item is None else connection_of(lost.item)
            if there is not None and there.lease is not None and there.lease.lease_id == lease.lease_id:
                return there  # the answer to our first try was lost
            return NotTaken(there)

    def mark_unknown(  # noqa: PLR0913 - what is written about an attempt of unknown outcome
        self,
        connection: Connection,
        lapsed: Lease,
        *,
        error: LastError,
        harmless: bool,
        again: int,
        notes: list[Note],
        shard: str,
        attempts: bytes = b"",
    ) -> None:
        """Write down that an attempt's outcome is unknown, and look again at `again`."""
        change = Change(LAPSED_AS_SEEN).also(STILL_ACTIVE).given(lapsed=lapsed.lease_id, active="a")
        due = error.at if notes or connection.notes else _earlier(again, connection.warn_at)
        change.append("n", [str(note) for note in notes])
        change.set({"nr": again, "refresh_at": due, "shard": shard, "le": last_error_attributes(error)})
        if not harmless:
            change.set({"uk": error.at})
        change.set(_ring(attempts)).increment("f").remove("l")
        self._quietly(connection_key(connection.resource_id, connection.connection_id), change)

    def put_off(  # noqa: PLR0913 - what is written about a failed attempt
        self,
        connection: Connection,
        lease: Lease,
        *,
        error: LastError | None,
        failures: int,
        next_refresh: int | None,
        notes: list[Note],
        now: int,
        shard: str,
        unknown: bool = False,
        attempts: bytes = b"",
        set_aside: bool = False,
    ) -> None:
        """Give the lease back after an attempt in vain, which is due again at `next_refresh`.

        `unknown`: it followed one whose outcome is unknown. `set_aside`: what is stored cannot be used.
        """
        due = now if notes or connection.notes else _earlier(next_refresh, connection.warn_at)
        change = Change(STILL_MINE).also(STILL_ACTIVE).given(mine=lease.lease_id, active="a")
        change.append("n", [str(note) for note in notes])
        change.set({"nr": next_refresh, "refresh_at": due, "shard": None if due is None else shard})
        change.set({"f": failures or None, **_ring(attempts)})
        if unknown:
            change.set({"uk": now})
        if set_aside:
            change.increment("sa")
        if error is not None:
            change.set({"le": last_error_attributes(error)})
        self._quietly(connection_key(connection.resource_id, connection.connection_id), change.remove("l"))

    def give_back(self, connection: Connection, lease: Lease) -> None:
        """Give the lease back, nothing having been sent; what was due stays due."""
        change = Change(STILL_MINE).given(mine=lease.lease_id).remove("l")
        self._quietly(connection_key(connection.resource_id, connection.connection_id), change)

    def end_grant(  # noqa: PLR0913 - what is written about a grant that ended
        self,
        connection: Connection,
        *,
        spent: bytes,
        error: LastError,
        now: int,
        shard: str,
        attempts: bytes = b"",
    ) -> Connection | None:
        """Mark a connection as needing reauthorization if the spent token set is still the stored one.

        Gives None when done, else the connection as it is: a newer set came meanwhile.
        """
        change = Change(STILL_THE_SPENT_SET).also(STILL_ACTIVE).given(spent=spent, active="a")
        change.set({"st": "r", "le": last_error_attributes(error), "refresh_at": now, "shard": shard})
        change.set(_ring(attempts)).append("n", [str(Note.NEEDS_REAUTHORIZATION)])
        change.remove("l", "nr", "uk", "f", "wa", "wd")
        try:
            self._table.update(connection_key(connection.resource_id, connection.connection_id), change)
        except ConditionFailedError as lost:
            return None if lost.item is None else connection_of(lost.item)
        return None

    def settle(  # noqa: PLR0913 - what the worker did with an item that was due for more than a refresh
        self,
        connection: Connection,
        lease: Lease,
        *,
        announced: bool,
        forget_proposal: bool,
        warn_at: int | None,
        warned_of: tuple[int, ...],
        refresh_at: int | None,
        shard: str,
    ) -> Connection | None:
        """Take announced notes and a stale proposal off, restore the real time, and give the lease back.

        `warn_at`, `warned_of`: when to tell of a death of the grant next, and of which it was told.

        Gives None when that is done or void; else the connection as it is: a note or a proposal came, and
        nothing was written.
        """
        change = Change(STILL_MINE).given(mine=lease.lease_id)
        if connection.notes:
            change.also(NOTES_AS_SEEN).given(count=len(connection.notes))
        else:
            change.also(NO_NOTES)
        if connection.proposal is not None:
            change.also(PROPOSAL_AS_SEEN).given(code=connection.proposal.code_hash)
        else:
            change.also(NO_PROPOSAL)
        if announced:
            change.remove("n")
        if forget_proposal and connection.proposal is not None:
            change.remove("p", "su").set({"pe": connection.proposal.consented_at})
        change.set({"wa": warn_at, "wd": list(warned_of) or None})
        change.set({"refresh_at": refresh_at, "shard": None if refresh_at is None else shard}).remove("l")
        try:
            self._table.update(connection_key(connection.resource_id, connection.connection_id), change)
        except ConditionFailedError as lost:
            there = None if lost.item is None else connection_of(lost.item)
            mine = there is not None and there.lease is not None and there.lease.lease_id == lease.lease_id
            return there if mine else None
        return None

    def take_off(self, due: Due) -> None:
        """Take what has no resource any more off the index: nothing could be done about it, ever."""
        if due.kind == "D":  # sealed under a resource that is gone: no key of ours sends it anywhere
            with suppress(ConditionFailedError):
                self._table.delete(due.key, condition=DUE_STILL, values={":seen": due.refresh_at})
            return
        self._quietly(due.key, Change(DUE_STILL).given(seen=due.refresh_at).remove("shard", "refresh_at"))

    def set_aside(self, due: Due, *, until: int) -> bool:
        """Look at an item that nobody can deal with again at `until`, and count that; reads nothing of it.

        A lease on it stays: its holder may have spent the token. False where the item moved on.
        """
        change = Change(DUE_STILL).given(seen=due.refresh_at).set({"refresh_at": until}).increment("sa")
        try:
            self._table.update(due.key, change)
        except ConditionFailedError:
            return False
        return True

    def _quietly(self, key: Key, change: Change) -> None:
        """Make a change that is void when the item moved on: its next holder knows better."""
        try:
            self._table.update(key, change)
        except ConditionFailedError:
            return


def _ring(attempts: bytes) -> Item:
    return {"at": attempts} if attempts else {}


def _earlier(*times: int | None) -> int | None:
    return min((time for time in times if time is not None), default=None)


def _for_refresh_alone(item: Item) -> bool:
    try:
        return connection_of(item).due_for_refresh_alone
    except (AttributeError, KeyError, TypeError, ValueError):
        return False
