"""A browser opens a start link."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from oauth_broker.errors import (
    CallbackRejectedError,
    NotFoundError,
)
from oauth_broker.flows.ending import EndingKind
from oauth_broker.protocol.pkce import code_challenge
from oauth_broker.protocol.state import derive, split_state
from oauth_broker.secret import Secret
from oauth_broker.transaction import MOST_STATES
from tests.doubles.broker import BASE, Broker, Browser
from tests.doubles.provider import granted


@pytest.fixture
def broker() -> Broker:
    """A broker with Acme, whose connections need no confirmation."""
    made = Broker()
    made.register()
    return made


def test_the_start_sends_what_the_cookie_makes(broker: Broker) -> None:
    """State and PKCE challenge are derived from the cookie; no secret of the trip lies in the table."""
    browser = Browser()
    ticket = broker.ask()
    started = broker.start(ticket, browser)
    query = {name: values[0] for name, values in parse_qs(urlsplit(started.url).query).items()}
    parts = split_state(query["state"])
    assert parts is not None
    derived = derive(started.cookie.value, parts[0])
    assert parts[1] == derived.state_bits
    assert query["code_challenge"] == code_challenge(derived.code_verifier)
    assert query["code_challenge_method"] == "S256"
    assert query["redirect_uri"] == f"{BASE}/oauth/acme/callback"
    assert query["scope"] == "read write"
    table = str(broker.dynamodb.items)
    for secret in (started.cookie.value, *map(Secret, (ticket.split(".")[1], parts[1].reveal()))):
        assert secret.reveal() not in table
    assert derived.code_verifier.reveal() not in started.url


def test_a_link_may_be_opened_again(broker: Broker) -> None:
    """Reload and back: the same cookie, the same state; and it is one call each time."""
    browser = Browser()
    ticket = broker.ask()
    first = broker.start(ticket, browser)
    browser.keep(first)
    broker.dynamodb.calls.clear()
    assert broker.start(ticket, browser) == first
    assert broker.dynamodb.calls == {"update_item": 1}


def test_twenty_browsers_and_no_more(broker: Broker) -> None:
    """Link scanners may look; the 21st browser finds no link."""
    ticket = broker.ask()
    browsers = [Browser() for _ in range(MOST_STATES)]
    states = {browser.keep(broker.start(ticket, browser)) for browser in browsers}
    assert len(states) == MOST_STATES
    with pytest.raises(NotFoundError):
        broker.start(ticket, Browser())
    broker.start(ticket, browsers[7])


def test_twenty_links_side_by_side_all_finish(broker: Broker) -> None:
    """In a browser that has no cookie yet: each answer sets one, and the callback tries all."""
    tickets = [broker.ask(f"c{number}") for number in range(20)]
    started = [broker.start(ticket, Browser()) for ticket in tickets]
    browser = Browser()
    states = [browser.keep(one) for one in started]
    assert len(browser.cookies) == 20
    for number, state in enumerate(states):
        broker.scripted.will(granted(f"access-{number}"))
        ending = broker.call_back(browser, state=state, code=f"code-{number}")
        assert ending.kind is EndingKind.CONNECTED
    assert {broker.status(f"c{number}") for number in range(20)} == {"active"}


@pytest.mark.parametrize("age, starts", [(599, True), (600, False)])
def test_a_link_is_good_for_ten_minutes(broker: Broker, age: int, starts: bool) -> None:
    """And the callback for ten from the last start."""
    ticket = broker.ask()
    broker.machine.time += age
    browser = Browser()
    if not starts:
        with pytest.raises(NotFoundError):
            broker.start(ticket, browser)
        return
    state = browser.keep(broker.start(ticket, browser))
    broker.machine.time += 599
    broker.scripted.will(granted())
    assert broker.call_back(browser, state=state, code="c").kind is EndingKind.CONNECTED


@pytest.mark.parametrize("change", ["", "x", "a.b", None])
def test_an_unknown_ticket_is_no_link(broker: Broker, change: str | None) -> None:
    """Nonsense costs no call; the right id with wrong bits one."""
    ticket = broker.ask()
    wrong = ticket.split(".")[0] + "." + "A" * 43 if change is None else change
    broker.dynamodb.calls.clear()
    with pytest.raises(NotFoundError):
        broker.start(wrong, Browser())
    assert broker.dynamodb.calls.total() == (change is None)


@pytest.mark.parametrize("name", ["oauth-broker-1", "__Secure-oauth-broker-1", "other", "__Host-other"])
def test_only_cookies_that_no_other_host_can_set_count(broker: Broker, name: str) -> None:
    """On https the prefix is `__Host-`; another's cookie is not used, and cannot finish."""
    planted = Secret("A" * 43)
    browser = Browser({name: planted})
    started = broker.start(broker.ask(), browser)
    assert started.cookie.value != planted
    assert started.cookie.name.startswith("__Host-oauth-broker-")


def test_more_than_a_browser_may_bring_is_passed_over(broker: Broker) -> None:
    """Twenty cookies of ours are tried, a foreign flood is not."""
    browser = Browser()
    state = browser.keep(broker.start(broker.ask(), browser))
    [(name, value)] = browser.cookies.items()
    flood = {f"__Host-oauth-broker-{number}": Secret("A" * 43) for number in range(20)}
    with pytest.raises(CallbackRejectedError):
        broker.call_back(Browser(flood | {name: value}), state=state, code="code-1")
