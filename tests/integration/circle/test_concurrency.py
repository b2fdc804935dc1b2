"""Many at once: one exchange, one refresh, and every tab gets to its end."""

from __future__ import annotations

import time

import pytest

from tests.integration.circle.broker import (
    USER,
    Broker,
    Browser,
    assert_page,
    place_of,
    query_of,
    send,
    side_by_side,
)

CALLBACKS, LINKS, READS = 50, 20, 16


@pytest.mark.parametrize("confirmation", [True, False], ids=["to be confirmed", "direct"])
def test_identical_callbacks(broker: Broker, confirmation: bool) -> None:
    """Fifty callbacks at the same time make one code exchange, and all get the same redirect."""
    resource_id = broker.register(require_confirmation=confirmation)
    body = {"return_url": broker.landing} | ({"user": USER} if confirmation else {})
    asked = broker.ask(resource_id, **body)
    browser = Browser()
    callback = browser.consent(asked["start_url"])
    cookies = browser.session.cookies.get_dict()
    before = len(broker.calls("authorization_code"))
    answers = side_by_side(lambda _: send("GET", callback, cookies=cookies), range(CALLBACKS))
    assert {answer.status_code for answer in answers} == {303}
    (location,) = {answer.headers["Location"] for answer in answers}
    assert len(broker.calls("authorization_code")) == before + 1
    returned = query_of(location)
    assert returned["connection_id"] == asked["connection_id"]
    if confirmation:
        assert broker.confirm(resource_id, returned).status_code == 200
    shown = broker.connection(resource_id, asked["connection_id"])
    assert (shown["status"], shown["generation"]) == ("active", 1)


def test_links_opened_side_by_side_in_a_new_browser(broker: Broker) -> None:
    """Twenty tabs that open before any cookie is there get one each, and all of them finish."""
    resource_id = broker.register()
    asked = [broker.ask(resource_id) for _ in range(LINKS)]
    opened = side_by_side(lambda one: send("GET", one["start_url"]), asked)
    assert {answer.status_code for answer in opened} == {302}
    browser = Browser()
    for answer in opened:
        browser.session.cookies.update(answer.cookies)
    assert len(browser.session.cookies) == LINKS
    for one, answer in zip(asked, opened, strict=True):
        finished = browser.open(browser.decide(answer.headers["Location"]).headers["Location"])
        assert finished.status_code == 303, finished.text
        returned = query_of(finished.headers["Location"])
        assert (returned["connection_id"], len(returned["confirmation_code"])) == (one["connection_id"], 43)
    path = f"/v1/resources/{resource_id}/connections?status=awaiting_confirmation"
    assert len(broker.call("GET", path).json()["items"]) == LINKS


def test_another_browser_with_the_same_link(broker: Broker) -> None:
    """Who opens the link elsewhere cannot take the answer over, and the first browser still finishes."""
    resource_id = broker.register()
    asked = broker.ask(resource_id)
    first, other = Browser(), Browser()
    callback = first.consent(asked["start_url"])
    other.start(asked["start_url"])
    assert_page(other.open(callback), 400)
    assert_page(send("GET", callback), 400)
    finished = first.open(callback)
    assert finished.status_code == 303
    assert_page(other.open(callback), 400)
    returned = query_of(finished.headers["Location"])
    assert broker.confirm(resource_id, returned).json()["status"] == "active"


@pytest.mark.parametrize("confirmation", [True, False], ids=["to be confirmed", "direct"])
def test_two_browsers_consent_to_one_link(broker: Broker, confirmation: bool) -> None:
    """The link brings one exchange; the second browser is not told that its account was connected."""
    resource_id = broker.register(require_confirmation=confirmation)
    body = {"user": USER} if confirmation else {}
    asked = broker.ask(resource_id, return_url=broker.landing, **body)
    first, second = Browser(), Browser()
    callbacks = [first.consent(asked["start_url"]), second.consent(asked["start_url"], account="grace")]
    before = len(broker.calls("authorization_code"))
    finished = first.open(callbacks[0])
    assert_page(second.open(callbacks[1]), 400)
    assert len(broker.calls("authorization_code")) == before + 1
    if confirmation:
        assert broker.confirm(resource_id, query_of(finished.headers["Location"])).status_code == 200
    token = broker.token(resource_id, asked["connection_id"]).json()
    assert broker.me(token["access_token"]).json()["name"] == "Ada Lovelace"


def test_reads_past_expiry(broker: Broker) -> None:
    """Sixteen readers of a token that has expired make one refresh, and all get the same new token."""
    resource_id = broker.register()
    before = broker.families().keys()
    connection_id = broker.connect(resource_id)
    (family,) = broker.families().keys() - before
    first = broker.token(resource_id, connection_id).json()
    assert first["generation"] == 1
    broker.set_number(*place_of(resource_id, connection_id), "ex", time.time() - 1)
    answers = side_by_side(lambda _: broker.token(resource_id, connection_id), range(READS))
    assert {answer.status_code for answer in answers} == {200}
    (token,) = {answer.json()["access_token"] for answer in answers}
    assert {answer.json()["generation"] for answer in answers} == {2}
    assert token != first["access_token"]
    assert broker.refreshes(family) == 1
    assert broker.families()[family]["ended"] is None
    assert broker.me(token).status_code == 200


def test_refreshes_at_the_same_time(broker: Broker) -> None:
    """Of many who ask for a refresh at once nobody spends a refresh token twice: the family lives."""
    resource_id = broker.register()
    before = broker.families().keys()
    connection_id = broker.connect(resource_id)
    (family,) = broker.families().keys() - before
    path = f"/v1/resources/{resource_id}/connections/{connection_id}/refresh"
    answers = side_by_side(lambda _: broker.call("POST", path), range(READS))
    assert {answer.status_code for answer in answers} == {200}
    assert all(answer.json()["generation"] >= 2 for answer in answers)
    known = broker.families()[family]
    assert known["ended"] is None
    assert all(token["refreshes"] <= 1 and not token["refusals"] for token in known["generations"])
