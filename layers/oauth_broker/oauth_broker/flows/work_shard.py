"""The worker: everything that is due in a shard, many at a time, no provider in another's way."""

from __future__ import annotations

from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from oauth_broker import log
from oauth_broker.doors.queues import MOST_CONTINUED, Nudge
from oauth_broker.errors import NotFoundError
from oauth_broker.flows.attend import Attended, attend
from oauth_broker.flows.delete_resource import attend_deleting
from oauth_broker.flows.disconnect import revoke_left
from oauth_broker.flows.shelf import REVOKE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from oauth_broker.doors.announcements import Announcements
    from oauth_broker.doors.queues import WorkQueue
    from oauth_broker.doors.store import Due
    from oauth_broker.flows.kit import Kit

THREADS: Final = 32
PAGE: Final = 400
THREADS_A_PROVIDER: Final = 8
TIMEOUTS_A_PROVIDER: Final = 3


@dataclass
class _Lane:
    """One provider's due items; as many threads take from it as the provider may have."""

    waiting: deque[Due] = field(default_factory=deque)
    timeouts: int = 0
    lock: Lock = field(default_factory=Lock)

    def next(self) -> Due | None:
        with self.lock:
            return self.waiting.popleft() if self.waiting and self.timeouts < TIMEOUTS_A_PROVIDER else None


@dataclass(frozen=True)
class Worker:
    """A worker of one process. `provider_concurrency`: calls under way at one provider, over all shards."""

    kit: Kit
    announcements: Announcements
    queue: WorkQueue
    provider_concurrency: int

    def work(self, nudge: Nudge, *, remaining: Callable[[], float]) -> Mapping[str, int]:
        """Do what is due in the nudge's shard; gives counts for the log.

        With work left when time is short, the next nudge carries the place to go on. Every thread is joined
        before this returns: Lambda freezes what is left running.
        """
        counts: Counter[str] = Counter()
        slow: Counter[str] = Counter()
        after = nudge.after
        while True:
            now = int(self.kit.machine.now())
            due, last = self.kit.store.leases.due(nudge.shard, now=now, limit=PAGE, after=_key(after))
            unreached = self._attend_all(due, slow, counts, remaining)
            if unreached:
                self._go_on(nudge, after, counts)
                break
            if last is None:
                break
            after = last
            if remaining() < self.kit.numbers.attempt_margin:
                self._go_on(nudge, after, counts)
                break
        return counts

    def _go_on(self, nudge: Nudge, after: Mapping[str, Any] | None, counts: Counter[str]) -> None:
        counts["continued"] += 1
        if nudge.number < MOST_CONTINUED:
            self.queue.send(replace(nudge, number=nudge.number + 1, after=after))

    def _attend_all(
        self,
        due: Iterable[Due],
        slow: Counter[str],
        counts: Counter[str],
        remaining: Callable[[], float],
    ) -> int:
        """Attend to each; gives how many were not reached in time. `slow` counts a provider's timeouts."""
        lanes = self._lanes(due, slow)
        share = max(1, self.provider_concurrency // self.kit.schedule.shards)
        width = min(THREADS_A_PROVIDER, share)
        if not lanes:
            return 0
        with ThreadPoolExecutor(THREADS) as threads:
            # one thread of every provider before the second of any: a slow one comes last, not first
            running = [
                threads.submit(self._run, lane, remaining)
                for rank in range(width)
                for lane in lanes.values()
                if len(lane.waiting) > rank
            ]
        for one in running:
            counts.update(one.result())
        slow.update({provider: lane.timeouts - slow[provider] for provider, lane in lanes.items()})
        passed_over = sum(
            len(lane.waiting) for lane in lanes.values() if lane.timeouts >= TIMEOUTS_A_PROVIDER
        )
        counts["passed_over"] += passed_over
        return sum(len(lane.waiting) for lane in lanes.values()) - passed_over

    def _lanes(self, due: Iterable[Due], slow: Counter[str]) -> dict[str, _Lane]:
        items = list(due)
        self.kit.shelf.bring(one.resource_id for one in items)
        lanes: dict[str, _Lane] = {}
        for one in items:
            provider = self._provider(one)
            lanes.setdefault(provider, _Lane(timeouts=slow[provider])).waiting.append(one)
        return lanes

    def _provider(self, due: Due) -> str:
        held = self.kit.shelf.held(due.resource_id)
        return "" if held is None else held.provider

    def _run(self, lane: _Lane, remaining: Callable[[], float]) -> Counter[str]:
        counts: Counter[str] = Counter()
        while remaining() >= self.kit.numbers.attempt_margin and (due := lane.next()) is not None:
            attended = self._one(due, remaining)
            counts[attended.name.lower()] += 1
            if attended is Attended.TIMED_OUT:
                with lane.lock:
                    lane.timeouts += 1
        return counts

    def _one(self, due: Due, remaining: Callable[[], float]) -> Attended:
        """Attend to one item; whatever it raises concerns it alone."""
        try:
            return self._attended(due, remaining)
        except Exception as error:  # noqa: BLE001 - a poison item must not keep the others from their refresh
            log.line("item failed", failed=True, **log.fault(error), resource_id=due.resource_id)
            return Attended.IN_VAIN

    def _attended(self, due: Due, remaining: Callable[[], float]) -> Attended:
        try:
            match due.kind:
                case "R":
                    attend_deleting(self.kit, due.resource_id, remaining=remaining)
                case "D":
                    held = self.kit.shelf.even_deleting(due.resource_id)
                    revoke_left(self.kit, self.announcements, held, due.sort)
                case _:
                    held = self.kit.shelf.even_deleting(due.resource_id)
                    if held.row.deleting != REVOKE:
                        return attend(self.kit, self.announcements, held, due.sort, seen=due.refresh_at)
        except NotFoundError:
            self.kit.store.leases.take_off(due)
        return Attended.OTHER


def _key(after: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if after is None else dict(after)
