"""The due index."""

from __future__ import annotations

from dataclasses import replace

import pytest

from oauth_broker.connection import Note
from oauth_broker.doors.store import LeftToRevoke, Store
from oauth_broker.doors.store.keys import resource_key
from tests.doubles.samples import NOW, SHARD, connection, token_set
from tests.integration.store.placing import place

LEFT = LeftToRevoke("acme", "c1#1", "c1", token_set(), notes=(Note.DISCONNECTED,))


def test_the_due_index_gives_the_oldest_first(store: Store) -> None:
    """What is due now, of this shard, page by page; a later time and another shard are not due."""
    for number, due in enumerate([NOW - 5, NOW, NOW - 9, NOW + 1, NOW - 7]):
        place(store, connection(connection_id=f"c{number}", refresh_at=due))
    first, more = store.leases.due(SHARD, now=NOW, limit=3)
    assert [one.sort for one in first] == ["c2", "c4", "c0"]
    assert [one.refresh_at for one in first] == [NOW - 9, NOW - 7, NOW - 5]
    assert {(one.kind, one.resource_id) for one in first} == {("C", "acme")}
    assert more is not None
    rest, _ = store.leases.due(SHARD, now=NOW, limit=3, after=more)
    assert [one.sort for one in rest] == ["c1"]
    assert store.leases.due("01", now=NOW, limit=3) == ([], None)


def test_what_is_due_says_what_it_is(store: Store) -> None:
    """A connection, what is left to revoke, and a resource on its way out are told apart by their keys."""
    place(store, connection())
    store.revocations.leave(LEFT, shard=SHARD, now=NOW)
    row = store.resources.load(resource_id="acme").resource
    assert row is not None
    store.resources.mark_deleting(row, how="revoke", shard=SHARD, due=NOW)
    due, _ = store.leases.due(SHARD, now=NOW, limit=9)
    assert {(one.kind, one.resource_id, one.sort) for one in due} == {
        ("C", "acme", "c1"),
        ("D", "acme", "c1#1"),
        ("R", "acme", "acme"),
    }


@pytest.mark.parametrize("moved, kept", [(0, False), (1, True)])
def test_what_nothing_can_be_done_about_leaves_the_index(store: Store, moved: int, kept: bool) -> None:
    """Unless it became due for something else meanwhile."""
    store.revocations.leave(LEFT, shard=SHARD, now=NOW)
    [due], _ = store.leases.due(SHARD, now=NOW, limit=9)
    store.leases.take_off(replace(due, refresh_at=due.refresh_at - moved))
    assert bool(store.leases.due(SHARD, now=NOW, limit=9)[0]) is kept
    assert store.resources.has_left_to_revoke("acme") is kept
    assert store.resources._table.get(resource_key("acme")) is not None
