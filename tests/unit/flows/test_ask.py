"""Asking for a connection, and for a new consent to one."""

from __future__ import annotations

from typing import Any

import pytest

from oauth_broker.connection import Status
from oauth_broker.doors.store.table import CONFLICT_TRIES
from oauth_broker.errors import (
    ConflictError,
    ExchangeFailedError,
    IdInUseError,
    InvalidError,
    NotFoundError,
    OutcomeUnknownError,
    StoreUnavailableError,
)
from oauth_broker.flows.ask import ask_for_connection, reauthorize
from oauth_broker.flows.disconnect import disconnect
from tests.doubles.broker import ADDRESSES, ADMIN, Broker
from tests.doubles.provider import answered, fields_of, granted

OWN = {"grant_type": "client_credentials", "authorization": None, "require_confirmation": None}


@pytest.fixture
def broker() -> Broker:
    """A broker with Acme."""
    made = Broker()
    made.register()
    return made


def ask(broker: Broker, **body: Any) -> dict[str, Any]:
    """Ask for a connection."""
    return ask_for_connection(broker.kit, ADMIN, ADDRESSES, "acme", body)


def test_asking_gives_a_link(broker: Broker) -> None:
    """Pending, with an id of ours where none is given, and a link for ten minutes."""
    answer = ask(broker, labels=["a"])
    assert set(answer) == {"connection_id", "status", "start_url", "expires_at"}
    assert (answer["status"], answer["expires_at"]) == ("pending", "2027-01-15T08:10:00Z")
    found = broker.connection(answer["connection_id"])
    assert (found.labels, found.generation) == (("a",), 0)


def test_the_console_may_ask_wherever_it_is(broker: Broker) -> None:
    """The broker's own page gets its browser back, for a first consent and for another one."""
    body = {"return_url": f"{ADDRESSES.base}/?resource_id=acme", "user": "u1"}
    assert ask(broker, connection_id="c1", **body)["status"] == "pending"
    again = reauthorize(broker.kit, ADMIN, ADDRESSES, resource_id="acme", connection_id="c1", body=body)
    assert again["start_url"].startswith(f"{ADDRESSES.base}/oauth/start")
    with pytest.raises(InvalidError, match="return_url"):
        ask(broker, connection_id="c2", **body | {"return_url": f"{ADDRESSES.base}/oauth/start"})


@pytest.mark.parametrize("state", ["pending", "expired", "active"])
def test_an_id_in_use_is_a_conflict(broker: Broker, state: str) -> None:
    """In any status; the connection that is there stays."""
    if state == "active":
        broker.connect()
    else:
        ask(broker, connection_id="c1")
    if state == "expired":
        broker.machine.time += 3600
    before = broker.connection()
    with pytest.raises(IdInUseError):
        ask(broker, connection_id="c1")
    assert broker.connection() == before
    disconnect(broker.kit, before)
    assert ask(broker, connection_id="c1")["status"] == "pending"


def test_nothing_is_asked_of_no_resource(broker: Broker) -> None:
    """Not found."""
    with pytest.raises(NotFoundError):
        ask_for_connection(broker.kit, ADMIN, ADDRESSES, "globex", {})


def test_the_client_itself_is_connected_at_once() -> None:
    """The token first, then the connection; its event is due, and it is refreshed by asking anew."""
    broker = Broker()
    broker.register(**OWN)
    broker.scripted.will(granted(refresh_token=None), granted("access-2", refresh_token=None))
    assert ask(broker, connection_id="c1", scopes=["read"]) == {"connection_id": "c1", "status": "active"}
    assert fields_of(broker.scripted.requests[0])["scope"] == "read"
    broker.work()
    assert broker.announcements.names == ["connection connected"]
    broker.machine.time += 3300
    broker.work()
    assert broker.connection().generation == 2
    assert fields_of(broker.scripted.requests[1]) == fields_of(broker.scripted.requests[0])


@pytest.mark.parametrize(
    "answer",
    [
        answered(400, error="invalid_scope"),
        answered(401, error="invalid_client", error_description="it was client-secret-1"),
        answered(503),
        OutcomeUnknownError("reset"),
        answered(200),
    ],
)
def test_a_client_that_is_refused_has_no_connection(answer: Any) -> None:
    """Nothing is stored, and no secret is told."""
    broker = Broker()
    broker.register(**OWN)
    broker.scripted.will(answer)
    with pytest.raises(ExchangeFailedError) as caught:
        ask(broker, connection_id="c1")
    assert broker.find() is None
    assert "client-secret-1" not in caught.value.detail


def test_a_client_has_no_consent_to_renew() -> None:
    """A conflict."""
    broker = Broker()
    broker.register(**OWN)
    broker.scripted.will(granted(refresh_token=None))
    ask(broker, connection_id="c1")
    with pytest.raises(ConflictError):
        broker.ask_again()


def test_reauthorizing_what_was_never_connected_renews_its_link(broker: Broker) -> None:
    """It is pending while the new link lives."""
    broker.ask()
    broker.machine.time += 700
    assert broker.status() == "expired"
    ticket = broker.ask_again()
    assert broker.status() == "pending"
    broker.scripted.will(granted())
    broker.consent(ticket)
    assert broker.status() == "active"


def test_links_of_one_resource_may_be_asked_for_at_the_same_time(broker: Broker) -> None:
    """Each checks the resource's row, and transactions that meet at an item cancel each other."""
    broker.dynamodb.meet_next(CONFLICT_TRIES - 1)
    assert ask(broker, connection_id="c1")["status"] == "pending"
    assert broker.connection("c1").status is Status.PENDING
    assert broker.dynamodb.calls["transact_write_items"] == CONFLICT_TRIES


def test_a_resource_that_too_many_ask_for_is_no_missing_one(broker: Broker) -> None:
    """Who meets another each time is told to come again."""
    broker.dynamodb.meet_next(CONFLICT_TRIES)
    with pytest.raises(StoreUnavailableError):
        ask(broker, connection_id="c1")
    assert broker.dynamodb.calls["transact_write_items"] == CONFLICT_TRIES
