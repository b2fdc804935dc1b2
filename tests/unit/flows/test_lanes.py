"""Whose turn it is: no provider keeps the threads from another, none has more than its part."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import Final

import pytest

from oauth_broker import log
from oauth_broker.doors.queues import Nudge
from oauth_broker.doors.store import Due
from oauth_broker.errors import OutcomeUnknownError
from oauth_broker.flows.lanes import MOST_A_LANE, TIMEOUTS_A_PROVIDER, Item, Lanes
from oauth_broker.protocol.destinations import Destinations
from oauth_broker.protocol.http import HttpRequest, HttpResponse
from tests.doubles.broker import Broker
from tests.doubles.provider import granted

WIDTH: Final = 8
SHARD: Final = "00"


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    """A broker whose log is not shown."""
    monkeypatch.setattr(log, "line", lambda *_, **__: None)
    return Broker()


def lanes_of(broker: Broker, remaining: float = 100) -> Lanes:
    """Give lanes, in an invocation that has time."""
    return Lanes(
        broker.kit.circuits,
        width=WIDTH,
        remaining=lambda: remaining,
        margin=25,
        rest=broker.machine.sleep,
    )


def due(number: int, resource_id: str = "acme") -> Due:
    """Give a due connection's key."""
    return Due((f"C#{resource_id}#0", f"{resource_id}-{number}"), number)


def put(lanes: Lanes, provider: str, count: int, page: int = 0, resource_id: str | None = None) -> None:
    """Put connections of a provider's resource."""
    resource_id = resource_id or provider
    lanes.put(page, [(provider, resource_id, due(number, resource_id)) for number in range(count)])


def taken(lanes: Lanes, count: int) -> list[Item]:
    """Take as many, each of which is there at once."""
    items = [lanes.take() for _ in range(count)]
    assert None not in items
    return [item for item in items if item is not None]


def test_every_provider_comes_before_a_second_turn(broker: Broker) -> None:
    """Fifty providers and 32 threads: each has one before any has two, whoever came first."""
    lanes = lanes_of(broker)
    put(lanes, "hanging", 200)
    for number in range(49):
        put(lanes, f"p{number}", 4)
    first = taken(lanes, 32)
    assert Counter(item.lane.resource_id for item in first).most_common(1)[0][1] == 1
    for item in first:
        if item.lane.resource_id != "hanging":
            lanes.done(item, timed_out=False)
    rest = taken(lanes, 49 - 31)
    assert Counter(item.lane.resource_id for item in rest).most_common(1)[0][1] == 1
    assert not {item.lane.resource_id for item in rest} & {item.lane.resource_id for item in first}


def test_a_provider_has_at_most_its_width(broker: Broker) -> None:
    """However many of its resources have something due; the ninth waits until one is done."""
    lanes = lanes_of(broker)
    put(lanes, "p", 6, resource_id="acme")
    put(lanes, "p", 6, resource_id="globex")
    first = taken(lanes, WIDTH)
    found: list[Item | None] = []
    thread = threading.Thread(target=lambda: found.append(lanes.take()))
    thread.start()
    thread.join(0.05)
    assert thread.is_alive()
    lanes.done(first[0], timed_out=False)
    thread.join(5)
    assert found[0] is not None


def test_timeouts_end_a_providers_turns(broker: Broker) -> None:
    """Its items are passed over; those of others are not."""
    lanes = lanes_of(broker)
    put(lanes, "p", 10)
    for item in taken(lanes, TIMEOUTS_A_PROVIDER):
        lanes.done(item, timed_out=True)
    put(lanes, "q", 1)
    lanes.complete()
    (other,) = taken(lanes, 1)
    assert other.lane.resource_id == "q"
    lanes.done(other, timed_out=False)
    assert lanes.take() is None
    left = lanes.left()
    assert (left.passed_over, left.first_page) == (10 - TIMEOUTS_A_PROVIDER, None)


def test_what_time_kept_from_its_turn_is_left_with_its_page(broker: Broker) -> None:
    """The next nudge goes on at the first page of which something was not reached."""
    lanes = lanes_of(broker, remaining=24)
    put(lanes, "p", 3, page=2)
    put(lanes, "q", 3, page=1)
    assert lanes.take() is None
    left = lanes.left()
    assert (left.passed_over, left.first_page) == (0, 1)
    assert not lanes.wants_more(1)


def test_a_long_lane_hides_no_other(broker: Broker) -> None:
    """A provider with more items than there is time for keeps nobody behind it from being read."""
    lanes = lanes_of(broker)
    for page in range(4):
        put(lanes, "p", MOST_A_LANE // 2 + 1, page)
    put(lanes, "q", 1, 4)
    assert {item.lane.resource_id for item in taken(lanes, 2)} == {"p", "q"}
    taken(lanes, WIDTH - 1)
    lanes.complete()
    assert sum(lane.left for lane in lanes._lanes.values()) == 4 * (MOST_A_LANE // 2 + 1) - WIDTH
    assert lanes.left().first_page == 0


def test_what_lies_beyond_is_left_with_its_page(broker: Broker) -> None:
    """Also when all that was held is done."""
    lanes = lanes_of(broker)
    put(lanes, "p", MOST_A_LANE, 3)
    put(lanes, "p", 5, 4)
    lanes.complete()
    while (item := lanes.take()) is not None:
        lanes.done(item, timed_out=False)
    assert lanes.left().first_page == 4


class Providers:
    """Each answers in no time; one hangs, for as long as the deadline."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.began = 0.0
        self.answered: list[float] = []
        self.hung = 0
        self._lock = threading.Lock()

    def send(
        self,
        request: HttpRequest,
        destinations: Destinations,
        *,
        deadline: float | None = None,
        since: float | None = None,  # noqa: ARG002 - it answers in time
    ) -> HttpResponse:
        """Answer."""
        assert deadline is not None
        assert destinations.allows(request.url)
        if "hanging" in request.url and self.began:
            with self._lock:
                self.hung += 1
            time.sleep(self.deadline)
            raise OutcomeUnknownError("no answer", timed_out=True)
        self.answered.append(time.monotonic())
        return granted()


def test_a_hanging_provider_delays_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages on, others are refreshed while its calls hang, of which there are at most eight.

    With a page that waited for all its items before the next was read, all but the first page's came after
    the hanging ones' deadline.
    """
    monkeypatch.setattr(log, "line", lambda *_, **__: None)
    monkeypatch.setattr("oauth_broker.flows.kit.shard_of", lambda *_: SHARD)
    monkeypatch.setattr("oauth_broker.flows.work_shard.PAGE", 8)
    providers = Providers(deadline=1.5)
    broker = Broker(providers)
    for name in ("hanging", *(f"p{number}" for number in range(3))):
        url = f"https://{name}.example"
        broker.register(
            resource_id=name, authorization={"url": f"{url}/a"}, token={"url": f"{url}/t"}, revocation=None
        )
        for number in range(10):
            broker.consent(broker.ask(f"{name}-{number}", resource_id=name), None, name)
    broker.worker().work(Nudge(SHARD, 0), remaining=lambda: 30.0)
    broker.machine.time += 3301
    providers.answered.clear()
    providers.began = time.monotonic()
    counts = broker.worker().work(Nudge(SHARD, 1), remaining=lambda: 30.0)
    assert counts["refreshed"] == 30
    assert max(providers.answered) - providers.began < providers.deadline
    assert TIMEOUTS_A_PROVIDER <= providers.hung <= WIDTH
    assert counts["passed_over"] == 10 - providers.hung
    assert broker.work_queue.nudges == []
