"""Callbacks that are refused: they use nothing up, and cost little."""

from __future__ import annotations

from typing import Any

import pytest

from oauth_broker.errors import (
    CallbackRejectedError,
)
from oauth_broker.flows.disconnect import disconnect
from oauth_broker.flows.ending import Ending, EndingKind
from oauth_broker.flows.finish_authorization import finish_authorization
from oauth_broker.secret import Secret
from tests.doubles.broker import APP, Broker, Browser, plenty, told
from tests.doubles.provider import granted

ISSUER = "https://login.acme.example"
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


def test_a_foreign_browser_uses_nothing_up(confirming: Broker) -> None:
    """It has the state but not the cookie, or a cookie of its own; the first browser still finishes."""
    ticket = confirming.ask(**CONFIRMED)
    browser, foreign = Browser(), Browser()
    state = browser.keep(confirming.start(ticket, browser))
    foreign.keep(confirming.start(ticket, foreign))
    confirming.dynamodb.calls.clear()
    for other in (foreign, Browser(), Browser({"__Host-oauth-broker-1": Secret("A" * 43)})):
        with pytest.raises(CallbackRejectedError):
            confirming.call_back(other, state=state, code="code-1")
    assert not confirming.dynamodb.calls
    confirming.scripted.will(granted())
    assert confirming.call_back(browser, state=state, code="c").kind is EndingKind.TO_BE_CONFIRMED


@pytest.mark.parametrize("needs_confirmation", [True, False])
def test_the_second_browser_of_a_link_is_not_told_it_succeeded(needs_confirmation: bool) -> None:
    """Both opened the link and consented: the first one's consent counts."""
    broker = Broker()
    broker.register(require_confirmation=needs_confirmation)
    ticket = broker.ask(**CONFIRMED)
    first, second = Browser(), Browser()
    states = [browser.keep(broker.start(ticket, browser)) for browser in (first, second)]
    broker.scripted.will(granted())
    broker.call_back(first, state=states[0], code="code-1")
    with pytest.raises(CallbackRejectedError):
        broker.call_back(second, state=states[1], code="code-2")
    assert len(broker.scripted.requests) == 1


@pytest.mark.parametrize(
    "query",
    [
        "state={s}&code=a&code=b",
        "state={s}&state={s}&code=a",
        "state={s}&code=a&iss=x&iss=x",
        "state={s}&code=a&%63ode=b",
        "state={s}",
        "state={s}&code=",
        "state={s}&code=%00",
        "state={s}&code=" + "c" * 4097,
        "state={s}&code=a&x=" + "y" * 8192,
        "state={s}x&code=a",
        "state=&code=a&other=x.y",
    ],
)
def test_a_malformed_answer_uses_nothing_up(broker: Broker, query: str) -> None:
    """Refused without a redirect, and the right answer still counts."""
    browser = Browser()
    state = browser.keep(broker.start(broker.ask(return_url=APP), browser))
    cookies = list(browser.cookies.items())
    if query.startswith("state=&"):
        assert finish_authorization(
            broker.kit, resource_id="acme", raw_query=query, cookies=cookies, secure=True, remaining=plenty
        ) == Ending(EndingKind.NOT_STARTED_HERE)
    else:
        with pytest.raises(CallbackRejectedError):
            finish_authorization(
                broker.kit,
                resource_id="acme",
                raw_query=query.format(s=state),
                cookies=cookies,
                secure=True,
                remaining=plenty,
            )
    broker.scripted.will(granted())
    assert broker.call_back(browser, state=state, code="code-1").kind is EndingKind.CONNECTED


@pytest.mark.parametrize("query", ["", "code=a", "error=access_denied", "code=a&x=1"])
def test_an_answer_without_a_state_was_not_started_here(broker: Broker, query: str) -> None:
    """It costs no call, and no code is exchanged."""
    broker.dynamodb.calls.clear()
    ending = finish_authorization(
        broker.kit, resource_id="acme", raw_query=query, cookies=[], secure=True, remaining=plenty
    )
    assert ending == Ending(EndingKind.NOT_STARTED_HERE)
    assert not broker.dynamodb.calls


def test_an_expired_state_is_refused(broker: Broker) -> None:
    """Ten minutes after the start."""
    browser = Browser()
    state = browser.keep(broker.start(broker.ask(), browser))
    broker.machine.time += 600
    with pytest.raises(CallbackRejectedError):
        broker.call_back(browser, state=state, code="code-1")


@pytest.mark.parametrize("shared", [False, True])
def test_an_answer_at_another_address_is_refused(shared: bool) -> None:
    """Another resource's, or the shared one where it has its own, or the other way round."""
    broker = Broker()
    broker.register(callback="shared" if shared else "own")
    broker.register(resource_id="globex", name="Globex")
    browser = Browser()
    state = browser.keep(broker.start(broker.ask(), browser))
    right = None if shared else "acme"
    for wrong in {None, "acme", "globex", "nothing"} - {right}:
        with pytest.raises(CallbackRejectedError):
            broker.call_back(browser, wrong, state=state, code="code-1")
    broker.scripted.will(granted())
    assert broker.call_back(browser, right, state=state, code="code-1").kind is EndingKind.CONNECTED


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("other", [{"code": "code-1"}, {"error": "access_denied"}])
@pytest.mark.parametrize("iss", ["https://evil.example", ISSUER + "/", ISSUER.upper()])
def test_another_issuer_is_refused_and_uses_nothing_up(shared: bool, other: dict[str, str], iss: str) -> None:
    """Mix-up (RFC 9207): compared as a string, in errors too."""
    broker = Broker()
    broker.register(issuer=ISSUER, callback="shared" if shared else "own")
    browser = Browser()
    state = browser.keep(broker.start(broker.ask(), browser))
    address = None if shared else "acme"
    with pytest.raises(CallbackRejectedError):
        broker.call_back(browser, address, state=state, iss=iss, **other)
    broker.scripted.will(granted())
    ending = broker.call_back(browser, address, state=state, iss=ISSUER, code="code-1")
    assert ending.kind is EndingKind.CONNECTED


def test_at_the_shared_address_a_wrong_answer_ends_the_same_way_again() -> None:
    """The resource is known only once it is used up: a reload is refused as well, without a wait."""
    broker = Broker()
    broker.register(callback="shared")
    browser = Browser()
    state = browser.keep(broker.start(broker.ask(return_url=APP), browser))
    for _ in range(2):
        with pytest.raises(CallbackRejectedError):
            broker.call_back(browser, None, state=state)
    assert broker.machine.slept == []
    assert broker.scripted.requests == []


def test_a_resource_that_is_gone_has_no_callback(broker: Broker) -> None:
    """Its link ends as one of a resource that changed, a reload as well; no code is sent anywhere."""
    browser = Browser()
    state = browser.keep(broker.start(broker.ask(return_url=APP), browser))
    del broker.dynamodb.items["R", "acme"]
    broker.kit.shelf.drop("acme")
    for _ in range(2):
        ending = broker.call_back(browser, state=state, code="code-1")
        assert told(ending)["error"] == "resource_changed"
    assert broker.scripted.requests == []


@pytest.mark.parametrize("confirmed", [False, True])
def test_an_old_link_never_fills_a_later_connection_of_its_id(confirmed: bool) -> None:
    """The id was freed and asked for anew: who has the old link gets nowhere."""
    broker = Broker()
    broker.register(require_confirmation=confirmed)
    old = broker.ask(return_url=APP, user="mallory")
    disconnect(broker.kit, broker.connection())
    broker.machine.time += 0.001
    broker.ask(return_url=APP, user="ada")
    before = broker.connection()
    broker.scripted.will(granted("mallorys"))
    assert told(broker.consent(old))["error"] == "exchange_failed"
    assert broker.connection() == before
