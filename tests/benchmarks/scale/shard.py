"""One shard of the due index and its worker, event by event: what is due when, and when it is refreshed.

The worker is modelled as `flows/work_shard.py` is written: a nudge a period, pages of what is due, lanes of
providers, threads that are joined after each page, and a next nudge where the time of an invocation is short.
Processor time is one queue for all threads, as the interpreter's lock makes it. Shards are alike and share
nothing but providers, so one of them with its part of the connections stands for all.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass
from random import Random
from typing import Final

from oauth_broker.flows.work_shard import PAGE, THREADS, THREADS_A_PROVIDER
from oauth_broker.schedule import refresh_time

PERIOD: Final = 60
ATTEMPT_MARGIN: Final = 25
INVOCATION: Final = 45
"""Seconds: the template's."""

SQS_DELIVERY: Final = 0.03
DISPATCH: Final = 1.0
"""Seconds from the minute to a nudge's delivery, Lambda's start included."""


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds that a refresh takes: of the processor in its three parts, and of waiting for others.

    `provider` is the median answer; one in a hundred takes 2.5 times as long.
    """

    cpu_lease: float
    cpu_send: float
    cpu_commit: float
    lease: float
    commit: float
    provider: float
    query: float

    @property
    def cpu(self) -> float:
        """All of the processor's."""
        return self.cpu_lease + self.cpu_send + self.cpu_commit


@dataclass(frozen=True, slots=True)
class Setting:
    """What is deployed, and how the load looks: `connections` over all shards, their tokens' lifetime (s)."""

    connections: int
    shards: int
    memory: int
    provider_concurrency: int
    providers: int
    lifetime: int = 3600
    threads: int = THREADS
    threads_a_provider: int = THREADS_A_PROVIDER

    @property
    def vcpu(self) -> float:
        """The processor that Lambda gives: one at 1,769 MB, of which one interpreter uses no more."""
        return min(1.0, self.memory / 1769)

    @property
    def width(self) -> int:
        """The threads that a provider may have in a shard."""
        return min(self.threads_a_provider, max(1, self.provider_concurrency // self.shards))

    @property
    def in_a_shard(self) -> int:
        """The connections of one shard."""
        return max(1, self.connections // self.shards)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of the measured part: seconds late of each refresh, sorted, and what the worker needed.

    `busiest_second`: the most commits in one second, each of them two writes at the shard's index key.
    """

    seconds: float
    late: tuple[int, ...]
    expired: int
    busy: float
    cpu: float
    invocations: int
    pages: int
    busiest_second: int
    backlog: int

    @property
    def rate(self) -> float:
        """Refreshes a second."""
        return len(self.late) / self.seconds

    @property
    def utilisation(self) -> float:
        """The share of the time in which the shard's worker was at work."""
        return self.busy / self.seconds

    def percentile(self, share: float) -> int:
        """The seconds of lateness that this share of the refreshes stayed within."""
        return self.late[min(len(self.late) - 1, int(share * len(self.late)))]


class Shard:
    """The simulation of one: `run` it once."""

    def __init__(self, setting: Setting, times: Times, random: Random) -> None:
        self._setting = setting
        self._times = times
        self._random = random
        self._now = 0.0
        self._cpu_free = 0.0
        self._cpu_spent = 0.0
        self._commits: dict[int, int] = {}
        self._late: list[int] = []
        self._expired = self._pages = 0
        # (refresh_at, expires_at), soonest first: all in the middle of their lives
        self._due: list[tuple[int, int]] = []
        for _ in range(setting.in_a_shard):
            issued = -int(random.random() * setting.lifetime * 0.75)
            self._due.append(self._next(issued))
        heapq.heapify(self._due)

    def run(self, *, warm_up: float, measured: float) -> Outcome:
        """Let the minutes pass; what counts are the `measured` seconds after the `warm_up`."""
        until = warm_up + measured
        nudges: deque[float] = deque()
        busy = 0.0
        invocations = 0
        minute = 0.0
        warm = False
        cpu_before = pages_before = 0.0
        while True:
            if not warm and self._now >= warm_up:
                warm = True
                self._late.clear()
                self._commits.clear()
                self._expired, busy, invocations = 0, 0.0, 0
                cpu_before, pages_before = self._cpu_spent, self._pages
            while minute <= self._now:  # what waits five minutes is dropped by the queue
                if self._due[0][0] <= minute:
                    nudges.append(minute + DISPATCH)
                minute += PERIOD
            while nudges and nudges[0] < self._now - 300:
                nudges.popleft()
            if not nudges:
                self._now = minute
                if minute > until:
                    break
                continue
            self._now = max(self._now, nudges.popleft())
            if self._now > until:
                break
            began = self._now
            if not self._invocation():
                nudges.appendleft(self._now + SQS_DELIVERY)
            busy += self._now - began
            invocations += 1
        backlog = sum(refresh_at < until - PERIOD for refresh_at, _ in self._due)
        return Outcome(
            seconds=self._now - warm_up if warm else 0.0,
            late=tuple(sorted(self._late)),
            expired=self._expired,
            busy=busy,
            cpu=self._cpu_spent - cpu_before,
            invocations=invocations,
            pages=int(self._pages - pages_before),
            busiest_second=max(self._commits.values(), default=0),
            backlog=backlog,
        )

    def _invocation(self) -> bool:
        """Work page after page; False when time was short and there is more."""
        stop = self._now + INVOCATION - ATTEMPT_MARGIN
        while True:
            self._now += self._times.query
            self._pages += 1
            asked = int(self._now)
            page: list[tuple[int, int]] = []
            while len(page) < PAGE and self._due and self._due[0][0] <= asked:
                page.append(heapq.heappop(self._due))
            if not self._attend(page, stop):
                return False
            if len(page) < PAGE:
                return True
            if self._now > stop:
                return False

    def _attend(self, page: list[tuple[int, int]], stop: float) -> bool:
        """Refresh a page; False when time ran out before all of it was begun."""
        setting, times = self._setting, self._times
        lanes: list[deque[tuple[int, int]]] = [deque() for _ in range(setting.providers)]
        for one in page:
            lanes[self._random.randrange(setting.providers)].append(one)
        turns = deque(lane for rank in range(setting.width) for lane in lanes if len(lane) > rank)
        events: list[tuple[float, int, int, tuple[int, int], deque[tuple[int, int]]]] = []
        serial = 0
        threads = setting.threads
        while True:
            while threads and turns and self._now <= stop:
                lane = turns.popleft()
                if lane:
                    threads -= 1
                    serial += 1
                    one = lane.popleft()
                    heapq.heappush(events, (self._cpu(times.cpu_lease) + times.lease, serial, 1, one, lane))
            if not events:
                break
            self._now, _, stage, one, lane = heapq.heappop(events)
            serial += 1
            if stage == 1:
                answered = self._cpu(times.cpu_send) + times.provider * self._random.lognormvariate(0, 0.4)
                heapq.heappush(events, (answered, serial, 2, one, lane))
            elif stage == 2:
                heapq.heappush(events, (self._cpu(times.cpu_commit) + times.commit, serial, 3, one, lane))
            else:
                self._committed(one)
                if lane and self._now <= stop:
                    following = lane.popleft()
                    begun = self._cpu(times.cpu_lease) + times.lease
                    heapq.heappush(events, (begun, serial, 1, following, lane))
                else:
                    threads += 1
        left = [one for lane in lanes for one in lane]
        for one in left:
            heapq.heappush(self._due, one)
        return not left

    def _cpu(self, seconds: float) -> float:
        """When a thread that wants the processor now has had so many seconds of a whole one."""
        self._cpu_spent += seconds
        self._cpu_free = max(self._now, self._cpu_free) + seconds / self._setting.vcpu
        return self._cpu_free

    def _committed(self, one: tuple[int, int]) -> None:
        refresh_at, expires_at = one
        now = int(self._now)
        self._late.append(now - refresh_at)
        self._expired += self._now > expires_at
        self._commits[now] = self._commits.get(now, 0) + 1
        heapq.heappush(self._due, self._next(now))

    def _next(self, issued_at: int) -> tuple[int, int]:
        expires_at = issued_at + self._setting.lifetime
        due = refresh_time(
            issued_at=issued_at, expires_at=expires_at, period=PERIOD, draw=self._random.random()
        )
        assert due is not None, "tokens of under five periods are not refreshed by the schedule"
        return due, expires_at
