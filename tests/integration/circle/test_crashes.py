"""kill -9 in the middle of a call to the provider: no grant is lost, nothing is reported that is not so."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.circle.broker import (
    USER,
    Broker,
    Browser,
    assert_page,
    assert_problem,
    eventually,
    place_of,
    query_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

# No other test leaves connections of this client behind, which could meet the faults that are meant for ours.
CLIENT = "demo-get"
GRACE = 60


@pytest.fixture
def graceful(broker: Broker) -> Iterator[str]:
    """A client whose spent refresh tokens bring their successors for a minute more."""
    broker.control("PATCH", "rules", {"grace_period": GRACE})
    yield CLIENT
    broker.control("DELETE", "faults")
    broker.control("PATCH", "rules", {"grace_period": 0})


def make_due(broker: Broker, resource_id: str, connection_id: str) -> None:
    """The connection's refresh brought forward, once the worker has told of the connection."""
    place = place_of(resource_id, connection_id)
    assert eventually(lambda: "n" not in broker.item(*place))
    for name in ("nr", "refresh_at"):
        broker.set_number(*place, name, time.time() - 1)


def kill_in_the_call(broker: Broker, function: str, grant_type: str) -> None:
    """Every process of a function killed once one of them has been met by the fault that waits for it."""
    assert eventually(lambda: not broker.control("GET", "faults")["items"]), f"no {grant_type} came"
    pids = broker.stack.function_pids(function)
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: not set(pids) & set(broker.stack.function_pids(function)))


@pytest.mark.parametrize(
    "fault, generations",
    [
        pytest.param({"delay_before": 2, "status": 503}, 1, id="before the provider has acted"),
        pytest.param({"delay_after": 2}, 2, id="after the provider has acted"),
    ],
)
def test_a_worker_killed_while_it_refreshes(
    broker: Broker, graceful: str, fault: dict[str, Any], generations: int
) -> None:
    """Within the grace period the next worker spends the token again: active without a person."""
    resource_id = broker.register(
        client_id=graceful,
        token={
            "url": f"{broker.provider}/token-json",
            "body": "json",
            "auth_method": "client_secret_post",
        },
        refresh_token={"rotates": True, "grace_period": GRACE},
        require_confirmation=False,
    )
    before = broker.families().keys()
    asked = broker.ask(resource_id, return_url=broker.landing)
    assert Browser().connect(asked["start_url"]).status_code == 303
    (family,) = broker.families().keys() - before
    connection_id = asked["connection_id"]
    broker.control("POST", "faults", {**fault, "grant_type": "refresh_token", "client_id": graceful})
    make_due(broker, resource_id, connection_id)
    kill_in_the_call(broker, "RefreshWorkerFunction", "refresh_token")
    assert len(broker.families()[family]["generations"]) == generations
    assert broker.connection(resource_id, connection_id)["generation"] == 1

    assert eventually(lambda: broker.connection(resource_id, connection_id)["generation"] >= 2, 55)
    shown = broker.connection(resource_id, connection_id)
    assert (shown["status"], shown["last_error"]) == ("active", None)
    known = broker.families()[family]
    assert known["ended"] is None
    assert all(not token["refusals"] for token in known["generations"])
    token = broker.token(resource_id, connection_id)
    assert token.status_code == 200, token.text
    assert broker.me(token.json()["access_token"]).status_code == 200
    assert "connection needs reauthorization" not in broker.events(connection_id)
    broker.call("DELETE", f"/v1/resources/{resource_id}/connections/{connection_id}")


def test_a_callback_killed_while_it_exchanges(broker: Broker) -> None:
    """Nothing is reported healthy; the person consents again, and that works."""
    resource_id = broker.register()
    asked = broker.ask(resource_id, connection_id="ada", return_url=broker.landing, user=USER)
    browser = Browser()
    callback = browser.consent(asked["start_url"])
    broker.control("POST", "faults", {"delay_after": 2, "grant_type": "authorization_code"})
    answers: list[requests.Response] = []
    caller = threading.Thread(target=lambda: answers.append(browser.open(callback)))
    caller.start()
    kill_in_the_call(broker, "CallbackFunction", "authorization_code")
    caller.join()
    assert [answer.status_code for answer in answers] == [500]

    exchanges = len(broker.calls("authorization_code"))
    place = (f"A#{query_of(callback)['state'].partition('.')[0]}", "A")
    consumed = int(broker.item(*place)["ua"]["N"])
    assert broker.connection(resource_id, "ada")["status"] == "pending"
    assert_problem(broker.token(resource_id, "ada"), 409, "connection-not-ready")
    reloaded = browser.open(callback)
    assert_page(reloaded, 503)
    assert reloaded.headers["Retry-After"]
    broker.set_number(*place, "ua", consumed - 61_000)
    assert_page(browser.open(callback), 503)  # it may lie in the rescue queue, whose turn this is
    broker.set_number(*place, "ma", consumed // 1000 - 61)
    settled = query_of(browser.open(callback).headers["Location"])
    assert settled == {"user": "1", "connection_id": "ada", "error": "exchange_failed"}
    assert len(broker.calls("authorization_code")) == exchanges

    path = f"/v1/resources/{resource_id}/connections/ada/reauthorize"
    again = broker.call("POST", path, {"return_url": broker.landing, "user": USER}).json()
    returned = query_of(browser.connect(again["start_url"]).headers["Location"])
    assert broker.confirm(resource_id, returned).json()["status"] == "active"
    assert broker.token(resource_id, "ada").json()["generation"] == 1
