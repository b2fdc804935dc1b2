"""What the worker does with one due connection: announce, forget, end, or refresh."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, assert_never

from oauth_broker import log
from oauth_broker.attempt import (
    AwaitHolder,
    CannotRefresh,
    MarkUnknown,
    NotBefore,
    Take,
    harmless_to_repeat,
)
from oauth_broker.attempts import PastAttempt, ring_with
from oauth_broker.connection import Connection, LastError, Lease, Note, Status
from oauth_broker.doors.store import NotTaken
from oauth_broker.errors import AnnouncementError
from oauth_broker.flows.freshen import attempt_of, mark_unknown, taken_over
from oauth_broker.flows.refresh import new_lease, refresh_leased
from oauth_broker.flows.refresh_outcome import Failed, Paused, Refreshed
from oauth_broker.flows.show_connection import time_text
from oauth_broker.flows.warning import UNTOLD, after_warning, due_warning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oauth_broker.connection import SealedTokenSet
    from oauth_broker.doors.announcements import Announcements
    from oauth_broker.flows.kit import Kit
    from oauth_broker.flows.shelf import HeldResource
    from oauth_broker.forecast import Death

RECHECK: Final = 3600
"""Seconds after which a connection of changed destinations is looked at again: a rebind may have come."""


class Attended(Enum):
    """How it went, for the worker's count."""

    REFRESHED = auto()
    TIMED_OUT = auto()
    IN_VAIN = auto()
    SET_ASIDE = auto()
    PASSED_OVER = auto()
    OTHER = auto()


def attend(
    kit: Kit, announcements: Announcements, held: HeldResource, connection_id: str, *, seen: int
) -> Attended:
    """Do what is due on a connection whose due index entry showed `seen`."""
    began = kit.machine.now()
    resource_id = held.resource.resource_id
    lease = new_lease(kit, by_worker=True)
    taken = kit.store.leases.take_when_due(resource_id, connection_id, lease, seen=seen)
    if isinstance(taken, NotTaken):
        there = taken.there
        if there is None or there.refresh_at != seen or there.lease is None or there.lease.live(began):
            return Attended.OTHER  # the index lagged, or somebody is at it
        over = _after_lapse(kit, held, there, there.lease)
        if over is None:
            return Attended.OTHER
        taken, lease = over
    return _Visit(kit, announcements, held, taken, lease, began).attend()


def _after_lapse(
    kit: Kit, held: HeldResource, there: Connection, lapsed: Lease
) -> tuple[Connection, Lease] | None:
    """Go on where a holder of the lease died; None where there is nothing to go on with now."""
    attempt = attempt_of(kit, held, there)
    if isinstance(attempt, Take) and attempt.spent and not held.counts(there):
        # nothing is sent to changed destinations, so nothing will tell
        attempt = MarkUnknown(lapsed, harmless=harmless_to_repeat(held.resource))
    match attempt:
        case MarkUnknown():
            mark_unknown(kit, held, there, attempt)
            return None
        case Take() | CannotRefresh() | NotBefore():
            after = attempt if isinstance(attempt, Take) else None
            lease = new_lease(kit, after=after, by_worker=True)
            taken = taken_over(kit, there, lease, over=lapsed, spent=after is not None and after.spent)
            return None if isinstance(taken, NotTaken) else (taken, lease)
        case AwaitHolder():
            return None
        case _:
            assert_never(attempt)


@dataclass(frozen=True, slots=True)
class _Visit:
    """A due connection, its lease taken; `began` in epoch seconds."""

    kit: Kit
    announcements: Announcements
    held: HeldResource
    connection: Connection
    lease: Lease
    began: float

    def attend(self) -> Attended:
        """Do what is due: what must be told first, but nothing waits for an event bus that fails.

        Nor does a token that may have been spent: it is spent again while that is harmless.
        """
        if self.lease.follows:
            return self._refresh()
        proposal = self.connection.proposal
        unconfirmed = proposal is not None and proposal.until <= self.began
        announced = bool(self.connection.notes) and self._announced([str(n) for n in self.connection.notes])
        warned = self._warned()
        if announced or unconfirmed or warned is not None:
            self._settle(announced=announced, forget_proposal=unconfirmed, warned=warned)
            return Attended.OTHER
        token_set = self.connection.token_set
        if token_set is None or self.connection.status is not Status.ACTIVE:
            self._settle()
        elif not self.held.counts(self.connection):
            self._settle(again=int(self.began) + RECHECK)
        elif token_set.ran_out(self.began):
            self._end(token_set)
        elif self.connection.is_due_for_refresh(self.began):
            return self._refresh_unless_too_soon()
        else:
            self._settle()
        return Attended.OTHER

    def _warned(self) -> Death | None:
        """Tell that the grant will die, if it is time; gives what was told."""
        death = due_warning(self.kit, self.held, self.connection, now=self.began)
        if death is None or not self._announced([str(Note.EXPIRING)], dies_at=time_text(death.at)):
            return None
        return death

    def _announced(self, names: Sequence[str], **more: object) -> bool:
        """Send events: at least once, since what is told is written afterwards. `more`: for the detail."""
        detail = {
            "resource_id": self.connection.resource_id,
            "connection_id": self.connection.connection_id,
            "status": str(self.connection.status),
            "generation": self.connection.generation,
            "labels": list(self.connection.labels),
            **more,
        }
        try:
            self.announcements.send(names, detail)
        except AnnouncementError as error:
            log.line(
                "event not sent", failed=True, **log.fault(error), resource_id=self.connection.resource_id
            )
            return False
        return True

    def _end(self, token_set: SealedTokenSet) -> None:
        now = int(self.began)
        self.kit.store.leases.end_grant(
            self.connection,
            spent=token_set.token_set_id,
            error=LastError(now, "ran_out"),
            now=now,
            shard=self._shard(),
            attempts=ring_with(self.connection, PastAttempt(now, "ran_out", by_worker=True)),
        )

    def _refresh_unless_too_soon(self) -> Attended:
        attempt = attempt_of(self.kit, self.held, replace(self.connection, lease=None))
        if isinstance(attempt, NotBefore):
            self._put_off(int(attempt.time))
            return Attended.OTHER
        return self._refresh()

    def _refresh(self) -> Attended:
        match refresh_leased(self.kit, self.held, self.connection, self.lease, began=self.began):
            case Refreshed():
                return Attended.REFRESHED
            case Failed(timed_out=True):
                return Attended.TIMED_OUT
            case Failed(set_aside=True):
                return Attended.SET_ASIDE
            case Failed():
                return Attended.IN_VAIN
            case Paused():
                return Attended.PASSED_OVER
            case _:
                return Attended.OTHER

    def _settle(
        self,
        *,
        announced: bool = False,
        forget_proposal: bool = False,
        warned: Death | None = None,
        again: int | None = None,
    ) -> None:
        """Give the lease back; `again`: when to look next, where the connection itself does not say.

        A note or a proposal that came meanwhile is settled with, once more. The resource as it is held says
        when the grant will die: a change of it counts from here.
        """
        now = int(self.kit.machine.now())
        warn_at, warned_of = after_warning(self.kit, self.held, self.connection, warned, now=now)
        left = replace(
            self.connection,
            notes=(),
            proposal=None if forget_proposal else self.connection.proposal,
            warn_at=warn_at,
            warned_of=warned_of,
        )
        times = [left.due_at(now) if again is None else again]
        if self.connection.notes and not announced:
            times.append(now + UNTOLD)
        there = self.kit.store.leases.settle(
            self.connection,
            self.lease,
            announced=announced,
            forget_proposal=forget_proposal,
            warn_at=left.warn_at,
            warned_of=left.warned_of,
            refresh_at=min((time for time in times if time is not None), default=None),
            shard=self._shard(),
        )
        if there is not None:
            came = replace(self, connection=there)
            came._settle(warned=warned, again=now if there.notes else None)  # noqa: SLF001 - its own kind

    def _put_off(self, until: int) -> None:
        self.kit.store.leases.put_off(
            self.connection,
            self.lease,
            error=None,
            failures=self.connection.failures,
            next_refresh=until,
            notes=[],
            now=int(self.kit.machine.now()),
            shard=self._shard(),
        )

    def _shard(self) -> str:
        return self.kit.shard(self.connection.resource_id, self.connection.connection_id)
