"""Readers that find a token near its end: who refreshes, who waits, and what each is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from oauth_broker.connection import Connection, LastError, Status
from oauth_broker.errors import NotFoundError, OutcomeUnknownError
from oauth_broker.flows.freshen import LONG_WAIT, LOOK_AGAIN, Fresh, Stale, freshen
from oauth_broker.flows.refresh import new_lease, refresh_leased
from tests.doubles.broker import Broker, plenty
from tests.doubles.provider import StrictProvider, granted
from tests.doubles.samples import NOW, refresh_commit, token_set


@pytest.fixture
def broker() -> Broker:
    """A broker with an active connection."""
    made = Broker()
    made.connect()
    return made


def freshened(broker: Broker, seen: Connection | None = None, *, remaining: float = 100) -> Fresh | Stale:
    """Freshen the connection as it was seen."""
    held = broker.kit.shelf.resource("acme")
    return freshen(broker.kit, held, seen or broker.connection(), remaining=lambda: remaining)


def taken_by_another(broker: Broker) -> Connection:
    """Let another process take the lease; gives the connection as it was."""
    made = broker.kit.store.leases.take_as_seen(broker.connection(), new_lease(broker.kit))
    assert isinstance(made, Connection)
    return made


def commit_after(broker: Broker, looks: int) -> None:
    """Let the other process commit while a reader waits for the `looks`-th time."""
    commit = refresh_commit(spent=spent_by(broker))

    def act() -> None:
        if len(broker.machine.slept) == looks:
            broker.kit.store.connections.commit(commit)

    broker.machine.on_sleep = act


def spent_by(broker: Broker) -> bytes:
    """Give the id of the token set that a refresh would spend."""
    held = broker.connection().token_set
    assert held is not None
    return held.token_set_id


def test_who_comes_first_refreshes(broker: Broker) -> None:
    """Its tokens are at hand: nothing need be opened again."""
    broker.scripted.will(granted("access-2"))
    made = freshened(broker)
    assert isinstance(made, Fresh)
    assert made.tokens is not None
    assert made.tokens.access_token.reveal() == "access-2"


def test_who_comes_second_waits_for_the_first(broker: Broker) -> None:
    """It calls nobody, and gets what the first one's refresh brought."""
    taken_by_another(broker)
    commit_after(broker, 3)
    made = freshened(broker)
    assert isinstance(made, Fresh)
    assert made.connection.generation == 2
    assert made.tokens is None
    assert len(broker.scripted.requests) == 1


def test_a_wait_has_its_end(broker: Broker) -> None:
    """After the reader's wait the old token must do; the lease's holder is left alone."""
    taken_by_another(broker)
    made = freshened(broker)
    assert made == Stale(broker.connection(), retry_after=1)
    assert 19 < broker.machine.now() - NOW <= 20
    assert broker.connection().lease is not None


@pytest.mark.parametrize("remaining, waits", [(9.2, False), (9.3, True)])
def test_nobody_waits_longer_than_it_has(broker: Broker, remaining: float, waits: bool) -> None:
    """An invocation answers while there is time for a last look at a table that is slow."""
    taken_by_another(broker)
    assert isinstance(freshened(broker, remaining=remaining), Stale)
    assert bool(broker.machine.slept) is waits


def test_a_wait_leaves_time_for_a_slow_table(broker: Broker) -> None:
    """What came before took six seconds of an invocation's 29: the last look may take its nine."""
    taken_by_another(broker)
    began = broker.machine.now()

    def remaining() -> float:
        return 23 - (broker.machine.now() - began)

    held = broker.kit.shelf.resource("acme")
    assert isinstance(freshen(broker.kit, held, broker.connection(), remaining=remaining), Stale)
    assert 9 - LOOK_AGAIN <= remaining() < 10


@pytest.mark.parametrize("looks, begins", [(8, True), (30, False)])
def test_after_a_long_wait_nobody_begins(broker: Broker, looks: int, begins: bool) -> None:
    """The lease came free: taken after a short wait, but not when the caller has waited for long."""
    seen = taken_by_another(broker)
    lease = broker.connection().lease
    assert lease is not None
    broker.scripted.will(granted("access-2"))

    def act() -> None:
        if len(broker.machine.slept) == looks:
            broker.kit.store.leases.give_back(seen, lease)

    broker.machine.on_sleep = act
    made = freshened(broker)
    assert isinstance(made, Fresh) is begins
    waited = broker.machine.now() - NOW
    assert (waited <= LONG_WAIT) is begins
    assert len(broker.scripted.requests) == 1 + begins


@pytest.mark.parametrize("remaining, begins", [(25, True), (24.9, False)])
def test_an_attempt_is_begun_only_with_time_for_it(broker: Broker, remaining: float, begins: bool) -> None:
    """Else the call might be cut off after the provider rotated."""
    broker.scripted.will(granted("access-2"))
    assert isinstance(freshened(broker, remaining=remaining), Fresh) is begins
    assert broker.connection().lease is None
    assert len(broker.scripted.requests) == 1 + begins


def test_a_newer_generation_is_taken_as_it_is(broker: Broker) -> None:
    """Who comes with an old view gets the newer token set, and nothing is called."""
    seen = broker.connection()
    broker.kit.store.connections.commit(refresh_commit(spent=spent_by(broker)))
    made = freshened(broker, seen)
    assert made == Fresh(broker.connection(), None)
    assert len(broker.scripted.requests) == 1


def test_a_grant_that_ended_meanwhile_is_not_asked_for_again(broker: Broker) -> None:
    """The old view says active; the lease shows that the grant is gone: no call, the lease given back."""
    seen = broker.connection()
    broker.kit.store.leases.end_grant(
        seen, spent=spent_by(broker), error=LastError(NOW, "grant_gone"), now=NOW, shard="00"
    )
    made = freshened(broker, seen)
    assert isinstance(made, Fresh)
    assert made.connection.status is Status.NEEDS_REAUTHORIZATION
    assert len(broker.scripted.requests) == 1
    assert broker.connection().lease is None


def test_an_attempt_in_vain_meanwhile_is_not_repeated(broker: Broker) -> None:
    """The old view knows of no failure; the lease shows that the provider asked for peace."""
    seen = taken_by_another(broker)
    lease = broker.connection().lease
    assert lease is not None
    broker.kit.store.leases.put_off(
        seen, lease, error=None, failures=1, next_refresh=NOW + 77, notes=[], now=NOW, shard="00"
    )
    made = freshened(broker, replace(seen, lease=None))
    assert isinstance(made, Stale)
    assert made.retry_after == 77
    assert len(broker.scripted.requests) == 1
    assert broker.connection().lease is None


def test_a_backoff_is_told(broker: Broker) -> None:
    """With the seconds that are left of it."""
    held = broker.kit.shelf.resource("acme")
    seen = taken_by_another(broker)
    lease = broker.connection().lease
    assert lease is not None
    broker.kit.store.leases.put_off(
        seen, lease, error=None, failures=1, next_refresh=NOW + 40, notes=[], now=NOW, shard="00"
    )
    assert freshen(broker.kit, held, broker.connection(), remaining=plenty) == Stale(
        broker.connection(), retry_after=40
    )


def test_a_connection_that_vanished_is_not_found(broker: Broker) -> None:
    """Deleted while a reader waited."""
    taken_by_another(broker)
    broker.machine.on_sleep = broker.dynamodb.items.clear
    with pytest.raises(NotFoundError):
        freshened(broker)


def test_what_cannot_be_refreshed_stays(broker: Broker) -> None:
    """Nothing is called."""
    seen = replace(broker.connection(), token_set=token_set(refreshable=False))
    assert freshened(broker, seen) == Stale(seen, retry_after=60)


# A provider that kills the family when a spent token comes again: nothing here may make it do so.


def strict(**options: Any) -> tuple[Broker, StrictProvider]:
    """Give a broker with an active connection at a strict provider."""
    provider = StrictProvider(clock=lambda: 0.0, **options)
    broker = Broker(provider)
    provider.clock = broker.machine.now
    broker.connect()
    return broker, provider


def test_a_lapsed_lease_is_marked_and_not_taken() -> None:
    """The provider may have answered the one who died: unknown, and due again after the rescue's turn."""
    broker, provider = strict()
    taken_by_another(broker)
    broker.machine.time += 31
    made = freshened(broker)
    assert isinstance(made, Stale)
    assert made.retry_after == 60
    after = broker.connection()
    assert (after.lease, after.unknown_since, after.failures) == (None, NOW + 31, 1)
    assert after.next_refresh == after.refresh_at == NOW + 91
    assert provider.calls == 1


def test_an_answer_that_was_lost_kills_no_family_until_near_expiry() -> None:
    """The old access token serves while it lives; the refresh token is tried once near its end."""
    broker, provider = strict(lose_answers=0)
    provider.lose_answers = 1
    assert isinstance(freshened(broker), Stale)
    for _ in range(50):  # readers and the worker, for most of the hour
        broker.machine.time += 61
        freshened(broker)
        broker.work()
    assert provider.calls == 2
    assert broker.connection().status is Status.ACTIVE
    broker.machine.time = NOW + 3301
    broker.work()
    broker.work()
    assert provider.calls == 3
    assert broker.connection().status is Status.NEEDS_REAUTHORIZATION
    for _ in range(5):
        broker.machine.time += 600
        broker.work()
    assert provider.calls == 3


def test_within_the_grace_period_the_token_is_spent_again() -> None:
    """A holder died after the provider rotated: its successor gets the same tokens."""
    broker = Broker(StrictProvider(clock=lambda: 0.0, grace_period=60))
    provider = broker.egress
    assert isinstance(provider, StrictProvider)
    provider.clock = broker.machine.now
    broker.register(refresh_token={"rotates": True, "grace_period": 60})
    broker.connect()
    provider.lose_answers = 1
    assert isinstance(freshened(broker), Stale)
    broker.machine.time += 31
    made = freshened(broker)
    assert isinstance(made, Fresh)
    assert made.tokens is not None
    assert made.tokens.access_token.reveal() == "access-2"
    assert not provider.dead


def test_a_holder_that_is_late_finds_its_successor() -> None:
    """Two processes, one of them slow: one call each at most, and the newer set stands."""
    broker, provider = strict()
    seen = taken_by_another(broker)
    lease = broker.connection().lease
    assert lease is not None
    broker.machine.time += 31
    freshened(broker)  # marks the outcome as unknown, and takes the lease away
    outcome = refresh_leased(broker.kit, broker.kit.shelf.resource("acme"), seen, lease, began=NOW)
    assert type(outcome).__name__ == "Failed"  # more than the send margin has gone
    assert provider.calls == 1


def test_an_unknown_outcome_answers_when_to_come_back(broker: Broker) -> None:
    """Once the lease has run out."""
    broker.scripted.will(OutcomeUnknownError("reset"))
    assert freshened(broker) == Stale(replace(broker.connection(), lease=None), retry_after=30)
