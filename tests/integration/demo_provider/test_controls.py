"""/control: what other tests rest on."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests

from tests.integration.demo_provider.visitor import Visitor


def add_fault(visitor: Visitor, **fault: Any) -> None:
    """Ask for a fault."""
    response = visitor.call("POST", "/control/faults", json=fault)
    assert response.status_code == 201, response.text


def calls(visitor: Visitor) -> list[dict[str, Any]]:
    """The token calls that were recorded."""
    items: list[dict[str, Any]] = visitor.call("GET", "/control/calls").json()["items"]
    return items


def test_a_fault_before_processing_spends_nothing(visitor: Visitor) -> None:
    """The next calls get the status, headers and body asked for; the token is good afterwards."""
    token = visitor.connect()["refresh_token"]
    add_fault(
        visitor, count=2, status=429, headers={"Retry-After": "7"}, body={"error": "slow_down"},
        grant_type="refresh_token",
    )  # fmt: skip
    assert visitor.token(grant_type="client_credentials").status_code == 200
    for _ in range(2):
        response = visitor.refresh(token)
        assert (response.status_code, response.headers["Retry-After"]) == (429, "7")
        assert response.json() == {"error": "slow_down"}
    assert visitor.refresh(token).status_code == 200


def test_a_fault_after_processing_hides_the_outcome(visitor: Visitor) -> None:
    """The token is spent although the answer said otherwise, so trying again is reuse."""
    token = visitor.connect()["refresh_token"]
    add_fault(visitor, status=200, body="<html>", processed=True)
    assert visitor.refresh(token).text == "<html>"
    assert visitor.refresh(token).json()["error"] == "invalid_grant"
    assert [family["ended"] for family in visitor.families()] == ["refresh_token_reused"]


def test_an_answer_cut_short(visitor: Visitor) -> None:
    """A Content-Length that is not kept ends the connection in the middle of the answer."""
    add_fault(visitor, status=200, body="{", headers={"Content-Length": "1000"}, processed=True)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        visitor.token(grant_type="client_credentials")
    assert [(call["own_status"], call["status"]) for call in calls(visitor)] == [(200, 200)]


@pytest.mark.parametrize("place", ["delay_before", "delay_after"])
def test_delays(visitor: Visitor, place: str) -> None:
    """A delayed call is answered as it should be, later; others do not wait for it."""
    add_fault(visitor, client_id="demo-client", **{place: 0.5})
    began = time.monotonic()
    assert visitor.token(grant_type="client_credentials").status_code == 200
    assert time.monotonic() - began >= 0.5


def test_the_record(visitor: Visitor) -> None:
    """Every token call is there with its family, the generation presented, and both statuses."""
    token = visitor.connect()["refresh_token"]
    visitor.refresh(token)
    visitor.refresh(token)
    add_fault(visitor, status=503)
    visitor.refresh(token)
    [family] = visitor.families()
    recorded = [
        (call["grant_type"], call["client_id"], call["family_id"], call["generation"], call["own_status"],
         call["status"])
        for call in calls(visitor)
    ]  # fmt: skip
    assert recorded == [
        ("authorization_code", "demo-client", family["family_id"], None, 200, 200),
        ("refresh_token", "demo-client", family["family_id"], 1, 200, 200),
        ("refresh_token", "demo-client", family["family_id"], 1, 400, 400),
        ("refresh_token", "demo-client", None, None, None, 503),
    ]
    assert visitor.call("DELETE", "/control/calls").status_code == 204
    assert calls(visitor) == []


def test_ending_a_family(visitor: Visitor) -> None:
    """As if its owner had disconnected the application in the account's settings."""
    tokens = visitor.connect()
    [family] = visitor.families()
    path = f"/control/families/{family['family_id']}"
    assert visitor.call("DELETE", path).status_code == 204
    assert visitor.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert visitor.call("DELETE", "/control/families/unknown").status_code == 404


def test_faults_can_be_dropped(visitor: Visitor) -> None:
    """What is still to come is listed, and gone after DELETE."""
    add_fault(visitor, count=3, status=500)
    visitor.token(grant_type="client_credentials")
    [fault] = visitor.call("GET", "/control/faults").json()["items"]
    assert fault["count"] == 2
    assert visitor.call("DELETE", "/control/faults").status_code == 204
    assert visitor.token(grant_type="client_credentials").status_code == 200


def test_reset(visitor: Visitor) -> None:
    """Nothing is left of what was given out and set."""
    tokens = visitor.connect()
    visitor.call("PATCH", "/control/rules", json={"access_token_lifetime": 5})
    assert visitor.call("POST", "/control/reset").status_code == 204
    assert visitor.call("GET", "/control/rules").json()["access_token_lifetime"] == 40
    assert visitor.families() == []
    assert visitor.me(tokens["access_token"]).status_code == 401


@pytest.mark.parametrize(
    "method, path, body",
    [
        ("POST", "/control/faults", []),
        ("POST", "/control/faults", {"statsu": 500}),
        ("POST", "/control/faults", {"status": "500"}),
        ("POST", "/control/faults", {"status": 600}),
        ("POST", "/control/faults", {"count": 0}),
        ("POST", "/control/faults", {"count": True}),
        ("POST", "/control/faults", {"delay_before": -1}),
        ("POST", "/control/faults", {"delay_after": 1000}),
        ("POST", "/control/faults", {"headers": {"X": "a\nb"}}),
        ("PATCH", "/control/rules", {"access_token_lifetime": 0}),
        ("PATCH", "/control/rules", {"refresh_token_lifetime": 0}),
        ("PATCH", "/control/rules", {"grace_period": -1}),
        ("PATCH", "/control/rules", {"grace_period": None}),
        ("PATCH", "/control/rules", {"unknown": 1}),
    ],
)
def test_a_misspelt_control_is_said(visitor: Visitor, method: str, path: str, body: object) -> None:
    """A test that asks for nonsense learns it at once, and nothing is set."""
    before = visitor.call("GET", path).json()
    response = visitor.call(method, path, json=body)
    assert response.status_code == 422
    assert response.json()["error"]
    assert visitor.call("GET", path).json() == before
