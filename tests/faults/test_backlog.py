"""A worker's time runs out in the middle of a shard: the rest is continued at once, and nothing twice.

INVOCATIONS (default 12) is after how many continued ones the schedule must nudge again; in AWS it is 60.
"""

from __future__ import annotations

import io
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.faults.grants import ClientCredentials, own_tokens
from tests.faults.stops import NUMBERS, SHORTENED, stoppable
from tests.integration.circle.broker import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local.stack import Stack

INVOCATIONS = int(os.environ.get("INVOCATIONS") or 12)
AT_WORK: Final = 0.1
"""Seconds in which an invocation may begin a refresh: for one, or a few."""

PACE: Final = 0.06
"""Seconds that the provider takes: more connections than that are not refreshed by one invocation."""

CONNECTIONS: Final = 2 * INVOCATIONS + 6
_WORKED: Final = re.compile(r" RefreshWorker worked .*\bnumber=(\d+)\b(?:.*\brefreshed=(\d+))?")


@dataclass(frozen=True)
class Backlog:
    """One shard, all of whose connections are due, one call at a time."""

    grants: ClientCredentials
    ids: list[str]
    console: io.StringIO

    def worked(self) -> list[tuple[int, int]]:
        """Of each invocation, its number, and how many it refreshed."""
        return [(int(one[1]), int(one[2] or 0)) for one in _WORKED.finditer(self.console.getvalue())]

    def generations(self) -> list[int]:
        """Of all connections."""
        with ThreadPoolExecutor(4) as threads:
            return [shown["generation"] for shown in threads.map(self.grants.shown, self.ids)]

    def calls(self) -> int:
        """How often the provider was asked for a token."""
        return len(self.grants.broker.calls("client_credentials"))


@contextmanager
def backlog(folder: Path, dynamodb: str, connections: int, without: str | None = None) -> Iterator[Backlog]:
    """So many connections, due when nothing has been nudged yet."""
    margin = float(NUMBERS["ATTEMPT_MARGIN"])
    shortened = {**SHORTENED, "oauth_broker.doors.queues": {"MOST_CONTINUED": INVOCATIONS}}
    worker_env = {
        "PROVIDER_CONCURRENCY": "1",
        "LIVES": str(margin + AT_WORK),
        "SHORTENED": json.dumps(shortened),
    }
    console = io.StringIO()
    with stoppable(
        folder, dynamodb, without=without, worker_env=worker_env, shards=1, console=console
    ) as stack:
        grants = own_tokens(stack)
        ids = [f"app-{number}" for number in range(connections)]
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda one: grants.broker.ask(grants.resource_id, connection_id=one), ids))
        grants.calm(ids)
        assert eventually(lambda: no_nudge_is_left(stack))
        for one in ids:
            grants.make_due(one)
        fault = {"count": 10 * connections, "grant_type": "client_credentials", "delay_before": PACE}
        grants.broker.control("POST", "faults", fault)
        console.truncate(0)
        console.seek(0)
        yield Backlog(grants, ids, console)


def no_nudge_is_left(stack: Stack) -> bool:
    """Whether no message waits for the worker, or is with it."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = stack.client("sqs").get_queue_attributes(
        QueueUrl=stack.attributes["WorkQueue"]["Ref"], AttributeNames=names
    )
    return not any(int(answer["Attributes"][name]) for name in names)


def test_the_rest_is_continued_at_once_and_nothing_twice(tmp_path: Path, dynamodb_local: str) -> None:
    """One nudge of the schedule works on to the last invocation that it may, a second one on from there."""
    with backlog(tmp_path, dynamodb_local, CONNECTIONS) as held:
        held.grants.dispatch()
        assert eventually(lambda: len(held.worked()) > INVOCATIONS, 5 * INVOCATIONS)
        first = held.worked()
        assert [number for number, _ in first] == list(range(INVOCATIONS + 1))
        refreshed = sum(count for _, count in first)
        assert 0 < refreshed < CONNECTIONS
        assert sorted(held.generations()) == [1] * (CONNECTIONS - refreshed) + [2] * refreshed
        held.grants.until(lambda: min(held.generations()) == 2, 5 * INVOCATIONS)
        assert held.generations() == [2] * CONNECTIONS
        assert held.calls() == 2 * CONNECTIONS, "each when it was made, and each once since"


def test_without_going_on_the_rest_waits(tmp_path: Path, dynamodb_local: str) -> None:
    """The test of the test above: one nudge, one invocation, and a shard that falls behind."""
    with backlog(tmp_path, dynamodb_local, 6, without="going on") as held:
        held.grants.dispatch()
        assert eventually(held.worked)
        assert not eventually(lambda: min(held.generations()) == 2, 3)
        assert len(held.worked()) == 1
