"""The worker over a shard: no provider in another's way, no item in the others', nothing begun too late."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import Any

import pytest

from oauth_broker import log
from oauth_broker.doors.queues import MOST_CONTINUED, Nudge
from oauth_broker.errors import NotConnectedError, OutcomeUnknownError, ProviderError
from oauth_broker.flows.dispatch import dispatch
from oauth_broker.flows.work_shard import Worker
from oauth_broker.protocol.destinations import Destinations
from oauth_broker.protocol.http import HttpRequest, HttpResponse
from tests.doubles.broker import SCHEDULE, Broker, plenty
from tests.doubles.provider import granted
from tests.doubles.samples import NOW

SHARD = "00"


class Crowd:
    """Providers by host: how many calls each had, and how many at once."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.failing: set[str] = set()
        self.failure: ProviderError = OutcomeUnknownError("no answer", timed_out=True)
        self.pause = 0.0
        self._now: Counter[str] = Counter()
        self._lock = threading.Lock()

    def send(
        self,
        request: HttpRequest,
        destinations: Destinations,
        *,
        deadline: float | None = None,
        since: float | None = None,  # noqa: ARG002 - its calls last as long as a test says
    ) -> HttpResponse:
        """Answer."""
        assert deadline is not None
        assert destinations.allows(request.url)
        host = request.url.split("/")[2]
        with self._lock:
            self.calls[host] += 1
            self._now[host] += 1
            self.most[host] = max(self.most[host], self._now[host])
        if self.pause:
            time.sleep(self.pause)
        with self._lock:
            self._now[host] -= 1
        if host in self.failing:
            raise self.failure
        return granted("access-2")


@pytest.fixture
def crowd() -> Crowd:
    """The providers."""
    return Crowd()


@pytest.fixture
def broker(crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> Broker:
    """A broker whose every connection stands in the one shard; what is logged is not shown."""
    monkeypatch.setattr(log, "line", lambda *_, **__: None)
    made = Broker(crowd)
    monkeypatch.setattr("oauth_broker.flows.kit.shard_of", lambda *_: SHARD)
    return made


def connected(broker: Broker, count: int, resource_id: str = "acme") -> None:
    """Make connections that are due."""
    url = f"https://{resource_id}.example"
    broker.register(
        resource_id=resource_id, authorization={"url": f"{url}/a"}, token={"url": f"{url}/t"}, revocation=None
    )
    for number in range(count):
        broker.consent(broker.ask(f"{resource_id}-{number}", resource_id=resource_id), None, resource_id)


def due_now(broker: Broker, crowd: Crowd) -> None:
    """Send what is to be announced, and let the refreshes come due."""
    worker(broker).work(Nudge(SHARD, 0), remaining=plenty)
    crowd.calls.clear()
    crowd.most.clear()
    broker.machine.time += 3301


def worker(broker: Broker, **options: Any) -> Worker:
    """Give a worker."""
    return broker.worker(**options)


def generations(broker: Broker, resource_id: str = "acme") -> Counter[int]:
    """Count a resource's connections by generation."""
    found, _ = broker.kit.store.connections.page(resource_id, limit=200, after=None)
    return Counter(one.generation for one in found)


def test_all_that_is_due_is_refreshed(broker: Broker, crowd: Crowd) -> None:
    """Each once, and the counts say so."""
    connected(broker, 30)
    due_now(broker, crowd)
    counts = worker(broker).work(Nudge(SHARD, 1), remaining=plenty)
    assert counts["refreshed"] == 30
    assert crowd.calls == {"acme.example": 30}
    assert generations(broker) == {2: 30}
    assert broker.work_queue.nudges == []


@pytest.mark.parametrize("concurrency, most", [(128, 8), (9999, 8), (32, 2), (16, 1), (1, 1)])
def test_a_provider_has_its_share(broker: Broker, crowd: Crowd, concurrency: int, most: int) -> None:
    """At most 8 at a time, and its part of the concurrency over all shards, at least 1."""
    connected(broker, 20)
    due_now(broker, crowd)
    crowd.pause = 0.005
    worker(broker, provider_concurrency=concurrency).work(Nudge(SHARD, 1), remaining=plenty)
    assert crowd.calls == {"acme.example": 20}
    assert 1 <= crowd.most["acme.example"] <= most
    if most > 1:
        assert crowd.most["acme.example"] > 1


def test_three_time_outs_pass_the_rest_over_without_a_write(broker: Broker, crowd: Crowd) -> None:
    """A provider that is down delays no other, and what was passed over is as it was."""
    connected(broker, 12)
    connected(broker, 5, "globex")
    due_now(broker, crowd)
    crowd.failing.add("acme.example")
    counts = worker(broker, provider_concurrency=16).work(Nudge(SHARD, 1), remaining=plenty)
    assert (counts["timed_out"], counts["passed_over"], counts["refreshed"]) == (3, 9, 5)
    assert crowd.calls == {"acme.example": 3, "globex.example": 5}
    found, _ = broker.kit.store.connections.page("acme", limit=200, after=None)
    untouched = [one for one in found if one.lease is None]
    assert len(untouched) == 9
    assert {(one.failures, one.refresh_at) for one in untouched} == {(0, NOW + 3300)}
    assert broker.work_queue.nudges == []


@pytest.mark.parametrize(
    "failure, asked",
    [
        (OutcomeUnknownError("no answer", timed_out=True), 3),
        (NotConnectedError("no connection", timed_out=True), 3),
        (OutcomeUnknownError("reset"), 5),
        (NotConnectedError("refused"), 5),
    ],
)
def test_time_outs_of_all_pages_count_together(
    broker: Broker, crowd: Crowd, monkeypatch: pytest.MonkeyPatch, failure: ProviderError, asked: int
) -> None:
    """Also those before a connection was made; what is refused at once pauses the resource at the fifth."""
    connected(broker, 12)
    due_now(broker, crowd)
    monkeypatch.setattr("oauth_broker.flows.work_shard.PAGE", 2)
    crowd.failing.add("acme.example")
    crowd.failure = failure
    # with so little time left a pause is not waited for
    counts = worker(broker, provider_concurrency=16).work(Nudge(SHARD, 1), remaining=lambda: 30.0)
    assert crowd.calls == {"acme.example": asked}
    assert counts["passed_over"] == 12 - asked


def test_time_runs_out_and_the_next_nudge_goes_on(broker: Broker, crowd: Crowd) -> None:
    """What was not reached is left for the next, which starts at the page where this one stopped."""
    connected(broker, 10)
    due_now(broker, crowd)
    left = iter([30.0] * 4 + [24.9] * 100)
    counts = worker(broker, provider_concurrency=16).work(Nudge(SHARD, 1), remaining=lambda: next(left))
    assert 0 < counts["refreshed"] < 10
    assert counts["continued"] == 1
    [nudge] = broker.work_queue.nudges
    assert (nudge.shard, nudge.period_number, nudge.number) == (SHARD, 1, 1)
    counts = worker(broker).work(nudge, remaining=plenty)
    assert generations(broker) == {2: 10}


def test_nothing_is_begun_without_time(broker: Broker, crowd: Crowd) -> None:
    """Not one call with less than the attempt's margin left."""
    connected(broker, 3)
    due_now(broker, crowd)
    worker(broker).work(Nudge(SHARD, 1), remaining=lambda: 24.0)
    assert not crowd.calls
    assert [nudge.number for nudge in broker.work_queue.nudges] == [1]


def test_a_shard_does_not_nudge_itself_for_ever(broker: Broker, crowd: Crowd) -> None:
    """After sixty in a period it waits for the next."""
    connected(broker, 1)
    due_now(broker, crowd)
    worker(broker).work(Nudge(SHARD, 1, number=MOST_CONTINUED), remaining=lambda: 1.0)
    assert broker.work_queue.nudges == []


def test_page_after_page(broker: Broker, crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shard longer than a page is worked to its end; a nudge's place skips what lies before."""
    monkeypatch.setattr("oauth_broker.flows.work_shard.PAGE", 4)
    connected(broker, 11)
    due_now(broker, crowd)
    _, place = broker.kit.store.leases.due(SHARD, now=NOW + 9999, limit=4)
    counts = worker(broker).work(Nudge(SHARD, 1, after=place), remaining=plenty)
    assert counts["refreshed"] == 7
    assert worker(broker).work(Nudge(SHARD, 1), remaining=plenty)["refreshed"] == 4


def test_a_poison_item_stops_no_other(broker: Broker, crowd: Crowd) -> None:
    """One that cannot even be read."""
    connected(broker, 6)
    due_now(broker, crowd)
    key = next(key for key in broker.dynamodb.items if key[1] == "acme-3")
    broker.dynamodb.items[key]["st"] = {"S": "?"}
    counts = worker(broker).work(Nudge(SHARD, 1), remaining=plenty)
    assert (counts["refreshed"], counts["set_aside"]) == (5, 1)


def test_a_resource_that_is_gone_stops_no_other(broker: Broker, crowd: Crowd) -> None:
    """Its connections cannot be refreshed, and cost no call."""
    connected(broker, 2)
    connected(broker, 2, "globex")
    due_now(broker, crowd)
    del broker.dynamodb.items["R", "globex"]
    broker.kit.shelf.drop("globex")
    counts = worker(broker).work(Nudge(SHARD, 1), remaining=plenty)
    assert counts["refreshed"] == 2
    assert crowd.calls == {"acme.example": 2}


def test_two_workers_spend_each_token_once(broker: Broker, crowd: Crowd) -> None:
    """Should a shard ever have two workers, the lease is what counts."""
    connected(broker, 24)
    due_now(broker, crowd)
    crowd.pause = 0.002
    threads = [
        threading.Thread(target=worker(broker).work, args=(Nudge(SHARD, 1),), kwargs={"remaining": plenty})
        for _ in range(2)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert crowd.calls == {"acme.example": 24}
    assert generations(broker) == {2: 24}


def test_resources_are_brought_in_one_call(broker: Broker, crowd: Crowd) -> None:
    """With the vault key: one batch for a page, however many items."""
    connected(broker, 8)
    connected(broker, 8, "globex")
    due_now(broker, crowd)
    broker.dynamodb.calls.clear()
    worker(broker).work(Nudge(SHARD, 1), remaining=plenty)
    assert broker.dynamodb.calls == {"query": 1, "batch_get_item": 1, "update_item": 32}


def test_each_shard_that_has_something_due_is_nudged_once() -> None:
    """By the dispatcher, which asks every shard for one key."""
    broker = Broker()
    broker.register()
    broker.scripted.will(*[granted() for _ in range(12)])
    shards = set()
    for number in range(12):
        broker.consent(broker.ask(f"c{number}"))
        shards.add(broker.kit.shard("acme", f"c{number}"))
    assert dispatch(broker.kit.store, broker.work_queue, broker.machine, SCHEDULE) == len(shards)
    assert sorted(broker.work_queue.nudges, key=str) == [
        Nudge(shard, NOW // SCHEDULE.period) for shard in sorted(shards)
    ]
    assert broker.dynamodb.calls["query"] == SCHEDULE.shards
