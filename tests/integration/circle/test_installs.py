"""Installs that the provider begins, as a browser goes through them."""

from __future__ import annotations

import pytest

from tests.integration.circle.broker import Broker, Browser, assert_page, query_of, send

CODE = "a-code-of-anybodys"


@pytest.fixture
def resource_id(broker: Broker) -> str:
    """A resource whose provider may begin."""
    return broker.register(provider_initiated=True, install_return_url=broker.landing)


def test_an_install_from_the_providers_directory(broker: Broker, resource_id: str) -> None:
    """A code without a state leads to a consent of this browser's own, and that to a confirmed connection."""
    exchanges = len(broker.calls("authorization_code"))
    browser = Browser()
    begun = browser.open(f"{broker.url}/oauth/{resource_id}/callback?code={CODE}&state=")
    assert begun.status_code == 303, begun.text
    assert CODE not in begun.headers["Location"]
    assert len(broker.calls("authorization_code")) == exchanges
    returned = browser.connect(begun.headers["Location"])
    assert returned.headers["Location"].startswith(broker.landing)
    confirmed = broker.confirm(resource_id, query_of(returned.headers["Location"]), user="whoever")
    assert confirmed.json()["status"] == "active"
    assert broker.token(resource_id, confirmed.json()["connection_id"]).status_code == 200


def test_another_browser_cannot_finish_it(broker: Broker, resource_id: str) -> None:
    """The fresh authorization is bound to the browser that opened it, as every other is."""
    begun = Browser().open(f"{broker.url}/oauth/{resource_id}/callback?code={CODE}")
    callback = Browser().consent(begun.headers["Location"])
    assert_page(send("GET", callback), 400)


def test_a_page_fetched_ahead_begins_nothing(broker: Broker, resource_id: str) -> None:
    """As with a start link."""
    url = f"{broker.url}/oauth/{resource_id}/callback?code={CODE}"
    assert_page(Browser().open(url, headers={"Sec-Purpose": "prefetch"}), 503)
    listed = broker.call("GET", f"/v1/resources/{resource_id}/connections").json()["items"]
    assert listed == []


def test_where_it_is_not_allowed_a_page_says_so(broker: Broker) -> None:
    """Nothing is made, and the person is sent to the application."""
    resource_id = broker.register()
    page = Browser().open(f"{broker.url}/oauth/{resource_id}/callback?code={CODE}")
    assert_page(page, 400)
    assert "cannot be begun there" in page.text
    assert broker.call("GET", f"/v1/resources/{resource_id}/connections").json()["items"] == []
