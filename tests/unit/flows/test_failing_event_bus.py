"""The event bus fails for hours: nothing waits for it, nothing is lost, nothing is done twice."""

from __future__ import annotations

from typing import Final

import pytest

from oauth_broker import log
from oauth_broker.connection import Note, Status
from oauth_broker.flows.disconnect import disconnect
from tests.doubles.broker import Broker
from tests.doubles.provider import StrictProvider, answered

HOURS: Final = 4


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is logged is not shown."""
    monkeypatch.setattr(log, "line", lambda *_, **__: None)


def test_refreshes_go_on_in_time_and_the_event_is_kept() -> None:
    """Never is there a moment without a live token; the event is sent once, when the bus takes it."""
    provider = StrictProvider(clock=lambda: 0.0)
    broker = Broker(provider)
    provider.clock = broker.machine.now
    broker.register()
    broker.announcements.down = True
    broker.consent(broker.ask())
    for _ in range(HOURS * 60):
        broker.work()
        held = broker.connection().token_set
        assert held is not None
        assert held.lives(broker.machine.now() + 60)
        broker.machine.time += 60
    after = broker.connection()
    assert (after.status, after.unknown_since, after.failures) == (Status.ACTIVE, None, 0)
    assert after.generation == provider.calls == 1 + HOURS
    assert after.notes == (Note.CONNECTED,)
    broker.announcements.down = False
    for _ in range(3):
        broker.machine.time += 60
        broker.work()
    assert broker.announcements.names == ["connection connected"]
    assert broker.connection().notes == ()
    assert broker.connection().refresh_at == broker.connection().next_refresh


def test_the_end_of_a_grant_is_told_later() -> None:
    """Nothing more is asked of the provider meanwhile."""
    broker = Broker()
    broker.connect()
    broker.announcements.down = True
    broker.machine.time += 3300
    broker.scripted.will(answered(400, error="invalid_grant"))
    for _ in range(60):
        broker.work()
        broker.machine.time += 60
    assert len(broker.scripted.requests) == 2
    broker.announcements.down = False
    broker.work()
    assert broker.announcements.names == ["connection connected", "connection needs reauthorization"]
    assert broker.connection().refresh_at is None


def test_what_is_left_to_revoke_is_revoked_once() -> None:
    """How that ended is kept, and told with the event."""
    broker = Broker()
    broker.connect()
    disconnect(broker.kit, broker.connection())
    broker.announcements.down = True
    broker.scripted.will(answered(200), answered(200))
    for _ in range(HOURS * 60):
        broker.work()
        broker.machine.time += 60
    assert len(broker.scripted.requests) == 3
    assert broker.kit.store.resources.has_left_to_revoke("acme")
    broker.announcements.down = False
    broker.work()
    assert broker.announcements.events[-1] == (
        "connection disconnected",
        {"resource_id": "acme", "connection_id": "c1", "revocation": "revoked"},
    )
    assert not broker.kit.store.resources.has_left_to_revoke("acme")
