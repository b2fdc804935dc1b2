"""Disconnecting, and its races."""

from __future__ import annotations

from typing import Any

import pytest

from oauth_broker.connection import Connection
from oauth_broker.errors import UnavailableError
from oauth_broker.flows.ask import ask_for_connection
from oauth_broker.flows.disconnect import disconnect
from oauth_broker.flows.read_token import refresh_now
from tests.doubles.broker import ADDRESSES, ADMIN, Broker, plenty
from tests.doubles.provider import answered, fields_of, granted
from tests.doubles.samples import NOW, refresh_commit, token_set


@pytest.fixture
def broker() -> Broker:
    """A broker with Acme."""
    made = Broker()
    made.register()
    return made


def ask(broker: Broker, **body: Any) -> dict[str, Any]:
    """Ask for a connection."""
    return ask_for_connection(broker.kit, ADMIN, ADDRESSES, "acme", body)


def test_disconnecting_frees_the_id_and_leaves_the_revocation(broker: Broker) -> None:
    """Gone at once; the worker revokes refresh and access token, says so and forgets."""
    broker.connect()
    disconnect(broker.kit, broker.connection())
    assert broker.find() is None
    assert ask(broker, connection_id="c1")["status"] == "pending"
    broker.scripted.will(answered(200), answered(200))
    broker.work()
    sent = [fields_of(request) for request in broker.scripted.requests[1:]]
    assert [(fields["token"], fields["token_type_hint"]) for fields in sent] == [
        ("refresh-1", "refresh_token"),
        ("access-1", "access_token"),
    ]
    assert broker.announcements.events[-1] == (
        "connection disconnected",
        {"resource_id": "acme", "connection_id": "c1", "revocation": "revoked"},
    )
    broker.work()
    assert len(broker.scripted.requests) == 3
    assert not [key for key in broker.dynamodb.items if key[0].startswith("D#")]


def test_a_pending_connection_is_deleted_without_a_word(broker: Broker) -> None:
    """Nothing is to be revoked, nobody is told."""
    ask(broker, connection_id="c1")
    disconnect(broker.kit, broker.connection())
    broker.work()
    assert broker.find() is None
    assert broker.announcements.names == []


def test_a_refresh_meanwhile_is_deleted_with_it(broker: Broker) -> None:
    """The race: what is revoked is the newest token set, not the one that the caller saw."""
    broker.connect()
    seen = broker.connection()
    assert seen.token_set is not None
    broker.scripted.will(granted("access-2", refresh_token="refresh-2"))
    refresh_now(broker.kit, ADMIN, "acme", "c1", remaining=plenty)
    disconnect(broker.kit, seen)
    assert broker.find() is None
    broker.scripted.will(answered(200), answered(200))
    broker.work()
    assert [fields_of(one)["token"] for one in broker.scripted.requests[-2:]] == ["refresh-2", "access-2"]


def test_a_later_connection_of_the_id_is_not_deleted(broker: Broker) -> None:
    """Two deletions, and an asking between them."""
    broker.ask()
    seen = broker.connection()
    disconnect(broker.kit, seen)
    broker.machine.time += 1
    broker.ask()
    later = broker.connection()
    disconnect(broker.kit, seen)
    assert broker.find() == later


def test_a_connection_that_keeps_changing_is_asked_for_again(broker: Broker) -> None:
    """503, rather than a token set that is never revoked."""
    broker.connect()
    store = broker.kit.store.connections
    found = store.get
    number = 1

    def changing(resource_id: str, connection_id: str) -> Connection | None:
        nonlocal number
        here = found(resource_id, connection_id)
        assert here is not None
        assert here.token_set is not None
        number += 1
        newer = token_set(token_set_id=b"set %d" % number)
        store.commit(refresh_commit(spent=here.token_set.token_set_id, token_set=newer))
        return here

    seen = broker.connection()
    store.get = changing  # type: ignore[method-assign]
    changing("acme", "c1")
    with pytest.raises(UnavailableError):
        disconnect(broker.kit, seen)
    assert found("acme", "c1") is not None
    assert broker.machine.now() == NOW
