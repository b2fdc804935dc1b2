"""Handing out tokens: when they are refreshed first, and what is answered where there is none."""

from __future__ import annotations

from typing import Any

import pytest

from oauth_broker.errors import (
    ConflictError,
    ConnectionNotReadyError,
    NeedsReauthorizationError,
    NotFoundError,
    OutcomeUnknownError,
    UnavailableError,
)
from oauth_broker.flows.manage_resources import patch_resource, rebind
from oauth_broker.flows.read_token import read_token, refresh_now
from tests.doubles.broker import ADDRESSES, ADMIN, APP, BASE, Broker, plenty
from tests.doubles.provider import answered, granted


def read(broker: Broker, min_ttl: int = 60) -> dict[str, Any]:
    """Read the token."""
    return read_token(broker.kit, ADMIN, "acme", "c1", min_ttl=min_ttl, remaining=plenty)


def refresh(broker: Broker) -> dict[str, Any]:
    """Refresh now."""
    return refresh_now(broker.kit, ADMIN, "acme", "c1", remaining=plenty)


@pytest.mark.parametrize(
    "lifetime, age, min_ttl, refreshed",
    [
        (3600, 0, 60, False),
        (3600, 3540, 60, False),
        (3600, 3541, 60, True),
        (3600, 3599, 0, False),
        (3600, 3600, 0, True),
        (3600, 0, 3600, False),
        (3600, 1800, 3600, False),
        (3600, 1801, 3600, True),
        (3600, 1801, 999_999, True),
        (86_400, 82_800, 999_999, False),
        (86_400, 82_801, 999_999, True),
        (40, 20, 60, False),
        (40, 21, 60, True),
        (None, 10**7, 3600, False),
    ],
)
def test_a_token_is_refreshed_when_too_little_is_left(
    lifetime: int | None, age: int, min_ttl: int, refreshed: bool
) -> None:
    """`min_ttl` counts at most an hour and half of the lifetime; what never expires is handed out."""
    broker = Broker()
    broker.connect(expires_in=lifetime)
    broker.machine.time += age
    broker.scripted.will(granted("access-2"))
    told = read(broker, min_ttl)
    assert told["access_token"] == ("access-2" if refreshed else "access-1")
    assert told["generation"] == 1 + refreshed


def test_what_is_told() -> None:
    """The contract's members, and never the refresh token."""
    broker = Broker()
    broker.register(metadata=["instance_url"])
    broker.connect(instance_url="https://i.example", scope="read", token_type="bearer")
    assert read(broker) == {
        "access_token": "access-1",
        "token_type": "Bearer",
        "expires_at": "2027-01-15T09:00:00Z",
        "scope": "read",
        "generation": 1,
        "metadata": {"instance_url": "https://i.example"},
    }


@pytest.mark.parametrize("state", ["pending", "expired", "awaiting_confirmation"])
def test_what_was_never_connected_gives_nothing(state: str) -> None:
    """Pending, expired or unconfirmed: 409, for a refresh as well."""
    broker = Broker()
    broker.register(require_confirmation=True)
    ticket = broker.ask(return_url=APP, user="u")
    if state == "awaiting_confirmation":
        broker.scripted.will(granted())
        broker.consent(ticket)
    if state == "expired":
        broker.machine.time += 600
    assert broker.status() == state
    for act in (read, refresh):
        with pytest.raises(ConnectionNotReadyError):
            act(broker)


def test_a_grant_that_is_gone_needs_a_person() -> None:
    """The refresh that finds it out says so; a refresh now shows the connection, a read is a 409."""
    broker = Broker()
    broker.connect()
    broker.machine.time += 3590
    broker.scripted.will(answered(400, error="invalid_grant"))
    with pytest.raises(NeedsReauthorizationError):
        read(broker)
    with pytest.raises(NeedsReauthorizationError):
        read(broker)
    assert refresh(broker)["status"] == "needs_reauthorization"
    assert len(broker.scripted.requests) == 2


@pytest.mark.parametrize("answer", [answered(503), answered(429), OutcomeUnknownError("reset")])
@pytest.mark.parametrize("age, served", [(3545, True), (3600, False)])
def test_the_old_token_is_served_while_it_lives(answer: Any, age: int, served: bool) -> None:
    """The provider fails: the token that lives, else 503; one call, however many read."""
    broker = Broker()
    broker.connect()
    broker.machine.time += age
    broker.scripted.will(answer)
    for _ in range(3):
        if served:
            assert read(broker)["access_token"] == "access-1"
        else:
            with pytest.raises(UnavailableError) as caught:
                read(broker)
            assert caught.value.retry_after >= 1
        broker.machine.time += 0.1
    assert len(broker.scripted.requests) == 2


def test_a_refresh_now_is_told_to_come_back() -> None:
    """A failing provider, and the backoff after it: 503."""
    broker = Broker()
    broker.connect()
    broker.scripted.will(answered(429, retry_after="100"))
    for _ in range(2):
        with pytest.raises(UnavailableError) as caught:
            refresh(broker)
        assert caught.value.retry_after == 100
    assert len(broker.scripted.requests) == 2


def test_a_refresh_now_shows_the_connection() -> None:
    """Refreshed, whatever was left."""
    broker = Broker()
    broker.connect()
    broker.scripted.will(granted("access-2"))
    told = refresh(broker)
    assert (told["status"], told["generation"]) == ("active", 2)
    assert "access-2" not in str(told)


def test_nothing_to_refresh_with() -> None:
    """Without a refresh token: a conflict; once it expired, somebody must consent again."""
    broker = Broker()
    broker.connect(refresh_token=None)
    with pytest.raises(ConflictError, match="no refresh token"):
        refresh(broker)
    broker.machine.time += 3590
    assert read(broker)["access_token"] == "access-1"
    broker.machine.time += 10
    with pytest.raises(NeedsReauthorizationError):
        read(broker)
    assert refresh(broker)["status"] == "needs_reauthorization"


def test_changed_destinations_stop_a_token_until_a_rebind() -> None:
    """Computed when it is read, not written."""
    broker = Broker()
    broker.connect()
    moved = {"token": {"url": "https://new.example/token"}, "client_secret": "again"}
    patch_resource(broker.kit, ADDRESSES, "acme", moved, if_match=None, loopback=False)
    with pytest.raises(NeedsReauthorizationError):
        read(broker)
    rebind(broker.kit, BASE, "acme", if_match=None)
    assert read(broker)["access_token"] == "access-1"
    broker.scripted.will(granted("access-2"))
    refresh(broker)
    assert broker.scripted.requests[-1].url == "https://new.example/token"


def test_what_is_not_there_is_not_found() -> None:
    """Neither resource nor connection."""
    broker = Broker()
    with pytest.raises(NotFoundError):
        read(broker)
    broker.register()
    with pytest.raises(NotFoundError):
        read(broker)


def test_a_warm_read_is_one_call() -> None:
    """And a read that must refresh three: read, lease, commit; KMS is not asked."""
    broker = Broker()
    broker.connect()
    broker.dynamodb.calls.clear()
    broker.kms.calls.clear()
    read(broker)
    assert broker.dynamodb.calls == {"get_item": 1}
    broker.machine.time += 3590
    broker.kit.shelf.secrets(broker.kit.shelf.resource_and_key("acme")[0])  # what the process then holds
    broker.scripted.will(granted("access-2"))
    broker.dynamodb.calls.clear()
    broker.kms.calls.clear()
    assert read(broker)["access_token"] == "access-2"
    assert broker.dynamodb.calls == {"get_item": 1, "update_item": 2}
    assert not broker.kms.calls
