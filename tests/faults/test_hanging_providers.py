"""Connections of many providers that all expire in the same minute, one provider of which never answers.

EXPIRING (default 500) connections of PROVIDERS (default 25), beside those of the one that hangs. The latest
moment to refresh an hour-long token is five minutes before it expires: so long is there for the full number,
and less for fewer. With `pytest -s` the figures are shown.
"""

from __future__ import annotations

import math
import os
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from oauth_broker.schedule import lead
from tests.faults.alterations import altered
from tests.faults.stocked import WORKER, Stocked, nudge, shard_of_stock, stocked
from tests.faults.strict_endpoints import LIFETIME, StrictEndpoint
from tests.integration.circle.broker import eventually, side_by_side

if TYPE_CHECKING:
    from collections.abc import Iterator

EXPIRING: Final = int(os.environ.get("EXPIRING") or 500)
PROVIDERS: Final = int(os.environ.get("PROVIDERS") or 25)
SHARDS: Final = 2
THREADS: Final = 32
A_WORKER: Final = 8
"""The most calls that a worker has under way at one provider."""

NUMBERS: Final = {
    "SHARDS": str(SHARDS),
    "PROVIDER_DEADLINE": "5",
    "COMMIT_DEADLINE": "3",
    "SEND_MARGIN": "2",
    "LEASE_SECONDS": "10",
    "ATTEMPT_MARGIN": "8",
}
DEADLINE: Final = int(NUMBERS["PROVIDER_DEADLINE"])
MARGIN: Final = min(lead(LIFETIME, 60), max(5 * DEADLINE, EXPIRING // 25))
"""Seconds from the moment when all are due to that when all have expired."""

HANGING: Final = (MARGIN // DEADLINE + 6) * THREADS * SHARDS if EXPIRING < 1000 else EXPIRING // PROVIDERS
"""Connections of the provider that hangs: few runs wait for them, so they outlast the margin."""


@dataclass(frozen=True)
class Minute:
    """The connections, due and expiring together; the last provider of all hangs."""

    held: Stocked
    good: list[StrictEndpoint]
    hanging: StrictEndpoint
    due: int

    @property
    def others(self) -> int:
        """How many connections the providers that answer have."""
        return self.held.connections * len(self.good) // len(self.held.resources)

    @property
    def expires(self) -> int:
        """When all have expired."""
        return self.due + MARGIN

    def in_time(self) -> int:
        """How many of the others were refreshed before that."""
        return sum(call.at < self.expires for one in self.good for call in one.granted())

    def come_to_pass(self, seconds: float) -> bool:
        """Wait until all of the others have been refreshed, or so many seconds after all were due."""
        until = self.due + seconds - time.time()
        return eventually(lambda: sum(len(one.calls) for one in self.good) >= self.others, until)


@contextmanager
def minute(
    dynamodb: str,
    expiring: int,
    providers: int,
    hanging: int,
    *alterations: str,
    concurrency: int = 128,
    delay: float = 0.05,
) -> Iterator[Minute]:
    """So many connections of that many providers, and so many of the one that hangs, due in a moment."""
    each = math.ceil(expiring / (providers - 1))
    resources = providers - 1 + max(1, hanging // each)
    shard = shard_of_stock(resources, SHARDS)
    good = [StrictEndpoint(shard, delay=delay) for _ in range(providers - 1)]
    bad = StrictEndpoint(shard, hangs=True)
    environment = {WORKER: altered(WORKER, *alterations)} if alterations else {}
    with stocked(
        dynamodb,
        [*good, *[bad] * (resources - len(good))],
        each * resources,
        numbers={**NUMBERS, "PROVIDER_CONCURRENCY": str(concurrency)},
        function_env=environment,
        schedule=True,
    ) as held:
        side_by_side(lambda name: held.stack.invoke(WORKER, nudge(name)), held.shards)
        due = int(time.time()) + 3 + held.connections // 150
        held.make_due(held.connections, due=due, expires=due + MARGIN)
        assert time.time() < due, "the machine is too slow to prepare this in time"
        yield Minute(held, good, bad, due)


def test_a_provider_that_hangs_keeps_no_other_waiting(dynamodb_local: str) -> None:
    """All of the others are refreshed before they expire, by a call each, and none has more than its share.

    Fails without lanes and breaker, as the test below does.
    """
    with minute(dynamodb_local, EXPIRING, PROVIDERS, HANGING) as held:
        assert held.come_to_pass(4 * MARGIN), "they are never refreshed"
        took = max(call.at for one in held.good for call in one.calls) - held.due
        print(  # noqa: T201 - what `-s` is for
            f"\n{held.others} connections of {len(held.good)} providers in {took:.1f} s of {MARGIN}, "
            f"{len(held.hanging.calls)} calls to the one that hangs, "
            f"at most {max(held.hanging.most.values())} of them at once"
        )
        assert held.in_time() == held.others
        for one in (*held.good, held.hanging):
            assert max(one.most[name] for name in held.held.shards) <= A_WORKER
        assert max(held.hanging.most.values()) > 1, "nothing was counted"
        assert eventually(lambda: list(held.held.generations().values()).count(2) == held.others)
        assert sum(len(one.calls) for one in held.good) == held.others
        assert not any(one.ended for one in held.good)


def test_a_provider_has_its_concurrency_over_all_shards(dynamodb_local: str) -> None:
    """With ProviderConcurrency at 4 and two shards: two in each."""
    with minute(dynamodb_local, 60, 2, 1, concurrency=4, delay=0.3) as held:
        assert held.come_to_pass(4 * MARGIN)
        [one] = held.good
        assert {one.most[name] for name in held.held.shards} == {2}
        assert 2 < one.most[""] <= 4


def test_in_one_queue_the_others_expire(dynamodb_local: str) -> None:
    """The test of the first: every thread waits for the one that hangs, by more calls than it bears."""
    with minute(dynamodb_local, 240, 13, HANGING, "without_breaker", "one_queue") as held:
        held.come_to_pass(MARGIN)
        assert held.in_time() < held.others
        assert max(held.hanging.most[name] for name in held.held.shards) > A_WORKER
