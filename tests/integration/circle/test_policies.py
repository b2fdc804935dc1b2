"""Policies and the forecast against the demo provider: when its token endpoint is asked, and what is told."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.circle.broker import Broker, assert_problem, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

LIFETIME = 10


@pytest.fixture
def ten_seconds(broker: Broker) -> Iterator[None]:
    """The provider's access tokens live ten seconds: ten periods of this stack's schedule."""
    before = broker.control("GET", "rules")["access_token_lifetime"]
    broker.control("PATCH", "rules", {"access_token_lifetime": LIFETIME})
    yield
    broker.control("PATCH", "rules", {"access_token_lifetime": before})


def connected(broker: Broker, **members: Any) -> tuple[str, str, str]:
    """A resource, an active connection under it, and its family at the provider."""
    known = set(broker.families())
    resource_id = broker.register(**members)
    connection_id = broker.connect(resource_id)
    [family] = set(broker.families()) - known
    return resource_id, connection_id, family


def epoch(text: str | None) -> float:
    """A time of the API's as epoch seconds."""
    assert text is not None
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.usefixtures("ten_seconds")
def test_lazy_and_eager_side_by_side(broker: Broker) -> None:
    """The schedule refreshes the eager one before it expires, the lazy one never; a reader does.

    The eager one is the proof that the schedule runs.
    """
    resource_id, connection_id, family = connected(broker, refresh_policy="lazy")
    _, _, eager = connected(broker)
    assert eventually(lambda: broker.refreshes(eager) >= 2)
    shown = broker.connection(resource_id, connection_id)
    assert epoch(shown["expires_at"]) < time.time() + LIFETIME
    assert epoch(shown["next_refresh_at"]) > time.time() + 3 * 86_400
    assert broker.refreshes(family) == 0
    time.sleep(max(0.0, epoch(shown["expires_at"]) - time.time()))
    read = broker.token(resource_id, connection_id)
    assert (read.status_code, read.json()["generation"]) == (200, 2)
    assert broker.me(read.json()["access_token"]).status_code == 200
    assert broker.refreshes(family) == 1


@pytest.mark.usefixtures("ten_seconds")
def test_after_expiry(broker: Broker) -> None:
    """No call reaches the provider while the token lives, however much a reader wants; then one does."""
    resource_id, connection_id, family = connected(broker, refresh_policy="after_expiry")
    expires_at = epoch(broker.connection(resource_id, connection_id)["expires_at"])
    while time.time() < expires_at - 1:
        read = broker.token(resource_id, connection_id, "?min_ttl=3600")
        assert (read.status_code, read.json()["generation"]) == (200, 1)
        time.sleep(0.5)
    assert broker.refreshes(family) == 0
    assert eventually(lambda: broker.connection(resource_id, connection_id)["generation"] >= 2)
    [call, *_] = [call for call in broker.calls("refresh_token") if call["family_id"] == family]
    assert call["at"] >= expires_at
    assert broker.connection(resource_id, connection_id)["status"] == "active"


@pytest.mark.usefixtures("ten_seconds")
def test_a_grant_without_a_refresh_token_dies_as_forecast(broker: Broker) -> None:
    """It is listed, then told ahead of time, then it is so; each event once."""
    resource_id = broker.register(scopes=["profile"])
    connection_id = broker.connect(resource_id)
    shown = broker.connection(resource_id, connection_id)
    assert shown["dies_at"] == shown["expires_at"]
    path = f"/v1/resources/{resource_id}/connections?dies_before="
    later = "2099-01-01T00:00:00%2B01:00"
    assert [item["connection_id"] for item in broker.call("GET", path + later).json()["items"]] == [
        connection_id
    ]
    assert broker.call("GET", path + shown["dies_at"]).json()["items"] == []
    assert_problem(broker.call("GET", f"{path}2099-01-01"), 422, "invalid", "dies_before")

    def ended() -> bool:
        return bool(broker.connection(resource_id, connection_id)["status"] == "needs_reauthorization")

    assert eventually(ended)
    assert broker.connection(resource_id, connection_id)["dies_at"] is None
    assert broker.call("GET", path + later).json()["items"] == []
    expected = ["connection connected", "connection expiring", "connection needs reauthorization"]
    assert eventually(lambda: len(broker.events(connection_id)) >= len(expected))
    time.sleep(2)
    assert broker.events(connection_id) == expected
