"""What this process knows of each resource's circuit breaker, and tells the others by the resource's row."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Final

from oauth_broker import log
from oauth_broker.breaker import CLIENT_LEVEL, MOST_AT_ONCE, Streak, after, probed
from oauth_broker.errors import BrokerError

if TYPE_CHECKING:
    from oauth_broker.breaker import Call
    from oauth_broker.doors.machine import Machine
    from oauth_broker.doors.store import Store
    from oauth_broker.flows.shelf import HeldResource, Shelf
    from oauth_broker.pause import Pause

MOST_KNOWN: Final = 2000


@dataclass(frozen=True, slots=True)
class Shift:
    """A pause that began or ended by what a call told, not yet written; `held` is what it was judged by."""

    held: HeldResource
    pause: Pause | None


class Circuits:
    """The breakers of one process.

    A pause is held with its resource, so that looking at it costs no call; only what changes it is written.
    """

    def __init__(self, store: Store, shelf: Shelf, machine: Machine, *, period: int) -> None:
        """Know nothing yet. `period`: the schedule's, in seconds."""
        self._store = store
        self._shelf = shelf
        self._machine = machine
        self._period = period
        self._streaks: dict[tuple[str, str], Streak] = {}
        self._lock = Lock()

    def pause_of(self, resource_id: str) -> Pause | None:
        """Give a resource's pause as far as this process knows, its end come or not; no call is made."""
        held = self._shelf.last_known(resource_id)
        return None if held is None else held.row.pause

    def paused_until(self, resource_id: str) -> int | None:
        """Give when a resource's pause ends (epoch seconds); None without one, and once that has come."""
        pause = self.pause_of(resource_id)
        return pause.until if pause is not None and pause.until > self._machine.now() else None

    def seconds_paused(self, resource_id: str | None) -> float | None:
        """Give the seconds until a resource's pause ends; None without one, and once that has come."""
        until = None if resource_id is None else self.paused_until(resource_id)
        return None if until is None else until - self._machine.now()

    def room(self, resource_id: str) -> int:
        """Say how many calls of a resource this process may have under way at once."""
        held = self._shelf.last_known(resource_id)
        if held is None:
            return MOST_AT_ONCE
        if held.row.pause is None:
            return self._streaks.get(_version(held), Streak()).at_once
        return 0 if self.paused_until(resource_id) is not None else 1

    def admits(self, held: HeldResource, *, hold: int) -> bool:
        """Say whether a call may be made now.

        Where a pause's end has come, one process of all gets the right to one call, for `hold` seconds: a
        write. While the table cannot be written, nobody does.
        """
        with self._lock:
            known = self._newest(held)
            pause, now = known.row.pause, self._machine.now()
            if pause is None or pause.until > now:
                return pause is None
            mine = probed(pause, now=now, hold=hold)
            self._shelf.repaused(known, mine)
        return self._wrote(known, mine) or self.pause_of(held.row.resource_id) is None

    def hear(self, held: HeldResource, call: Call) -> Shift | None:
        """Learn how a call ended that was made with `held`; gives what is to be written once there is time.

        This process obeys at once.
        """
        with self._lock:
            known = self._newest(held)
            if known.row.etag != held.row.etag:
                return None  # it was changed meanwhile: what was called is not what will be called
            version, pause = _version(known), known.row.pause
            if len(self._streaks) >= MOST_KNOWN:
                self._streaks.clear()
            heard, self._streaks[version] = after(
                pause,
                self._streaks.get(version, Streak()),
                call,
                alike=known.alike,
                now=self._machine.now(),
                period=self._period,
                draw=self._machine.draw(),
            )
            if heard == pause:
                return None
            self._shelf.repaused(known, heard)
        return Shift(known, heard)

    def keep(self, shift: Shift | None) -> None:
        """Write what was heard: of several processes that heard the same, one does."""
        if shift is None or not self._wrote(shift.held, shift.pause):
            return
        resource_id = shift.held.row.resource_id
        if shift.pause is None:
            log.line("resource resumed", resource_id=resource_id)
            return
        log.line(
            "resource paused",
            failed=shift.pause.category in CLIENT_LEVEL,
            resource_id=resource_id,
            category=shift.pause.category,
            until=shift.pause.until,
            times=shift.pause.times,
        )

    def _newest(self, held: HeldResource) -> HeldResource:
        return self._shelf.last_known(held.row.resource_id) or held

    def _wrote(self, held: HeldResource, pause: Pause | None) -> bool:
        """Write a pause; False where another process was first, or the table does not answer."""
        try:
            there = self._store.resources.repause(held.row, pause)
        except BrokerError:
            return False  # for as long as the resource is held, this process obeys all the same
        if there is None:
            return True
        if there.etag == held.row.etag:
            self._shelf.repaused(held, there.pause)
        else:
            self._shelf.drop(there.resource_id)
        return False


def _version(held: HeldResource) -> tuple[str, str]:
    return held.row.resource_id, held.row.etag
