"""Committing surely: the table, then the rescue queue, and word of what was lost."""

from __future__ import annotations

from typing import Any

import pytest

from oauth_broker import log
from oauth_broker.commits import Committed, Gone, RefreshCommit
from oauth_broker.connection import LastError, Status
from oauth_broker.doors.store import Store
from oauth_broker.doors.store.table import HURRIED
from oauth_broker.flows.commit import PAUSE, TRIES_BEFORE_RESCUE, commit_surely, settled
from oauth_broker.flows.read_token import read_token
from oauth_broker.protocol.http import HttpResponse
from tests.doubles.broker import ADMIN, NUMBERS, Broker, plenty
from tests.doubles.dynamodb import MemoryDynamoDB
from tests.doubles.provider import StrictProvider, answered, fields_of, granted
from tests.doubles.samples import NOW, refresh_commit, token_set


@pytest.fixture
def broker() -> Broker:
    """A broker with an active connection."""
    made = Broker()
    made.connect()
    return made


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """What is logged, and whether somebody should look at it."""
    written: list[tuple[str, bool]] = []

    def line(event: str, *, failed: bool = False, **_: object) -> None:
        written.append((event, failed))

    monkeypatch.setattr(log, "line", line)
    return written


def commit_for(broker: Broker) -> RefreshCommit:
    """Give the commit of a refresh of the broker's connection."""
    held = broker.connection().token_set
    assert held is not None
    return refresh_commit(spent=held.token_set_id)


@pytest.mark.parametrize("failures, rescued", [(0, 0), (1, 0), (2, 1), (5, 1)])
def test_two_failures_call_the_rescue_and_the_tries_go_on(
    broker: Broker, failures: int, rescued: int
) -> None:
    """The sealed set is in the queue after the second failure, and committed by whoever is first."""
    commit = commit_for(broker)
    broker.dynamodb.fail_next("update_item", failures)
    assert commit_surely(broker.kit, commit) == Committed()
    assert broker.rescue.received() == [commit] * rescued
    assert broker.connection().token_set == commit.token_set


def test_a_table_that_stays_away_leaves_it_to_the_rescue(
    broker: Broker, lines: list[tuple[str, bool]]
) -> None:
    """Within the commit deadline; the rescue makes the very same commit later."""
    commit = commit_for(broker)
    broker.dynamodb.fail_next("update_item", 10**6)
    assert commit_surely(broker.kit, commit) is None
    assert broker.machine.now() - NOW <= 5
    assert lines == [("token set left to the rescue", False)]
    assert broker.rescue.received() == [commit]
    broker.dynamodb.fail_next("update_item", 0)
    [received] = broker.rescue.received()
    assert settled(broker.kit.store, received, now=NOW + 60) == Committed()
    assert broker.connection().token_set == commit.token_set


def test_what_neither_would_take_is_reported_as_lost(broker: Broker, lines: list[tuple[str, bool]]) -> None:
    """Somebody should look at it."""
    broker.dynamodb.fail_next("update_item", 10**6)
    broker.rescue.down = True
    assert commit_surely(broker.kit, commit_for(broker)) is None
    assert lines == [("token set lost", True)]


def test_a_lost_answer_is_no_second_generation(broker: Broker) -> None:
    """The commit was made though nobody heard of it: the second try finds it made."""
    commit = commit_for(broker)
    broker.dynamodb.lose_answers("update_item")
    assert commit_surely(broker.kit, commit) == Committed()
    assert broker.connection().generation == 2
    assert broker.rescue.messages == []


def test_what_came_for_a_deleted_connection_is_left_to_revoke_once(broker: Broker) -> None:
    """However often it is settled."""
    commit = refresh_commit(connection_id="gone", token_set=token_set(token_set_id=b"set-9"))
    for _ in range(2):
        assert settled(broker.kit.store, commit, now=NOW) == Gone()
    left = [key for key in broker.dynamodb.items if key[0] == "D#acme"]
    assert left == [("D#acme", f"gone#{b'set-9'.hex()}")]


def test_no_token_is_handed_out_before_its_commit() -> None:
    """The table is away: the old token is served, the new one after the rescue committed it."""
    broker = Broker(StrictProvider(clock=lambda: 0))
    broker.connect()
    broker.machine.time += 3400
    broker.dynamodb.fail_next("update_item", 0)
    provider = broker.egress
    assert isinstance(provider, StrictProvider)
    taken = broker.dynamodb.calls["update_item"]

    def away() -> float:
        if provider.calls == 2 and broker.dynamodb.calls["update_item"] == taken + 1:
            broker.dynamodb.fail_next("update_item", 10**6)
        return 0

    provider.clock = away
    told = read_token(broker.kit, ADMIN, "acme", "c1", min_ttl=600, remaining=plenty)
    assert (told["access_token"], told["generation"]) == ("access-1", 1)
    assert provider.calls == 2
    broker.dynamodb.fail_next("update_item", 0)
    for commit in broker.rescue.received():
        settled(broker.kit.store, commit, now=NOW)
    told = read_token(broker.kit, ADMIN, "acme", "c1", min_ttl=600, remaining=plenty)
    assert (told["access_token"], told["generation"]) == ("access-2", 2)
    assert not provider.dead


def test_a_grant_that_was_refused_while_its_successor_was_in_the_queue_lives(broker: Broker) -> None:
    """The rescue's commit makes it active again, and says so."""
    commit = commit_for(broker)
    broker.kit.store.leases.end_grant(
        broker.connection(), spent=commit.spent, error=LastError(NOW, "grant_gone"), now=NOW, shard="00"
    )
    assert broker.connection().status is Status.NEEDS_REAUTHORIZATION
    assert settled(broker.kit.store, commit, now=NOW) == Committed()
    assert broker.connection().status is Status.ACTIVE


@pytest.mark.parametrize(
    "answer, status",
    [
        (answered(400, error="invalid_grant"), Status.NEEDS_REAUTHORIZATION),
        (granted("access-3"), Status.ACTIVE),
    ],
)
def test_what_came_after_a_refusal_is_tried_at_once(
    broker: Broker, answer: HttpResponse, status: Status
) -> None:
    """A provider that detects reuse ended the successor, too: that does not read healthy for an hour."""

    def while_the_table_is_away() -> HttpResponse:
        broker.dynamodb.fail_next("update_item", 10**6)
        return granted("access-2", refresh_token="refresh-2")

    broker.work()  # tells of the connection
    broker.machine.time += 2000
    broker.scripted.will(while_the_table_is_away)
    read_token(broker.kit, ADMIN, "acme", "c1", min_ttl=3600, remaining=plenty)
    broker.dynamodb.fail_next("update_item", 0)
    (commit,) = broker.rescue.received()
    assert isinstance(commit, RefreshCommit)
    broker.kit.store.leases.end_grant(
        broker.connection(), spent=commit.spent, error=LastError(NOW, "grant_gone"), now=NOW, shard="00"
    )
    settled(broker.kit.store, commit, now=NOW)
    broker.scripted.will(answer)
    broker.machine.time += 1
    broker.work()  # tells that it was ended, and connected
    broker.work()
    assert broker.connection().status is status
    assert fields_of(broker.scripted.requests[-1])["refresh_token"] == "refresh-2"


@pytest.mark.parametrize("hurried", [True, False])
def test_who_has_the_rescue_does_not_wait_for_the_table(hurried: bool) -> None:
    """A table that cannot be reached is given up in time for the queue; a confirmation has only the table."""
    store = Store("table")
    away, there = MemoryDynamoDB(), MemoryDynamoDB()
    tables = {True: store.connections._commits, False: store.connections._table}
    for which, table in tables.items():
        table.client._made = there if which is hurried else away
    assert store.connections.commit(refresh_commit(), hurried=hurried) == Gone()
    assert (there.calls.total(), away.calls.total()) == (1, 0)
    config: Any = tables[hurried].client._config
    assert (config.retries["total_max_attempts"] == HURRIED["attempts"]) is hurried


def test_two_hurried_tries_and_the_rescue_fit_into_an_attempt() -> None:
    """Each try connects and reads for its time at most, as the queue's two do."""
    connect = 1.0
    tries = TRIES_BEFORE_RESCUE * (connect + HURRIED["read_timeout"]) * HURRIED["attempts"]
    assert NUMBERS.provider_deadline + tries + PAUSE + 2 * (connect + 1.0) < NUMBERS.attempt_margin
