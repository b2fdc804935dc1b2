"""Providers that answer 429 with every kind of `Retry-After`, and one that answers 5xx for half an hour.

What the provider allows is counted at the provider; what an outage may cost is reckoned from the breaker's
rules. Half an hour is the functions' clock moved on. With `pytest -s` the figures are shown.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from itertools import cycle
from typing import TYPE_CHECKING, Any, Final

from oauth_broker.breaker import LONGEST_PAUSE, LONGEST_TROUBLE, MOST_AT_ONCE, TROUBLE_IN_A_ROW
from tests.faults.alterations import Clock, on_a_clock
from tests.faults.stocked import WORKER, Stocked, nudge, shard_of_stock, stocked
from tests.faults.strict_endpoints import Refusal, Rule, StrictEndpoint
from tests.integration.circle.broker import eventually, side_by_side

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SHARDS: Final = 2
LIMIT: Final = 10
"""Calls that a provider takes in each second."""

EACH: Final = 150
OVER: Final = 1.2
YEAR: Final = 31_536_000
ASKED: Final[dict[str, Callable[[], str | None]]] = {
    "seconds": lambda: "1",
    "date": lambda: formatdate(math.ceil(time.time()), usegmt=True),
    "negative": lambda: "-5",
    "nonsense": lambda: "soon",
    "nothing": lambda: None,
}
"""How a provider says when to come again."""

PERIOD: Final = 60
OUTAGE: Final = 1800
BRIEF: Final = {"ATTEMPT_MARGIN": "43"}
"""What begins nothing after two seconds waits for no pause to end: it is the clock that moves."""

STATUSES: Final = (500, 502, 503, 504)


def refused(retry_after: str | None) -> Refusal:
    """A 429 that asks to come again then."""
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return Refusal(HTTPStatus.TOO_MANY_REQUESTS, headers, {"error": "rate_limit_exceeded"})


def limited(asked: Callable[[], str | None]) -> Rule:
    """So many calls in each second of the clock; those above are refused."""
    taken: Counter[int] = Counter()

    def rule(at: float) -> Refusal | None:
        taken[int(at)] += 1
        return None if taken[int(at)] <= LIMIT else refused(asked())

    return rule


@dataclass(frozen=True)
class Rig:
    """The broker, on a clock that is moved on, and the providers by what they are."""

    held: Stocked
    clock: Clock
    providers: dict[str, StrictEndpoint]

    def step(self, seconds: float) -> None:
        """So much later the schedule turns: each shard is worked by a process of its own."""
        self.clock.pass_by(seconds)
        answers = side_by_side(lambda name: self.held.stack.invoke(WORKER, nudge(name)), self.held.shards)
        assert answers == [{"batchItemFailures": []}] * len(answers)

    def granted(self) -> int:
        """How often a provider gave tokens."""
        return sum(len(one.granted()) for one in self.providers.values())

    def left(self) -> list[dict[str, Any]]:
        """What is known of the connections that have not been refreshed."""
        names = ("sk", "nr", "refresh_at", "l", "le", "uk", "f")
        items = [item for item in self.held.items() if item["g"]["N"] == "1"]
        return [{name: item.get(name) for name in names} for item in items]

    def fresh(self) -> int:
        """How many connections have been refreshed once."""
        return list(self.held.generations().values()).count(2)


@contextmanager
def rig(
    folder: Path,
    dynamodb: str,
    rules: dict[str, Rule],
    each: int,
    *alterations: str,
    schedule: bool = True,
    **numbers: str,
) -> Iterator[Rig]:
    """A provider for each rule, with so many connections."""
    clock = Clock(folder / "clock")
    shard = shard_of_stock(len(rules), SHARDS)
    providers = {name: StrictEndpoint(shard, delay=0.02, rule=rule) for name, rule in rules.items()}
    with stocked(
        dynamodb,
        list(providers.values()),
        each * len(rules),
        numbers={"SHARDS": str(SHARDS), **numbers},
        function_env=on_a_clock(clock, **{WORKER: alterations}),
        schedule=schedule,
    ) as held:
        yield Rig(held, clock, providers)


def test_a_limit_is_used_and_hardly_overstepped(tmp_path: Path, dynamodb_local: str) -> None:
    """All are refreshed, by at most a fifth more calls than it took, however a provider says when to come.

    Fails without the breaker, as the test below does.
    """
    rules = {name: limited(asked) for name, asked in ASKED.items()}
    with rig(tmp_path, dynamodb_local, rules, EACH) as held:
        now = time.time()
        held.held.make_due(EACH * len(rules), due=now, expires=now + 2 * 3600)
        if not eventually(lambda: held.granted() == EACH * len(rules), 120):
            # A write that timed out on a busy machine leaves an outcome unknown until the token expires.
            held.clock.pass_by(2 * 3600)
            assert eventually(lambda: held.granted() == EACH * len(rules), 120), held.left()
        assert eventually(lambda: held.fresh() == EACH * len(rules)), held.left()
        for name, one in held.providers.items():
            took = one.calls[-1].at - one.calls[0].at
            print(f"\n{name}: {len(one.calls)} calls for {EACH} in {took:.1f} s")  # noqa: T201 - what `-s` is for
            assert len(one.granted()) == EACH
            assert EACH < len(one.calls) <= OVER * EACH


def test_without_the_breaker_a_limit_is_overrun(tmp_path: Path, dynamodb_local: str) -> None:
    """The test of the test above: each connection has to find out for itself."""
    with rig(
        tmp_path, dynamodb_local, {"seconds": limited(ASKED["seconds"])}, EACH, "without_breaker"
    ) as held:
        now = time.time()
        held.held.make_due(EACH, due=now, expires=now + 2 * 3600)
        [one] = held.providers.values()
        assert eventually(lambda: len(one.calls) > OVER * EACH, 120)
        assert len(one.granted()) < EACH


def test_an_absurd_wait_is_an_hour(tmp_path: Path, dynamodb_local: str) -> None:
    """Who is told to come in a year asks again in an hour, and all are fresh before they expire."""
    year = refused(str(YEAR))
    numbers = {"SCHEDULE_PERIOD": str(PERIOD), **BRIEF}
    with rig(tmp_path, dynamodb_local, {"year": lambda _: year}, 40, schedule=False, **numbers) as held:
        [one] = held.providers.values()
        expires = held.clock.now() + LONGEST_PAUSE + 1800
        held.held.make_due(40, due=held.clock.now(), expires=expires)
        held.step(1)
        assert 0 < len(one.calls) <= SHARDS * MOST_AT_ONCE, "those under way when it was told"
        held.step(LONGEST_PAUSE / 2)
        held.step(LONGEST_PAUSE / 2 - 5 * PERIOD)
        assert not one.granted()
        assert len(one.calls) <= SHARDS * MOST_AT_ONCE
        one.rule = None
        while held.fresh() < 40:
            assert held.clock.now() < expires, held.left()
            held.step(PERIOD)
        assert len(one.calls) - 40 <= SHARDS * MOST_AT_ONCE


def allowed_in_outage(seconds: float) -> int:
    """The calls that the breaker's rules allow while a provider answers 5xx for so long.

    In each process those until it opens, and those that were under way then; a probe at the end of each
    pause, the shortest that chance may draw.
    """
    probes, at, pause = 0, 0.0, PERIOD / 2
    while (at := at + pause) < seconds:
        probes, pause = probes + 1, min(2 * pause, LONGEST_TROUBLE / 2)
    return SHARDS * (TROUBLE_IN_A_ROW + MOST_AT_ONCE - 1) + probes


@contextmanager
def outage(folder: Path, dynamodb: str, *alterations: str) -> Iterator[tuple[Rig, StrictEndpoint, float]]:
    """Connections that were due when their provider began to answer 5xx, half an hour ago; when they expire.

    They have what an outage of that length leaves: the longest pause, and a few turns of the schedule.
    """
    statuses = cycle(STATUSES)
    rules: dict[str, Rule] = {"down": lambda _: Refusal(HTTPStatus(next(statuses)))}
    numbers = {"SCHEDULE_PERIOD": str(PERIOD), **BRIEF}
    with rig(folder, dynamodb, rules, 60, *alterations, schedule=False, **numbers) as held:
        began = held.clock.now()
        expires = began + OUTAGE + LONGEST_TROUBLE + 4 * PERIOD
        held.held.make_due(60, due=began - 1, expires=expires)
        while held.clock.now() < began + OUTAGE:
            held.step(PERIOD)
        yield held, held.providers["down"], expires


def test_half_an_hour_without_a_provider_costs_a_few_calls(tmp_path: Path, dynamodb_local: str) -> None:
    """No more than the rules allow, no connection's status, and all are fresh again before they expire."""
    with outage(tmp_path, dynamodb_local) as (held, one, expires):
        print(f"\n{len(one.calls)} calls of {allowed_in_outage(OUTAGE)}")  # noqa: T201 - what `-s` is for
        assert TROUBLE_IN_A_ROW <= len(one.calls) <= allowed_in_outage(OUTAGE)
        assert held.fresh() == 0
        token = held.held.broker.token(*held.held.place(0))
        assert (token.status_code, token.json()["generation"]) == (200, 1)
        one.rule = None
        while held.fresh() < held.held.connections:
            assert held.clock.now() < expires, "too late"
            held.step(PERIOD)
        assert len(one.granted()) == held.held.connections


def test_without_the_breaker_an_outage_is_asked_about_again_and_again(
    tmp_path: Path, dynamodb_local: str
) -> None:
    """The test of the test above."""
    with outage(tmp_path, dynamodb_local, "without_breaker") as (_, one, _):
        assert len(one.calls) > OVER * allowed_in_outage(OUTAGE)


def test_who_takes_an_outage_for_the_end_loses_grants(tmp_path: Path, dynamodb_local: str) -> None:
    """The test of all of the above: where any refusal ends the grant, a single 429 does."""
    rules: dict[str, Rule] = {"limit": lambda _: refused("1")}
    with rig(tmp_path, dynamodb_local, rules, 4, "any_refusal_ends_the_grant") as held:
        now = time.time()
        held.held.make_due(4, due=now, expires=now + 3600)
        assert eventually(lambda: "r" in {item["st"]["S"] for item in held.held.items()})
