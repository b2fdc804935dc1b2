"""The worker: everything that is due in a shard, many at a time, no provider in another's way."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from oauth_broker import log
from oauth_broker.doors.queues import MOST_CONTINUED, Nudge
from oauth_broker.errors import BrokerError, NotFoundError, StoreUnavailableError, UnreadableError
from oauth_broker.flows.attend import Attended, attend
from oauth_broker.flows.delete_resource import attend_deleting
from oauth_broker.flows.lanes import Lanes
from oauth_broker.flows.refresh import SET_ASIDE
from oauth_broker.flows.revoke import drop_left, revoke_left
from oauth_broker.flows.shelf import REVOKE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from concurrent.futures import Future

    from oauth_broker.doors.announcements import Announcements
    from oauth_broker.doors.queues import WorkQueue
    from oauth_broker.doors.store import Due
    from oauth_broker.flows.kit import Kit

THREADS: Final = 32
PAGE: Final = 400
THREADS_A_PROVIDER: Final = 8
MOST_REMEMBERED: Final = 20_000

Place = dict[str, Any] | None
"""Where a page of the due index begins: after this key, or at the beginning."""


@dataclass(frozen=True)
class Worker:
    """A worker of one process. `provider_concurrency`: calls under way at one provider, over all shards.

    `waiting` are the items of paused resources that were seen to be due for a refresh alone.
    """

    kit: Kit
    announcements: Announcements
    queue: WorkQueue
    provider_concurrency: int
    waiting: set[Due] = field(default_factory=set, repr=False)

    def work(self, nudge: Nudge, *, remaining: Callable[[], float]) -> Mapping[str, int]:
        """Do what is due in the nudge's shard; gives counts for the log.

        With work left when time is short, the next nudge carries the place to go on. Every thread is joined
        before this returns: Lambda freezes what is left running.
        """
        counts: Counter[str] = Counter()
        share = max(1, self.provider_concurrency // self.kit.schedule.shards)
        lanes = Lanes(
            self.kit.circuits,
            width=min(THREADS_A_PROVIDER, share),
            remaining=remaining,
            margin=self.kit.numbers.attempt_margin,
            rest=self.kit.machine.sleep,
        )
        pages: list[Place] = []
        running: list[Future[Counter[str]]] = []
        place, unread = None if nudge.after is None else dict(nudge.after), True
        with ThreadPoolExecutor(THREADS) as threads:
            try:
                while unread:
                    now = int(self.kit.machine.now())
                    due, last = self.kit.store.leases.due(nudge.shard, now=now, limit=PAGE, after=place)
                    lanes.put(len(pages), self._placed(due, counts))
                    pages.append(place)
                    more = min(THREADS - len(running), len(due))
                    running += [threads.submit(self._run, lanes) for _ in range(more)]
                    place, unread = last, last is not None
                    if unread and not lanes.wants_more(PAGE // 2):
                        break
            finally:
                lanes.complete()
        for one in running:
            counts.update(one.result())
        left = lanes.left()
        counts["passed_over"] += left.passed_over
        if left.first_page is not None:
            self._go_on(nudge, pages[left.first_page], counts)
        elif unread:
            self._go_on(nudge, place, counts)
        return counts

    def _go_on(self, nudge: Nudge, after: Place, counts: Counter[str]) -> None:
        counts["continued"] += 1
        if nudge.number < MOST_CONTINUED:
            self.queue.send(replace(nudge, number=nudge.number + 1, after=after))

    def _placed(self, due: Iterable[Due], counts: Counter[str]) -> list[tuple[str, str | None, Due]]:
        """Say for each item whose provider's it is, and by which resource's breaker it goes, if any."""
        items = list(due)
        self.kit.shelf.bring(one.resource_id for one in items)
        readable = [one for one in items if not self.kit.shelf.unreadable(one.resource_id)]
        counts["passed_over"] += len(items) - len(readable)
        told = self._not_for_refresh(
            one
            for one in readable
            if one.kind == "C" and self.kit.circuits.paused_until(one.resource_id) is not None
        )
        placed = []
        for one in readable:
            held = self.kit.shelf.last_known(one.resource_id)
            refreshed = held is not None and one.kind == "C" and one not in told
            placed.append(
                ("" if held is None else held.provider, one.resource_id if refreshed else None, one)
            )
        return placed

    def _not_for_refresh(self, paused: Iterable[Due]) -> set[Due]:
        """Give those items of paused resources that are due for more than a refresh, or cannot be read.

        Events and the like must not wait for a provider. The others are looked at once in this process: they
        will be passed over each period until the pause ends.
        """
        unknown = [one for one in paused if one not in self.waiting]
        waiting = self.kit.store.leases.due_for_refresh_alone(unknown)
        if len(self.waiting) > MOST_REMEMBERED:
            self.waiting.clear()
        self.waiting.update(waiting)
        return set(unknown) - waiting

    def _run(self, lanes: Lanes) -> Counter[str]:
        counts: Counter[str] = Counter()
        while (item := lanes.take()) is not None:
            attended = Attended.IN_VAIN
            try:
                attended = self._one(item.due, lanes.remaining)
            finally:
                lanes.done(item, timed_out=attended is Attended.TIMED_OUT)
            counts[attended.name.lower()] += 1
        return counts

    def _one(self, due: Due, remaining: Callable[[], float]) -> Attended:
        """Attend to one item; whatever it raises concerns it alone."""
        try:
            return self._attended(due, remaining)
        except UnreadableError:
            return Attended.PASSED_OVER  # that was said when the row was brought
        except Exception as error:  # noqa: BLE001 - a poison item must not keep the others from their refresh
            if isinstance(error, BrokerError) and error.retryable:
                log.line("item failed", failed=True, **log.fault(error), resource_id=due.resource_id)
                return Attended.IN_VAIN
            return self._set_aside(due, error)

    def _set_aside(self, due: Due, error: Exception) -> Attended:
        """Leave an item that makes our code raise for an hour: it would do so each period."""
        try:
            aside = self.kit.store.leases.set_aside(due, until=int(self.kit.machine.now()) + SET_ASIDE)
        except StoreUnavailableError:
            aside = False
        event = "item set aside" if aside else "item failed"
        log.line(event, failed=True, **log.fault(error), resource_id=due.resource_id)
        return Attended.SET_ASIDE if aside else Attended.IN_VAIN

    def _attended(self, due: Due, remaining: Callable[[], float]) -> Attended:
        try:
            match due.kind:
                case "R":
                    attend_deleting(self.kit, due.resource_id, remaining=remaining)
                case "D":
                    held = self.kit.shelf.even_deleting(due.resource_id)
                    if revoke_left(self.kit, self.announcements, held, due.sort, seen=due.refresh_at):
                        return Attended.TIMED_OUT
                case _:
                    held = self.kit.shelf.even_deleting(due.resource_id)
                    if held.row.deleting != REVOKE:
                        return attend(self.kit, self.announcements, held, due.sort, seen=due.refresh_at)
        except NotFoundError:
            if due.kind == "D":
                drop_left(self.kit, due)
            else:
                self.kit.store.leases.take_off(due)
        return Attended.OTHER
