"""Conditions of a commit: rule 3 of the design, clause by clause."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from oauth_broker.commits import Commit, Committed, Gone, Superseded
from oauth_broker.connection import Connection, LastError, Note, Status
from oauth_broker.doors.store import Store
from tests.doubles.samples import (
    NOW,
    NOW_MS,
    authorization,
    connection,
    consent_commit,
    lease,
    pending,
    proposal,
    proposal_commit,
    refresh_commit,
    token_set,
)
from tests.integration.store.placing import place, raw, there

ENDED = connection(status=Status.NEEDS_REAUTHORIZATION, notes=(Note.NEEDS_REAUTHORIZATION,))
PROPOSED = pending(proposal=proposal(), refresh_at=NOW + 600)
CONFIRMED = consent_commit(confirmed=b"code-hash")


@pytest.mark.parametrize(
    "before, commit",
    [
        (connection(), refresh_commit()),
        (connection(lease=lease(), unknown_since=NOW, failures=2), refresh_commit()),
        (ENDED, refresh_commit()),
        (pending(), consent_commit()),
        (connection(), consent_commit()),
        (ENDED, consent_commit()),
        (connection(consented_at=NOW_MS + 199), consent_commit()),
        (PROPOSED, CONFIRMED),
        (pending(), proposal_commit()),
        (connection(), proposal_commit()),
        (ENDED, proposal_commit()),
        (pending(proposal=proposal(consented_at=NOW_MS + 199)), proposal_commit()),
    ],
)
def test_a_good_commit_is_made(store: Store, before: Connection, commit: Commit) -> None:
    """What the condition asks for is enough, and making it twice is the same as once."""
    place(store, before)
    assert store.connections.commit(commit) == Committed()
    once = raw(store, before)
    assert store.connections.commit(commit) == Committed()
    assert raw(store, before) == once


@pytest.mark.parametrize(
    "before, commit, outcome",
    [
        # a newer set or a reconnect wins
        (connection(token_set=token_set(token_set_id=b"set-9")), refresh_commit(), Superseded),
        (replace(ENDED, token_set=token_set(token_set_id=b"set-9")), refresh_commit(), Superseded),
        (connection(token_set=None), refresh_commit(), Superseded),
        # a later consent, or the same, is there
        (connection(consented_at=NOW_MS + 201), consent_commit(), Superseded),
        (connection(consented_at=NOW_MS + 201), proposal_commit(), Superseded),
        (pending(proposal=proposal(consented_at=NOW_MS + 201)), proposal_commit(), Superseded),
        # another connection of the same id
        (pending(created_at=NOW_MS + 1), consent_commit(), Gone),
        (pending(created_at=NOW_MS - 1), consent_commit(), Gone),
        (pending(created_at=NOW_MS + 1), proposal_commit(), Gone),
        (replace(PROPOSED, created_at=NOW_MS + 1), CONFIRMED, Gone),
        (
            connection(created_at=NOW_MS + 1, token_set=token_set(token_set_id=b"set-9")),
            refresh_commit(),
            Gone,
        ),
        (pending(created_at=NOW_MS - 1), refresh_commit(), Gone),
        # not that proposal
        (replace(PROPOSED, proposal=proposal(code_hash=b"other")), CONFIRMED, Superseded),
        (pending(), CONFIRMED, Superseded),
        (replace(PROPOSED, consented_at=NOW_MS + 201), CONFIRMED, Superseded),
    ],
)
def test_a_commit_that_came_too_late(
    store: Store, before: Connection, commit: Commit, outcome: type[Any]
) -> None:
    """Each clause of a commit's condition refuses by itself, and what is there stays as it is."""
    place(store, before)
    item = raw(store, before)
    made = store.connections.commit(commit)
    assert isinstance(made, outcome)
    assert raw(store, before) == item
    if isinstance(made, Superseded):
        assert made.there == there(store, before)


@pytest.mark.parametrize("commit", [refresh_commit(), consent_commit(), CONFIRMED, proposal_commit()])
def test_a_commit_makes_no_connection(store: Store, commit: Commit) -> None:
    """What was deleted is not made again by an update."""
    assert store.connections.commit(commit) == Gone()
    assert raw(store, connection()) is None


def test_a_refresh_replaces_what_was_spent(store: Store) -> None:
    """The lease and every trace of failure go, the generation counts on, the time is the commit's."""
    before = place(
        store,
        connection(lease=lease(), unknown_since=NOW, failures=3, last_error=LastError(NOW, "refused")),
    )
    store.connections.commit(refresh_commit())
    assert there(store, before) == connection(
        token_set=token_set(token_set_id=b"set-2", sealed=b"sealed-2"),
        generation=2,
        next_refresh=NOW + 3300,
        refresh_at=NOW + 3300,
    )


@pytest.mark.parametrize(
    "came, due",
    [
        ({"notes": (Note.REFRESH_FAILING,)}, NOW),
        ({"proposal": proposal()}, NOW + 600),
        ({"proposal": proposal(until=NOW + 9999)}, NOW + 3300),
        ({"proposal": proposal(), "notes": (Note.REFRESH_FAILING,)}, NOW),
    ],
)
@pytest.mark.parametrize("next_refresh", [NOW + 3300, None])
def test_what_came_during_a_refresh_is_looked_at(
    store: Store, came: dict[str, Any], due: int, next_refresh: int | None
) -> None:
    """The commit's own time was computed without it."""
    before = place(store, connection(lease=lease(), **came))
    commit = refresh_commit(next_refresh=next_refresh, refresh_at=next_refresh)
    store.connections.commit(commit)
    after = there(store, before)
    assert after.next_refresh == next_refresh
    assert after.refresh_at == (NOW + 9999 if next_refresh is None and due == NOW + 3300 else due)


def test_a_refresh_without_a_time_leaves_the_index(store: Store) -> None:
    """The index is sparse: what has nothing to do is not in it."""
    before = place(store, connection())
    assert store.leases.due("00", now=NOW, limit=9)[0]
    store.connections.commit(refresh_commit(next_refresh=None, refresh_at=None))
    assert store.leases.due("00", now=NOW * 2, limit=9) == ([], None)
    assert "shard" not in (raw(store, before) or {})


def test_a_rescued_set_brings_an_ended_grant_back(store: Store) -> None:
    """The old token was tried again, and refused, while its successor lay in the rescue queue."""
    before = place(store, replace(ENDED, next_refresh=None))
    assert store.connections.commit(refresh_commit()) == Committed()
    after = there(store, before)
    assert (after.status, after.generation) == (Status.ACTIVE, 2)
    assert after.notes == (Note.NEEDS_REAUTHORIZATION, Note.CONNECTED)
    assert after.refresh_at is not None
    assert after.refresh_at <= NOW  # the notes are due
    assert after.next_refresh is not None
    assert after.next_refresh <= NOW  # and a refresh, which tells whether the provider ended it as well


def test_a_consent_starts_afresh(store: Store) -> None:
    """It takes the place of whatever was there, its event due at once, and is swept by no TTL."""
    before = place(store, connection(lease=lease(), unknown_since=NOW, failures=3, proposal=proposal()))
    store.connections.commit(consent_commit())
    after = there(store, before)
    assert after == connection(
        token_set=token_set(token_set_id=b"set-3", sealed=b"sealed-3"),
        generation=2,
        consented_at=NOW_MS + 200,
        next_refresh=NOW + 3300,
        refresh_at=NOW,
        notes=(Note.CONNECTED,),
        variables={"realm": "8"},
    )
    assert "ttl" not in (raw(store, before) or {})


def test_a_proposal_changes_nothing_else(store: Store) -> None:
    """The old token set serves until the new one is confirmed, and is refreshed when it was to be."""
    before = place(store, connection())
    store.connections.commit(proposal_commit())
    assert there(store, before) == connection(proposal=proposal())


@pytest.mark.parametrize("due", [NOW + 601, NOW + 60 * 86_400, None])
def test_a_proposal_ends_before_the_next_refresh(store: Store, due: int | None) -> None:
    """Its end is the next time at which there is something to do; the time of the refresh is kept apart."""
    before = place(store, connection(refresh_at=due, next_refresh=due))
    store.connections.commit(proposal_commit())
    assert there(store, before) == replace(before, proposal=proposal(), refresh_at=NOW + 600)


def test_a_proposal_is_looked_at_when_it_is_too_late(store: Store) -> None:
    """A pending connection gets into the index for it."""
    before = place(store, pending())
    store.connections.commit(proposal_commit())
    assert there(store, before).refresh_at == NOW + 600
    assert [due.sort for due in store.leases.due("00", now=NOW + 600, limit=9)[0]] == ["c1"]


def test_a_proposal_that_ended_never_comes_back(store: Store) -> None:
    """A copy of it that the rescue still has finds the attempt at its end."""
    before = place(store, PROPOSED)
    store.connections.end_proposal(before, proposal())
    ended = there(store, before)
    assert (ended.proposal, ended.start_until) == (None, None)
    store.connections.commit(proposal_commit())
    assert there(store, before) == ended


def test_only_the_proposal_that_was_judged_is_ended(store: Store) -> None:
    """A newer one that came meanwhile stands."""
    before = place(store, PROPOSED)
    store.connections.end_proposal(before, proposal(code_hash=b"other"))
    assert there(store, before) == before


@pytest.mark.parametrize("made_at, noted", [(NOW_MS, True), (NOW_MS + 1, False)])
def test_a_failed_consent_is_noted_on_its_own_connection(store: Store, made_at: int, noted: bool) -> None:
    """A later connection of the same id does not show what befell an earlier one."""
    before = place(store, pending(created_at=made_at))
    store.connections.note_failed_consent(authorization(), LastError(NOW, "refused", error="access_denied"))
    assert (there(store, before).last_error is not None) is noted


def test_a_failed_consent_makes_no_connection(store: Store) -> None:
    """What was deleted stays deleted."""
    store.connections.note_failed_consent(authorization(), LastError(NOW, "refused"))
    assert raw(store, pending()) is None


@pytest.mark.parametrize("issued_at", [NOW, NOW - 60])
def test_a_refresh_says_when_to_warn(store: Store, issued_at: int) -> None:
    """And what is known of the new refresh token; what was told stays known."""
    before = place(store, connection(warn_at=NOW, warned_of=(NOW + 99,)))
    newer = token_set(token_set_id=b"set-2", refresh_issued_at=issued_at, refresh_expires_at=NOW + 9000)
    store.connections.commit(refresh_commit(token_set=newer, warn_at=NOW + 6750))
    after = there(store, before)
    assert (after.token_set, after.warn_at, after.warned_of) == (newer, NOW + 6750, (NOW + 99,))
    store.connections.commit(refresh_commit(spent=b"set-2", token_set=token_set(token_set_id=b"set-3")))
    assert there(store, before).warn_at is None
    assert there(store, before).token_set == token_set(token_set_id=b"set-3")


def test_a_new_consent_forgets_what_was_told(store: Store) -> None:
    """It begins anew: other deaths, other warnings."""
    before = place(store, connection(warn_at=NOW, warned_of=(NOW + 99,)))
    store.connections.commit(consent_commit())
    after = there(store, before)
    assert (after.warn_at, after.warned_of, after.refresh_at) == (None, (), NOW)
