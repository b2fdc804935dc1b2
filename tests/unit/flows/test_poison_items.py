"""Items that cannot be opened, or make our code raise: set aside, counted, told; the others as ever."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import pytest

from oauth_broker import log
from oauth_broker.doors.queues import Nudge
from oauth_broker.doors.store import Due
from oauth_broker.flows.attend import Attended
from oauth_broker.flows.refresh import SET_ASIDE
from oauth_broker.flows.shelf import HELD_FOR
from tests.doubles.broker import Broker, plenty
from tests.doubles.dynamodb import Item
from tests.doubles.provider import granted
from tests.doubles.samples import NOW

SHARD: Final = "00"
DUE: Final = NOW + 3300

Poison = Callable[[Item], None]


def bad_seal(item: Item) -> None:
    """Another byte at the end of the sealed token set."""
    item["t"] = {"B": bytes(item["t"]["B"])[:-1] + b"?"}


def not_sealed(item: Item) -> None:
    """Something that was never sealed."""
    item["t"] = {"B": b"?"}


def missing(name: str) -> Poison:
    """An attribute left out."""

    def poison(item: Item) -> None:
        del item[name]

    poison.__name__ = f"without_{name}"
    return poison


def wrong(name: str, value: dict[str, Any]) -> Poison:
    """An attribute of another type."""

    def poison(item: Item) -> None:
        item[name] = value

    poison.__name__ = f"wrong_{name}"
    return poison


RAISING: Final = (
    missing("cr"),
    missing("st"),
    missing("ia"),
    missing("di"),
    wrong("st", {"S": "?"}),
    wrong("l", {"M": {}}),
    wrong("ex", {"S": "soon"}),
    wrong("md", {"S": "{"}),
    wrong("n", {"L": [{"S": "no such event"}]}),
    wrong("le", {"S": "text"}),
    wrong("t", {"S": "text"}),
)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """What is logged."""
    lines: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(log, "line", lambda event, **fields: lines.append((event, fields)))
    return lines


@pytest.fixture
def broker(told: list[tuple[str, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch) -> Broker:
    """Five connections, due now, in one shard."""
    made = Broker()
    monkeypatch.setattr("oauth_broker.flows.kit.shard_of", lambda *_: SHARD)
    made.register()
    made.scripted.will(*[granted()] * 5)
    for number in range(5):
        made.consent(made.ask(f"c{number}"))
    work(made)
    made.machine.time = DUE
    made.scripted.will(*[granted("access-2")] * 20)
    told.clear()
    return made


def work(broker: Broker) -> Counter[str]:
    """Let the worker work the shard."""
    return Counter(broker.worker().work(Nudge(SHARD, 1), remaining=plenty))


def item_of(broker: Broker, connection_id: str = "c3") -> Item:
    """Give a connection's item as it lies in the table."""
    return next(item for key, item in broker.dynamodb.items.items() if key[1] == connection_id)


def aside(told: list[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    """Give what the lines about set-aside items say."""
    return [fields for event, fields in told if event == "item set aside"]


@pytest.mark.parametrize("poison", RAISING, ids=lambda one: one.__name__)
def test_what_makes_our_code_raise_is_set_aside(
    broker: Broker, told: list[tuple[str, dict[str, Any]]], poison: Poison
) -> None:
    """For an hour, and counted each time; nothing of it is read, written about, or told.

    Without that it was tried, logged, and its lease taken, each minute for ever.
    """
    poison(item_of(broker))
    counts = work(broker)
    assert (counts["refreshed"], counts["set_aside"]) == (4, 1)
    assert item_of(broker)["refresh_at"] == {"N": str(DUE + SET_ASIDE)}
    assert item_of(broker)["sa"] == {"N": "1"}
    (line,) = aside(told)
    assert line.keys() == {"failed", "error", "trace", "resource_id"}
    assert line["failed"] is True
    broker.machine.time += 60
    assert work(broker)["set_aside"] == 0
    broker.machine.time = DUE + SET_ASIDE
    for _ in range(3):  # where its lease ran out, that is written down first
        work(broker)
        broker.machine.time += 60
    assert item_of(broker)["sa"] == {"N": "2"}


@pytest.mark.parametrize("poison", [bad_seal, not_sealed])
def test_what_cannot_be_opened_is_set_aside(
    broker: Broker, told: list[tuple[str, dict[str, Any]]], poison: Poison
) -> None:
    """And shown: nobody was asked, the lease is given back."""
    poison(item_of(broker))
    before = len(broker.scripted.requests)
    counts = work(broker)
    assert (counts["refreshed"], counts["set_aside"]) == (4, 1)
    assert len(broker.scripted.requests) == before + 4
    after = broker.connection("c3")
    assert after.last_error is not None
    assert (after.last_error.category, after.refresh_at) == ("cannot_be_opened", DUE + SET_ASIDE)
    assert after.lease is None
    assert item_of(broker)["sa"] == {"N": "1"}
    assert aside(told) == [{"failed": True, "category": "cannot_be_opened", "resource_id": "acme"}]


def test_what_was_mended_goes_on(broker: Broker) -> None:
    """The count goes with the next token set."""
    whole = item_of(broker)["t"]
    bad_seal(item_of(broker))
    work(broker)
    item_of(broker)["t"] = whole
    broker.machine.time += SET_ASIDE
    work(broker)
    assert broker.connection("c3").generation == 2
    assert "sa" not in item_of(broker)


def test_a_lease_stays(broker: Broker) -> None:
    """Whether something was sent is not known of code that raised: the outcome is unknown."""
    del item_of(broker)["cr"]
    work(broker)
    assert "l" in item_of(broker)


def test_an_outage_is_no_poison(broker: Broker, told: list[tuple[str, dict[str, Any]]]) -> None:
    """The table or KMS failing for a while sets nothing aside: it stays due, and goes when they are back."""
    broker.dynamodb.fail_next("update_item", 5)
    counts = work(broker)
    assert counts["in_vain"] == 5
    assert counts["set_aside"] == 0
    assert aside(told) == []
    broker.machine.time += 60
    work(broker)
    assert {broker.connection(f"c{number}").generation for number in range(5)} == {2}


def test_an_item_that_moved_on_is_left(broker: Broker, told: list[tuple[str, dict[str, Any]]]) -> None:
    """It raised, but its next look was set meanwhile: that stands, and the fault is told."""
    before = dict(item_of(broker))
    seen = Due(next(key for key in broker.dynamodb.items if key[1] == "c3"), DUE - 1)
    assert broker.worker()._set_aside(seen, RuntimeError()) is Attended.IN_VAIN
    assert item_of(broker) == before
    assert [event for event, _ in told] == ["item failed"]


@pytest.mark.parametrize("doc", [{"S": "{"}, {"N": "7"}, {"S": "{}"}, {"S": "[]"}])
def test_an_unreadable_resource_costs_one_read(
    broker: Broker, told: list[tuple[str, dict[str, Any]]], doc: dict[str, Any]
) -> None:
    """Not one for each of its connections; these are passed over, and go once it is mended."""
    row = broker.dynamodb.items["R", "acme"]
    whole, row["doc"] = row["doc"], doc
    broker.kit = broker.process()
    worker = broker.worker()
    broker.dynamodb.calls.clear()
    for _ in range(3):
        counts = worker.work(Nudge(SHARD, 1), remaining=plenty)
        assert counts["passed_over"] == 5
        broker.machine.time += 5
    assert broker.dynamodb.calls["batch_get_item"] == 1
    assert broker.dynamodb.calls["get_item"] == 0
    assert broker.dynamodb.calls["update_item"] == 0
    assert [event for event, _ in told if event == "resource cannot be read"] == ["resource cannot be read"]
    row["doc"] = whole
    broker.machine.time += HELD_FOR
    assert worker.work(Nudge(SHARD, 1), remaining=plenty)["refreshed"] == 5


def test_a_key_that_is_nobodys_stops_no_other(broker: Broker) -> None:
    """An item that somebody else wrote into the index."""
    broker.dynamodb.items["X", "y"] = {
        "pk": {"S": "X"},
        "sk": {"S": "y"},
        "shard": {"S": SHARD},
        "refresh_at": {"N": str(DUE)},
    }
    assert work(broker)["refreshed"] == 5
