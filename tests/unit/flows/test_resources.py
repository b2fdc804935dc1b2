"""Resources on their way out, and carried over to new destinations."""

from __future__ import annotations

from typing import Any

import pytest

from oauth_broker.errors import (
    IdInUseError,
    InvalidError,
    NotFoundError,
    PreconditionFailedError,
    ResourceInUseError,
)
from oauth_broker.flows.delete_resource import SECOND_THOUGHT, attend_deleting, delete_resource
from oauth_broker.flows.disconnect import disconnect
from oauth_broker.flows.health import ASKED_EVERY, Health
from oauth_broker.flows.manage_resources import patch_resource, rebind, show_resource
from oauth_broker.flows.read_token import refresh_now
from tests.doubles.broker import ACME, ADDRESSES, ADMIN, BASE, Broker, plenty
from tests.doubles.provider import answered, granted
from tests.doubles.samples import NOW

MOVED: dict[str, Any] = {"token": {"url": "https://new.example/token"}, "client_secret": "again"}


@pytest.fixture
def broker() -> Broker:
    """A broker with Acme."""
    made = Broker()
    made.register()
    return made


def delete(broker: Broker, *, revoke: bool = False, if_match: frozenset[str] | None = None) -> bool:
    """Delete Acme."""
    return delete_resource(broker.kit, "acme", revoke=revoke, if_match=if_match)


def change(broker: Broker, **body: Any) -> None:
    """Patch Acme."""
    patch_resource(broker.kit, ADDRESSES, "acme", body, if_match=None, loopback=False)


def test_an_empty_resource_is_gone_at_once(broker: Broker) -> None:
    """And its id is free."""
    assert delete(broker) is True
    with pytest.raises(NotFoundError):
        delete(broker)
    broker.register()


@pytest.mark.parametrize("state", ["pending", "active"])
def test_a_resource_with_connections_stays(broker: Broker, state: str) -> None:
    """In any status; and it is in use as before."""
    if state == "active":
        broker.connect()
    else:
        broker.ask()
    with pytest.raises(ResourceInUseError):
        delete(broker)
    broker.ask("c2")
    assert show_resource(broker.kit, BASE, "acme").body["resource_id"] == "acme"
    assert not [item for item in broker.dynamodb.items.values() if item["pk"]["S"] == "R" and "dg" in item]


def test_revoke_takes_the_connections_along(broker: Broker) -> None:
    """Out of use at once; disconnected, revoked, announced by the worker; then forgotten."""
    broker.connect("c1")
    broker.connect("c2")
    broker.ask("c3")
    assert delete(broker, revoke=True) is False
    for act in (lambda: broker.ask("c4"), lambda: show_resource(broker.kit, BASE, "acme")):
        with pytest.raises(NotFoundError):
            act()
    with pytest.raises(IdInUseError):
        broker.register()
    broker.scripted.will(*[answered(200)] * 4)
    for _ in range(3):
        broker.work_all()
        broker.machine.time += 61
    assert broker.announcements.names.count("connection disconnected") == 2
    assert [request.url for request in broker.scripted.requests[2:]] == ["https://acme.example/revoke"] * 4
    assert [key for key in broker.dynamodb.items if key[0][0] not in "AEK"] == []
    broker.register()


def test_a_resource_keeps_its_secrets_until_the_last_revocation(broker: Broker) -> None:
    """Deleted when it has no connections, but something is still to be revoked."""
    broker.connect()
    disconnect(broker.kit, broker.connection())
    assert delete(broker) is True
    broker.scripted.will(answered(200), answered(200))
    broker.work_all()
    assert broker.announcements.events[-1][1]["revocation"] == "revoked"
    broker.machine.time += SECOND_THOUGHT
    broker.work_all()
    assert ("R", "acme") not in broker.dynamodb.items


@pytest.mark.parametrize("connections", [0, 1])
def test_a_deletion_that_broke_off_is_finished_or_taken_back(broker: Broker, connections: int) -> None:
    """The process died after it took the resource out of use: a minute later the worker decides."""
    if connections:
        broker.connect()
    broker.dynamodb.fail_next("query", 10**6)
    with pytest.raises(Exception, match="DynamoDB"):
        delete(broker)
    broker.dynamodb.fail_next("query", 0)
    broker.kit.shelf.drop("acme")
    with pytest.raises(NotFoundError):
        broker.ask("c2")
    broker.work_all()
    assert ("R", "acme") in broker.dynamodb.items
    broker.machine.time += SECOND_THOUGHT
    broker.work_all()
    assert (("R", "acme") in broker.dynamodb.items) is bool(connections)
    if connections:
        broker.kit.shelf.drop("acme")
        broker.ask("c2")


def test_a_deletion_goes_on_where_time_ran_out(broker: Broker) -> None:
    """It is due again."""
    broker.ask()
    delete(broker, revoke=True)
    attend_deleting(broker.kit, "acme", remaining=lambda: 1.0)
    assert broker.find() is not None
    broker.work_all()
    assert ("R", "acme") not in broker.dynamodb.items


@pytest.mark.parametrize("tag, deleted", [("*", True), ("right", True), ('"other"', False), ("weak", False)])
def test_if_match_is_honoured(broker: Broker, tag: str, deleted: bool) -> None:
    """Another version is not deleted."""
    etag = show_resource(broker.kit, BASE, "acme").etag
    tags = {"right": f'"{etag}"', "weak": f'W/"{etag}"'}
    if deleted:
        assert delete(broker, if_match=frozenset({tags.get(tag, tag)}))
    else:
        with pytest.raises(PreconditionFailedError):
            delete(broker, if_match=frozenset({tags.get(tag, tag)}))
        assert show_resource(broker.kit, BASE, "acme").etag == etag


def test_a_new_origin_needs_the_secret(broker: Broker) -> None:
    """Who can name where the secret goes must know it; nothing is written, nothing sent."""
    before = dict(broker.dynamodb.items)
    with pytest.raises(InvalidError) as caught:
        change(broker, token={"url": "https://evil.example/token"})
    assert {problem.pointer for problem in caught.value.problems} == {"/token/url"}
    assert broker.dynamodb.items == before


def test_a_rebind_carries_the_connections_over(broker: Broker) -> None:
    """Without one they need reauthorization, and come under the new destinations with their next refresh."""
    broker.connect()
    change(broker, **MOVED)
    assert broker.status() == "needs_reauthorization"
    rebind(broker.kit, BASE, "acme", if_match=None)
    assert broker.status() == "active"
    broker.scripted.will(granted("access-2"))
    refresh_now(broker.kit, ADMIN, "acme", "c1", remaining=plenty)
    held = broker.connection().token_set
    assert held is not None
    assert held.destinations_id == broker.kit.shelf.resource("acme").row.destinations_id
    change(broker, token={"url": "https://third.example/token"}, client_secret="again")
    assert broker.status() == "needs_reauthorization"


def test_a_token_set_is_never_sent_to_other_destinations(broker: Broker) -> None:
    """Not by a refresh, and not by the revocation of what was disconnected."""
    broker.connect()
    change(broker, **MOVED, revocation={"url": "https://new.example/revoke"})
    assert refresh_now(broker.kit, ADMIN, "acme", "c1", remaining=plenty)["status"] == "needs_reauthorization"
    disconnect(broker.kit, broker.connection())
    broker.work()
    assert broker.announcements.events[-1][1]["revocation"] == "destinations_changed"
    assert len(broker.scripted.requests) == 1


def test_a_row_that_names_more_than_was_sealed_sends_nothing(broker: Broker) -> None:
    """Somebody wrote a destinations id into the row: it is not what was sealed."""
    broker.connect()
    former = broker.kit.shelf.resource("acme").row.destinations_id
    change(broker, **MOVED)
    broker.dynamodb.items["R", "acme"]["cd"] = {"L": [{"S": former}]}
    broker.kit.shelf.drop("acme")
    broker.machine.time += 3300
    broker.work()
    after = broker.connection()
    assert after.last_error is not None
    assert after.last_error.category == "cannot_be_opened"
    assert len(broker.scripted.requests) == 1


def test_no_secret_lies_open_in_the_table(broker: Broker) -> None:
    """Nor comes back; the table's own words can be found (what is searched for is searched rightly)."""
    shown = show_resource(broker.kit, BASE, "acme").body
    assert ACME["client_secret"] not in str(broker.dynamodb.items)
    assert ACME["client_secret"] not in str(shown)
    assert ACME["client_id"] in str(broker.dynamodb.items)


def test_health_asks_at_most_every_five_seconds(broker: Broker) -> None:
    """A good answer is good for that long; a bad one is asked again."""
    health = Health(broker.kit.store, broker.machine)
    broker.dynamodb.calls.clear()
    for _ in range(3):
        health.check()
    assert broker.dynamodb.calls.total() == 1
    broker.machine.time += ASKED_EVERY
    broker.dynamodb.fail_next("batch_get_item", 2)
    for _ in range(2):
        with pytest.raises(Exception, match="DynamoDB"):
            health.check()
    health.check()
    assert broker.dynamodb.calls.total() == 4
    assert broker.machine.now() == NOW + ASKED_EVERY
