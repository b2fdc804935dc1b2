"""The table as an operator reads and mends it: all of it, in parallel, no faster than was asked for."""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from operations.remedy import StoredItem

SEGMENTS: Final = 8
"""Parallel parts of a scan, each with a thread and a connection."""

PAGE: Final = 200


class Pace:
    """Holds threads back so that together they use no more than `rate` capacity units a second.

    `clock` gives seconds, `sleep` waits for some.
    """

    def __init__(self, rate: float, *, clock: Callable[[], float], sleep: Callable[[float], object]) -> None:
        self._rate = rate
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._free_at = clock()

    def spend(self, units: float) -> None:
        """Wait until what was spent before is paid for, and note these."""
        with self._lock:
            now = self._clock()
            begins = max(now, self._free_at)
            self._free_at = begins + units / self._rate
        if begins > now:
            self._sleep(begins - now)


class OperatedTable:
    """One table, through a boto3 client; reads are consistent."""

    def __init__(self, client: Any, name: str, pace: Pace) -> None:
        self._client = client
        self._pace = pace
        self.name = name

    def items_of(self, pk: str) -> Iterator[StoredItem]:
        """Give the items of a partition."""
        request: dict[str, Any] = {
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": pk}},
        }
        for page in self._pages("query", request, threading.Event()):
            yield from page

    def update(self, arguments: Mapping[str, Any]) -> StoredItem | None:
        """Make a conditional update; gives None when it is made, else the item there is, {} for none."""
        try:
            answer = self._client.update_item(
                TableName=self.name, ReturnConsumedCapacity="TOTAL", **arguments
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            there: StoredItem = error.response.get("Item", {})  # type: ignore[assignment]  # not in the stubs
            return there
        self._pace.spend(answer["ConsumedCapacity"]["CapacityUnits"])
        return None

    def scan(self, visit: Callable[[StoredItem], None], *, attributes: tuple[str, ...] = ()) -> None:
        """Call `visit` with every item, from several threads; `attributes`: bring these alone.

        What one visit raises ends the scan, once the others' pages are done.
        """
        stop = threading.Event()
        aliases = {f"#a{number}": name for number, name in enumerate(attributes)}
        projection = (
            {"ProjectionExpression": ", ".join(aliases), "ExpressionAttributeNames": aliases}
            if aliases
            else {}
        )

        def read(segment: int) -> None:
            part = {"Segment": segment, "TotalSegments": SEGMENTS, **projection}
            for page in self._pages("scan", part, stop):
                for item in page:
                    visit(item)

        with ThreadPoolExecutor(SEGMENTS) as threads:
            try:
                running = [threads.submit(read, segment) for segment in range(SEGMENTS)]
                wait(running, return_when=FIRST_EXCEPTION)
            finally:
                stop.set()  # also on Ctrl-C, which reaches this thread alone
        for one in running:
            one.result()

    def _pages(
        self, operation: str, request: Mapping[str, Any], stop: threading.Event
    ) -> Iterator[list[StoredItem]]:
        start: dict[str, Any] = {}
        while not stop.is_set():
            answer = getattr(self._client, operation)(
                TableName=self.name,
                ConsistentRead=True,
                Limit=PAGE,
                ReturnConsumedCapacity="TOTAL",
                **request,
                **start,
            )
            self._pace.spend(answer["ConsumedCapacity"]["CapacityUnits"])
            yield answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
