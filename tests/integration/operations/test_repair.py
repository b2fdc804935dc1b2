"""`repair` on a table with broken items of every kind, and on one that others write to meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest

from oauth_broker.doors.store.connection_rows import lease_attributes
from oauth_broker.doors.store.resource_rows import resource_item
from oauth_broker.doors.store.values import from_item, to_item
from operations import table
from operations.judgement import Finding
from operations.repair import FOUND, MENDED, SETTLED, Repair, Repaired
from operations.table import OperatedTable
from tests.doubles.samples import NOW, connection, lease, resource_row
from tests.integration.operations.tables import Filled, Item, Key, progress
from tests.unit.operations.items import DEPLOYED, DRAW, FINE, LATER, RIGHT, ROWS, WRONG, item_of

OTHERS: Final = [resource_item(ROWS[name]) for name in ("lazy", "unread")]
# One resource can be in one state only; a number is what an index's sort key is, which AWS sees to itself.
LEFT_OUT: Final = {
    "a resource",
    "a resource being deleted",
    "a resource that nobody deletes",
    "a resource overdue",
    "a document that is not JSON",
    "a time that is text",
}


def apart(number: int, item: Item) -> Item:
    """Give an item a key of its own, of which the same shard follows."""
    pk, sk = item["pk"], item["sk"]
    if pk == "R":
        return item
    if pk.startswith("C#"):
        return {**item, "pk": f"C#{pk.split('#')[1]}#{number}"}
    return {**item, "sk": f"{sk.partition('#')[0]}#{number}"}


def key_of(item: Mapping[str, Any]) -> Key:
    """Give an item's key."""
    return item["pk"], item["sk"]


GOOD: Final = [apart(number, FINE[name]) for number, name in enumerate(FINE) if name not in LEFT_OUT]
BAD: Final = [
    (apart(1000 + number, item), findings, change)
    for number, (name, (item, findings, change)) in enumerate(WRONG.items())
    if name not in LEFT_OUT
]


def repaired(table: OperatedTable, *, apply: bool) -> Repaired:
    """Run the command at the samples' time."""
    return Repair(table, DEPLOYED, apply=apply, now=lambda: NOW, draw=lambda: DRAW, progress=progress()).run()


@pytest.fixture
def filled(dynamodb_url: str) -> Filled:
    """A table with all that is fine and all that is not, under a resource that is being deleted unseen."""
    return Filled.at(dynamodb_url, [*OTHERS, *GOOD, *(item for item, _, _ in BAD)])


def test_everything_broken_is_found_and_nothing_written(filled: Filled) -> None:
    """Each item with just its findings, and none that is fine. A dry run leaves the table as it is."""
    before = filled.items()
    result = repaired(filled.operated(), apply=False)
    assert {(case.pk, case.sk): case.findings for case in result.cases} == {
        key_of(item): findings for item, findings, _ in BAD
    }
    assert {case.outcome for case in result.cases} == {FOUND}
    assert (result.status, result.read) == (1, len(before))
    assert filled.items() == before


def test_what_is_broken_is_mended_and_nothing_else_touched(filled: Filled) -> None:
    """Every write is the judged one; a second run finds only what a person must look at.

    Seen failing with attributes that are to be removed left in place.
    """
    expected = filled.items()
    for item, _, change in BAD:
        changed = {**item, **change}
        expected[key_of(item)] = {name: value for name, value in changed.items() if value is not None}
    result = repaired(filled.operated(), apply=True)
    assert filled.items() == expected
    not_mended = {Finding.OVERDUE, Finding.ORPHANED, Finding.UNREADABLE}
    for case in result.cases:
        assert case.outcome == (FOUND if not_mended & set(case.findings) else MENDED), case
    again = repaired(filled.operated(), apply=True)
    assert all(not_mended & set(case.findings) for case in again.cases)
    assert filled.items() == expected


def test_a_table_that_is_fine_gives_no_finding(dynamodb_url: str) -> None:
    """Status 0, and nothing to say."""
    fine = Filled.at(dynamodb_url, [resource_item(ROWS["acme"]), *OTHERS, *GOOD])
    result = repaired(fine.operated(), apply=True)
    assert (result.cases, result.status, result.busy) == ([], 0, 0)
    assert list(result.lines())[-1] == "Nothing is wrong."


LOST: Final = item_of(LATER, refresh_at=None, shard=None)
TAKEN: Final = {**LOST, "l": lease_attributes(lease())}
BACK: Final = {**LOST, "refresh_at": NOW + 5, "shard": RIGHT}
MOVED: Final = {**LOST, "nr": NOW + 700}
MENDED_THEN: Final = {**MOVED, "refresh_at": NOW + 700, "shard": RIGHT}


@pytest.mark.parametrize(
    "meanwhile, left, outcomes, busy",
    [
        pytest.param(TAKEN, TAKEN, [], 1, id="its lease was taken"),
        pytest.param(None, None, [SETTLED], 0, id="it was disconnected"),
        pytest.param(BACK, BACK, [SETTLED], 0, id="it came back by itself"),
        pytest.param(
            MOVED,
            {**MOVED, "refresh_at": NOW + 700, "shard": RIGHT},
            [MENDED],
            0,
            id="it is to be due sooner",
        ),
    ],
)
def test_what_changed_since_it_was_read_is_judged_anew(
    dynamodb_url: str, meanwhile: Item | None, left: Item | None, outcomes: list[str], busy: int
) -> None:
    """No write over a lease, none of what is gone, none by an old judgement.

    Seen failing with the update's condition taken out.
    """
    filled = Filled.at(dynamodb_url, [resource_item(resource_row()), LOST])

    def meddle() -> None:
        if meanwhile is None:
            filled.client.delete_item(
                TableName=filled.name, Key={name: {"S": LOST[name]} for name in ("pk", "sk")}
            )
        else:
            filled.put(meanwhile)

    result = repaired(filled.meddled(meddle), apply=True)
    there = filled.items().get(key_of(LOST))
    assert there == (None if left is None else from_item(to_item(left)))
    assert ([case.outcome for case in result.cases], result.busy) == (outcomes, busy)


def test_what_never_stands_still_is_left(dynamodb_url: str) -> None:
    """Changed again before every write, it stays a finding: no endless tries."""
    filled = Filled.at(dynamodb_url, [resource_item(resource_row()), LOST])

    class Restless(OperatedTable):
        tries = 0

        def update(self, arguments: Mapping[str, Any]) -> Any:
            Restless.tries += 1
            filled.put({**LOST, "nr": NOW + 700 + Restless.tries})
            return super().update(arguments)

    result = repaired(Restless(filled.client, filled.name, filled.operated()._pace), apply=True)
    assert [case.outcome for case in result.cases] == [FOUND]
    assert result.status == 1
    assert Restless.tries < 10


def test_a_connection_of_a_resource_just_made_is_no_orphan(dynamodb_url: str) -> None:
    """The resources are read before the scan: one made meanwhile is asked for again."""
    filled = Filled.at(dynamodb_url, [item_of(LATER)])
    assert [case.findings for case in repaired(filled.operated(), apply=False).cases] == [(Finding.ORPHANED,)]

    class Late(OperatedTable):
        def scan(self, visit: Callable[[Any], None], *, attributes: tuple[str, ...] = ()) -> None:
            filled.put(resource_item(resource_row()))
            super().scan(visit, attributes=attributes)

    late = Late(filled.client, filled.name, filled.operated()._pace)
    assert repaired(late, apply=False).cases == []


def test_a_long_table_is_read_to_its_end(dynamodb_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """More items than all first pages hold, the lost one among them."""
    monkeypatch.setattr(table, "PAGE", 5)
    many = [
        item_of(connection(connection_id=f"c{number}", next_refresh=None, refresh_at=None, token_set=None))
        for number in range(100, 250)
    ]
    filled = Filled.at(dynamodb_url, [resource_item(resource_row()), *many, LOST])
    result = repaired(filled.operated(), apply=False)
    assert result.read == len(many) + 2
    assert [case.findings for case in result.cases] == [(Finding.MISSING,)]
