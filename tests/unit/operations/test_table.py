"""The pace of an operator's reads, and a scan in parts."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from operations.table import SEGMENTS, OperatedTable, Pace


class HandClock:
    """A clock that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.time = 100.0
        self.slept: list[float] = []

    def now(self) -> float:
        """Give the time."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """Let it pass."""
        self.slept.append(seconds)
        self.time += seconds


class PagedClient:
    """DynamoDB with pages in each segment, of a unit and a half: every item names its segment and page."""

    def __init__(self, pages: int, *, bad: int | None = None) -> None:
        self.requests: list[dict[str, Any]] = []
        self._pages = pages
        self._bad = bad
        self._lock = threading.Lock()

    def scan(self, **request: Any) -> dict[str, Any]:
        """Give a page."""
        with self._lock:
            self.requests.append(request)
        segment = request["Segment"]
        page = int(request.get("ExclusiveStartKey", {"n": {"N": "-1"}})["n"]["N"]) + 1
        if self._bad == segment:
            raise RuntimeError("this part fails")
        more = {"LastEvaluatedKey": {"n": {"N": str(page)}}} if page + 1 < self._pages else {}
        items = [{"pk": {"S": f"{segment}-{page}"}}]
        return {"Items": items, "ConsumedCapacity": {"CapacityUnits": 1.5}, **more}


def paced(client: Any, rate: float, clock: HandClock) -> OperatedTable:
    """Give a table of a client, read at a rate."""
    return OperatedTable(client, "table", Pace(rate, clock=clock.now, sleep=clock.sleep))


@pytest.mark.parametrize("rate, seconds", [(1.0, 6.0), (2.0, 3.0), (100.0, 0.06)])
def test_what_was_spent_is_waited_for(rate: float, seconds: float) -> None:
    """Six units take six at one a second. Seen failing with the wait left out."""
    clock = HandClock()
    pace = Pace(rate, clock=clock.now, sleep=clock.sleep)
    for _ in range(4):
        pace.spend(2)
    assert sum(clock.slept) == pytest.approx(seconds)
    clock.time += 1000
    pace.spend(2)
    assert sum(clock.slept) == pytest.approx(seconds), "time in which nothing was spent is no debt"


def test_every_part_is_read_to_its_end() -> None:
    """Consistently, page by page, counted; an item once. Seen failing with the last key left out."""
    client, clock = PagedClient(3), HandClock()
    seen: list[str] = []
    paced(client, 1e9, clock).scan(lambda item: seen.append(item["pk"]["S"]))
    assert sorted(seen) == sorted(f"{segment}-{page}" for segment in range(SEGMENTS) for page in range(3))
    assert all(
        (request["ConsistentRead"], request["TotalSegments"], request["ReturnConsumedCapacity"])
        == (True, SEGMENTS, "TOTAL")
        for request in client.requests
    )
    assert not any("ProjectionExpression" in request for request in client.requests)


def test_a_scan_brings_no_more_than_was_asked_for() -> None:
    """Names go out as aliases: `shard` is a reserved word."""
    client = PagedClient(1)
    paced(client, 1e9, HandClock()).scan(lambda _: None, attributes=("pk", "shard"))
    request = client.requests[0]
    assert request["ProjectionExpression"] == "#a0, #a1"
    assert request["ExpressionAttributeNames"] == {"#a0": "pk", "#a1": "shard"}


def test_a_scan_that_fails_says_so_and_stops() -> None:
    """One part's error is the scan's, and the other parts do not read on to the end."""
    client = PagedClient(10**6, bad=0)
    with pytest.raises(RuntimeError, match="this part fails"):
        paced(client, 1e9, HandClock()).scan(lambda _: None)
    assert len(client.requests) < 10**5


def test_a_visit_that_fails_ends_the_scan() -> None:
    """As when AWS refuses a write in it."""

    def visit(_item: Any) -> None:
        raise RuntimeError("refused")

    with pytest.raises(RuntimeError, match="refused"):
        paced(PagedClient(10**6), 1e9, HandClock()).scan(visit)
