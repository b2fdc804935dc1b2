"""Seeing what is sent: before a resource is saved, and once a provider has refused."""

from __future__ import annotations

from typing import Any

from tests.integration.circle.broker import SECRET, USER, Broker, Browser, assert_problem, query_of


def test_a_preview_is_what_is_sent(broker: Broker) -> None:
    """The start link leads where the preview said, and what the provider refuses was asked as it said.

    Fails when the preview has requests of its own making.
    """
    wrong = {"client_secret": f"{SECRET}-but-wrong"}
    registration = broker.registration(**wrong)
    answer = broker.call("POST", "/v1/preview", registration)
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert wrong["client_secret"] not in answer.text
    assert {warning["pointer"] for warning in shown["warnings"]} == {
        "/authorization/url",
        "/token/url",
        "/revocation/url",
    }

    resource_id = broker.register(**registration)
    asked = broker.ask(resource_id, return_url=broker.landing, user=USER)
    browser = Browser()
    started = browser.start(asked["start_url"])
    own = {name: query_of(started)[name] for name in ("state", "code_challenge")}
    said = shown["authorization"]["url"]
    for name, value in own.items():
        said = said.replace(f"{name}={name.upper()}", f"{name}={value}")
    assert started == said

    callback = browser.decide(started).headers["Location"]
    assert query_of(browser.open(callback).headers["Location"])["error"] == "exchange_failed"
    error = broker.connection(resource_id, asked["connection_id"])["last_error"]
    assert (error["category"], error["error"]) == ("invalid_client", "invalid_client")
    assert error["request"] == as_text(shown["token"])
    assert wrong["client_secret"] not in error["request"]


def as_text(request: dict[str, Any]) -> str:
    """A previewed request as a connection shows one that failed: there everything unknown is a secret."""
    headers = [f"{name}: {value}" for name, value in request["headers"].items()]
    body = request["body"].replace("=CODE_VERIFIER", "=***").replace("=CODE", "=***")
    return "\n".join([f"{request['method']} {request['url']}", *headers, "", body])


def test_a_preview_of_the_catalogue(broker: Broker) -> None:
    """With the catalogue's own knowledge; nothing is stored, and what is wrong has its pointer."""
    body = {"name": "Calendars", "provider": "google", "client_id": "c", "client_secret": "some-secret"}
    shown = broker.call("POST", "/v1/preview", {**body, "resource_id": "never-made"}).json()
    assert query_of(shown["authorization"]["url"])["access_type"] == "offline"
    assert "never-made" in shown["authorization"]["url"]
    params = {"authorization": {"params": {"access_type": None}}}
    warned = broker.call("POST", "/v1/preview", body | params).json()["warnings"]
    assert [warning["pointer"] for warning in warned] == ["/authorization/params"]
    assert_problem(broker.call("GET", "/v1/resources/never-made"), 404, "not-found")
    assert_problem(broker.call("POST", "/v1/preview", {"provider": "googel"}), 422, "invalid", "/provider")
    wrong = broker.registration(token={"url": f"{broker.url}/token"}, colour="red")
    assert_problem(broker.call("POST", "/v1/preview", wrong), 422, "invalid", "/colour")


def test_a_refused_client_is_explained(broker: Broker) -> None:
    """client_credentials: the 502 has the request, since nothing is stored."""
    own = {"grant_type": "client_credentials", "authorization": None, "client_secret": "not-the-secret"}
    resource_id = broker.register(**own)
    answer = broker.call("POST", f"/v1/resources/{resource_id}/connections", {})
    assert_problem(answer, 502, "exchange-failed")
    assert answer.json()["request"].startswith(f"POST {broker.provider}/token\n")
    assert "not-the-secret" not in answer.text
