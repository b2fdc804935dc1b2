"""Conditions of the lease, and the due index."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from oauth_broker.connection import Connection, LastError, Note, Status
from oauth_broker.doors.store import NotTaken, Store
from tests.doubles.samples import NOW, NOW_MS, SHARD, connection, lease, pending, proposal, token_set
from tests.integration.store.placing import place, raw, there

MINE = lease(b"mine")
THEIRS = lease(b"theirs")
ERROR = LastError(NOW, "rate_limited", http_status=429)
Act = Callable[[Store, Connection], Any]


def take_due(store: Store, _: Connection) -> Any:
    """Take the lease as the worker does."""
    return store.leases.take_when_due("acme", "c1", MINE, seen=NOW)


def take_seen(store: Store, before: Connection) -> Any:
    """Take the lease as a reader does."""
    return store.leases.take_as_seen(replace(before, generation=1, created_at=NOW_MS), MINE)


def take_over(store: Store, _: Connection) -> Any:
    """Take a lapsed lease over."""
    return store.leases.take_over("acme", "c1", MINE, lapsed=THEIRS)


@pytest.mark.parametrize(
    "take, before",
    [
        (take_due, connection()),
        (take_due, pending(refresh_at=NOW)),
        (take_seen, connection(refresh_at=None)),
        (take_over, connection(lease=THEIRS)),
    ],
)
def test_a_lease_is_taken_once(store: Store, take: Act, before: Connection) -> None:
    """It gives the connection as it was; a lost answer is no loss; nobody else gets it."""
    place(store, before)
    assert take(store, before) == before
    assert there(store, before).lease == MINE
    again = take(store, before)
    assert isinstance(again, Connection)
    assert again.lease == MINE
    other = store.leases.take_when_due("acme", "c1", lease(b"third"), seen=NOW)
    assert other == NotTaken(there(store, before))


@pytest.mark.parametrize(
    "take, before",
    [
        (take_due, connection(refresh_at=NOW + 1)),
        (take_due, connection(refresh_at=None)),
        (take_due, connection(lease=THEIRS)),
        (take_seen, connection(generation=2)),
        (take_seen, connection(generation=0)),
        (take_seen, connection(lease=THEIRS)),
        (take_seen, connection(created_at=NOW_MS + 1)),
        (take_over, connection(lease=lease(b"third"))),
        (take_over, connection()),
    ],
)
def test_each_clause_refuses_the_lease(store: Store, take: Act, before: Connection) -> None:
    """A lagging index, another generation, another's lease: the loser learns what is there."""
    place(store, before)
    assert take(store, before) == NotTaken(before)
    assert there(store, before) == before


@pytest.mark.parametrize("take", [take_due, take_seen, take_over])
def test_no_lease_makes_a_connection(store: Store, take: Act) -> None:
    """What is gone is not made again."""
    assert take(store, connection()) == NotTaken(None)
    assert raw(store, connection()) is None


def put_off(store: Store, before: Connection) -> None:
    """Put an attempt off."""
    store.leases.put_off(
        before, MINE, error=ERROR, failures=2, next_refresh=NOW + 60, notes=[], now=NOW, shard=SHARD
    )


def give_back(store: Store, before: Connection) -> None:
    """Give the lease back."""
    store.leases.give_back(before, MINE)


def settle(store: Store, before: Connection) -> None:
    """Take announced notes off."""
    store.leases.settle(
        before,
        MINE,
        announced=True,
        forget_proposal=True,
        warn_at=NOW + 90,
        warned_of=(NOW + 80,),
        refresh_at=NOW + 60,
        shard=SHARD,
    )


def mark_unknown(store: Store, before: Connection) -> None:
    """Mark a lapsed lease's outcome as unknown."""
    store.leases.mark_unknown(
        before, MINE, error=ERROR, harmless=False, again=NOW + 60, notes=[], shard=SHARD
    )


def end_grant(store: Store, before: Connection) -> Any:
    """End the grant of the token set `set-1`."""
    return store.leases.end_grant(before, spent=b"set-1", error=ERROR, now=NOW, shard=SHARD)


HELD = connection(lease=MINE)


@pytest.mark.parametrize("act", [put_off, give_back, settle, mark_unknown])
@pytest.mark.parametrize("now", [connection(lease=THEIRS), connection(), None])
def test_a_holder_whose_lease_is_gone_writes_nothing(store: Store, act: Act, now: Connection | None) -> None:
    """A slow holder never overwrites its successor, nor brings back what was deleted."""
    if now is not None:
        place(store, now)
    act(store, HELD)
    assert store.connections.get("acme", "c1") == now


@pytest.mark.parametrize(
    "act, before, after",
    [
        (
            put_off,
            replace(HELD, failures=1),
            connection(failures=2, next_refresh=NOW + 60, refresh_at=NOW + 60, last_error=ERROR),
        ),
        (
            put_off,
            replace(HELD, notes=(Note.CONNECTED,)),
            connection(failures=2, next_refresh=NOW + 60, last_error=ERROR, notes=(Note.CONNECTED,)),
        ),
        (give_back, HELD, connection()),
        (
            put_off,
            replace(HELD, warn_at=NOW + 30, warned_of=(NOW + 99,)),
            connection(
                failures=2,
                next_refresh=NOW + 60,
                refresh_at=NOW + 30,  # the warning does not wait for the next attempt
                last_error=ERROR,
                warn_at=NOW + 30,
                warned_of=(NOW + 99,),
            ),
        ),
        (
            settle,
            replace(HELD, notes=(Note.CONNECTED,)),
            connection(refresh_at=NOW + 60, warn_at=NOW + 90, warned_of=(NOW + 80,)),
        ),
        (
            settle,
            replace(HELD, proposal=proposal(), warn_at=NOW, warned_of=(NOW + 70,)),
            connection(
                refresh_at=NOW + 60,
                ended_consent=NOW_MS + 200,
                warn_at=NOW + 90,
                warned_of=(NOW + 80,),
            ),
        ),
        (
            mark_unknown,
            replace(HELD, failures=1, warn_at=NOW + 30),
            connection(
                unknown_since=NOW,
                failures=2,
                next_refresh=NOW + 60,
                refresh_at=NOW + 30,
                last_error=ERROR,
                warn_at=NOW + 30,
            ),
        ),
        (
            mark_unknown,
            replace(HELD, failures=1),
            connection(
                unknown_since=NOW,
                failures=2,
                next_refresh=NOW + 60,
                refresh_at=NOW + 60,
                last_error=ERROR,
            ),
        ),
        (
            end_grant,
            replace(HELD, failures=1, unknown_since=NOW, warn_at=NOW + 90, warned_of=(NOW + 80,)),
            connection(
                status=Status.NEEDS_REAUTHORIZATION,
                next_refresh=None,
                last_error=ERROR,
                notes=(Note.NEEDS_REAUTHORIZATION,),
            ),
        ),
    ],
)
def test_what_a_holder_writes(store: Store, act: Act, before: Connection, after: Connection) -> None:
    """Its lease given back, the connection is as the attempt left it, and nothing else has changed."""
    place(store, before)
    act(store, before)
    assert there(store, before) == after


def test_what_was_harmless_to_repeat_is_not_unknown(store: Store) -> None:
    """It is a failure like any other, and what is to be announced makes it due at once."""
    place(store, replace(HELD, failures=2))
    store.leases.mark_unknown(
        HELD, MINE, error=ERROR, harmless=True, again=NOW + 60, notes=[Note.REFRESH_FAILING], shard=SHARD
    )
    assert there(store, HELD) == connection(
        failures=3, next_refresh=NOW + 60, last_error=ERROR, notes=(Note.REFRESH_FAILING,)
    )


def test_an_attempt_in_vain_may_leave_an_earlier_one_unknown(store: Store) -> None:
    """From the time at which that was found."""
    before = place(store, HELD)
    store.leases.put_off(
        before,
        MINE,
        error=ERROR,
        failures=1,
        next_refresh=NOW + 60,
        notes=[],
        now=NOW,
        shard=SHARD,
        unknown=True,
    )
    assert there(store, HELD).unknown_since == NOW


@pytest.mark.parametrize("first", [NOW, NOW - 31])
@pytest.mark.parametrize("by_worker", [True, False])
def test_a_lease_comes_back_whole(store: Store, first: int, by_worker: bool) -> None:
    """Since when it goes back, and who took it."""
    place(store, connection())
    mine = replace(lease(b"mine", first=first), by_worker=by_worker)
    store.leases.take_when_due("acme", "c1", mine, seen=NOW)
    assert there(store, connection()).lease == mine


@pytest.mark.parametrize("act", [put_off, mark_unknown])
def test_no_failure_is_written_over_an_ended_grant(store: Store, act: Act) -> None:
    """Only what is active can fail to be refreshed."""
    before = place(store, replace(HELD, status=Status.NEEDS_REAUTHORIZATION))
    act(store, before)
    assert there(store, before) == before


@pytest.mark.parametrize(
    "now",
    [
        connection(token_set=token_set(token_set_id=b"set-2"), generation=2),
        connection(status=Status.NEEDS_REAUTHORIZATION),
    ],
)
def test_a_grant_is_ended_once_and_for_the_spent_set(store: Store, now: Connection) -> None:
    """A newer token set, or an end that was written before, stands: no second event."""
    place(store, now)
    assert end_grant(store, HELD) == now
    assert there(store, now) == now


def test_the_end_of_what_is_deleted_is_no_news(store: Store) -> None:
    """Nothing is written."""
    assert end_grant(store, HELD) is None
    assert raw(store, HELD) is None


@pytest.mark.parametrize(
    "seen, now",
    [
        (HELD, replace(HELD, notes=(Note.CONNECTED,))),
        (replace(HELD, notes=(Note.CONNECTED,)), replace(HELD, notes=(Note.CONNECTED, Note.REFRESH_FAILING))),
        (HELD, replace(HELD, proposal=proposal())),
        (replace(HELD, proposal=proposal()), replace(HELD, proposal=proposal(code_hash=b"newer"))),
        (replace(HELD, proposal=proposal()), HELD),
    ],
)
def test_what_came_meanwhile_is_not_overlooked(store: Store, seen: Connection, now: Connection) -> None:
    """A note or a proposal that the holder did not see is neither taken off nor left without a time."""
    place(store, now)
    met = store.leases.settle(
        seen,
        MINE,
        announced=bool(seen.notes),
        forget_proposal=True,
        warn_at=None,
        warned_of=(),
        refresh_at=None,
        shard=SHARD,
    )
    assert met == now
    assert there(store, now) == now
