"""The trip of a browser from the provider to its end, reloads and all."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from oauth_broker.connection import Status
from oauth_broker.errors import (
    CallbackRejectedError,
    NothingToConfirmError,
    OutcomeUnknownError,
    UnavailableError,
)
from oauth_broker.flows.commit import settled
from oauth_broker.flows.confirm import confirm
from oauth_broker.flows.disconnect import disconnect
from oauth_broker.flows.ending import Ending, EndingKind
from oauth_broker.flows.manage_resources import patch_resource
from oauth_broker.protocol.state import derive
from tests.doubles.broker import ADDRESSES, ADMIN, APP, BASE, Broker, Browser, called_back, told
from tests.doubles.provider import answered, fields_of, granted
from tests.doubles.samples import NOW

CONFIRMED: dict[str, Any] = {"return_url": APP, "user": "ada"}


@pytest.fixture
def broker() -> Broker:
    """A broker with Acme, whose connections need no confirmation."""
    made = Broker()
    made.register()
    return made


@pytest.fixture
def confirming() -> Broker:
    """A broker with Acme, whose connections are confirmed."""
    made = Broker()
    made.register(require_confirmation=True)
    return made


def test_the_whole_trip(broker: Broker) -> None:
    """The code goes to the token endpoint with the verifier; the connection is active, its event due."""
    broker.scripted.will(granted(scope="read"))
    browser = Browser()
    started = broker.start(broker.ask(return_url=APP + "?x=1"), browser)
    state = browser.keep(started)
    ending = broker.call_back(browser, state=state, code="code-1")
    assert ending.location == f"{APP}?x=1&connection_id=c1"
    [request] = broker.scripted.requests
    sent = fields_of(request)
    derived = derive(started.cookie.value, state.split(".")[0])
    assert sent["code_verifier"] == derived.code_verifier.reveal()
    assert (sent["code"], sent["redirect_uri"]) == ("code-1", f"{BASE}/oauth/acme/callback")
    after = broker.connection()
    assert (after.status, after.generation, after.refresh_at) == (Status.ACTIVE, 1, NOW)
    assert after.token_set is not None
    assert after.token_set.scopes == ("read",)
    assert "access-1" not in str(broker.dynamodb.items)


def test_a_warm_callback_is_two_calls(broker: Broker) -> None:
    """Consume and commit."""
    browser = Browser()
    state = browser.keep(broker.start(broker.ask(), browser))
    broker.scripted.will(granted())
    broker.dynamodb.calls.clear()
    broker.call_back(browser, state=state, code="c")
    assert broker.dynamodb.calls == {"update_item": 2}


def test_without_a_return_url_there_is_a_page(broker: Broker) -> None:
    """It names the service."""
    broker.scripted.will(granted())
    assert broker.consent(broker.ask()) == Ending(EndingKind.CONNECTED, service="Acme")


def test_a_reload_ends_as_the_first_did(confirming: Broker) -> None:
    """The same redirect, the same code, and one exchange alone."""
    browser = Browser()
    state = browser.keep(confirming.start(confirming.ask(**CONFIRMED), browser))
    confirming.scripted.will(granted())
    first = confirming.call_back(browser, state=state, code="code-1")
    for _ in range(3):
        assert confirming.call_back(browser, state=state, code="code-1").location == first.location
    body = {"confirmation_code": told(first)["confirmation_code"], "user": "ada"}
    confirm(confirming.kit, ADMIN, "acme", "c1", body)
    assert confirming.call_back(browser, state=state, code="code-1").location == first.location
    confirming.machine.time += 7000
    assert confirming.call_back(browser, state=state, code="code-1").location == first.location
    assert len(confirming.scripted.requests) == 1


@pytest.mark.parametrize("end", ["another user", "too late"])
def test_a_reload_after_the_confirmation_failed(confirming: Broker, end: str) -> None:
    """It still ends as it ended, and does not wait for what will never come."""
    browser = Browser()
    state = browser.keep(confirming.start(confirming.ask(**CONFIRMED), browser))
    confirming.scripted.will(granted())
    first = confirming.call_back(browser, state=state, code="code-1")
    if end == "too late":
        confirming.machine.time += 600
        confirming.work()
    else:
        body = {"confirmation_code": told(first)["confirmation_code"], "user": "mallory"}
        with pytest.raises(NothingToConfirmError):
            confirm(confirming.kit, ADMIN, "acme", "c1", body)
    assert confirming.connection().proposal is None
    assert confirming.call_back(browser, state=state, code="code-1").location == first.location
    assert confirming.machine.slept == []


def test_a_reload_waits_for_the_first(broker: Broker) -> None:
    """The exchange is under way in another process: the reload ends when it does."""
    browser = Browser()
    state = browser.keep(broker.start(broker.ask(return_url=APP), browser))
    endings: list[Ending] = []

    def reloaded() -> Any:
        broker.machine.on_sleep = lambda: None
        with pytest.raises(UnavailableError):
            called_back(broker.process(), browser, "acme", {"state": state, "code": "code-1"})
        return granted()

    broker.scripted.will(reloaded)
    endings.append(broker.call_back(browser, state=state, code="code-1"))
    assert sum(broker.machine.slept) <= 20
    endings.append(broker.call_back(browser, state=state, code="code-1"))
    assert endings[0].location == endings[1].location == f"{APP}?connection_id=c1"


def test_a_reload_leaves_time_for_a_slow_table(broker: Broker) -> None:
    """What came before took three seconds of an invocation's 29: the last look may take its nine."""
    browser = Browser()
    state = browser.keep(broker.start(broker.ask(return_url=APP), browser))
    began = broker.machine.now()

    def remaining() -> float:
        return 26 - (broker.machine.now() - began)

    def reloaded() -> Any:
        with pytest.raises(UnavailableError):
            called_back(broker.process(), browser, "acme", {"state": state, "code": "code-1"}, remaining)
        return granted()

    broker.scripted.will(reloaded)
    broker.call_back(browser, state=state, code="code-1")
    assert 9 <= remaining() < 10


def test_an_exchange_of_which_nothing_is_seen_came_to_nothing(broker: Broker) -> None:
    """The process died: a minute after somebody asked for it, a reload says so."""
    browser = Browser()
    state = browser.keep(broker.start(broker.ask(return_url=APP), browser))

    def dies() -> Any:
        raise KeyboardInterrupt

    broker.scripted.will(dies)
    with pytest.raises(KeyboardInterrupt):
        broker.call_back(browser, state=state, code="code-1")
    with pytest.raises(UnavailableError):
        broker.call_back(browser, state=state, code="code-1")
    for _ in range(2):  # the first to come when that process is over begins the rescue's turn
        broker.machine.time += 61
        with suppress(UnavailableError):
            ending = broker.call_back(browser, state=state, code="code-1")
    assert told(ending) == {"connection_id": "c1", "error": "exchange_failed"}
    assert broker.connection().status is Status.PENDING


def test_an_error_of_the_provider_uses_it_up(broker: Broker) -> None:
    """The connection stays pending, with the reason; a reload says the same."""
    browser = Browser()
    state = browser.keep(broker.start(broker.ask(return_url=APP), browser))
    query = {"state": state, "error": "access_denied", "error_description": "<b>no</b>"}
    ending = broker.call_back(browser, **query)
    assert (ending.kind, ending.error, ending.description) == (
        EndingKind.REFUSED,
        "access_denied",
        "<b>no</b>",
    )
    assert told(ending) == {"connection_id": "c1", "error": "access_denied"}
    assert broker.call_back(browser, **query).location == ending.location
    assert broker.call_back(browser, state=state, code="code-1").location == ending.location
    after = broker.connection()
    assert after.status is Status.PENDING
    assert after.last_error is not None
    assert (after.last_error.category, after.last_error.error) == ("refused", "access_denied")
    broker.machine.time += 600
    assert broker.status() == "expired"
    assert broker.scripted.requests == []


@pytest.mark.parametrize(
    "answer",
    [
        answered(400, error="invalid_grant"),
        answered(500),
        answered(200),
        OutcomeUnknownError("reset"),
        answered(200, error="bad"),
    ],
)
def test_an_exchange_that_fails(broker: Broker, answer: Any) -> None:
    """One try; the application gets `exchange_failed`, the connection the reason."""
    broker.scripted.will(answer)
    ending = broker.consent(broker.ask(return_url=APP))
    assert ending.kind is EndingKind.EXCHANGE_FAILED
    assert told(ending) == {"connection_id": "c1", "error": "exchange_failed"}
    after = broker.connection()
    assert (after.status, after.token_set) == (Status.PENDING, None)
    assert after.last_error is not None
    assert len(broker.scripted.requests) == 1


@pytest.mark.parametrize(
    "change, changed",
    [
        ({"client_id": "client-2"}, True),
        ({"token": {"url": "https://new.example/token"}, "client_secret": "again"}, True),
        ({"name": "New"}, False),
        ({"client_secret": "rotated"}, False),
    ],
)
def test_a_resource_that_changed_meanwhile(broker: Broker, change: dict[str, Any], changed: bool) -> None:
    """Another client or other destinations: no exchange; another name is no matter."""
    ticket = broker.ask(return_url=APP)
    patch_resource(broker.kit, ADDRESSES, "acme", change, if_match=None, loopback=False)
    broker.scripted.will(granted())
    ending = broker.consent(ticket)
    assert told(ending).get("error") == ("resource_changed" if changed else None)
    assert len(broker.scripted.requests) == (not changed)


def test_a_connection_deleted_meanwhile_gets_nothing(broker: Broker) -> None:
    """What the provider gave is left to be revoked."""
    ticket = broker.ask(return_url=APP)
    disconnect(broker.kit, broker.connection())
    broker.scripted.will(granted())
    assert told(broker.consent(ticket))["error"] == "exchange_failed"
    assert broker.find() is None
    broker.scripted.will(answered(200), answered(200))
    broker.work()
    assert [fields_of(one)["token"] for one in broker.scripted.requests[1:]] == ["refresh-1", "access-1"]


def test_the_newest_consent_wins(broker: Broker) -> None:
    """By when it was given, not by when its commit arrives."""
    broker.connect("c1")
    late = broker.ask_again(return_url=APP)
    soon = broker.ask_again(return_url=APP)

    def overtaken() -> Any:
        broker.machine.time += 1
        broker.scripted.will(granted("newest"))
        broker.consent(soon)
        return granted("older")

    broker.scripted.will(overtaken)
    assert told(broker.consent(late)) == {"connection_id": "c1"}
    held = broker.connection()
    assert held.generation == 2
    assert held.consented_at == (NOW + 1) * 1000


def test_a_table_that_is_away_loses_no_consent(broker: Broker) -> None:
    """Not committed in time: the browser reloads; the rescue commits, and the reload finds it."""
    browser = Browser()
    state = browser.keep(broker.start(broker.ask(return_url=APP), browser))

    def away() -> Any:
        broker.dynamodb.fail_next("update_item", 10**6)
        return granted()

    broker.scripted.will(away)
    with pytest.raises(UnavailableError):
        broker.call_back(browser, state=state, code="code-1")
    broker.dynamodb.fail_next("update_item", 0)
    for commit in broker.rescue.received():
        settled(broker.kit.store, commit, now=NOW)
    assert told(broker.call_back(browser, state=state, code="code-1")) == {"connection_id": "c1"}
    assert broker.status() == "active"


def test_renamed_parameters_are_found_by_their_names() -> None:
    """Of the provider's own dialect; the standard name is then no answer."""
    broker = Broker()
    broker.register(
        callback_params={"code": "spapi_oauth_code", "state": "amazon_state"},
        authorization={
            "url": "https://acme.example/authorize",
            "params": {"state": None, "amazon_state": "{{state}}"},
        },
    )
    browser = Browser()
    started = broker.start(broker.ask(), browser)
    browser.cookies[started.cookie.name] = started.cookie.value
    state = parse_qs(urlsplit(started.url).query)["amazon_state"][0]
    with pytest.raises(CallbackRejectedError):
        broker.call_back(browser, state=state, spapi_oauth_code="code-1")
    broker.scripted.will(granted())
    ending = broker.call_back(browser, amazon_state=state, spapi_oauth_code="code-1")
    assert ending.kind is EndingKind.CONNECTED
