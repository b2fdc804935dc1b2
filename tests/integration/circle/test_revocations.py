"""Revocations against a provider that fails: tried until it acts, told, and nothing left behind."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.circle.broker import Broker, Browser, assert_problem, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

# No other test leaves connections of this client behind, which could meet the faults that are meant for ours.
CLIENT = "demo-get"
DISCONNECTED, ENDED = "connection disconnected", "connection revocation ended"


@pytest.fixture
def faults(broker: Broker) -> Iterator[None]:
    """No fault is left for other tests."""
    yield
    broker.control("DELETE", "faults")


def fail(broker: Broker, **fault: Any) -> None:
    """What happens to the next revocations."""
    broker.control("POST", "faults", {"endpoint": "/revoke", "client_id": CLIENT, **fault})


def disconnected(broker: Broker, **changes: Any) -> tuple[str, str, str, str]:
    """A connection made and deleted: resource, connection, the provider's family, the access token."""
    token = {"url": f"{broker.provider}/token-json", "body": "json", "auth_method": "client_secret_post"}
    resource_id = broker.register(client_id=CLIENT, token=token, require_confirmation=False, **changes)
    before = broker.families().keys()
    asked = broker.ask(resource_id, return_url=broker.landing)
    assert Browser().connect(asked["start_url"]).status_code == 303
    (family,) = broker.families().keys() - before
    connection_id = asked["connection_id"]
    access_token = broker.token(resource_id, connection_id).json()["access_token"]
    path = f"/v1/resources/{resource_id}/connections/{connection_id}"
    assert broker.call("DELETE", path).status_code == 204
    return resource_id, connection_id, family, access_token


def told(broker: Broker, connection_id: str) -> list[tuple[str, str, str | None]]:
    """What was announced since the connection was: event, outcome, category."""
    details = [
        (event["DetailType"], json.loads(event["Detail"]))
        for event in broker.stack.events
        if connection_id in event["Detail"]
    ]
    return [
        (name, one["revocation"], one.get("category"))
        for name, one in details
        if name in {DISCONNECTED, ENDED}
    ]


def statuses(broker: Broker, since: float) -> list[int]:
    """What the provider answered to revocations of our client."""
    calls = broker.control("GET", "calls")["items"]
    return [
        call["status"]
        for call in calls
        if (call["endpoint"], call["client_id"]) == ("/revoke", CLIENT) and call["at"] >= since
    ]


def items(broker: Broker, resource_id: str, kind: str) -> list[dict[str, Any]]:
    """The items of a resource of one kind."""
    answer = broker.stack.client("dynamodb").query(
        TableName=broker.stack.table_name,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"{kind}#{resource_id}"}},
        ConsistentRead=True,
    )
    found: list[dict[str, Any]] = answer["Items"]
    return found


@pytest.mark.usefixtures("faults")
def test_a_provider_that_is_busy_is_asked_again(broker: Broker) -> None:
    """503 twice, with Retry-After, then 200 for each token: the grant is over, and that is told and kept."""
    since = time.time()
    fail(broker, count=2, status=503, headers={"Retry-After": "1"})
    resource_id, connection_id, family, access_token = disconnected(broker)
    assert eventually(lambda: broker.families()[family]["ended"]) == "revoked"
    assert eventually(lambda: items(broker, resource_id, "D") == [])
    assert statuses(broker, since) == [503, 503, 200, 200]
    assert broker.me(access_token).status_code == 401
    assert told(broker, connection_id) == [
        (DISCONNECTED, "retrying", "provider_unavailable"),
        (ENDED, "revoked", None),
    ]
    [record] = items(broker, resource_id, "E")
    assert (record["id"]["S"], record["rv"]["S"], record["f"]["N"]) == (connection_id, "revoked", "3")


@pytest.mark.usefixtures("faults")
def test_a_provider_that_hangs_is_asked_again(broker: Broker) -> None:
    """It acts and its answer comes too late: to revoke again does no harm, so that is done."""
    fail(broker, delay_after=7)
    resource_id, connection_id, family, _ = disconnected(broker)
    assert eventually(lambda: told(broker, connection_id)) == [(DISCONNECTED, "retrying", "outcome_unknown")]
    assert broker.families()[family]["ended"] == "revoked"
    assert eventually(lambda: items(broker, resource_id, "D") == [])
    assert told(broker, connection_id)[1:] == [(ENDED, "revoked", None)]


@pytest.mark.usefixtures("faults")
def test_a_provider_that_refuses_is_not_asked_again(broker: Broker) -> None:
    """Each token once; the refusal is the outcome, though nothing sealed is kept for it."""
    since = time.time()
    fail(broker, count=2, status=400, body={"error": "invalid_request"})
    resource_id, connection_id, family, _ = disconnected(broker)
    assert eventually(lambda: told(broker, connection_id)) == [(DISCONNECTED, "refused", None)]
    assert eventually(lambda: items(broker, resource_id, "D") == [])
    assert statuses(broker, since) == [400, 400]
    assert broker.families()[family]["ended"] is None
    [record] = items(broker, resource_id, "E")
    assert record["rv"]["S"] == "refused"


@pytest.mark.usefixtures("faults")
def test_a_deleted_resource_waits_for_it(broker: Broker) -> None:
    """Its id is in use until the provider has acted; then it is gone, but for the record."""
    fail(broker, count=2, status=503)
    resource_id, _, family, _ = disconnected(broker)
    assert broker.call("DELETE", f"/v1/resources/{resource_id}").status_code == 204
    again = broker.registration(resource_id=resource_id)
    assert_problem(broker.call("POST", "/v1/resources", again), 409, "id-in-use")
    assert eventually(lambda: broker.families()[family]["ended"]) == "revoked"
    # the worker finishes such a deletion a minute after it began
    broker.set_number("R", resource_id, "refresh_at", time.time() - 1)
    assert eventually(lambda: broker.call("POST", "/v1/resources", again).status_code == 201)
    assert len(items(broker, resource_id, "E")) == 1
