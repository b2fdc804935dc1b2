"""What the worker does with one due connection: announce, forget, end, or refresh."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, assert_never

from oauth_broker.attempt import AwaitHolder, CannotRefresh, MarkUnknown, NotBefore, Take
from oauth_broker.connection import Connection, LastError, Lease, Note, Status
from oauth_broker.doors.store import NotTaken
from oauth_broker.errors import AnnouncementError
from oauth_broker.flows.freshen import attempt_of, mark_unknown
from oauth_broker.flows.refresh import new_lease, refresh_leased
from oauth_broker.flows.refresh_outcome import Failed, Refreshed

if TYPE_CHECKING:
    from oauth_broker.doors.announcements import Announcements
    from oauth_broker.flows.kit import Kit
    from oauth_broker.flows.shelf import HeldResource

RECHECK: Final = 3600
"""Seconds after which a connection of changed destinations is looked at again: a rebind may have come."""


class Attended(Enum):
    """How it went, for the worker's count."""

    REFRESHED = auto()
    TIMED_OUT = auto()
    IN_VAIN = auto()
    OTHER = auto()


def attend(
    kit: Kit, announcements: Announcements, held: HeldResource, connection_id: str, *, seen: int
) -> Attended:
    """Do what is due on a connection whose due index entry showed `seen`."""
    resource_id = held.resource.resource_id
    lease = new_lease(kit)
    taken = kit.store.leases.take_when_due(resource_id, connection_id, lease, seen=seen)
    if isinstance(taken, NotTaken):
        there = taken.there
        if (
            there is None
            or there.refresh_at != seen
            or there.lease is None
            or there.lease.live(kit.machine.now())
        ):
            return Attended.OTHER  # the index lagged, or somebody is at it
        return _attend_lapsed(kit, announcements, held, there, there.lease)
    return _attend_leased(kit, announcements, held, taken, lease)


def _attend_lapsed(
    kit: Kit, announcements: Announcements, held: HeldResource, there: Connection, lapsed: Lease
) -> Attended:
    """Go on where a holder of the lease died."""
    attempt = attempt_of(kit, held, there)
    match attempt:
        case MarkUnknown():
            mark_unknown(kit, there, lapsed)
            return Attended.OTHER
        case Take() | CannotRefresh():
            lease = new_lease(kit)
            taken = kit.store.leases.take_over(there.resource_id, there.connection_id, lease, lapsed=lapsed)
            if isinstance(taken, NotTaken):
                return Attended.OTHER
            return _attend_leased(kit, announcements, held, taken, lease)
        case AwaitHolder() | NotBefore():
            return Attended.OTHER
        case _:
            assert_never(attempt)


def _attend_leased(
    kit: Kit, announcements: Announcements, held: HeldResource, connection: Connection, lease: Lease
) -> Attended:
    now = kit.machine.now()
    proposal = connection.proposal
    unconfirmed = proposal is not None and proposal.until <= now
    if connection.notes or unconfirmed:
        if connection.notes:
            try:
                announce(announcements, connection, connection.notes)
            except AnnouncementError:
                kit.store.leases.give_back(connection, lease)
                raise
        _settle(kit, connection, lease, announced=bool(connection.notes), forget_proposal=unconfirmed)
        return Attended.OTHER
    token_set = connection.token_set
    if token_set is None or connection.status is not Status.ACTIVE:
        _settle(kit, connection, lease)
        return Attended.OTHER
    if token_set.destinations_id not in held.destinations_ids:
        _settle(kit, connection, lease, again=int(now) + RECHECK)
        return Attended.OTHER
    if token_set.ran_out(now):
        shard = kit.shard(connection.resource_id, connection.connection_id)
        error = LastError(int(now), "ran_out")
        kit.store.leases.end_grant(
            connection, spent=token_set.token_set_id, error=error, now=int(now), shard=shard
        )
        return Attended.OTHER
    if connection.next_refresh is None or connection.next_refresh > now:
        _settle(kit, connection, lease)
        return Attended.OTHER
    return _refresh(kit, held, connection, lease)


def _refresh(kit: Kit, held: HeldResource, connection: Connection, lease: Lease) -> Attended:
    attempt = attempt_of(kit, held, replace(connection, lease=None))
    if isinstance(attempt, NotBefore):
        _put_off(kit, connection, lease, until=int(attempt.time))
        return Attended.OTHER
    match refresh_leased(kit, held, connection, lease):
        case Refreshed():
            return Attended.REFRESHED
        case Failed(timed_out=True):
            return Attended.TIMED_OUT
        case Failed():
            return Attended.IN_VAIN
        case _:
            return Attended.OTHER


def announce(announcements: Announcements, connection: Connection, notes: tuple[Note, ...]) -> None:
    """Send a connection's notes as events: at least once, since they are taken off afterwards."""
    detail = {
        "resource_id": connection.resource_id,
        "connection_id": connection.connection_id,
        "status": str(connection.status),
        "generation": connection.generation,
        "labels": list(connection.labels),
    }
    announcements.send([str(note) for note in notes], detail)


def _settle(  # noqa: PLR0913 - what was done
    kit: Kit,
    connection: Connection,
    lease: Lease,
    *,
    announced: bool = False,
    forget_proposal: bool = False,
    again: int | None = None,
) -> None:
    """Give the lease back; `again`: when to look at it next, where the connection itself does not say."""
    left = replace(
        connection,
        notes=() if announced else connection.notes,
        proposal=None if forget_proposal else connection.proposal,
    )
    there = kit.store.leases.settle(
        connection,
        lease,
        announced=announced,
        forget_proposal=forget_proposal,
        refresh_at=left.due_at(int(kit.machine.now())) if again is None else again,
        shard=kit.shard(connection.resource_id, connection.connection_id),
    )
    if there is not None:
        _settle(kit, there, lease)


def _put_off(kit: Kit, connection: Connection, lease: Lease, *, until: int) -> None:
    kit.store.leases.put_off(
        connection,
        lease,
        error=None,
        failures=connection.failures,
        next_refresh=until,
        notes=[],
        now=int(kit.machine.now()),
        shard=kit.shard(connection.resource_id, connection.connection_id),
    )
