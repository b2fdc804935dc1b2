"""What may fail at a callback: before the authorization is used up, or with the grant revoked."""

from __future__ import annotations

from typing import Any, Final

import pytest

from oauth_broker import log
from oauth_broker.errors import SealingUnavailableError, StoreUnavailableError, UnavailableError
from oauth_broker.flows.commit import settled
from oauth_broker.flows.disconnect import disconnect
from oauth_broker.flows.ending import EndingKind
from oauth_broker.flows.finish_authorization import finish_authorization
from tests.doubles.broker import APP, NUMBERS, Broker, Browser, called_back, told
from tests.doubles.provider import answered, fields_of, granted
from tests.doubles.samples import NOW

SHARED: Final = {"own": "acme", "shared": None}


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is logged is not shown."""
    monkeypatch.setattr(log, "line", lambda *_, **__: None)


@pytest.mark.parametrize("callback", SHARED)
def test_a_kms_that_fails_uses_nothing_up(callback: str) -> None:
    """Neither secrets nor the answer's key can be had: the code is still good at a reload."""
    broker = Broker()
    broker.register(callback=callback)
    browser = Browser()
    state = browser.keep(broker.start(broker.ask(return_url=APP), browser))
    broker.kms.down = True
    query = {"state": state, "code": "code-1"}
    for _ in range(2):
        with pytest.raises(SealingUnavailableError):
            called_back(broker.process(), browser, SHARED[callback], query)
    assert broker.scripted.requests == []
    broker.kms.down = False
    broker.scripted.will(granted())
    ending = called_back(broker.process(), browser, SHARED[callback], query)
    assert ending.kind is EndingKind.CONNECTED
    assert fields_of(broker.scripted.requests[0])["code"] == "code-1"


@pytest.mark.parametrize("callback", SHARED)
@pytest.mark.parametrize("remaining, enough", [(NUMBERS.attempt_margin, True), (24.9, False), (0, False)])
def test_a_callback_with_too_little_time_uses_nothing_up(
    callback: str, remaining: float, enough: bool
) -> None:
    """Else the function might be cut off between the exchange and its commit."""
    broker = Broker()
    broker.register(callback=callback)
    browser = Browser()
    state = browser.keep(broker.start(broker.ask(return_url=APP), browser))
    broker.scripted.will(granted())

    def call_back() -> EndingKind:
        return finish_authorization(
            broker.kit,
            resource_id=SHARED[callback],
            raw_query=f"state={state}&code=code-1",
            cookies=list(browser.cookies.items()),
            secure=True,
            remaining=lambda: remaining,
        ).kind

    if enough:
        assert call_back() is EndingKind.CONNECTED
        return
    with pytest.raises(UnavailableError):
        call_back()
    assert broker.scripted.requests == []
    ending = broker.call_back(browser, SHARED[callback], state=state, code="code-1")
    assert ending.kind is EndingKind.CONNECTED


@pytest.mark.parametrize("confirmed", [False, True])
def test_a_reload_leaves_the_rescue_its_turn(confirmed: bool) -> None:
    """The table was away for minutes: whoever is back before the rescue is not told that it failed.

    Fails when the turn is counted from the exchange: then it is over when the table is back.
    """
    broker = Broker()
    broker.register(require_confirmation=confirmed)
    browser = Browser()
    state = browser.keep(broker.start(broker.ask(return_url=APP, user="ada"), browser))

    def away() -> Any:
        broker.dynamodb.fail_next("update_item", 10**6)
        return granted()

    broker.scripted.will(away)
    for wait in (300, 20):
        with pytest.raises((UnavailableError, StoreUnavailableError)):
            broker.call_back(browser, state=state, code="code-1")
        broker.machine.time += wait
        broker.dynamodb.fail_next("update_item", 0)
    for commit in broker.rescue.received():
        settled(broker.kit.store, commit, now=NOW)
    ending = told(broker.call_back(browser, state=state, code="code-1"))
    assert "error" not in ending
    assert ("confirmation_code" in ending) is confirmed


@pytest.mark.parametrize("confirmed", [True, False])
def test_an_answer_that_does_not_fit_is_revoked(confirmed: bool) -> None:
    """Nobody would ever use what the provider gave: it is not left lying about."""
    broker = Broker()
    broker.register(
        metadata=["tenant"], api_base_url="https://api.example/{{tenant}}", require_confirmation=confirmed
    )
    browser = Browser()
    state = browser.keep(broker.start(broker.ask(return_url=APP, user="ada"), browser))
    broker.scripted.will(granted(tenant="a\nb"))
    ending = broker.call_back(browser, state=state, code="code-1")
    assert told(ending)["error"] == "exchange_failed"
    after = broker.connection()
    assert (after.token_set, after.proposal, after.generation) == (None, None, 0)
    assert after.last_error is not None
    broker.scripted.will(answered(200), answered(200))
    broker.work()
    assert [fields_of(one)["token"] for one in broker.scripted.requests[1:]] == ["refresh-1", "access-1"]
    assert not broker.kit.store.resources.has_left_to_revoke("acme")
    assert broker.announcements.names == []


def test_revoking_is_tried_again_while_kms_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """The token set was sealed under another period's key, which cannot be opened: nothing is sent."""
    broker = Broker()
    broker.connect()
    broker.machine.time += 86_400
    broker.kit.shelf.vault_key()
    disconnect(broker.kit, broker.connection())
    decrypt = broker.kms.decrypt
    monkeypatch.setattr(broker.kms, "decrypt", broker.kms.refuse)
    for _ in range(3):
        broker.work()
        broker.machine.time += 60
    assert len(broker.scripted.requests) == 1
    assert broker.kit.store.resources.has_left_to_revoke("acme")
    told = [detail for _, detail in broker.announcements.events[1:]]
    assert [(one["revocation"], one["category"]) for one in told] == [("retrying", "sealing_unavailable")]
    monkeypatch.setattr(broker.kms, "decrypt", decrypt)
    broker.scripted.will(answered(200))  # the access token has expired a day ago
    broker.machine.time += 3600
    broker.work()
    assert broker.announcements.names[-1] == "connection revocation ended"
    assert broker.announcements.events[-1][1]["revocation"] == "revoked"
    assert not broker.kit.store.resources.has_left_to_revoke("acme")
