"""Items that no code of ours can deal with, before and among good ones in a shard."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest

from oauth_broker.attempt import RESCUE_TURN
from oauth_broker.flows.refresh import SET_ASIDE
from operations import command_line
from tests.faults.alterations import Clock, on_a_clock
from tests.faults.stocked import WORKER, Stocked, stocked
from tests.faults.stops import NUMBERS
from tests.faults.strict_endpoints import StrictEndpoint
from tests.integration.circle.broker import eventually
from tests.integration.operations.tables import operator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GOOD: Final = 60
OF_EACH: Final = 17
"""So that those which raise as they are read are more than a worker has threads."""

MARGIN: Final = 300
"""Seconds that the tokens of all live when they are due: an hour-long token's latest moment."""

Poison = Callable[[dict[str, Any]], None]


def cannot_be_opened(item: dict[str, Any]) -> None:
    """Another byte at the end of what was sealed."""
    item["t"] = {"B": bytes(item["t"]["B"])[:-1] + bytes([item["t"]["B"][-1] ^ 1])}


def attribute_missing(item: dict[str, Any]) -> None:
    """When it was made is not known."""
    del item["cr"]


def wrong_type(item: dict[str, Any]) -> None:
    """A text where a number belongs."""
    item["ex"] = {"S": "soon"}


def code_raises(item: dict[str, Any]) -> None:
    """JSON that is none."""
    item["md"] = {"S": "{"}


POISONS: Final[tuple[Poison, ...]] = (cannot_be_opened, attribute_missing, wrong_type, code_raises)
POISONED: Final = OF_EACH * len(POISONS)


@dataclass(frozen=True)
class Poisoned:
    """The broker, its clock, and the first connections as they were before they were poisoned."""

    held: Stocked
    clock: Clock
    endpoint: StrictEndpoint
    whole: list[dict[str, Any]]

    def refreshed(self) -> set[int]:
        """The numbers of those that have another token set."""
        items = self.held.items()
        return {int(item["sk"]["S"].removeprefix("connection-")) for item in items if item["g"]["N"] == "2"}

    def good(self) -> bool:
        """Whether all that are not poisoned have been refreshed."""
        return self.refreshed() >= set(range(POISONED, POISONED + GOOD))

    def all_refreshed_by_another_turn(self) -> bool:
        """Whether all have been refreshed, once the shard was worked again."""
        self.held.work()
        return len(self.refreshed()) == POISONED + GOOD

    def write(self, item: dict[str, Any]) -> None:
        """An item as somebody's script, or a backup, leaves it."""
        self.held.stack.client("dynamodb").put_item(TableName=self.held.stack.table_name, Item=item)

    def mend(self) -> None:
        """What was wrong with each is right again; all else stays as it is."""
        for number, whole in enumerate(self.whole):
            there = self.held.item(number)
            changed = {"t", "cr", "ex", "md"}
            kept = {name: value for name, value in there.items() if name not in changed}
            self.write({**kept, **{name: whole[name] for name in changed & whole.keys()}})

    def repair(self, capsys: pytest.CaptureFixture[str], *apply: str) -> dict[str, Any]:
        """What `repair` says."""
        place = (
            "--table",
            self.held.stack.table_name,
            "--endpoint-url",
            self.held.stack.endpoints.dynamodb_url,
        )
        capsys.readouterr()
        command_line.main(["repair", *apply, "--json", *place, "--shards", "1"], session=operator())
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found


@contextmanager
def poisoned(folder: Path, dynamodb: str, *alterations: str) -> Iterator[Poisoned]:
    """The poison items are all due before the good ones."""
    clock = Clock(folder / "clock")
    endpoint = StrictEndpoint(lambda _: "00")
    with stocked(
        dynamodb,
        [endpoint],
        POISONED + GOOD,
        numbers={**NUMBERS, "SHARDS": "1"},
        function_env=on_a_clock(clock, **{WORKER: alterations}),
    ) as held:
        now = clock.now()
        held.make_due(POISONED, due=now - 2, expires=now + MARGIN)
        held.make_due(GOOD, due=now - 1, expires=now + MARGIN)
        made = Poisoned(held, clock, endpoint, [held.item(number) for number in range(POISONED)])
        for number, whole in enumerate(made.whole):
            item = dict(whole)
            POISONS[number % len(POISONS)](item)
            made.write(item)
        yield made


def test_poison_items_are_set_aside_and_come_back(
    tmp_path: Path, dynamodb_local: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The others are refreshed in time; each poison item is told once an hour, and mended it is refreshed.

    Fails where what an item raises ends its thread, as the test below does.
    """
    with poisoned(tmp_path, dynamodb_local) as given:
        held, clock = given.held, given.clock
        until = clock.now() + MARGIN
        while not given.good():
            assert clock.now() < until, "too late"
            held.work()
        for _ in range(3):
            clock.pass_by(60)
            held.work()
        assert len(held.said("item set aside")) == POISONED
        assert len(given.refreshed()) == GOOD
        assert not given.endpoint.ended
        aside = [held.item(number) for number in range(POISONED)]
        assert {item["sa"]["N"] for item in aside} == {"1"}
        assert min(int(item["refresh_at"]["N"]) for item in aside) > time.time() + SET_ASIDE - MARGIN
        given.mend()
        assert eventually(lambda: given.repair(capsys)["busy"] == 0), "leases do not run out"
        found = given.repair(capsys, "--apply")
        assert found["counts"]["set_aside"] == POISONED
        assert [item["outcome"] for item in found["items"] if "set_aside" in item["findings"]] == [
            "mended"
        ] * POISONED
        held.work()
        clock.pass_by(RESCUE_TURN + MARGIN)
        assert eventually(given.all_refreshed_by_another_turn)
        assert not given.endpoint.ended
        assert len(given.endpoint.calls) == POISONED + GOOD
        assert not any("sa" in item for item in held.items())


def test_poison_that_stops_its_thread_stops_all(tmp_path: Path, dynamodb_local: str) -> None:
    """The test of the test above: the good ones are never reached, and the nudge fails each time."""
    with poisoned(tmp_path, dynamodb_local, "poison_stops_its_thread") as given:
        for _ in range(2):
            with pytest.raises(AssertionError):
                given.held.work()
        assert not given.refreshed()
        assert given.held.said("work failed")
