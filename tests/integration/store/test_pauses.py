"""A resource's pause in the table, and items that are set aside."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from oauth_broker.connection import LastError
from oauth_broker.doors.store import Due, ResourceRow, Store
from oauth_broker.doors.store.keys import connection_key, resource_key
from oauth_broker.errors import StoreRefusedError, UnreadableError
from oauth_broker.pause import Pause
from tests.doubles.samples import NOW, SHARD, connection, resource_row, token_set
from tests.integration.store.placing import place, raw

PAUSE = Pause(NOW, NOW + 30, 1, "invalid_client", "invalid_client", "who are you", 401)
LAST = LastError(NOW, "refused")
BARE = Pause(NOW, NOW + 60, 2, "not_connected", probed=True)


def row_of(store: Store) -> ResourceRow:
    """Give the resource as it lies in the table."""
    row = store.resources.load(resource_id="acme").resource
    assert row is not None
    return row


@pytest.mark.parametrize("pause", [PAUSE, BARE])
def test_a_pause_comes_back_whole(store: Store, pause: Pause) -> None:
    """With the row, whichever way that is read; nothing else of it has changed."""
    assert store.resources.repause(resource_row(), pause) is None
    paused = replace(resource_row(), pause=pause)
    assert row_of(store) == paused
    assert store.resources.load_all(["acme"], period=None) == ({"acme": paused}, None)
    assert store.resources.page(limit=9, after=None)[0] == [paused]
    assert store.resources.repause(paused, None) is None
    assert row_of(store) == resource_row()


def test_one_of_many_pauses(store: Store) -> None:
    """Of sixteen that found out at the same time; the others learn what is there."""
    pauses = [replace(PAUSE, until=NOW + number) for number in range(16)]
    with ThreadPoolExecutor(16) as threads:
        found = list(threads.map(lambda pause: store.resources.repause(resource_row(), pause), pauses))
    there = row_of(store)
    assert [found[pauses.index(pause)] for pause in pauses if pause == there.pause] == [None]
    assert [row for row in found if row is not None] == [there] * 15


@pytest.mark.parametrize(
    "there, seen",
    [
        (None, PAUSE),
        (PAUSE, None),
        (PAUSE, replace(PAUSE, until=NOW + 31)),
        (PAUSE, replace(PAUSE, times=2)),
        (PAUSE, replace(PAUSE, since=NOW - 1)),
    ],
)
def test_a_pause_that_moved_on_stands(store: Store, there: Pause | None, seen: Pause | None) -> None:
    """What was judged by another one is void."""
    if there is not None:
        store.resources.repause(resource_row(), there)
    found = store.resources.repause(replace(resource_row(), pause=seen), BARE)
    assert found == replace(resource_row(), pause=there)
    assert row_of(store).pause == there


def test_a_resource_that_changed_is_not_paused(store: Store) -> None:
    """What was called is not what will be called; and a row that is written anew has no pause."""
    store.resources.repause(resource_row(), PAUSE)
    newer = resource_row(etag="e2")
    store.resources.replace(replace(newer, pause=PAUSE), was="e1")
    assert row_of(store) == newer
    assert store.resources.repause(resource_row(), PAUSE) == newer
    assert store.resources.repause(replace(resource_row(resource_id="globex")), PAUSE) is None
    assert row_of(store).pause is None


def test_a_row_that_cannot_be_read_says_so(store: Store) -> None:
    """It is told from one that is not there."""
    pk, sk = resource_key("acme")
    store.resources._table.put({"pk": pk, "sk": sk, "e": "e0"})
    assert store.resources.load_all(["acme", "globex"], period=None) == ({"acme": None}, None)
    with pytest.raises(UnreadableError):
        store.resources.repause(resource_row(), PAUSE)


def due_now(store: Store) -> Due:
    """Give the one that is due."""
    [due], _ = store.leases.due(SHARD, now=NOW, limit=9)
    return due


def put_anything(store: Store, **attributes: Any) -> None:
    """Put an item that is not as we write them where a connection would be."""
    pk, sk = connection_key("acme", "c1")
    store.connections._table.put({"pk": pk, "sk": sk, "shard": SHARD, "refresh_at": NOW, **attributes})


@pytest.mark.parametrize("attributes", [{}, {"l": "text"}, {"st": 7, "cr": "text", "t": [1]}])
def test_what_cannot_be_read_is_set_aside(store: Store, attributes: dict[str, Any]) -> None:
    """It leaves what is due for a while; all else of it is as it was. Each time is counted."""
    put_anything(store, **attributes)
    due = due_now(store)
    assert store.leases.set_aside(due, until=NOW + 60)
    assert store.leases.due(SHARD, now=NOW, limit=9) == ([], None)
    assert store.leases.set_aside(replace(due, refresh_at=NOW + 60), until=NOW + 120)
    item = store.connections._table.get(due.key)
    assert item is not None
    assert {name: item[name] for name in item if name not in {"pk", "sk", "shard"}} == {
        **attributes,
        "refresh_at": NOW + 120,
        "sa": 2,
    }


def test_what_moved_on_is_not_set_aside(store: Store) -> None:
    """Its next look stands; what is gone does not come back."""
    place(store, connection(refresh_at=NOW))
    due = due_now(store)
    assert not store.leases.set_aside(replace(due, refresh_at=NOW - 1), until=NOW + 60)
    assert not store.leases.set_aside(Due(("C#acme#0", "gone"), NOW), until=NOW + 60)
    assert due_now(store) == due
    assert "sa" not in (raw(store, connection()) or {})


def unexpiring(store: Store, attributes: dict[str, Any]) -> None:
    """Write a count where something else is: DynamoDB refuses for good."""
    put_anything(store, sa="text", **attributes)
    store.leases.set_aside(due_now(store), until=NOW + 60)


def appending(store: Store, attributes: dict[str, Any]) -> None:
    """Append to what is no list."""
    put_anything(store, n="text", st="a", l={"i": b"mine"}, **attributes)
    store.leases.end_grant(connection(), spent=b"s", error=LAST, now=NOW, shard=SHARD)


@pytest.mark.parametrize("write", [unexpiring, appending])
def test_what_dynamodb_refuses_for_good_is_told_apart(
    store: Store, write: Callable[[Store, dict[str, Any]], None]
) -> None:
    """It is no outage: another try would be refused as well."""
    with pytest.raises(StoreRefusedError) as caught:
        write(store, {"ts": b"s"})
    assert not caught.value.retryable


@pytest.mark.parametrize(
    "changes, alone",
    [
        ({}, True),
        ({"notes": ("connection connected",)}, False),
        ({"refresh_at": NOW - 1}, False),
        ({"token_set": replace(token_set(), refreshable=False)}, False),
    ],
)
def test_what_is_due_for_a_refresh_alone(store: Store, changes: dict[str, Any], alone: bool) -> None:
    """An event to be sent, a proposal too late, a token that ends: these do not wait for a provider."""
    placed = connection(**{"next_refresh": NOW, "refresh_at": NOW, **changes})
    place(store, placed)
    due = due_now(store)
    assert store.leases.due_for_refresh_alone([due]) == ({due} if alone else set())
    assert store.leases.due_for_refresh_alone([]) == set()


def test_what_cannot_be_read_does_not_wait(store: Store) -> None:
    """It is attended to, and so set aside; what is gone is not due at all."""
    put_anything(store)
    assert store.leases.due_for_refresh_alone([due_now(store), Due(("C#acme#0", "gone"), NOW)]) == set()
