"""A table that an operator's commands work on, and what is in it."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import boto3

from local.intrinsics import REGION
from oauth_broker.doors.store.values import from_item, to_item
from operations.report import Progress
from operations.table import OperatedTable, Pace
from tests.servers.tables import new_table

Key = tuple[str, str]
Item = dict[str, Any]

QUICKLY: Final = 1e9
BATCH: Final = 25


@cache
def operator() -> boto3.Session:
    """Give the operator's own session: one, since it holds the services' models."""
    return boto3.Session("x", "x", region_name=REGION)


def progress() -> Progress:
    """Give a progress that nobody sees."""
    return Progress(io.StringIO(), time.monotonic)


@dataclass(frozen=True)
class Filled:
    """A table of the template's, at a DynamoDB."""

    url: str
    name: str
    client: Any

    @classmethod
    def at(cls, url: str, items: Iterable[Mapping[str, Any]] = ()) -> Filled:
        """Make one, and put items into it."""
        made = cls(url, new_table(url), operator().client("dynamodb", endpoint_url=url))
        requests = [{"PutRequest": {"Item": to_item(item)}} for item in items]
        for start in range(0, len(requests), BATCH):
            made.client.batch_write_item(RequestItems={made.name: requests[start : start + BATCH]})
        return made

    def put(self, item: Mapping[str, Any]) -> None:
        """Put an item, whatever is there."""
        self.client.put_item(TableName=self.name, Item=to_item(item))

    def items(self) -> dict[Key, Item]:
        """Give all items by their keys."""
        pages = self.client.get_paginator("scan").paginate(TableName=self.name, ConsistentRead=True)
        read = (from_item(stored) for page in pages for stored in page["Items"])
        return {(item["pk"], item["sk"]): item for item in read}

    def in_index(self) -> dict[Key, str]:
        """Give the shard of everything in the due index."""
        pages = self.client.get_paginator("scan").paginate(TableName=self.name, IndexName="due")
        read = (from_item(stored) for page in pages for stored in page["Items"])
        return {(item["pk"], item["sk"]): item["shard"] for item in read}

    def operated(self) -> OperatedTable:
        """Give it as a command has it."""
        return OperatedTable(self.client, self.name, unhurried())

    def meddled(self, meddle: Callable[[], None]) -> MeddledTable:
        """Give it as a command has it while somebody else writes: just before its first write."""
        return MeddledTable(self.client, self.name, meddle)

    def breaking(self, after: int) -> BreakingTable:
        """Give it as a command has it that is broken off after so many writes."""
        return BreakingTable(self.client, self.name, after)


def unhurried() -> Pace:
    """Give a pace that never waits."""
    return Pace(QUICKLY, clock=time.monotonic, sleep=time.sleep)


class MeddledTable(OperatedTable):
    """Calls `meddle` before its first update."""

    def __init__(self, client: Any, name: str, meddle: Callable[[], None]) -> None:
        super().__init__(client, name, unhurried())
        self._meddle: Callable[[], None] | None = meddle

    def update(self, arguments: Mapping[str, Any]) -> Any:
        """Meddle once, then update."""
        meddle, self._meddle = self._meddle, None
        if meddle is not None:
            meddle()
        return super().update(arguments)


class BrokenOffError(Exception):
    """The command was broken off."""


class BreakingTable(OperatedTable):
    """Makes `after` updates, and no more."""

    def __init__(self, client: Any, name: str, after: int) -> None:
        super().__init__(client, name, unhurried())
        self._left = after
        self._lock = threading.Lock()

    def update(self, arguments: Mapping[str, Any]) -> Any:
        """Update, or break off."""
        with self._lock:
            self._left -= 1
            if self._left < 0:
                raise BrokenOffError
        return super().update(arguments)
