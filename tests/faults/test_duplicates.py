"""Messages that come four times, schedules that overlap, an index that lags, and readers beside them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from local.functions import LIMIT
from local.stack import FunctionFailedError
from oauth_broker.schedule import shard_names
from tests.faults.alterations import altered
from tests.faults.stocked import WORKER, nudge
from tests.faults.test_storms import MOST_ROUNDS, stormed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.stack import Stack
    from tests.servers.openid_provider import OpenIdProvider

CONNECTIONS = 12
"""They come due together, and again and again: what 16 workers try in vain for each takes two cores."""

SHARDS = 4
COPIES = 4
PAUSE = 0.1
WORKERS = SHARDS * COPIES
"""Processes of the worker that are at it side by side, four at each shard."""


@contextmanager
def beside(stack: Stack) -> Iterator[list[str]]:
    """Until the block ends, each shard's nudge comes four times at once, and dispatchers overlap.

    Gives what was invoked and did its work; what fails on a machine that is too busy is no harm either.
    """
    ended, invoked = threading.Event(), list[str]()
    stack._pools[WORKER]._places += max(0, WORKERS - LIMIT)

    def invoke(name: str, event: Any) -> None:
        while not ended.wait(PAUSE):
            with suppress(FunctionFailedError):
                if stack.invoke(name, event) in (None, {"batchItemFailures": []}):
                    invoked.append(name)

    with ThreadPoolExecutor(WORKERS + 2) as threads:
        copies = [threads.submit(invoke, WORKER, nudge(one)) for one in shard_names(SHARDS) * COPIES]
        schedules = [threads.submit(invoke, "RefreshDispatcherFunction", {}) for _ in range(2)]
        try:
            yield invoked
            assert len(stack.function_pids(WORKER)) >= WORKERS
        finally:
            ended.set()
        for one in (*copies, *schedules):
            one.result()


def test_nothing_that_comes_twice_is_done_twice(judge: OpenIdProvider, dynamodb_local: str) -> None:
    """No family ends and each generation takes one call, however often and late the index's word comes.

    Fails when the worker's lease excludes nobody, as the test below does.
    """
    environment = {WORKER: altered(WORKER, "replaying_index")}
    with stormed(judge, dynamodb_local, CONNECTIONS, environment) as held:
        with beside(held.broker.stack) as invoked:
            held.blow()
        held.calm()
        shown = held.shown()
        assert held.client.revocations() == []
        assert held.refusals() == []
        assert {one["status"] for one in shown} == {"active"}
        assert held.calls_by_grant() == sorted(one["generation"] - 1 for one in shown)
        assert held.by_schedule() > 0
        assert invoked.count(WORKER) > WORKERS


def test_where_leases_exclude_nobody_families_die(judge: OpenIdProvider, dynamodb_local: str) -> None:
    """The test of the test above: copies of a nudge spend the same refresh token, and the judge sees it."""
    environment = {WORKER: altered(WORKER, "replaying_index", "without_lease")}
    with (
        stormed(judge, dynamodb_local, 6, environment) as held,
        beside(held.broker.stack),
    ):
        for _ in range(MOST_ROUNDS):
            held.blow()
            if held.dead():
                break
        assert held.dead()
        assert "refresh token already used" in held.refusals()
