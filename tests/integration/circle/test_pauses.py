"""A provider that answers none of a resource's calls, over HTTP: they stop, it is shown, and it heals."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from email.utils import formatdate
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.circle.broker import (
    SECRET,
    Broker,
    Browser,
    assert_problem,
    eventually,
    place_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

# No other test leaves connections of this client behind, which could meet the faults that are meant for ours.
CLIENT = "demo-get"
HOUR = 3600


@pytest.fixture(autouse=True)
def _no_faults_left(broker: Broker) -> Iterator[None]:
    yield
    broker.control("DELETE", "faults")


def registered(broker: Broker, count: int) -> tuple[str, list[str]]:
    """A resource with so many connections, whose events were sent."""
    resource_id = broker.register(
        client_id=CLIENT,
        token={"url": f"{broker.provider}/token-json", "body": "json"},
        require_confirmation=False,
    )
    connection_ids = []
    for number in range(count):
        asked = broker.ask(resource_id, connection_id=f"c{number}", return_url=broker.landing)
        assert Browser().connect(asked["start_url"]).status_code == 303
        connection_ids.append(asked["connection_id"])
    for one in connection_ids:
        assert eventually(partial(is_calm, broker, place_of(resource_id, one)))
    return resource_id, connection_ids


def is_calm(broker: Broker, place: tuple[str, str]) -> bool:
    """Whether nothing is to be told of a connection, and nobody is at it."""
    return not {"n", "l"} & broker.item(*place).keys()


def is_set_aside(broker: Broker, place: tuple[str, str]) -> bool:
    """Whether an item was counted as one that cannot be dealt with."""
    return "sa" in broker.item(*place)


def make_due(broker: Broker, resource_id: str, connection_ids: list[str]) -> None:
    """Their refresh brought forward."""
    at = time.time() - 1
    for one in connection_ids:
        for name in ("nr", "refresh_at"):
            broker.set_number(*place_of(resource_id, one), name, at)


def calls(broker: Broker) -> int:
    """How many refreshes of the client's came to the provider."""
    return len([call for call in broker.calls("refresh_token") if call["client_id"] == CLIENT])


def state(broker: Broker, resource_id: str) -> dict[str, Any]:
    """The breaker's state."""
    shown: dict[str, Any] = broker.call("GET", f"/v1/resources/{resource_id}").json()["provider_state"]
    return shown


def fault(broker: Broker, **members: Any) -> None:
    """The client's refreshes fail from now on."""
    broker.control(
        "POST", "faults", {"count": 1000, "grant_type": "refresh_token", "client_id": CLIENT, **members}
    )


def refresh(broker: Broker, resource_id: str, connection_id: str) -> Any:
    """Refresh now."""
    return broker.call("POST", f"/v1/resources/{resource_id}/connections/{connection_id}/refresh")


def generations(broker: Broker, resource_id: str) -> list[int]:
    """Those of its connections."""
    answer = broker.call("GET", f"/v1/resources/{resource_id}/connections?limit=200")
    items = answer.json()["items"]
    assert {item["status"] for item in items} == {"active"}
    return [item["generation"] for item in items]


@pytest.mark.parametrize(
    "asked, seconds",
    [
        pytest.param(lambda: "40", 40, id="seconds"),
        pytest.param(lambda: formatdate(time.time() + 40, usegmt=True), 40, id="date"),
        pytest.param(lambda: "99999999999999999999", HOUR, id="absurd"),
        pytest.param(lambda: formatdate(time.time() + 10**9, usegmt=True), HOUR, id="absurd date"),
    ],
)
def test_a_limit_is_obeyed_for_every_connection(broker: Broker, asked: Any, seconds: int) -> None:
    """One call meets it, the others' readers are told when to come again, and an update ends it."""
    resource_id, (first, second) = registered(broker, 2)
    fault(broker, status=429, headers={"Retry-After": asked()}, body={"error": "slow_down"})
    before = calls(broker)
    assert_problem(refresh(broker, resource_id, first), 503, "unavailable")
    told = refresh(broker, resource_id, second)
    assert_problem(told, 503, "unavailable")
    assert seconds - 15 < int(told.headers["Retry-After"]) <= seconds + 1
    assert broker.token(resource_id, second).json()["generation"] == 1
    assert calls(broker) == before + 1
    shown = state(broker, resource_id)
    assert (shown["state"], shown["category"], shown["error"]) == ("open", "rate_limited", "slow_down")
    until = datetime.fromisoformat(shown["until"]) - datetime.now(UTC)
    assert seconds - 15 < until.total_seconds() <= seconds + 1
    broker.control("DELETE", "faults")
    patched = broker.call("PATCH", f"/v1/resources/{resource_id}", {"name": "Mended"})
    assert patched.json()["provider_state"]["state"] == "closed"
    assert eventually(lambda: refresh(broker, resource_id, second).status_code == 200)


def test_an_outage_ends_by_itself(broker: Broker) -> None:
    """Few calls while it lasts, no status changes, and all are refreshed once it is over."""
    resource_id, connection_ids = registered(broker, 14)
    fault(broker, status=503)
    before = calls(broker)
    make_due(broker, resource_id, connection_ids)
    assert eventually(lambda: state(broker, resource_id)["state"] != "closed")
    time.sleep(3)
    # eight are under way when the fifth fails; then a probe each time that the pause, of seconds here, ends
    assert calls(broker) - before <= 8 + 5
    assert state(broker, resource_id)["category"] == "provider_unavailable"
    assert 1 in generations(broker, resource_id)
    broker.control("DELETE", "faults")
    assert eventually(lambda: set(generations(broker, resource_id)) == {2}, 60)
    assert state(broker, resource_id)["state"] == "closed"


def test_a_hanging_provider_is_left_alone(broker: Broker) -> None:
    """After three time-outs; what its connections wait for is known to be unknown."""
    resource_id, connection_ids = registered(broker, 12)
    fault(broker, delay_before=9.0)
    before = calls(broker)
    make_due(broker, resource_id, connection_ids)
    assert eventually(lambda: state(broker, resource_id)["state"] != "closed")
    assert state(broker, resource_id)["category"] == "outcome_unknown"
    assert calls(broker) - before <= 8
    assert set(generations(broker, resource_id)) == {1}


def test_a_refused_client_heals_on_update(broker: Broker) -> None:
    """One call finds out, nobody else is asked; once it is mended an update lets all go on at once."""
    resource_id, connection_ids = registered(broker, 6)
    fault(broker, status=401, body={"error": "invalid_client"})
    before = calls(broker)
    for one in connection_ids[:3]:
        assert_problem(refresh(broker, resource_id, one), 503, "unavailable")
    assert calls(broker) == before + 1
    shown = state(broker, resource_id)
    assert (shown["state"], shown["category"], shown["http_status"]) == ("open", "invalid_client", 401)
    make_due(broker, resource_id, connection_ids[1:])
    path = f"/v1/resources/{resource_id}"
    shown = broker.call("GET", path).json()
    broker.control("DELETE", "faults")
    put = broker.call("PUT", path, {**shown, "client_secret": SECRET})
    assert put.json()["provider_state"]["state"] == "closed"
    assert eventually(lambda: 1 not in generations(broker, resource_id)[1:], 60)


def test_poison_rows_stop_no_other(broker: Broker) -> None:
    """Written straight into the table: the others are refreshed, these set aside and counted."""
    resource_id, connection_ids = registered(broker, 6)
    poison = {
        "c1": ("t", {"B": b"never sealed"}),
        "c2": ("st", None),
        "c3": ("md", {"N": "7"}),
        "c4": ("n", {"S": "text"}),
    }
    client = broker.stack.client("dynamodb")
    for connection_id, (name, value) in poison.items():
        item = {k: v for k, v in broker.item(*place_of(resource_id, connection_id)).items() if k != name}
        client.put_item(TableName=broker.stack.table_name, Item=item | ({name: value} if value else {}))
    make_due(broker, resource_id, connection_ids)
    good = [place_of(resource_id, one) for one in ("c0", "c5")]
    assert eventually(lambda: all(broker.item(*place)["g"]["N"] == "2" for place in good))
    for connection_id in poison:
        place = place_of(resource_id, connection_id)
        assert eventually(partial(is_set_aside, broker, place)), connection_id
        assert float(broker.item(*place)["refresh_at"]["N"]) > time.time() + HOUR - 120
    shown = broker.connection(resource_id, "c1")
    assert (shown["status"], shown["last_error"]["category"]) == ("active", "cannot_be_opened")
