"""The catalogue over HTTP, and resources that start from it."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from tests.integration.circle.broker import Broker, assert_problem


def google(**changes: Any) -> dict[str, Any]:
    """The README's example, under an id of its own."""
    return {
        "resource_id": f"google-{secrets.token_hex(4)}",
        "name": "Google Calendar",
        "provider": "google",
        "client_id": "example.apps.googleusercontent.com",
        "client_secret": "not-a-real-secret",
        "scopes": ["https://www.googleapis.com/auth/calendar.readonly"],
        **changes,
    }


def test_the_catalogue_is_served(broker: Broker) -> None:
    """The list leads to each entry, and an entry to what a registration is filled with."""
    listed = broker.call("GET", "/v1/providers?limit=200").json()["items"]
    assert "google" in {item["provider"] for item in listed}
    entry = broker.call("GET", "/v1/providers/google")
    assert entry.status_code == 200
    made = broker.call("POST", "/v1/resources", google())
    assert made.status_code == 201, made.text
    assert entry.json()["registration"].items() <= made.json().items()
    assert_problem(broker.call("GET", "/v1/providers/googel"), 404, "not-found")


def test_a_resource_of_the_catalogue_can_be_asked_for(broker: Broker) -> None:
    """Its start link leads to the provider with all that makes it issue a refresh token."""
    made = broker.call("POST", "/v1/resources", google(require_confirmation=False))
    asked = broker.call("POST", f"/v1/resources/{made.json()['resource_id']}/connections", {})
    assert asked.status_code == 201, asked.text


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_what_was_read_can_be_sent_back(broker: Broker, method: str) -> None:
    """By PUT or by PATCH, what was taken away stays away."""
    resource_id = broker.call("POST", "/v1/resources", google(revocation=None)).json()["resource_id"]
    path = f"/v1/resources/{resource_id}"
    before = broker.call("GET", path).json()
    assert before["revocation"] is None
    body = before if method == "PUT" else {"scopes": before["scopes"]}
    after = broker.call(method, path, body)
    assert after.status_code == 200, after.text
    assert {**before, "updated_at": after.json()["updated_at"]} == after.json()


def test_an_unknown_provider_is_named(broker: Broker) -> None:
    """Nothing is stored, and the nearest is said; the same where another is to take its place."""
    refused = broker.call("POST", "/v1/resources", google(provider="googel"))
    assert_problem(refused, 422, "invalid", "/provider")
    assert refused.json()["errors"] == [
        {"pointer": "/provider", "detail": "unknown provider googel; did you mean google?"}
    ]
    resource_id = broker.call("POST", "/v1/resources", google()).json()["resource_id"]
    for method, body in (("PUT", google(provider="googel")), ("PATCH", {"provider": "googel"})):
        answer = broker.call(method, f"/v1/resources/{resource_id}", body)
        assert [problem["pointer"] for problem in answer.json()["errors"]] == ["/provider"]
