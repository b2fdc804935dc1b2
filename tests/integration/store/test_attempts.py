"""The ring of attempts: who writes it, and who leaves it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from oauth_broker.commits import Commit, Committed, from_message, to_message
from oauth_broker.connection import Connection, LastError, Status
from oauth_broker.doors.store import Store
from tests.doubles.samples import (
    NOW,
    SHARD,
    connection,
    consent_commit,
    lease,
    proposal_commit,
    refresh_commit,
)
from tests.integration.store.placing import place, there

MINE = lease(b"mine")
THEIRS = lease(b"theirs")
ERROR = LastError(NOW, "rate_limited", http_status=429)
HELD = connection(lease=MINE)
RING = b"8 bytes."
WRITERS: dict[str, Callable[[Store, Connection, bytes], Any]] = {
    "take_over": lambda store, _, ring: store.leases.take_over(
        "acme", "c1", THEIRS, lapsed=MINE, attempts=ring
    ),
    "put_off": lambda store, seen, ring: store.leases.put_off(
        *(seen, MINE),
        error=ERROR,
        failures=2,
        next_refresh=NOW + 60,
        notes=[],
        now=NOW,
        shard=SHARD,
        attempts=ring,
    ),
    "mark_unknown": lambda store, seen, ring: store.leases.mark_unknown(
        *(seen, MINE), error=ERROR, harmless=False, again=NOW + 60, notes=[], shard=SHARD, attempts=ring
    ),
    "end_grant": lambda store, seen, ring: store.leases.end_grant(
        seen, spent=b"set-1", error=ERROR, now=NOW, shard=SHARD, attempts=ring
    ),
    "commit": lambda store, _, ring: store.connections.commit(refresh_commit(attempts=ring)),
    "rescue": lambda store, _, ring: store.connections.commit(
        from_message(to_message(refresh_commit(attempts=ring)))
    ),
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("ring, kept", [(RING * 2, RING * 2), (b"", RING)])
def test_every_end_of_an_attempt_writes_the_ring(store: Store, writer: str, ring: bytes, kept: bytes) -> None:
    """As it is handed over; without one, what is there stays. Fails where the writer drops it."""
    before = place(store, replace(HELD, attempts=RING))
    WRITERS[writer](store, before, ring)
    assert there(store, before).attempts == kept


def test_who_takes_over_knows_what_was_noted(store: Store) -> None:
    """The connection is given as it was, but with the ring that was written: the next one starts from it."""
    before = place(store, replace(HELD, attempts=RING))
    taken = store.leases.take_over("acme", "c1", THEIRS, lapsed=MINE, attempts=RING * 2)
    assert taken == replace(before, attempts=RING * 2)


@pytest.mark.parametrize("commit", [consent_commit(), proposal_commit()])
def test_a_consent_leaves_the_ring(store: Store, commit: Commit) -> None:
    """Its commit has not read the item."""
    before = place(store, connection(attempts=RING))
    assert store.connections.commit(commit) == Committed()
    assert there(store, before).attempts == RING


def test_a_grant_that_the_rescue_brings_back_has_the_rescued_ring(store: Store) -> None:
    """What was noted while the outcome was unknown is replaced by what it was."""
    ended = place(store, connection(status=Status.NEEDS_REAUTHORIZATION, attempts=RING))
    assert store.connections.commit(refresh_commit(attempts=RING * 2)) == Committed()
    assert there(store, ended).attempts == RING * 2
