"""Bringing a token set up to date for somebody who waits: take the lease, or await its holder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, assert_never

from oauth_broker.attempt import (
    RESCUE_TURN,
    Attempt,
    AwaitHolder,
    CannotRefresh,
    MarkUnknown,
    NotBefore,
    Take,
    attempt_now,
)
from oauth_broker.attempts import lapsed, ring_with
from oauth_broker.breaker import longest_wait
from oauth_broker.connection import Connection, LastError
from oauth_broker.doors.store import LONGEST_CALL, NotTaken
from oauth_broker.errors import NotFoundError
from oauth_broker.flows.refresh import (
    backoff_of,
    new_lease,
    notes_of_failure,
    refresh_leased,
    wait_for_pause,
)
from oauth_broker.flows.refresh_outcome import Failed, GrantEnded, Moved, Outcome, Paused, Refreshed, Vanished
from oauth_broker.protocol.failure import Failure, FailureCategory
from oauth_broker.resource import RefreshPolicy
from oauth_broker.schedule import lead

if TYPE_CHECKING:
    from collections.abc import Callable

    from oauth_broker.connection import Lease
    from oauth_broker.flows.kit import Kit
    from oauth_broker.flows.shelf import HeldResource
    from oauth_broker.flows.token_sets import Tokens

LONG_WAIT: Final = 3
"""Seconds of waiting for another's refresh after which a reader no longer begins one itself."""

LOOK_AGAIN: Final = 0.25
UNKNOWN: Final = Failure(FailureCategory.OUTCOME_UNKNOWN)


@dataclass(frozen=True, slots=True)
class Fresh:
    """A newer token set than the one that was seen; `tokens` where they are at hand."""

    connection: Connection
    tokens: Tokens | None


@dataclass(frozen=True, slots=True)
class Stale:
    """No newer token set for now; `connection` is as last seen."""

    connection: Connection
    retry_after: int


Freshened = Fresh | Stale


def freshen(kit: Kit, held: HeldResource, seen: Connection, *, remaining: Callable[[], float]) -> Freshened:
    """Get a newer generation than `seen` has, or say why not.

    `remaining` gives the seconds left to this invocation. At most one call to the provider. Raises
    NotFoundError where the connection vanished.
    """
    waiter = _Waiter(kit, kit.machine.now(), remaining)
    connection = seen
    while connection.generation == seen.generation and connection.status is seen.status:
        met = _met(kit, held, connection, waiter)
        if not isinstance(met, Connection):
            return met
        connection = met
    return Fresh(connection, None)


@dataclass(frozen=True, slots=True)
class _Waiter:
    """How long somebody has waited, and may."""

    kit: Kit
    since: float
    remaining: Callable[[], float]

    def may_begin(self) -> bool:
        """Say whether there is time for an attempt: after a long wait the answer is due first."""
        waited = self.kit.machine.now() - self.since
        return waited <= LONG_WAIT and self.remaining() >= self.kit.numbers.attempt_margin

    def may_look_again(self) -> bool:
        """Say whether there is time to await the holder a little longer, and then to look and to answer."""
        waited = self.kit.machine.now() - self.since
        patient = waited + LOOK_AGAIN <= self.kit.numbers.reader_wait
        return patient and self.remaining() > LOOK_AGAIN + LONGEST_CALL


def _met(kit: Kit, held: HeldResource, connection: Connection, waiter: _Waiter) -> Freshened | Connection:
    """Do what the connection's state allows; gives it as it is now where that is to be judged anew."""
    attempt = attempt_of(kit, held, connection)
    match attempt:
        case Take(spent=False) if kit.circuits.paused_until(connection.resource_id) is not None:
            return Stale(connection, retry_after=wait_for_pause(kit, held))
        case Take():
            return _taken(kit, held, connection, attempt) if waiter.may_begin() else Stale(connection, 1)
        case AwaitHolder():
            return _awaited(kit, connection) if waiter.may_look_again() else Stale(connection, 1)
        case MarkUnknown():
            return Stale(connection, retry_after=mark_unknown(kit, held, connection, attempt))
        case NotBefore(time=time):
            return Stale(connection, retry_after=max(1, int(time - kit.machine.now())))
        case CannotRefresh():
            return Stale(connection, retry_after=kit.schedule.period)
        case _:
            assert_never(attempt)


def _taken(kit: Kit, held: HeldResource, connection: Connection, attempt: Take) -> Freshened | Connection:
    began = kit.machine.now()
    lease = new_lease(kit, after=attempt)
    if attempt.over is not None:
        taken = taken_over(kit, connection, lease, over=attempt.over, spent=attempt.spent)
    else:
        taken = kit.store.leases.take_as_seen(connection, lease)
    if isinstance(taken, NotTaken):
        return _still_there(taken.there, connection)
    free = replace(taken, lease=None)
    if not attempt.spent and not isinstance(attempt_of(kit, held, free), Take):
        # between the look and the lease somebody else tried in vain, or the grant ended
        kit.store.leases.give_back(taken, lease)
        return free
    return _refreshed(kit, taken, refresh_leased(kit, held, taken, lease, began=began))


def _awaited(kit: Kit, connection: Connection) -> Connection:
    kit.machine.sleep(LOOK_AGAIN * (0.5 + kit.machine.draw()))
    return _again(kit, connection)


def attempt_of(kit: Kit, held: HeldResource, connection: Connection) -> Attempt:
    """Decide whether this connection's refresh token may be spent now."""
    lifetime = None if connection.token_set is None else connection.token_set.lifetime
    margin = lead(lifetime or 0, kit.schedule.period)
    if held.resource.refresh_policy is RefreshPolicy.AFTER_EXPIRY:
        margin = 0  # before its expiry the provider would answer the same token
    return attempt_now(
        connection,
        held.resource,
        now=kit.machine.now(),
        margin=margin,
        send_margin=kit.numbers.send_margin,
    )


def mark_unknown(kit: Kit, held: HeldResource, connection: Connection, attempt: MarkUnknown) -> int:
    """Write down that a lease ran out unreleased, and give the seconds until it is looked at again.

    The first time it is the rescue's turn; each further time the wait grows, so that this never becomes a
    loop.
    """
    failures = connection.failures + 1
    longest = longest_wait(UNKNOWN, alike=held.alike, period=kit.schedule.period)
    wait = backoff_of(kit, connection, failures, None, longest)
    if not attempt.harmless:
        wait = max(wait, RESCUE_TURN)
    now = int(kit.machine.now())
    found = lapsed(attempt.lapsed, now=now)
    kit.store.leases.mark_unknown(
        connection,
        attempt.lapsed,
        error=LastError(now, found.outcome),
        harmless=attempt.harmless,
        again=now + wait,
        notes=notes_of_failure(failures),
        shard=kit.shard(connection.resource_id, connection.connection_id),
        attempts=ring_with(connection, found),
    )
    return wait


def taken_over(
    kit: Kit, there: Connection, lease: Lease, *, over: Lease, spent: bool
) -> Connection | NotTaken:
    """Take over the lapsed lease of a connection, and note its attempt if it may have spent the token."""
    attempts = ring_with(there, lapsed(over, now=kit.machine.now())) if spent else b""
    return kit.store.leases.take_over(
        there.resource_id, there.connection_id, lease, lapsed=over, attempts=attempts
    )


def _refreshed(kit: Kit, taken: Connection, outcome: Outcome) -> Freshened:
    match outcome:
        case Refreshed(connection=connection, tokens=tokens):
            return Fresh(connection, tokens)
        case Moved(there=there):
            return Fresh(_still_there(there, taken), None)
        case GrantEnded():
            return Fresh(_again(kit, taken), None)
        case Vanished():
            return Fresh(_still_there(None, taken), None)
        case Failed(retry_after=retry_after) | Paused(retry_after=retry_after):
            return Stale(taken, retry_after=retry_after)
        case _:
            assert_never(outcome)


def _again(kit: Kit, connection: Connection) -> Connection:
    there = kit.store.connections.get(connection.resource_id, connection.connection_id)
    return _still_there(there, connection)


def _still_there(there: Connection | None, seen: Connection) -> Connection:
    """Give the connection as it is; another one of the same id is not it, and may be another owner's."""
    if there is None or there.created_at != seen.created_at:
        message = "there is no such connection"
        raise NotFoundError(message)
    return there
