"""The worker's revocations: what a connection left behind is revoked (RFC 7009), told and forgotten."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, assert_never

from oauth_broker import log
from oauth_broker.errors import AnnouncementError
from oauth_broker.flows.refresh import new_lease
from oauth_broker.flows.revocation_attempt import attempted
from oauth_broker.revocation_job import RETRYING, Again, Done, GaveUp, Outcome, news, notes_after

if TYPE_CHECKING:
    from oauth_broker.connection import Lease
    from oauth_broker.doors.announcements import Announcements
    from oauth_broker.doors.store import Due, LeftToRevoke
    from oauth_broker.flows.kit import Kit
    from oauth_broker.flows.shelf import HeldResource

UNTOLD: Final = 60
"""Seconds after which an event that the bus did not take is sent again."""

TO_BE_LOOKED_AT: Final = frozenset({Outcome.REFUSED, Outcome.FAILED})
"""Outcomes after which a token may live on at the provider, though it should not."""


def revoke_left(kit: Kit, announcements: Announcements, held: HeldResource, sort: str, *, seen: int) -> bool:
    """Try to revoke what is left of a connection that is gone, and tell what is to be told of it.

    `seen`: what the due index showed. True: the provider let the time run out. What fails is tried again, for
    three days. Once it has ended it is forgotten, but for a record of how.
    """
    lease = new_lease(kit)
    resource_id = held.resource.resource_id
    left = kit.store.revocations.take(resource_id, sort, lease, seen=seen, now_ms=lease.taken_at)
    if left is None:
        return False
    visit = _Visit(kit, announcements, lease)
    if left.outcome is not None:
        visit.tell_end(left)
    elif left.next_try is not None and left.next_try * 1000 > lease.taken_at:
        visit.go_on(left, left.next_try)
    else:
        attempt = attempted(kit, held, left, lease)
        visit.follow(replace(left, attempts=left.attempts + 1, revoked=attempt.through), attempt.step)
        return attempt.timed_out
    return False


def drop_left(kit: Kit, due: Due) -> None:
    """Forget what is left to revoke of a resource that is gone: nothing is left to revoke it with."""
    kit.store.leases.take_off(due)
    connection_id = due.sort.partition("#")[0]
    ids = {"resource_id": due.resource_id, "connection_id": connection_id}
    log.line("revocation", failed=True, **ids, outcome=str(Outcome.FAILED), category="resource_gone")


@dataclass(frozen=True, slots=True)
class _Visit:
    """Who has the lease of what is left to revoke, and whom to tell."""

    kit: Kit
    announcements: Announcements
    lease: Lease

    def follow(self, left: LeftToRevoke, step: Done | Again | GaveUp) -> None:
        """Do what follows on an attempt."""
        match step:
            case Done(outcome=outcome):
                self._end(left, outcome, None)
            case GaveUp(category=category):
                self._end(left, Outcome.FAILED, category)
            case Again(at=at, category=category):
                self._log(left, RETRYING, category)
                self.go_on(replace(left, category=category), at)
            case _:
                assert_never(step)

    def go_on(self, left: LeftToRevoke, at: int) -> None:
        """Tell that it goes on, unless it was told, and give the lease back; the next try is at `at`."""
        told = self._told(left)
        notes = notes_after(left.notes) if told else left.notes
        due = at if told else min(at, self._soon())
        self.kit.store.revocations.put_off(replace(left, notes=notes, next_try=at), self.lease, due=due)

    def tell_end(self, left: LeftToRevoke) -> None:
        """Tell how it ended, which the bus did not take before, and forget it."""
        if self._told(left):
            self.kit.store.revocations.forget(left, self.lease)
        else:
            self.kit.store.revocations.put_off(left, self.lease, due=self._soon())

    def _end(self, left: LeftToRevoke, outcome: Outcome, category: str | None) -> None:
        self._log(left, outcome, category, failed=outcome in TO_BE_LOOKED_AT)
        left = replace(left, outcome=str(outcome), category=category)
        now = int(self.kit.machine.now())
        if self._told(left):
            self.kit.store.revocations.end(left, self.lease, now=now)
        else:
            self.kit.store.revocations.end_untold(left, self.lease, now=now, due=self._soon())

    def _told(self, left: LeftToRevoke) -> bool:
        """Send what is to be told; False where the bus did not take it."""
        outcome = None if left.outcome is None else Outcome(left.outcome)
        told = news(left.notes, outcome=outcome, category=left.category)
        if told is None:
            return True
        ids = {"resource_id": left.resource_id, "connection_id": left.connection_id}
        category = {} if told.category is None else {"category": told.category}
        try:
            self.announcements.send([str(told.note)], {**ids, "revocation": told.revocation, **category})
        except AnnouncementError as error:
            log.line("event not sent", failed=True, **log.fault(error), **ids)
            return False
        return True

    def _log(self, left: LeftToRevoke, outcome: str, category: str | None, *, failed: bool = False) -> None:
        log.line(
            "revocation",
            failed=failed,
            resource_id=left.resource_id,
            connection_id=left.connection_id,
            outcome=outcome,
            category=category,
            attempts=left.attempts,
        )

    def _soon(self) -> int:
        return int(self.kit.machine.now()) + UNTOLD
