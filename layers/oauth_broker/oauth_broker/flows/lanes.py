"""Which due item a worker's thread takes next, so that no provider is in another's way."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from threading import Condition
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from oauth_broker.doors.store import Due
    from oauth_broker.flows.circuits import Circuits

TIMEOUTS_A_PROVIDER: Final = 3
MOST_A_LANE: Final = 1000
"""Items that a lane holds: more than there is time for. Those behind them are read all the same."""


@dataclass
class Provider:
    """One token host: how many threads it has now, how often it let one wait to the end, its last turn."""

    under_way: int = 0
    timeouts: int = 0
    turn: int = 0


@dataclass
class Lane:
    """One resource's due items, oldest first; or, without a resource, those for which no token is refreshed.

    Each item stands with the number of the page that it came with. `beyond` counts those for which there is
    no time, of which the first stood on `beyond_page`.
    """

    provider: Provider
    resource_id: str | None
    waiting: deque[tuple[int, Due]] = field(default_factory=deque)
    under_way: int = 0
    beyond: int = 0
    beyond_page: int = 0

    def add(self, page: int, due: Due) -> None:
        """Add an item, or count it."""
        if len(self.waiting) < MOST_A_LANE and not self.beyond:
            self.waiting.append((page, due))
            return
        self.beyond_page = self.beyond_page if self.beyond else page
        self.beyond += 1

    @property
    def left(self) -> int:
        """Count what was not taken."""
        return len(self.waiting) + self.beyond

    @property
    def first_page(self) -> int:
        """Give the first page of which something was not taken."""
        return self.waiting[0][0] if self.waiting else self.beyond_page


@dataclass(frozen=True, slots=True)
class Item:
    """A due item for whose caller `lane` has a place until `Lanes.done`."""

    lane: Lane
    due: Due


@dataclass(frozen=True, slots=True)
class _Rest:
    """Nothing may be called for so many seconds, and then something may."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Left:
    """What was not attended to. `first_page`: the first that still has what time alone kept from its turn."""

    passed_over: int
    first_page: int | None


class Lanes:
    """The items of an invocation.

    A thread takes one at a time, of the provider that has the fewest threads, and among those of the one
    whose last turn is longest ago: a slow one gets a second thread only once everybody has a first. A
    provider has at most `width` threads, a resource as many as its circuit breaker has room for. Nothing is
    begun with fewer than `margin` of the `remaining` seconds left; `rest` sleeps.
    """

    def __init__(
        self,
        circuits: Circuits,
        *,
        width: int,
        remaining: Callable[[], float],
        margin: float,
        rest: Callable[[float], None],
    ) -> None:
        """Hold nothing yet."""
        self.remaining = remaining
        self._circuits = circuits
        self._width = width
        self._margin = margin
        self._sleep = rest
        self._patience = self._spare()
        self._providers: dict[str, Provider] = {}
        self._lanes: dict[tuple[str, str | None], Lane] = {}
        self._change = Condition()
        self._turns = 0
        self._idle = 0
        self._under_way = 0
        self._resting = False
        self._complete = False
        self._stopped = False

    def put(self, page: int, items: Iterable[tuple[str, str | None, Due]]) -> None:
        """Add a page's items, each with its provider and the resource by whose breaker it goes."""
        with self._change:
            for name, resource_id, due in items:
                provider = self._providers.setdefault(name, Provider())
                lane = self._lanes.setdefault((name, resource_id), Lane(provider, resource_id))
                lane.add(page, due)
            self._change.notify_all()

    def wants_more(self, fewer_than: int) -> bool:
        """Wait until a thread has nothing to do or fewer items wait; False once nothing more may be begun."""
        with self._change:
            self._change.wait_for(lambda: self._stopped or self._idle > 0 or self._waiting() < fewer_than)
            return not self._stopped and self._spare() >= 0

    def complete(self) -> None:
        """Say that nothing more comes: threads end when nothing is left for them."""
        with self._change:
            self._complete = True
            self._change.notify_all()

    def take(self) -> Item | None:
        """Give the next item, waiting for it if need be; None when there is none, or no time."""
        while True:
            step = self._next()
            if not isinstance(step, _Rest):
                return step
            try:
                self._sleep(step.seconds)
            finally:
                with self._change:
                    self._resting = False
                    self._change.notify_all()

    def done(self, item: Item, *, timed_out: bool) -> None:
        """Give an item's place back."""
        with self._change:
            item.lane.under_way -= 1
            item.lane.provider.under_way -= 1
            item.lane.provider.timeouts += 1 if timed_out else 0
            self._under_way -= 1
            self._change.notify_all()

    def left(self) -> Left:
        """Say what is left, once every thread has ended."""
        left = [(lane, self._is_passed_over(lane)) for lane in self._lanes.values() if lane.left]
        return Left(
            passed_over=sum(lane.left for lane, passed_over in left if passed_over),
            first_page=min((lane.first_page for lane, passed_over in left if not passed_over), default=None),
        )

    def _next(self) -> Item | _Rest | None:
        with self._change:
            while not self._stopped:
                if self._spare() < 0:
                    break
                lane = self._best()
                if lane is not None:
                    return self._taken(lane)
                seconds = self._until_a_pause_ends()
                if seconds is not None:
                    self._resting = True
                    return _Rest(seconds)
                if self._complete and not self._under_way and not self._resting:
                    break
                self._idle += 1
                self._change.notify_all()  # whoever brings the items may bring more
                self._change.wait()
                self._idle -= 1
            self._stopped = True
            self._change.notify_all()
            return None

    def _taken(self, lane: Lane) -> Item:
        _, due = lane.waiting.popleft()
        self._turns += 1
        lane.provider.turn = self._turns
        lane.provider.under_way += 1
        lane.under_way += 1
        self._under_way += 1
        return Item(lane, due)

    def _best(self) -> Lane | None:
        ready = [
            lane
            for lane in self._lanes.values()
            if lane.waiting and lane.provider.under_way < self._places(lane.provider) and self._may_go(lane)
        ]
        return min(ready, key=lambda lane: (lane.provider.under_way, lane.provider.turn), default=None)

    def _places(self, provider: Provider) -> int:
        """Give how many threads a provider may have: half as many after each time-out.

        So that those which began beside the one that timed out are not followed by others before they end.
        """
        return max(1, self._width >> provider.timeouts)

    def _may_go(self, lane: Lane) -> bool:
        if lane.provider.timeouts >= TIMEOUTS_A_PROVIDER:
            return False
        return lane.resource_id is None or lane.under_way < self._circuits.room(lane.resource_id)

    def _until_a_pause_ends(self) -> float | None:
        """Give the seconds until the first pause ends, if one thread should wait for that."""
        if self._resting:
            return None
        waits = [
            wait
            for lane in self._lanes.values()
            if lane.waiting
            and not lane.under_way
            and lane.provider.timeouts < TIMEOUTS_A_PROVIDER
            and (wait := self._circuits.seconds_paused(lane.resource_id)) is not None
        ]
        first = min(waits, default=None)
        return first if first is not None and first <= self._spare() else None

    def _is_passed_over(self, lane: Lane) -> bool:
        """Say whether time alone would not have helped: the period's next nudge finds them due."""
        if lane.provider.timeouts >= TIMEOUTS_A_PROVIDER:
            return True
        wait = self._circuits.seconds_paused(lane.resource_id)
        return wait is not None and wait > self._patience

    def _spare(self) -> float:
        """Give the seconds in which something may still be begun."""
        return self.remaining() - self._margin

    def _waiting(self) -> int:
        return sum(len(lane.waiting) for lane in self._lanes.values() if self._may_go(lane))
