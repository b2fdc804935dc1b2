"""A holder of the lease died: what it may have spent is spent again only while that is harmless."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from oauth_broker.connection import Connection, Lease, Note, Status
from oauth_broker.doors.store import NotTaken
from oauth_broker.errors import NotConnectedError, OutcomeUnknownError
from oauth_broker.flows.freshen import Fresh, Stale, freshen
from oauth_broker.flows.manage_resources import patch_resource
from oauth_broker.flows.refresh import new_lease
from tests.doubles.broker import ADDRESSES, Broker, plenty
from tests.doubles.provider import StrictProvider, answered, granted
from tests.doubles.samples import NOW

LAPSE = 31


def strict(grace_period: int, *, announced: bool = True) -> tuple[Broker, StrictProvider]:
    """Give a broker with an active connection at a strict provider, due before its token nears its end."""
    provider = StrictProvider(clock=lambda: 0.0, grace_period=grace_period)
    broker = Broker(provider)
    provider.clock = broker.machine.now
    broker.machine.chance = 0.9
    broker.register(refresh_token={"rotates": True, "grace_period": grace_period})
    broker.consent(broker.ask())
    if announced:
        broker.work()
    return broker, provider


def graceful(*answers: Any) -> Broker:
    """Give a broker whose provider has a grace period; what it says after the exchange is scripted."""
    broker = Broker()
    broker.register(refresh_token={"rotates": True, "grace_period": 120})
    broker.connect()
    broker.scripted.will(*answers)
    return broker


def read(broker: Broker) -> Fresh | Stale:
    """Want a newer token, as a reader does."""
    return freshen(broker.kit, broker.kit.shelf.resource("acme"), broker.connection(), remaining=plenty)


Act = Callable[[Broker], Any]


@pytest.mark.parametrize("act", [read, Broker.work])
@pytest.mark.parametrize("grace_period, repeated", [(60, 1), (90, 2), (100, 3), (30, 0)])
def test_a_chain_of_take_overs_ends_with_the_grace_period(act: Act, grace_period: int, repeated: int) -> None:
    """It counts from the first spending, however often the answer was lost: no family is killed."""
    broker, provider = strict(grace_period)
    due = broker.connection().refresh_at
    assert due is not None
    broker.machine.time = due
    provider.lose_answers = 99
    for _ in range(8):
        act(broker)
        broker.machine.time += LAPSE
    assert provider.calls == 1 + 1 + repeated
    assert not provider.dead
    assert broker.connection().unknown_since is not None
    assert broker.connection().status is Status.ACTIVE


@pytest.mark.parametrize("seconds, sent", [(2.5, True), (2.6, False)])
def test_the_send_margin_counts_from_the_beginning_of_the_visit(seconds: float, sent: bool) -> None:
    """A table that is slow both times, at the refused lease and at the take-over: the time adds up."""
    broker = Broker()
    broker.register(refresh_token={"rotates": False})
    broker.connect()
    broker.machine.time += 3300
    leases = broker.kit.store.leases
    leases.take_as_seen(broker.connection(), new_lease(broker.kit))
    broker.machine.time += LAPSE
    take_when_due, take_over = leases.take_when_due, leases.take_over

    def slow_take(*arguments: Any, **options: Any) -> Connection | NotTaken:
        broker.machine.time += seconds
        return take_when_due(*arguments, **options)

    def slow_take_over(*arguments: Any, **options: Any) -> Connection | NotTaken:
        broker.machine.time += seconds
        return take_over(*arguments, **options)

    leases.take_when_due = slow_take  # type: ignore[method-assign]
    leases.take_over = slow_take_over  # type: ignore[method-assign]
    broker.scripted.will(granted("access-2"))
    broker.work()
    assert (len(broker.scripted.requests) == 2) is sent
    assert broker.connection().generation == 1 + sent


@pytest.mark.parametrize("deaths", [1, 2, 3])
@pytest.mark.parametrize("then", [read, Broker.work])
def test_a_worker_that_died_over_an_event_made_nothing_unknown(deaths: int, then: Act) -> None:
    """It had the lease to announce, not to refresh: the next one goes on as if it had not been there."""
    broker, provider = strict(0, announced=False)
    leases = broker.kit.store.leases
    lapsed: Lease | None = None
    for _ in range(deaths):
        mine = new_lease(broker.kit, by_worker=True)
        if lapsed is None:
            leases.take_when_due("acme", "c1", mine, seen=NOW)
        else:
            leases.take_over("acme", "c1", mine, lapsed=lapsed)
        lapsed = mine
        broker.machine.time += LAPSE
    then(broker)
    after = broker.connection()
    assert (after.unknown_since, after.lease, after.failures) == (None, None, 0)
    refreshed = then is read
    assert (after.generation, provider.calls) == (1 + refreshed, 1 + refreshed)
    broker.work()
    assert broker.announcements.names == ["connection connected"]


def test_a_worker_that_died_with_a_refresh_due_may_have_spent_the_token() -> None:
    """The counterpart: nobody knows how far it got."""
    broker, provider = strict(0)
    due = broker.connection().refresh_at
    assert due is not None
    broker.machine.time = due
    broker.kit.store.leases.take_when_due("acme", "c1", new_lease(broker.kit, by_worker=True), seen=due)
    broker.machine.time += LAPSE
    read(broker)
    assert broker.connection().unknown_since == due + LAPSE
    assert provider.calls == 1


def test_what_may_have_been_spent_comes_before_an_event() -> None:
    """A reader died after the provider rotated, a note is due: first the token, while that is harmless."""
    broker, provider = strict(120, announced=False)
    provider.lose_answers = 1
    read(broker)
    broker.machine.time += LAPSE
    broker.work()
    assert broker.connection().generation == 2
    assert broker.connection().notes == (Note.CONNECTED,)
    broker.work()
    assert broker.announcements.names == ["connection connected"]
    broker.machine.time += 500
    assert isinstance(read(broker), Fresh)
    assert not provider.dead


@pytest.mark.parametrize("followed", [True, False])
@pytest.mark.parametrize(
    "answer, act",
    [
        (answered(503), read),
        (answered(503), Broker.work),
        (answered(429, retry_after="10"), read),
        (NotConnectedError("refused"), Broker.work),
        (None, read),  # nothing is sent: there is no key to keep the answer
    ],
)
def test_a_successor_in_vain_leaves_the_outcome_unknown(answer: Any, act: Act, followed: bool) -> None:
    """It learned nothing of what its predecessor did: past the grace period the token is not spent again."""
    broker = graceful(*([OutcomeUnknownError("reset")] if followed else []))
    broker.machine.time += 3000
    if followed:
        read(broker)
        broker.machine.time += LAPSE
    if act is not read:
        due_now(broker)
    if answer is None:
        broker.kit = broker.process()  # it holds no key
        broker.kms.down = True
    else:
        broker.scripted.will(answer)
    act(broker)
    after = broker.connection()
    assert after.lease is None
    assert after.failures == 1
    assert (after.unknown_since is not None) is followed
    assert len(broker.scripted.requests) == 1 + followed + (answer is not None)


def due_now(broker: Broker) -> None:
    """Make the one connection's refresh due, as if its token had been issued earlier."""
    [item] = [item for key, item in broker.dynamodb.items.items() if key[0].startswith("C#")]
    item |= {name: {"N": str(int(broker.machine.now()))} for name in ("refresh_at", "nr")}


def test_a_late_successor_leaves_the_lease() -> None:
    """Given back, it would look as if nothing had been spent."""
    broker = graceful(OutcomeUnknownError("reset"))
    read(broker)
    broker.machine.time += LAPSE
    take_over = broker.kit.store.leases.take_over

    def slow(*arguments: Any, **options: Any) -> Connection | NotTaken:
        broker.machine.time += 5.1
        return take_over(*arguments, **options)

    broker.kit.store.leases.take_over = slow  # type: ignore[method-assign]
    assert isinstance(read(broker), Stale)
    assert broker.connection().lease is not None
    broker.machine.time += 90
    read(broker)
    assert broker.connection().unknown_since is not None
    assert len(broker.scripted.requests) == 2


def test_changed_destinations_are_sent_nothing_by_a_successor() -> None:
    """Within the grace period, too: the outcome is unknown, whatever a rebind allows later."""
    broker = graceful(OutcomeUnknownError("reset"))
    broker.machine.time += 3300
    read(broker)
    moved = {"token": {"url": "https://new.example/token"}, "client_secret": "again"}
    patch_resource(broker.kit, ADDRESSES, "acme", moved, if_match=None, loopback=False)
    broker.machine.time += LAPSE
    broker.work()
    assert len(broker.scripted.requests) == 2
    after = broker.connection()
    assert (after.unknown_since, after.lease) == (NOW + 3300 + LAPSE, None)
