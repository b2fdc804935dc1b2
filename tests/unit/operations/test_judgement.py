"""What is wrong with an item's place in the due index, and what mends it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from oauth_broker.doors.store.connection_rows import lease_attributes
from oauth_broker.schedule import shard_of
from operations.judgement import Finding, Judged, judge, shard_for
from tests.doubles.samples import NOW, connection, lease
from tests.unit.operations.items import (
    DEPLOYED,
    DRAW,
    FAR_OFF,
    FINE,
    LATER,
    OF_RESOURCE,
    RESOURCES,
    RIGHT,
    WRONG,
    Item,
    deleting,
    item_of,
    left,
)


def judged(item: Mapping[str, Any]) -> Judged:
    """Judge an item at this moment."""
    return judge(item, now=NOW, deployed=DEPLOYED, resources=RESOURCES, draw=DRAW)


@pytest.mark.parametrize("name", FINE)
def test_what_is_as_it_should_be_is_not_found(name: str) -> None:
    """Nothing is wrong with it, nothing is written. Seen failing with each tolerance of the place at 0."""
    assert judged(FINE[name]) == Judged()


@pytest.mark.parametrize("until", [NOW + 1, NOW + 30])
def test_what_somebody_holds_is_not_judged(until: int) -> None:
    """Its holder is about to write, whatever is missing. Seen failing with live leases passed over."""
    held = lease(taken=until - 30)
    assert judged(item_of(connection(lease=held), shard=None, refresh_at=None, sa=2)) == Judged(busy=True)
    assert judged(left(l=lease_attributes(held), refresh_at=FAR_OFF)) == Judged(busy=True)


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_found_and_mended(name: str) -> None:
    """Each item has just these findings, and just this is written.

    Seen failing with each branch of the judgement taken out, one after another.
    """
    item, findings, change = WRONG[name]
    found = judged(item)
    assert (found.findings, dict(found.change)) == (findings, change)


def test_every_finding_is_tried() -> None:
    """The table above has each finding that there is."""
    assert {finding for _, findings, _ in WRONG.values() for finding in findings} == set(Finding)


@pytest.mark.parametrize(
    "name", [name for name, (_, findings, _) in WRONG.items() if findings[0] is not Finding.UNREADABLE]
)
def test_what_was_mended_is_fine(name: str) -> None:
    """Judged again with the change made, nothing is left but that nobody has come to it yet."""
    item, findings, change = WRONG[name]
    mended = {key: value for key, value in {**item, **change}.items() if value is not None}
    left_over = set(judged(mended).findings)
    assert left_over <= (set(findings) if not change else {Finding.OVERDUE})


def test_the_words_of_an_error_are_not_shown() -> None:
    """A value that could not be read may be anything: only the kind of error and a missing name are told."""
    assert judged(item_of(LATER, st="secret")).detail == "KeyError 'secret'"
    assert judged(item_of(LATER, n=["secret"])).detail == "ValueError"


@pytest.mark.parametrize(
    "item, shard",
    [
        (item_of(LATER), RIGHT),
        (left(), RIGHT),
        (deleting(), OF_RESOURCE),
        ({"pk": "D#acme", "sk": "c1#00#11"}, shard_of("acme", "c1#00", 16)),
    ],
)
def test_a_key_alone_tells_the_shard(item: Item, shard: str) -> None:
    """The broker's own writes put it there."""
    assert shard_for({"pk": item["pk"], "sk": item["sk"]}, 16) == shard


@pytest.mark.parametrize("pk", ["A#a1", "K", ""])
def test_what_is_never_due_has_no_shard(pk: str) -> None:
    """It is refused."""
    with pytest.raises(ValueError, match="no key of what can be due"):
        shard_for({"pk": pk, "sk": "x"}, 16)
