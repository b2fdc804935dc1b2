"""Resources and vault keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count

import pytest

from oauth_broker.doors.store import ResourceRow, Store
from oauth_broker.errors import IdInUseError, NotFoundError, PreconditionFailedError
from tests.doubles.samples import NOW, NOW_MS, SHARD, connection, pending, resource_row
from tests.integration.store.placing import place
from tests.integration.store.test_revocations import LEFT, MINE

Write = Callable[[Store, ResourceRow], None]


_ETAGS = count(2)


def replaced(store: Store, row: ResourceRow) -> None:
    """Replace a resource."""
    store.resources.replace(replace(row, etag=f"e{next(_ETAGS)}", updated_at=NOW + 1), was=row.etag)


def deleting(store: Store, row: ResourceRow) -> None:
    """Take a resource out of use."""
    store.resources.mark_deleting(row, how="if_empty", shard=SHARD, due=NOW + 60)


def row_of(store: Store, resource_id: str = "acme") -> ResourceRow | None:
    """Give a resource as it lies in the table."""
    return store.resources.load(resource_id=resource_id).resource


def test_a_resource_comes_back_whole(store: Store) -> None:
    """Every member is kept."""
    full = resource_row(resource_id="globex", carried=("a", "b"), document={"name": "Ü", "n": [1, None]})
    store.resources.create(full)
    assert row_of(store, "globex") == full


def test_an_id_is_used_once(store: Store) -> None:
    """The resource that is there stays."""
    with pytest.raises(IdInUseError):
        store.resources.create(resource_row(etag="e2"))
    assert row_of(store) == resource_row()


@pytest.mark.parametrize("write", [replaced, deleting])
def test_a_version_is_replaced_once(store: Store, write: Write) -> None:
    """Of two that read the same version one writes; who comes to a resource that goes finds none."""
    write(store, resource_row())
    with pytest.raises((PreconditionFailedError, NotFoundError)):
        write(store, resource_row())
    assert row_of(store) != resource_row()


def test_a_lost_answer_is_no_refusal(store: Store) -> None:
    """The second try finds the write made."""
    newer = resource_row(etag="e2", updated_at=NOW + 1)
    for _ in range(2):
        store.resources.create(resource_row(resource_id="globex"))
        store.resources.replace(newer, was="e1")
    assert row_of(store) == newer


@pytest.mark.parametrize("write", [replaced, deleting])
@pytest.mark.parametrize(
    "row, error",
    [
        (resource_row(etag="e0"), PreconditionFailedError),
        (resource_row(resource_id="globex"), NotFoundError),
    ],
)
def test_another_version_is_refused(
    store: Store, write: Write, row: ResourceRow, error: type[Exception]
) -> None:
    """A wrong etag is no match, and nothing is made where nothing is."""
    with pytest.raises(error):
        write(store, row)
    assert row_of(store) == resource_row()
    assert row_of(store, "globex") is None


@pytest.mark.parametrize("write", [replaced, deleting])
def test_what_is_being_deleted_is_changed_no_more(store: Store, write: Write) -> None:
    """It is as if it were not there."""
    deleting(store, resource_row())
    with pytest.raises(NotFoundError):
        write(store, resource_row())


def test_a_deletion_that_was_not_meant_is_taken_back(store: Store) -> None:
    """One that was to happen if there are no connections is; one that takes them along is not."""
    deleting(store, resource_row())
    assert row_of(store) == resource_row(deleting="if_empty")
    store.resources.keep_after_all(resource_row())
    assert row_of(store) == resource_row()
    assert store.leases.due(SHARD, now=NOW + 60, limit=9) == ([], None)
    store.resources.mark_deleting(resource_row(), how="revoke", shard=SHARD, due=NOW)
    store.resources.keep_after_all(resource_row())
    assert row_of(store) == resource_row(deleting="revoke")


def test_only_what_is_being_deleted_is_forgotten(store: Store) -> None:
    """A resource in use is neither put on the index nor deleted."""
    store.resources.look_again("acme", due=NOW)
    store.resources.forget("acme")
    assert row_of(store) == resource_row()
    assert store.leases.due(SHARD, now=NOW, limit=9) == ([], None)
    deleting(store, resource_row())
    store.resources.look_again("acme", due=NOW)
    assert [one.kind for one in store.leases.due(SHARD, now=NOW, limit=9)[0]] == ["R"]
    store.resources.forget("acme")
    assert row_of(store) is None
    store.resources.look_again("acme", due=NOW)
    assert row_of(store) is None


def test_resources_are_listed_by_id_without_those_that_go(store: Store) -> None:
    """Page after page."""
    for number in range(5):
        store.resources.create(resource_row(resource_id=f"r{number}"))
    deleting(store, resource_row(resource_id="r2"))
    seen: list[str] = []
    after = None
    while True:
        rows, after = store.resources.page(limit=2, after=after)
        seen += [row.resource_id for row in rows]
        if after is None:
            break
    assert seen == ["acme", "r0", "r1", "r3", "r4"]


def test_what_stands_under_a_resource(store: Store) -> None:
    """A connection in any status, in any partition, and what is left to revoke."""
    assert not store.resources.has_connections("acme")
    for number in range(20):
        made = place(store, pending(connection_id=f"c{number}"))
        assert store.resources.has_connections("acme")
        assert not store.resources.has_connections("globex")
        store.connections.disconnect(made, None, shard=SHARD, now=NOW)
    assert not store.resources.has_connections("acme")
    assert not store.resources.has_left_to_revoke("acme")
    store.revocations.leave(LEFT, shard=SHARD, now=NOW)
    assert store.resources.has_left_to_revoke("acme")
    store.revocations.take("acme", "c1#1", MINE, seen=NOW, now_ms=NOW_MS)
    assert store.resources.has_left_to_revoke("acme")


def test_the_first_vault_key_of_a_period_is_everybodys(store: Store) -> None:
    """Who comes second gets the first one's; another period has its own."""
    assert store.resources.keep_vault_key(7, b"first", ttl=NOW) == b"first"
    assert store.resources.keep_vault_key(7, b"second", ttl=NOW) == b"first"
    assert store.resources.keep_vault_key(8, b"third", ttl=NOW) == b"third"
    assert store.resources.load(period=7).wrapped_key == b"first"


def test_one_call_brings_all_three(store: Store) -> None:
    """Resource, connection and vault key; what is not asked for or not there is None."""
    store.resources.keep_vault_key(7, b"first", ttl=NOW)
    place(store, connection())
    loaded = store.resources.load(resource_id="acme", connection=("acme", "c1"), period=7)
    assert (loaded.resource, loaded.connection, loaded.wrapped_key) == (
        resource_row(),
        connection(),
        b"first",
    )
    loaded = store.resources.load(resource_id="globex", connection=("acme", "c2"))
    assert (loaded.resource, loaded.connection, loaded.wrapped_key) == (None, None, None)


def test_more_than_a_hundred_are_brought(store: Store) -> None:
    """A batch has its limit; an id that is named twice is asked for once."""
    ids = [f"r{number}" for number in range(150)]
    for one in ids:
        store.resources.create(resource_row(resource_id=one))
    store.resources.keep_vault_key(7, b"first", ttl=NOW)
    rows, wrapped = store.resources.load_all([*ids, "r1", "none"], period=7)
    assert set(rows) == set(ids)
    assert wrapped == b"first"
