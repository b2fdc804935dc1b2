"""What the worker does with one due connection."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from oauth_broker.connection import Connection, Note, Status
from oauth_broker.errors import NotConnectedError, OutcomeUnknownError
from oauth_broker.flows.attend import RECHECK, Attended, attend
from oauth_broker.flows.manage_resources import patch_resource, rebind
from oauth_broker.flows.refresh import new_lease
from oauth_broker.flows.warning import UNTOLD
from tests.doubles.broker import ADDRESSES, APP, BASE, Broker
from tests.doubles.provider import answered, granted
from tests.doubles.samples import NOW, proposal, proposal_commit


@pytest.fixture
def broker() -> Broker:
    """A broker with an active connection, whose refresh is due in 3300 seconds."""
    made = Broker()
    made.connect()
    return made


def attended(broker: Broker, *, seen: int | None = None) -> Attended:
    """Attend to the connection as the index shows it."""
    held = broker.kit.shelf.resource("acme")
    due = broker.connection().refresh_at if seen is None else seen
    assert due is not None
    return attend(broker.kit, broker.announcements, held, "c1", seen=due)


def test_what_is_due_is_refreshed(broker: Broker) -> None:
    """And is due next before its own expiry."""
    broker.machine.time += 3300
    broker.scripted.will(granted("access-2"))
    assert attended(broker) is Attended.REFRESHED
    assert broker.connection().refresh_at == NOW + 3300 + 3300


@pytest.mark.parametrize(
    "answer, expected",
    [
        (answered(503), Attended.IN_VAIN),
        (OutcomeUnknownError("no answer", timed_out=True), Attended.TIMED_OUT),
        (NotConnectedError("no connection", timed_out=True), Attended.TIMED_OUT),
        (OutcomeUnknownError("reset"), Attended.IN_VAIN),
        (answered(400, error="invalid_grant"), Attended.OTHER),
    ],
)
def test_how_it_went(broker: Broker, answer: Any, expected: Attended) -> None:
    """The worker counts time-outs apart."""
    broker.machine.time += 3300
    broker.scripted.will(answer)
    assert attended(broker) is expected


def test_a_lagging_index_costs_no_call(broker: Broker) -> None:
    """What it shows is no longer so: a refused write, and that is all."""
    before = broker.connection()
    assert attended(broker, seen=NOW - 5) is Attended.OTHER
    assert broker.connection() == before
    assert len(broker.scripted.requests) == 1


def test_what_somebody_has_is_left_alone(broker: Broker) -> None:
    """A live lease."""
    broker.machine.time += 3300
    broker.kit.store.leases.take_as_seen(broker.connection(), new_lease(broker.kit))
    assert attended(broker) is Attended.OTHER
    assert broker.connection().lease is not None
    assert len(broker.scripted.requests) == 1


def test_what_is_gone_is_no_trouble(broker: Broker) -> None:
    """Deleted between index and lease."""
    held = broker.kit.shelf.resource("acme")
    broker.dynamodb.items.clear()
    assert attend(broker.kit, broker.announcements, held, "c1", seen=NOW) is Attended.OTHER
    assert not broker.dynamodb.items


def test_an_event_is_sent_and_the_real_time_restored() -> None:
    """An item that is due only for a note is not refreshed."""
    broker = Broker()
    broker.register()
    broker.scripted.will(granted())
    broker.consent(broker.ask(labels=["blue"]))
    assert broker.connection().refresh_at == NOW
    assert attended(broker) is Attended.OTHER
    assert broker.announcements.events == [
        (
            "connection connected",
            {
                "resource_id": "acme",
                "connection_id": "c1",
                "status": "active",
                "generation": 1,
                "labels": ["blue"],
            },
        )
    ]
    after = broker.connection()
    assert (after.notes, after.lease, after.refresh_at) == ((), None, NOW + 3300)
    assert len(broker.scripted.requests) == 1


def test_an_event_bus_that_is_down_costs_nothing_but_time() -> None:
    """The note stays, the lease is given back: no outcome is unknown, and the event is sent later."""
    broker = Broker()
    broker.register()
    broker.scripted.will(granted())
    broker.consent(broker.ask())
    broker.announcements.down = True
    broker.work()
    after = broker.connection()
    assert (after.notes, after.lease, after.unknown_since) == ((Note.CONNECTED,), None, None)
    assert after.refresh_at == NOW + UNTOLD
    broker.announcements.down = False
    broker.machine.time += 60
    broker.work()
    assert broker.announcements.names == ["connection connected"]
    assert broker.connection().unknown_since is None


def test_a_note_and_a_refresh_are_done_one_after_the_other() -> None:
    """First the event, at the next look the refresh."""
    broker = Broker()
    broker.register()
    broker.scripted.will(granted(), granted("access-2"))
    broker.consent(broker.ask())
    broker.machine.time += 3300
    assert attended(broker) is Attended.OTHER
    assert broker.connection().refresh_at == NOW + 3300
    assert attended(broker) is Attended.REFRESHED


def test_what_is_not_confirmed_is_forgotten(broker: Broker) -> None:
    """When it is too late; the connection goes on as it was."""
    before = broker.connection()
    broker.kit.store.connections.commit(
        proposal_commit(proposal=proposal(consented_at=(NOW + 5) * 1000, until=NOW + 600))
    )
    broker.machine.time += 3300
    attended(broker)
    after = broker.connection()
    assert after.proposal is None
    assert after.token_set == before.token_set
    assert after.refresh_at == NOW + 3300


def test_a_pending_connection_whose_proposal_ran_out_leaves_the_index() -> None:
    """It reads expired then."""
    broker = Broker()
    broker.register(require_confirmation=True)
    broker.scripted.will(granted())
    broker.consent(broker.ask(return_url=APP, user="u"))
    assert broker.connection().refresh_at == NOW + 600
    broker.machine.time += 600
    broker.work()
    after = broker.connection()
    assert (after.proposal, after.refresh_at, broker.status()) == (None, None, "expired")
    assert broker.announcements.names == []


def test_a_proposal_that_comes_while_the_worker_settles_is_kept(broker: Broker) -> None:
    """It is neither forgotten with the old one nor left without a time to be looked at."""
    store = broker.kit.store
    old = proposal(consented_at=(NOW + 5) * 1000, until=NOW + 600)
    store.connections.commit(proposal_commit(proposal=old))
    newer = replace(old, code_hash=b"newer", consented_at=(NOW + 9) * 1000, until=NOW + 3400)
    broker.machine.time += 3300
    settle = store.leases.settle

    def late(*arguments: Any, **options: Any) -> Connection | None:
        store.connections.commit(proposal_commit(proposal=newer))
        return settle(*arguments, **options)

    store.leases.settle = late  # type: ignore[method-assign]
    attended(broker)
    after = broker.connection()
    assert (after.proposal, after.lease) == (newer, None)
    assert after.refresh_at == NOW + 3300


def test_what_ran_out_needs_a_person_and_one_event() -> None:
    """An expired token that nothing can refresh: looked at when it expires."""
    broker = Broker()
    broker.connect(refresh_token=None)
    for due in (NOW + 2700, NOW + 3600):  # the warning, and the expiry
        assert broker.connection().refresh_at == due
        broker.machine.time = due
        broker.work()
    for _ in range(2):
        broker.work()
    after = broker.connection()
    assert (after.status, after.refresh_at) == (Status.NEEDS_REAUTHORIZATION, None)
    assert after.last_error is not None
    assert after.last_error.category == "ran_out"
    assert broker.announcements.names == [
        "connection connected",
        "connection expiring",
        "connection needs reauthorization",
    ]
    assert len(broker.scripted.requests) == 1


@pytest.mark.parametrize("refresh_token", ["refresh-1", None])
def test_changed_destinations_are_looked_at_again(refresh_token: str | None) -> None:
    """Nothing is sent there; after a rebind it goes on, as if nothing had been."""
    broker = Broker()
    broker.connect(refresh_token=refresh_token, expires_in=86_400)
    moved = {"token": {"url": "https://new.example/token"}, "client_secret": "again"}
    patch_resource(broker.kit, ADDRESSES, "acme", moved, if_match=None, loopback=False)
    broker.machine.time = now = NOW + 86_400
    assert attended(broker) is Attended.OTHER
    after = broker.connection()
    assert (after.refresh_at, after.lease, after.failures) == (now + RECHECK, None, 0)
    assert len(broker.scripted.requests) == 1
    rebind(broker.kit, BASE, "acme", if_match=None)
    broker.machine.time += RECHECK
    broker.scripted.will(granted("access-2"))
    attended(broker)
    assert broker.connection().status is (
        Status.NEEDS_REAUTHORIZATION if refresh_token is None else Status.ACTIVE
    )
    assert len(broker.scripted.requests) == 1 + (refresh_token is not None)


def test_a_token_that_cannot_be_refreshed_is_never_asked_for(broker: Broker) -> None:
    """A look too early finds nothing to do."""
    broker = Broker()
    broker.connect(refresh_token=None)
    broker.machine.time += 60
    assert attended(broker) is Attended.OTHER
    assert broker.connection().failures == 0
    assert broker.connection().refresh_at == NOW + 2700  # the warning; then its expiry


def test_a_lapsed_lease_is_marked_unknown(broker: Broker) -> None:
    """The worker that died may have been answered; it is the rescue's turn."""
    broker.machine.time += 3300
    broker.kit.store.leases.take_as_seen(broker.connection(), new_lease(broker.kit))
    broker.machine.time += 31
    assert attended(broker) is Attended.OTHER
    after = broker.connection()
    assert (after.unknown_since, after.lease) == (NOW + 3331, None)
    assert after.refresh_at == NOW + 3391
    assert len(broker.scripted.requests) == 1


@pytest.mark.parametrize("rotation", [{"rotates": False}, {"rotates": True, "grace_period": 120}])
def test_a_lapsed_lease_is_taken_over_where_that_is_harmless(rotation: dict[str, Any]) -> None:
    """No rotation, or within the grace period: refreshed at once."""
    broker = Broker()
    broker.register(refresh_token=rotation)
    broker.connect()
    broker.machine.time += 3300
    broker.kit.store.leases.take_as_seen(broker.connection(), new_lease(broker.kit))
    broker.machine.time += 31
    broker.scripted.will(granted("access-2"))
    assert attended(broker) is Attended.REFRESHED
    assert broker.connection().lease is None


def test_a_worker_that_died_over_an_event_is_followed() -> None:
    """A connection with nothing to refresh: its lapsed lease is taken over, the event is sent."""
    broker = Broker()
    broker.register()
    broker.scripted.will(granted(refresh_token=None))
    broker.consent(broker.ask())
    broker.kit.store.leases.take_when_due("acme", "c1", new_lease(broker.kit), seen=NOW)
    broker.machine.time += 31
    assert attended(broker) is Attended.OTHER
    assert broker.announcements.names == ["connection connected"]


def test_what_is_due_in_a_backoff_is_put_off(broker: Broker) -> None:
    """An unknown outcome waits for the token's last minutes, without a call."""
    broker.machine.time += 100
    broker.kit.store.leases.take_as_seen(broker.connection(), new_lease(broker.kit))
    broker.machine.time += 31
    held = broker.kit.shelf.resource("acme")
    seen = broker.connection().refresh_at
    assert seen is not None
    attend(broker.kit, broker.announcements, held, "c1", seen=seen)
    broker.machine.time += 61
    assert attended(broker) is Attended.OTHER
    after = broker.connection()
    assert after.refresh_at == after.next_refresh == NOW + 3300
    assert after.failures == 1
    assert len(broker.scripted.requests) == 1
