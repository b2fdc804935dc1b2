"""What is left to revoke, from its first look to the record of how it ended."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from oauth_broker.connection import Note
from oauth_broker.doors.store import EndedRevocation, LeftToRevoke, Store
from oauth_broker.doors.store.keys import ended_key, left_key
from oauth_broker.doors.store.left_rows import RECORD_KEPT_FOR
from tests.doubles.samples import NOW, NOW_MS, SHARD, lease, token_set

MINE = lease(b"mine")
THEIRS = lease(b"theirs")
SET = token_set(expires_at=None, scopes=("a", "b"), metadata={"team": "t"}, refreshable=False)
LEFT = LeftToRevoke("acme", "c1#1", "c1", SET, {"tenant": "t1"}, notes=(Note.DISCONNECTED,))
DAY = 86_400


def taken(store: Store, mine: Any = MINE, *, seen: int = NOW, now_ms: int = NOW_MS) -> LeftToRevoke | None:
    """Take the lease."""
    return store.revocations.take("acme", "c1#1", mine, seen=seen, now_ms=now_ms)


def raw(store: Store, sort: str = "c1#1") -> dict[str, Any] | None:
    """Give the item of what is left."""
    return store.revocations._table.get(left_key("acme", sort))


def begun(store: Store) -> LeftToRevoke:
    """Leave it, and take it."""
    store.revocations.leave(LEFT, shard=SHARD, now=NOW)
    left = taken(store)
    assert left is not None
    return left


def ended(left: LeftToRevoke, outcome: str = "failed", category: str | None = "rate_limited") -> LeftToRevoke:
    """Give it as it ended."""
    return replace(left, outcome=outcome, category=category, attempts=7)


def test_what_is_left_comes_back_whole(store: Store) -> None:
    """Token set, variables and notes are those of the connection; its first try begins now."""
    assert begun(store) == replace(LEFT, lease=MINE, first_tried=NOW)


def test_how_far_it_has_come_is_kept(store: Store) -> None:
    """What is through, what went wrong, how often; and the lease is given back."""
    left = replace(
        begun(store),
        attempts=2,
        revoked={"refresh_token": "revoked"},
        next_try=NOW + 90,
        category="rate_limited",
        notes=(Note.REVOCATION_ENDED,),
    )
    store.revocations.put_off(left, MINE, due=NOW + 60)
    assert store.leases.due(SHARD, now=NOW + 59, limit=9) == ([], None)
    again = taken(store, THEIRS, seen=NOW + 60, now_ms=NOW_MS + 60_000)
    assert again == replace(left, lease=THEIRS)


@pytest.mark.parametrize(
    "now_ms, takes", [(THEIRS.until - 1, False), (THEIRS.until, False), (THEIRS.until + 1, True)]
)
def test_it_is_taken_by_one(store: Store, now_ms: int, takes: bool) -> None:
    """A lease that ran out is taken over: revoking twice does no harm. The first try stays the first."""
    store.revocations.leave(LEFT, shard=SHARD, now=NOW)
    assert taken(store, THEIRS) is not None
    second = taken(store, MINE, now_ms=now_ms)
    assert (second is not None) is takes
    if second is not None:
        assert (second.lease, second.first_tried) == (MINE, NOW)


@pytest.mark.parametrize("seen, takes", [(NOW, True), (NOW - 1, False), (NOW + 1, False)])
def test_an_index_that_lags_takes_nothing(store: Store, seen: int, takes: bool) -> None:
    """What it showed must still be so."""
    store.revocations.leave(LEFT, shard=SHARD, now=NOW)
    assert (taken(store, seen=seen) is not None) is takes


def test_who_took_it_has_it(store: Store) -> None:
    """The answer to the first try was lost: the second gives the same."""
    assert taken(store) is None
    left = begun(store)
    assert taken(store) == left


def test_what_is_left_twice_is_left_once(store: Store) -> None:
    """A commit that comes again by the rescue undoes nothing that was tried since."""
    left = replace(begun(store), attempts=2, next_try=NOW + 90)
    store.revocations.put_off(left, MINE, due=NOW + 90)
    before = raw(store)
    store.revocations.leave(LEFT, shard=SHARD, now=NOW + 10)
    assert raw(store) == before


@pytest.mark.parametrize("act", ["put_off", "end", "end_untold", "forget"])
def test_only_its_holder_changes_it(store: Store, act: str) -> None:
    """Whose lease was taken over leaves it to the other: nothing is written, nothing recorded."""
    left = ended(begun(store))
    before = raw(store)
    more = {"put_off": {"due": 1}, "end": {"now": NOW}, "end_untold": {"now": NOW, "due": 1}, "forget": {}}
    getattr(store.revocations, act)(left, THEIRS, **more[act])
    assert raw(store) == before
    assert store.revocations.page("acme", now=NOW, limit=9) == ([], None)
    getattr(store.revocations, act)(left, MINE, **more[act])
    assert raw(store) != before


def test_its_end_is_recorded(store: Store) -> None:
    """It is gone, and how it ended can be listed; the resource is not kept by that."""
    store.revocations.end(ended(begun(store)), MINE, now=NOW + 9)
    assert raw(store) is None
    assert not store.resources.has_left_to_revoke("acme")
    assert not store.resources.has_connections("acme")
    found, _ = store.revocations.page("acme", now=NOW + 9, limit=9)
    assert found == [EndedRevocation("acme", "c1", "failed", "rate_limited", 7, NOW + 9)]
    assert store.leases.due(SHARD, now=NOW + 10**6, limit=9) == ([], None)


def test_what_ended_untold_holds_no_token(store: Store) -> None:
    """The event is all that is still to be done: of the token set no attribute stays, the record is there."""
    left = replace(begun(store), revoked={"refresh_token": "revoked"}, next_try=NOW)
    store.revocations.end_untold(ended(left), MINE, now=NOW + 9, due=NOW + 69)
    assert (raw(store) or {}).keys() == {
        *("pk", "sk", "id", "n", "shard", "refresh_at", "fa", "f", "rv", "ct"),
    }
    again = taken(store, THEIRS, seen=NOW + 69, now_ms=NOW_MS + 69_000)
    assert again is not None
    assert (again.token_set, again.outcome, again.category) == (None, "failed", "rate_limited")
    assert again.notes == (Note.DISCONNECTED,)
    store.revocations.forget(again, THEIRS)
    assert raw(store) is None
    assert len(store.revocations.page("acme", now=NOW + 99, limit=9)[0]) == 1


def test_records_are_listed_page_by_page(store: Store) -> None:
    """Oldest first, each once; those of another resource are not among them."""
    for number in (3, 1, 4, 2, 0):
        left = replace(LEFT, sort=f"c{number}#1", connection_id=f"c{number}")
        store.revocations.leave(left, shard=SHARD, now=NOW)
        mine = store.revocations.take("acme", left.sort, MINE, seen=NOW, now_ms=NOW_MS)
        assert mine is not None
        store.revocations.end(ended(mine, "revoked", None), MINE, now=NOW + number)
    other = replace(LEFT, resource_id="acme-2")
    store.revocations.leave(other, shard=SHARD, now=NOW)
    assert store.revocations.take("acme-2", "c1#1", MINE, seen=NOW, now_ms=NOW_MS) is not None
    store.revocations.end(ended(other), MINE, now=NOW)
    found, after = store.revocations.page("acme", now=NOW + 9, limit=2)
    while after is not None:
        more, after = store.revocations.page("acme", now=NOW + 9, limit=2, after=after)
        found += more
    assert [(one.connection_id, one.at) for one in found] == [(f"c{n}", NOW + n) for n in range(5)]
    assert {(one.outcome, one.category) for one in found} == {("revoked", None)}


@pytest.mark.parametrize("age, listed", [(29 * DAY, True), (30 * DAY, True), (30 * DAY + 1, False)])
def test_a_record_is_kept_for_thirty_days(store: Store, age: int, listed: bool) -> None:
    """By its own time: what TTL has not swept is not listed."""
    store.revocations.end(ended(begun(store)), MINE, now=NOW)
    assert bool(store.revocations.page("acme", now=NOW + age, limit=9)[0]) is listed
    key = ended_key("acme", NOW, LEFT.sort)
    assert (store.revocations._table.get(key) or {})["ttl"] == NOW + RECORD_KEPT_FOR == NOW + 30 * DAY


@pytest.mark.parametrize("others", [0, 120])
def test_a_resource_waits_for_those_that_are_not_over(store: Store, others: int) -> None:
    """What was first tried too long ago does not count; what was never tried does, wherever it stands."""
    for number in range(others):
        old = replace(LEFT, sort=f"a{number:03}#1")
        store.revocations.leave(old, shard=SHARD, now=NOW)
        store.revocations.take("acme", old.sort, MINE, seen=NOW, now_ms=NOW_MS - 1000)
    begun_at = NOW
    assert store.resources.has_left_to_revoke("acme", begun_after=begun_at) is False
    store.revocations.leave(LEFT, shard=SHARD, now=NOW)
    assert store.resources.has_left_to_revoke("acme", begun_after=begun_at) is True
    taken(store)
    assert store.resources.has_left_to_revoke("acme", begun_after=begun_at - 1) is True
    assert store.resources.has_left_to_revoke("acme", begun_after=begun_at) is False
    assert store.resources.has_left_to_revoke("acme") is True
