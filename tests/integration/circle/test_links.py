"""Start links: opened, looked at ahead, too late, too often, refused at the provider."""

from __future__ import annotations

import time
from urllib.parse import urlencode

import pytest

from tests.integration.circle.broker import (
    USER,
    Broker,
    Browser,
    assert_page,
    assert_problem,
    place_of,
    query_of,
    send,
)

MOST_BROWSERS = 20


def ticket_of(start_url: str) -> str:
    """The id of the authorization that a start link is for."""
    return query_of(start_url)["ticket"].partition(".")[0]


def test_a_start_link_is_not_used_up(broker: Broker) -> None:
    """Opened again, in this browser or another, it leads to the provider with the same cookie each time."""
    asked = broker.ask(broker.register())
    browser, other = Browser(), Browser()
    first = browser.open(asked["start_url"])
    assert first.status_code == 302
    assert first.headers["Referrer-Policy"] == "no-referrer"
    assert first.headers["Cache-Control"] == "no-store"
    again = browser.open(asked["start_url"])
    assert again.headers["Set-Cookie"] == first.headers["Set-Cookie"]
    assert again.headers["Location"] == first.headers["Location"]
    foreign = other.open(asked["start_url"])
    assert query_of(foreign.headers["Location"])["state"] != query_of(first.headers["Location"])["state"]
    assert browser.connect(asked["start_url"]).status_code == 303


def test_the_cookie(broker: Broker) -> None:
    """It is for this host alone, out of scripts' reach, and not sent with foreign posts (RFC 6265bis)."""
    cookie = Browser().open(broker.ask(broker.register())["start_url"]).headers["Set-Cookie"]
    pair, *attributes = cookie.split("; ")
    name, _, value = pair.partition("=")
    assert name.startswith("oauth-broker-")
    assert len(name.removeprefix("oauth-broker-")) == 8
    assert len(value) == 43
    assert attributes == ["Path=/", "Max-Age=3600", "HttpOnly", "SameSite=Lax"]


def test_the_authorization_request(broker: Broker) -> None:
    """It is RFC 6749's with PKCE S256, and the redirect URI is the resource's own callback."""
    resource_id = broker.register()
    location = Browser().start(broker.ask(resource_id)["start_url"])
    asked = query_of(location)
    assert location.startswith(f"{broker.provider}/authorize?")
    assert asked.keys() == {
        "response_type",
        "client_id",
        "redirect_uri",
        "scope",
        "state",
        "code_challenge",
        "code_challenge_method",
    }
    assert (asked["response_type"], asked["client_id"]) == ("code", "demo-client")
    assert asked["redirect_uri"] == f"{broker.url}/oauth/{resource_id}/callback"
    assert asked["scope"] == "profile notes.read offline"
    assert (asked["code_challenge_method"], len(asked["code_challenge"])) == ("S256", 43)


@pytest.mark.parametrize("purpose", ["prefetch", "prefetch;prerender"])
def test_a_prefetch_begins_nothing(broker: Broker, purpose: str) -> None:
    """What only looks ahead gets a page and no cookie, and the authorization is as it was."""
    asked = broker.ask(broker.register())
    key = (f"A#{ticket_of(asked['start_url'])}", "A")
    before = broker.item(*key)
    page = send("GET", asked["start_url"], headers={"Sec-Purpose": purpose})
    assert_page(page, 503)
    assert "Set-Cookie" not in page.headers
    assert broker.item(*key) == before
    assert Browser().connect(asked["start_url"]).status_code == 303
    assert broker.item(*key) != before


@pytest.mark.parametrize(
    "query",
    ["", "?ticket=", "?ticket=x", "?ticket=x.y", f"?ticket=x.{'A' * 43}", f"?ticket={'x' * 300}"],
)
def test_an_unknown_link(broker: Broker, query: str) -> None:
    """A ticket that nobody gave out is a 404 page and brings no cookie."""
    page = send("GET", f"{broker.url}/oauth/start{query}")
    assert_page(page, 404)
    assert "Set-Cookie" not in page.headers


@pytest.mark.parametrize("query", ["?ticket", "?ticket=a&ticket=b", "?ticket=%ff"])
def test_an_unreadable_link(broker: Broker, query: str) -> None:
    """A query that cannot be read is a 400 page."""
    assert_page(send("GET", f"{broker.url}/oauth/start{query}"), 400)


def test_a_ticket_of_another_authorization(broker: Broker) -> None:
    """Id and bits belong together."""
    resource_id = broker.register()
    one, other = (query_of(broker.ask(resource_id)["start_url"])["ticket"].split(".") for _ in range(2))
    assert_page(send("GET", f"{broker.url}/oauth/start?ticket={one[0]}.{other[1]}"), 404)
    assert send("GET", f"{broker.url}/oauth/start?ticket={one[0]}.{one[1]}").status_code == 302


def test_an_expired_link(broker: Broker) -> None:
    """Ten minutes after it was made a link nobody used is a 404 page, and the connection has expired."""
    resource_id = broker.register()
    asked = broker.ask(resource_id, connection_id="ada", return_url=broker.landing, user=USER)
    now = time.time()
    broker.set_number(f"A#{ticket_of(asked['start_url'])}", "A", "su", now + 5)
    assert send("GET", asked["start_url"]).status_code == 302
    broker.set_number(f"A#{ticket_of(asked['start_url'])}", "A", "su", now - 1)
    assert_page(send("GET", asked["start_url"]), 404)
    assert broker.connection(resource_id, "ada")["status"] == "pending"
    broker.set_number(*place_of(resource_id, "ada"), "su", now - 1)
    assert broker.connection(resource_id, "ada")["status"] == "expired"
    assert_problem(broker.token(resource_id, "ada"), 409, "connection-not-ready")


def test_reauthorizing_an_expired_connection(broker: Broker) -> None:
    """Its new link lives, so it is pending again, and consent makes it active."""
    resource_id = broker.register()
    asked = broker.ask(resource_id, connection_id="ada", return_url=broker.landing, user=USER)
    broker.set_number(*place_of(resource_id, "ada"), "su", time.time() - 1)
    path = f"/v1/resources/{resource_id}/connections/ada/reauthorize"
    again = broker.call("POST", path, {"return_url": broker.landing, "user": USER}).json()
    assert again["start_url"] != asked["start_url"]
    assert again["status"] == "pending"
    assert broker.connection(resource_id, "ada")["status"] == "pending"
    returned = query_of(Browser().connect(again["start_url"]).headers["Location"])
    assert broker.confirm(resource_id, returned).json()["status"] == "active"


def test_a_link_that_was_opened_too_often(broker: Broker) -> None:
    """After twenty browsers the next one gets a 404 page; those that opened it go on, and may reload."""
    asked = broker.ask(broker.register())
    browsers = [Browser() for _ in range(MOST_BROWSERS)]
    for browser in browsers:
        browser.start(asked["start_url"])
    assert_page(Browser().open(asked["start_url"]), 404)
    assert browsers[0].connect(asked["start_url"]).status_code == 303


@pytest.mark.parametrize("confirmation", [True, False])
def test_consent_refused(broker: Broker, confirmation: bool) -> None:
    """The application learns the provider's own code; the link is used up, the connection stays pending."""
    resource_id = broker.register(require_confirmation=confirmation)
    body = {"return_url": broker.landing} | ({"user": USER} if confirmation else {})
    asked = broker.ask(resource_id, **body)
    browser = Browser()
    callback = browser.consent(asked["start_url"], "deny")
    returned = browser.open(callback)
    assert returned.status_code == 303
    expected = f"{broker.landing}&connection_id={asked['connection_id']}&error=access_denied"
    assert returned.headers["Location"] == expected
    assert browser.open(callback).headers["Location"] == expected
    shown = broker.connection(resource_id, asked["connection_id"])
    assert (shown["status"], shown["last_error"]["error"]) == ("pending", "access_denied")
    assert browser.connect(asked["start_url"]).headers["Location"] == expected
    assert broker.connection(resource_id, asked["connection_id"])["generation"] == 0


def test_consent_refused_without_return_url(broker: Broker) -> None:
    """A page says so, with the provider's words escaped."""
    resource_id = broker.register(require_confirmation=False)
    browser = Browser()
    callback = browser.consent(broker.ask(resource_id, labels=[])["start_url"], "deny")
    fields = query_of(callback) | {"error": "a<b>", "error_description": "<script>"}
    page = browser.open(f"{callback.partition('?')[0]}?{urlencode(fields)}")
    assert_page(page, 400)
    assert "a&lt;b&gt;" in page.text
    assert "&lt;script&gt;" in page.text
