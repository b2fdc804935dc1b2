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
from oauth_broker.connection import Connection, LastError
from oauth_broker.doors.store import NotTaken
from oauth_broker.errors import NotFoundError
from oauth_broker.flows.refresh import new_lease, notes_of_failure, refresh_leased
from oauth_broker.flows.refresh_outcome import Failed, GrantEnded, Moved, Outcome, Refreshed, Vanished
from oauth_broker.protocol.failure import FailureCategory
from oauth_broker.schedule import backoff, lead

if TYPE_CHECKING:
    from collections.abc import Callable

    from oauth_broker.flows.kit import Kit
    from oauth_broker.flows.shelf import HeldResource
    from oauth_broker.flows.token_sets import Tokens

LONG_WAIT: Final = 3
"""Seconds of waiting for another's refresh after which a reader no longer begins one itself."""

LOOK_AGAIN: Final = 0.25


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
        """Say whether there is time to await the holder a little longer."""
        waited = self.kit.machine.now() - self.since
        return waited + LOOK_AGAIN <= self.kit.numbers.reader_wait and self.remaining() > 1 + LOOK_AGAIN


def _met(kit: Kit, held: HeldResource, connection: Connection, waiter: _Waiter) -> Freshened | Connection:
    """Do what the connection's state allows; gives it as it is now where that is to be judged anew."""
    attempt = attempt_of(kit, held, connection)
    match attempt:
        case Take():
            return _taken(kit, held, connection, attempt) if waiter.may_begin() else Stale(connection, 1)
        case AwaitHolder():
            return _awaited(kit, connection) if waiter.may_look_again() else Stale(connection, 1)
        case MarkUnknown():
            return Stale(connection, retry_after=mark_unknown(kit, connection, attempt))
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
        ids = (connection.resource_id, connection.connection_id)
        taken = kit.store.leases.take_over(*ids, lease, lapsed=attempt.over)
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
    return attempt_now(
        connection,
        held.resource,
        now=kit.machine.now(),
        margin=margin,
        send_margin=kit.numbers.send_margin,
    )


def mark_unknown(kit: Kit, connection: Connection, attempt: MarkUnknown) -> int:
    """Write down that a lease ran out unreleased, and give the seconds until it is looked at again.

    The first time it is the rescue's turn; each further time the wait grows, so that this never becomes a
    loop.
    """
    failures = connection.failures + 1
    wait = backoff(failures=failures, retry_after=None, period=kit.schedule.period, draw=kit.machine.draw())
    if not attempt.harmless:
        wait = max(wait, RESCUE_TURN)
    now = int(kit.machine.now())
    kit.store.leases.mark_unknown(
        connection,
        attempt.lapsed,
        error=LastError(now, str(FailureCategory.OUTCOME_UNKNOWN)),
        harmless=attempt.harmless,
        again=now + wait,
        notes=notes_of_failure(failures),
        shard=kit.shard(connection.resource_id, connection.connection_id),
    )
    return wait


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
        case Failed(retry_after=retry_after):
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
