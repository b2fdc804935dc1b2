"""`reshard`: everything that is due moves to its new shard, none is lost on the way."""

from __future__ import annotations

from collections import Counter
from typing import Final

import pytest

from oauth_broker.doors.store.connection_rows import connection_item
from oauth_broker.doors.store.keys import left_key
from oauth_broker.doors.store.left_rows import LeftToRevoke, left_item
from oauth_broker.doors.store.resource_rows import resource_item
from oauth_broker.doors.store.values import from_item, to_item
from oauth_broker.schedule import shard_names, shard_of
from operations.reshard import Reshard, Resharded
from operations.table import OperatedTable
from tests.doubles.samples import NOW, connection, pending, resource_row, token_set
from tests.integration.operations.tables import BrokenOffError, Filled, Item, Key, progress

CONNECTIONS: Final = 120


def due_items(shards: int) -> list[Item]:
    """Give what can be due of each kind, where so many shards put it, and what is never due."""
    found = [
        connection_item(
            connection(connection_id=f"c{number}", refresh_at=NOW + number),
            shard=shard_of("acme", f"c{number}", shards),
            ttl=None,
        )
        for number in range(CONNECTIONS)
    ]
    for number in range(20):
        left = LeftToRevoke("acme", f"g{number}#{number:02x}", f"g{number}", token_set())
        found.append(left_item(left, shard=shard_of("acme", left.connection_id, shards), refresh_at=NOW))
    gone = resource_item(resource_row(resource_id="gone", deleting="revoke"))
    found.append({**gone, "shard": shard_of("gone", "", shards), "refresh_at": NOW})
    return [
        *found,
        resource_item(resource_row()),
        connection_item(pending(connection_id="waiting"), shard=None, ttl=None),
    ]


def moved(table: OperatedTable, shards: int, *, apply: bool = True) -> Resharded:
    """Run the command."""
    return Reshard(table, shards, apply=apply, progress=progress()).run()


def places(items: list[Item]) -> dict[Key, str]:
    """Give the shard of each item that has one."""
    return {(item["pk"], item["sk"]): item["shard"] for item in items if item.get("shard")}


@pytest.fixture
def filled(dynamodb_url: str) -> Filled:
    """A table of 16 shards."""
    return Filled.at(dynamodb_url, due_items(16))


def test_sixteen_to_four_and_back_loses_none(filled: Filled) -> None:
    """Each item is in the index, in its own shard of four, of sixteen again; nothing else has changed.

    Seen failing with the shard made of the sort key alone.
    """
    before = filled.items()
    result = moved(filled.operated(), 4)
    assert filled.in_index() == places(due_items(4))
    assert set(filled.in_index().values()) <= set(shard_names(4))
    assert (result.status, result.moved, result.read) == (0, result.to_move, len(before))
    assert result.unserved == sum(shard not in shard_names(4) for shard in places(due_items(16)).values())
    assert result.after == Counter(places(due_items(4)).values())
    assert moved(filled.operated(), 4).to_move == 0
    back = moved(filled.operated(), 16)
    assert back.moved == back.to_move == result.moved
    assert filled.items() == before


def test_a_dry_run_tells_what_would_move(filled: Filled) -> None:
    """And moves nothing."""
    before = filled.items()
    result = moved(filled.operated(), 4, apply=False)
    assert (result.status, result.moved) == (1, 0)
    assert result.to_move == sum(
        places(due_items(4))[key] != shard for key, shard in filled.in_index().items()
    )
    assert filled.items() == before


def test_a_broken_off_run_goes_on(filled: Filled) -> None:
    """In the middle every item is in one of its two shards; the second run moves the rest.

    Seen failing with the index entry taken off first and put back afterwards.
    """
    with pytest.raises(BrokenOffError):
        moved(filled.breaking(20), 4)
    old, new, now = places(due_items(16)), places(due_items(4)), filled.in_index()
    assert now.keys() == new.keys()
    assert all(now[key] in {old[key], new[key]} for key in now)
    went_on = moved(filled.operated(), 4)
    assert went_on.moved == sum(old[key] != new[key] for key in new) - 20
    assert filled.in_index() == new


@pytest.mark.parametrize("meanwhile", ["taken off", "put elsewhere", "put right", "gone"])
def test_what_moves_meanwhile_is_not_put_back(dynamodb_url: str, meanwhile: str) -> None:
    """What left the index stays out, what is gone stays gone; a new time is kept, and moved.

    Seen failing with the update's condition taken out.
    """
    [item] = [item for item in due_items(16) if item["sk"] == "c3"]
    right = shard_of("acme", "c3", 3)
    assert item["shard"] != right
    filled = Filled.at(dynamodb_url, [item])
    off = {name: value for name, value in item.items() if name not in {"shard", "refresh_at"}}
    written: Item | None = {
        "taken off": off,
        "put elsewhere": {**item, "refresh_at": NOW + 9999},
        "put right": {**item, "refresh_at": NOW + 9999, "shard": right},
        "gone": None,
    }[meanwhile]

    def meddle() -> None:
        if written is None:
            key = {name: {"S": item[name]} for name in ("pk", "sk")}
            filled.client.delete_item(TableName=filled.name, Key=key)
        else:
            filled.put(written)

    result = moved(filled.meddled(meddle), 3)
    assert (result.status, result.contended) == (0, [])
    expected = {"put elsewhere": {**item, "refresh_at": NOW + 9999, "shard": right}}.get(meanwhile, written)
    there = filled.items().get((item["pk"], item["sk"]))
    assert there == (None if expected is None else from_item(to_item(expected)))


def test_a_key_of_no_shard_is_listed(dynamodb_url: str) -> None:
    """It is left where it is, and something is left to do."""
    pk, sk = left_key("acme", "c1#00")
    stray = {"pk": f"X{pk}", "sk": sk, "shard": "0f", "refresh_at": NOW}
    filled = Filled.at(dynamodb_url, [stray])
    result = moved(filled.operated(), 4)
    assert (result.status, result.unreadable) == (1, ["XD#acme  c1#00"])
    assert filled.in_index() == {(f"X{pk}", sk): "0f"}
