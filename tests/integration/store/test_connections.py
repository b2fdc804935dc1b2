"""Connections made, listed, disconnected."""

from __future__ import annotations

from typing import Any

import pytest

from oauth_broker.connection import Connection, LastError, Note
from oauth_broker.doors.store import LeftToRevoke, Store
from oauth_broker.errors import IdInUseError, NotFoundError
from tests.doubles.samples import (
    NOW,
    NOW_MS,
    SHARD,
    authorization,
    connection,
    lease,
    pending,
    proposal,
    token_set,
)
from tests.integration.store.placing import place, raw, there

LEFT = LeftToRevoke("acme", "c1#1", "c1", token_set(), notes=(Note.DISCONNECTED,))


def create(store: Store, made: Connection) -> None:
    """Make a connection, with its authorization."""
    store.connections.create(made, authorization(), shard=SHARD, ttl=NOW + 86_400)


def test_a_connection_comes_back_whole(store: Store) -> None:
    """Every member is kept."""
    full = connection(
        start_until=NOW + 600,
        owner=b"owner",
        labels=("a", "b"),
        variables={"tenant": "t1"},
        token_set=token_set(metadata={"n": 1, "f": 1.5, "b": True, "s": "ü"}, refreshable=False),
        proposal=proposal(token_set=token_set(expires_at=None, scopes=())),
        lease=lease(),
        unknown_since=NOW,
        failures=3,
        last_error=LastError(NOW, "refused", "invalid_scope", "words", 400, "POST"),
        notes=(Note.CONNECTED, Note.REFRESH_FAILING),
    )
    place(store, full)
    assert there(store, full) == full
    assert store.resources.load(connection=("acme", "c1")).connection == full


def test_a_new_connection_and_its_authorization_are_made_together(store: Store) -> None:
    """Both are there; the TTL is the new connection's."""
    create(store, pending(owner=b"owner", labels=("a",)))
    assert there(store, pending()) == pending(owner=b"owner", labels=("a",))
    assert store.authorizations.get("a1") == authorization()
    assert (raw(store, pending()) or {})["ttl"] == NOW + 86_400
    assert "shard" not in (raw(store, pending()) or {})


@pytest.mark.parametrize("there_already", [pending(), connection()])
def test_an_id_in_use_is_refused(store: Store, there_already: Connection) -> None:
    """In any status; neither the connection nor the authorization is written."""
    place(store, there_already)
    with pytest.raises(IdInUseError):
        create(store, pending(created_at=NOW_MS + 5))
    assert there(store, pending()) == there_already
    assert store.authorizations.get("a1") is None


def test_no_connection_under_a_resource_that_goes(store: Store) -> None:
    """A resource that is being deleted, or is gone, takes none."""
    row = store.resources.load(resource_id="acme").resource
    assert row is not None
    store.resources.mark_deleting(row, how="if_empty", shard=SHARD, due=NOW)
    with pytest.raises(NotFoundError):
        create(store, pending())
    store.resources.forget("acme")
    with pytest.raises(NotFoundError):
        create(store, pending())
    assert raw(store, pending()) is None


@pytest.mark.parametrize(
    "seen, now",
    [
        (connection(), connection(token_set=token_set(token_set_id=b"set-2"))),
        (pending(), connection()),
        (pending(), pending(created_at=NOW_MS + 1)),
        (connection(), None),
    ],
)
def test_a_connection_that_changed_is_not_deleted(
    store: Store, seen: Connection, now: Connection | None
) -> None:
    """Else the token set that came meanwhile would never be revoked; nothing is left to revoke, either."""
    if now is not None:
        place(store, now)
    assert not store.connections.disconnect(seen, LEFT, shard=SHARD, now=NOW)
    assert store.connections.get("acme", "c1") == now
    assert not store.resources.has_left_to_revoke("acme")


@pytest.mark.parametrize(
    "seen, left", [(connection(), LEFT), (connection(lease=lease()), LEFT), (pending(), None)]
)
def test_disconnecting_leaves_what_is_to_be_revoked(
    store: Store, seen: Connection, left: LeftToRevoke | None
) -> None:
    """The connection is gone at once, its id free, and the worker finds what is left."""
    place(store, seen)
    assert store.connections.disconnect(seen, left, shard=SHARD, now=NOW)
    assert raw(store, seen) is None
    due, _ = store.leases.due(SHARD, now=NOW, limit=9)
    assert [one.kind for one in due] == ([] if left is None else ["D"])
    create(store, pending())


@pytest.mark.parametrize("made_at, renewed", [(NOW_MS, True), (NOW_MS + 1, False)])
def test_a_link_is_renewed_for_its_own_connection(store: Store, made_at: int, renewed: bool) -> None:
    """A connection that was made anew under the same id is another."""
    place(store, pending(created_at=made_at))
    later = authorization(start_until=NOW + 900)
    if renewed:
        store.connections.renew_link(pending(), later, ttl=NOW + 1000)
    else:
        with pytest.raises(NotFoundError):
            store.connections.renew_link(pending(), later, ttl=NOW + 1000)
    assert (there(store, pending()).start_until == NOW + 900) is renewed
    item = raw(store, pending())
    assert item is not None
    assert (item.get("ttl") == NOW + 1000) is renewed
    assert (store.authorizations.get("a1") is not None) is renewed


@pytest.mark.parametrize("limit", [1, 2, 7, 100])
def test_every_connection_is_listed_once(store: Store, limit: int) -> None:
    """Page after page, whatever the limit; another resource's are not among them."""
    ids = {f"c{number}" for number in range(40)}
    for one in ids:
        place(store, pending(connection_id=one))
    place(store, pending(resource_id="globex", connection_id="other"))
    seen: list[str] = []
    after: Any = None
    while True:
        page, after = store.connections.page("acme", limit=limit, after=after)
        assert len(page) <= limit
        seen += [one.connection_id for one in page]
        if after is None:
            break
    assert sorted(seen) == sorted(ids)
