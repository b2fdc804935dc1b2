"""The main job, end to end: register, consent, keep fresh, hand out, disconnect."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.circle.broker import (
    SCOPES,
    USER,
    Broker,
    Browser,
    assert_page,
    assert_problem,
    eventually,
    query_of,
)


def test_the_circle(broker: Broker, short_tokens: int) -> None:
    """Connect, confirm, be refreshed past expiry by the schedule alone; disconnecting revokes."""
    resource_id = broker.register()
    asked = broker.ask(resource_id, connection_id="ada", return_url=broker.landing, user=USER, labels=["crm"])
    assert (asked["connection_id"], asked["status"]) == ("ada", "pending")
    assert asked.keys() == {"connection_id", "status", "start_url", "expires_at"}
    assert_problem(broker.token(resource_id, "ada"), 409, "connection-not-ready")

    returned = Browser().connect(asked["start_url"])
    assert returned.status_code == 303
    assert returned.headers["Location"].startswith(f"{broker.landing}&connection_id=ada&confirmation_code=")
    assert broker.connection(resource_id, "ada")["status"] == "awaiting_confirmation"
    assert_problem(broker.token(resource_id, "ada"), 409, "connection-not-ready")

    confirmed = broker.confirm(resource_id, query_of(returned.headers["Location"]))
    assert confirmed.status_code == 200, confirmed.text
    shown = confirmed.json()
    assert (shown["status"], shown["generation"], shown["labels"]) == ("active", 1, ["crm"])
    assert shown["scopes"] == SCOPES

    first = broker.token(resource_id, "ada").json()
    assert first.keys() == {"access_token", "token_type", "expires_at", "scope", "generation", "metadata"}
    assert broker.me(first["access_token"]).json()["name"] == "Ada Lovelace"
    grown = eventually(lambda: broker.connection(resource_id, "ada")["generation"] >= 3, 10 * short_tokens)
    assert grown, broker.connection(resource_id, "ada")
    assert eventually(lambda: broker.me(first["access_token"]).status_code == 401)
    later = broker.token(resource_id, "ada").json()
    assert broker.me(later["access_token"]).status_code == 200

    gone = broker.call("DELETE", f"/v1/resources/{resource_id}/connections/ada")
    assert gone.status_code == 204
    assert_problem(broker.token(resource_id, "ada"), 404, "not-found")
    assert eventually(lambda: broker.me(later["access_token"]).status_code == 401)
    assert eventually(lambda: "connection disconnected" in broker.events("ada"))
    assert broker.events("ada")[0] == "connection connected"


def test_the_family_of_a_disconnected_connection_is_revoked(broker: Broker) -> None:
    """RFC 7009: the refresh token is revoked, and nothing but that ends its family."""
    resource_id = broker.register()
    before = broker.families().keys()
    connection_id = broker.connect(resource_id)
    (family,) = broker.families().keys() - before
    assert broker.families()[family]["ended"] is None
    broker.call("DELETE", f"/v1/resources/{resource_id}/connections/{connection_id}")
    assert eventually(lambda: broker.families()[family]["ended"]) == "revoked"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="basic"),
        pytest.param({"auth_method": "client_secret_basic_raw"}, id="basic_raw"),
        pytest.param({"auth_method": "client_secret_post"}, id="post"),
        pytest.param({"path": "/token-json", "body": "json", "auth_method": "client_secret_post"}, id="json"),
        pytest.param({"path": "/token-get", "method": "GET", "auth_method": "client_secret_post"}, id="get"),
        pytest.param(
            {
                "path": "/token-get?client_id={{client_id}}&client_secret={{client_secret}}",
                "method": "GET",
                "auth_method": "none",
            },
            id="get by template",
        ),
    ],
)
def test_a_token_endpoint_of_any_dialect(broker: Broker, changes: dict[str, str]) -> None:
    """Exchange and refresh go out as the resource says, and the provider takes both."""
    step = dict(changes)
    path = step.pop("path", "/token")
    client = "demo-client" if path == "/token" else "demo-get"
    resource_id = broker.register(client_id=client, token={"url": broker.provider + path, **step})
    connection_id = broker.connect(resource_id, "grace")
    path = f"/v1/resources/{resource_id}/connections/{connection_id}/refresh"
    refreshed = broker.call("POST", path)
    assert refreshed.status_code == 200, refreshed.text
    assert refreshed.json()["generation"] == 2
    token = broker.token(resource_id, connection_id).json()
    assert broker.me(token["access_token"]).json()["name"] == "Grace Hopper"


def test_the_form_that_it_all_began_with(broker: Broker) -> None:
    """Client id and secret, a templated authorization URL, a token URL and a refresh URL are enough."""
    resource_id = broker.register(
        authorization={"url": f"{broker.provider}/authorize?client_id={{{{client_id}}}}&session=true"},
        refresh={"url": f"{broker.provider}/token?refresh=1"},
    )
    asked = broker.ask(resource_id)
    start = Browser().start(asked["start_url"])
    assert query_of(start) | {"client_id": "demo-client", "session": "true"} == query_of(start)
    connection_id = broker.connect(resource_id)
    refreshed = broker.call("POST", f"/v1/resources/{resource_id}/connections/{connection_id}/refresh")
    assert refreshed.json()["generation"] == 2


def test_client_credentials(broker: Broker) -> None:
    """A connection of the client's own is active at once, and refreshed by asking again."""
    resource_id = broker.register(
        grant_type="client_credentials", authorization=None, scopes=["notes.read", "notes.write"]
    )
    answer = broker.ask(resource_id, connection_id="own", scopes=["notes.read"])
    assert answer == {"connection_id": "own", "status": "active"}
    token = broker.token(resource_id, "own").json()
    assert (token["generation"], token["scope"]) == (1, "notes.read")
    refreshed = broker.call("POST", f"/v1/resources/{resource_id}/connections/own/refresh")
    assert refreshed.json()["generation"] == 2
    assert broker.token(resource_id, "own").json()["access_token"] != token["access_token"]
    path = f"/v1/resources/{resource_id}/connections"
    assert_problem(broker.call("POST", path, {"connection_id": "own"}), 409, "id-in-use")
    assert_problem(broker.call("POST", f"{path}/own/reauthorize", {}), 409, "conflict")


def test_client_credentials_refused(broker: Broker) -> None:
    """A provider that refuses is a 502 with its own words, and no connection is left behind."""
    resource_id = broker.register(
        grant_type="client_credentials", authorization=None, client_secret="another-secret"
    )
    path = f"/v1/resources/{resource_id}/connections"
    answer = broker.call("POST", path, {"connection_id": "own"})
    assert_problem(answer, 502, "exchange-failed")
    assert "another-secret" not in answer.text
    assert_problem(broker.call("GET", f"{path}/own"), 404, "not-found")


def test_reauthorizing(broker: Broker) -> None:
    """The old token set serves until the new consent is confirmed; then the new account's does."""
    resource_id = broker.register()
    connection_id = broker.connect(resource_id)
    path = f"/v1/resources/{resource_id}/connections/{connection_id}"
    answer = broker.call("POST", f"{path}/reauthorize", {"return_url": broker.landing, "user": USER})
    assert answer.status_code == 201
    assert (answer.json()["connection_id"], answer.json()["status"]) == (connection_id, "active")
    returned = Browser().connect(answer.json()["start_url"], "alan")
    before = broker.token(resource_id, connection_id).json()
    assert broker.me(before["access_token"]).json()["name"] == "Ada Lovelace"
    confirmed = broker.confirm(resource_id, query_of(returned.headers["Location"]))
    assert confirmed.json()["generation"] == before["generation"] + 1
    after = broker.token(resource_id, connection_id).json()
    assert broker.me(after["access_token"]).json()["name"] == "Alan Turing"


def test_a_grant_that_is_gone(broker: Broker) -> None:
    """`invalid_grant` costs the connection, one event says so, and a new consent brings it back."""
    resource_id = broker.register()
    before = broker.families().keys()
    connection_id = broker.connect(resource_id)
    (family,) = broker.families().keys() - before
    broker.control("DELETE", f"families/{family}")
    path = f"/v1/resources/{resource_id}/connections/{connection_id}"
    refreshed = broker.call("POST", f"{path}/refresh")
    assert (refreshed.status_code, refreshed.json()["status"]) == (200, "needs_reauthorization")
    assert refreshed.json()["last_error"]["error"] == "invalid_grant"
    assert_problem(broker.token(resource_id, connection_id), 409, "needs-reauthorization")
    assert eventually(lambda: "connection needs reauthorization" in broker.events(connection_id))
    answer = broker.call("POST", f"{path}/reauthorize", {"return_url": broker.landing, "user": USER})
    assert answer.json()["status"] == "needs_reauthorization"
    returned = Browser().connect(answer.json()["start_url"])
    assert broker.confirm(resource_id, query_of(returned.headers["Location"])).json()["status"] == "active"
    assert broker.token(resource_id, connection_id).status_code == 200
    assert broker.events(connection_id).count("connection needs reauthorization") == 1


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 429, "headers": {"Retry-After": "1"}}])
def test_an_outage_never_costs_a_grant(broker: Broker, fault: dict[str, Any]) -> None:
    """A provider that is down or busy is a 503 to who asks for a refresh; the connection stays as it was."""
    resource_id = broker.register(client_id="demo-keeps")
    connection_id = broker.connect(resource_id)
    broker.control("POST", "faults", {**fault, "client_id": "demo-keeps", "grant_type": "refresh_token"})
    path = f"/v1/resources/{resource_id}/connections/{connection_id}"
    answer = broker.call("POST", f"{path}/refresh")
    assert_problem(answer, 503, "unavailable")
    assert int(answer.headers["Retry-After"]) >= 1
    shown = broker.connection(resource_id, connection_id)
    assert (shown["status"], shown["last_error"]["http_status"]) == ("active", fault["status"])
    assert broker.token(resource_id, connection_id).status_code == 200
    assert eventually(lambda: broker.connection(resource_id, connection_id)["generation"] >= 2)


def test_without_confirmation_and_with_return_url(broker: Broker) -> None:
    """The browser comes back with the connection's id alone, and the connection is active by then."""
    resource_id = broker.register(require_confirmation=False)
    asked = broker.ask(resource_id, return_url=broker.landing)
    returned = Browser().connect(asked["start_url"])
    assert returned.status_code == 303
    assert returned.headers["Location"] == f"{broker.landing}&connection_id={asked['connection_id']}"
    assert returned.headers["Cache-Control"] == "no-store"
    assert broker.token(resource_id, asked["connection_id"]).status_code == 200


def test_without_confirmation_and_without_return_url(broker: Broker) -> None:
    """A page says that the account is connected; a reload of it says so again."""
    resource_id = broker.register(require_confirmation=False, name="Notes & <b>more</b>")
    asked = broker.ask(resource_id, connection_id="ada")
    browser = Browser()
    callback = browser.consent(asked["start_url"])
    page = browser.open(callback)
    assert_page(page, 200)
    assert "Notes &amp; &lt;b&gt;more&lt;/b&gt;" in page.text
    assert broker.token(resource_id, "ada").status_code == 200
    assert_page(browser.open(callback), 200)
    assert broker.connection(resource_id, "ada")["generation"] == 1


def test_another_user_ends_the_attempt(broker: Broker) -> None:
    """After another user's confirmation the right one is too late, and the connection gives out nothing."""
    resource_id = broker.register()
    returned = query_of(Browser().connect(broker.ask(resource_id)["start_url"]).headers["Location"])
    assert_problem(broker.confirm(resource_id, returned, "somebody-else"), 409, "nothing-to-confirm")
    assert_problem(broker.confirm(resource_id, returned), 409, "nothing-to-confirm")
    assert broker.connection(resource_id, returned["connection_id"])["status"] == "expired"
    assert_problem(broker.token(resource_id, returned["connection_id"]), 409, "connection-not-ready")


def test_a_wrong_code_confirms_nothing(broker: Broker) -> None:
    """Nor does it end the attempt: whoever has the right code and user confirms after it."""
    resource_id = broker.register()
    returned = query_of(Browser().connect(broker.ask(resource_id)["start_url"]).headers["Location"])
    wrong = broker.confirm(resource_id, returned, confirmation_code="A" * 43)
    assert_problem(wrong, 409, "nothing-to-confirm")
    assert broker.connection(resource_id, returned["connection_id"])["status"] == "awaiting_confirmation"
    assert broker.confirm(resource_id, returned).json()["status"] == "active"


def test_a_confirmation_code_is_good_once(broker: Broker) -> None:
    """The same code a second time confirms nothing, and changes nothing."""
    resource_id = broker.register()
    returned = query_of(Browser().connect(broker.ask(resource_id)["start_url"]).headers["Location"])
    assert broker.confirm(resource_id, returned).status_code == 200
    assert_problem(broker.confirm(resource_id, returned), 409, "nothing-to-confirm")
    assert broker.connection(resource_id, returned["connection_id"])["status"] == "active"


def test_the_newest_consent_wins(broker: Broker) -> None:
    """Of two links for one connection, the one consented to last serves, and the other's code is void."""
    resource_id = broker.register()
    connection_id = broker.connect(resource_id)
    path = f"/v1/resources/{resource_id}/connections/{connection_id}/reauthorize"
    body = {"return_url": broker.landing, "user": USER}
    links = [broker.call("POST", path, body).json()["start_url"] for _ in range(2)]
    first, second = (
        query_of(Browser().connect(link, who).headers["Location"])
        for link, who in zip(links, ("alan", "grace"), strict=True)
    )
    assert_problem(broker.confirm(resource_id, first), 409, "nothing-to-confirm")
    assert broker.confirm(resource_id, second).status_code == 200
    token = broker.token(resource_id, connection_id).json()
    assert broker.me(token["access_token"]).json()["name"] == "Grace Hopper"
