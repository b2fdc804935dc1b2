"""Commits as messages: what the rescue reads is what was written."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth_broker.commits import (
    Commit,
    ConsentCommit,
    ProposalCommit,
    RefreshCommit,
    from_message,
    to_message,
    token_set_in,
    variables_in,
)
from oauth_broker.connection import Proposal, SealedTokenSet
from tests.doubles.samples import NOW, consent_commit, proposal_commit, refresh_commit

# What a caller can bring has no lone surrogates: strict_json refuses them.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
BYTES = st.binary(max_size=40)
TIME = st.integers(min_value=0, max_value=2**53)
SHOWN: st.SearchStrategy[Any] = TEXT | TIME | st.booleans() | st.floats(allow_nan=False, allow_infinity=False)
VARIABLES = st.dictionaries(TEXT, TEXT, max_size=3)
TOKEN_SETS = st.builds(
    SealedTokenSet,
    token_set_id=BYTES,
    sealed=BYTES,
    issued_at=TIME,
    expires_at=st.none() | TIME,
    scopes=st.lists(TEXT, max_size=3).map(tuple),
    metadata=st.dictionaries(TEXT, SHOWN, max_size=3),
    destinations_id=TEXT,
    refreshable=st.booleans(),
    refresh_expires_at=st.none() | TIME,
    refresh_issued_at=st.none() | TIME,
)
PROPOSALS = st.builds(
    Proposal,
    token_set=TOKEN_SETS,
    variables=VARIABLES,
    code_hash=BYTES,
    user_hash=BYTES,
    consented_at=TIME,
    until=TIME,
)
PLACE: dict[str, Any] = {"resource_id": TEXT, "connection_id": TEXT, "created_at": TIME, "shard": TEXT}
COMMITS: st.SearchStrategy[Commit] = st.one_of(
    st.builds(
        RefreshCommit,
        spent=BYTES,
        token_set=TOKEN_SETS,
        next_refresh=st.none() | TIME,
        refresh_at=st.none() | TIME,
        warn_at=st.none() | TIME,
        variables=VARIABLES,
        attempts=BYTES,
        **PLACE,
    ),
    st.builds(
        ConsentCommit,
        token_set=TOKEN_SETS,
        variables=VARIABLES,
        consented_at=TIME,
        next_refresh=st.none() | TIME,
        due=TIME,
        confirmed=st.none() | BYTES,
        **PLACE,
    ),
    st.builds(ProposalCommit, proposal=PROPOSALS, **PLACE),
)


@given(commit=COMMITS)
def test_a_message_brings_the_commit_back(commit: Commit) -> None:
    """Nothing is lost or changed on the way through the queue."""
    assert from_message(to_message(commit)) == commit


@pytest.mark.parametrize("commit", [refresh_commit(), consent_commit(), proposal_commit()])
def test_a_commit_says_what_is_to_be_revoked(commit: Commit) -> None:
    """Every kind of commit gives its token set and variables to whoever must revoke them."""
    assert token_set_in(commit).sealed in {b"sealed-1", b"sealed-2", b"sealed-3"}
    assert dict(variables_in(commit)) in ({}, {"realm": "7"}, {"realm": "8"})


@pytest.mark.parametrize("commit", [refresh_commit(), consent_commit(), proposal_commit()])
def test_every_member_counts(commit: Commit) -> None:
    """A message that lacks a member is refused: a commit is never made by halves."""
    body = json.loads(to_message(commit))
    for name in body.keys() - {"attempts", "warn_at"}:
        short = {member: value for member, value in body.items() if member != name}
        with pytest.raises(KeyError):
            from_message(json.dumps(short))


@pytest.mark.parametrize(
    "commit", [refresh_commit(warn_at=NOW, attempts=b"8 bytes."), consent_commit(), proposal_commit()]
)
def test_an_earlier_versions_message_is_read(commit: Commit) -> None:
    """What it did not know of a grant's end is unknown, its ring is empty; nothing else changes.

    Fails with `body["warn_at"]`.
    """
    body = json.loads(to_message(commit))
    for name in ("attempts", "warn_at"):
        body.pop(name, None)
    for name in ("refresh_expires_at", "refresh_issued_at"):
        del body["token_set"][name]
    known = replace(commit, warn_at=None, attempts=b"") if isinstance(commit, RefreshCommit) else commit
    assert from_message(json.dumps(body)) == known


@pytest.mark.parametrize("text", ["", "{", "null", "[]", '"x"'])
def test_no_commit_at_all(text: str) -> None:
    """What is no message of ours raises."""
    with pytest.raises((ValueError, KeyError, TypeError)):
        from_message(text)


def test_another_kind_is_refused() -> None:
    """A commit of a kind that is not known is not guessed at."""
    body = json.loads(to_message(refresh_commit())) | {"kind": "other"}
    with pytest.raises(ValueError, match="not a commit's kind"):
        from_message(json.dumps(body))


def test_no_commit_shows_a_token() -> None:
    """The message holds the sealed blob, and nothing else of the token set's inside."""
    body = json.loads(to_message(refresh_commit()))
    assert set(body["token_set"]) == {
        *("id", "sealed", "issued_at", "expires_at", "scopes", "metadata", "destinations_id", "refreshable"),
        *("refresh_expires_at", "refresh_issued_at"),
    }
