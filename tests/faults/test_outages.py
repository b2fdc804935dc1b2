"""DynamoDB, KMS and the rescue queue fail in the middle of a refresh or a callback: no grant is lost unsaid.

Outages of minutes are the functions' clock moved on; the queues' is the machine's, so what the template's
rescue queue hides for 30 seconds it hides for 2 here. With `pytest -s` the figures are shown.
"""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.faults.outages import (
    LEASE,
    MAX_AGE,
    Grant,
    Rig,
    in_the_next_period,
    is_commit,
    is_kms,
    is_refreshed,
    is_rescue,
    is_write,
    link,
    refresh_while,
    rig,
    to_the_rescue,
)
from tests.integration.circle.broker import USER, Browser, assert_page, eventually, query_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.aws import AwsCall

SHORT = 1
OUTAGES = [30, 300]
LONG = 1800


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """The broker as it is."""
    with rig(tmp_path_factory.mktemp("clock")) as made:
        yield made


def test_a_second_without_writes_is_not_noticed(held: Rig) -> None:
    """Whoever asks for a refresh, or comes back from the provider, is answered as ever: the tries go on."""
    [grant] = held.connected(1)
    browser, callback = link(held, grant.resource_id, "late")
    asks: tuple[tuple[Callable[[], int], int], ...] = (
        (lambda: held.refresh(grant), 200),
        (lambda: browser.open(callback).status_code, 303),
    )
    for ask, status in asks:
        began = len(held.gate.calls)
        with ThreadPoolExecutor(1) as thread:
            with held.outage(is_write, once=is_commit):
                asking = thread.submit(ask)
                assert eventually(partial(held.gate.seen, is_commit, since=began))
                time.sleep(SHORT)
            assert asking.result() == status
    held.assert_kept([grant])
    assert held.is_served(Grant(grant.resource_id, "late"))


@pytest.mark.parametrize("seconds", OUTAGES)
def test_a_refresh_survives_a_table_that_takes_no_writes(held: Rig, seconds: int) -> None:
    """Away from the moment of the first answer: all is kept, by one call each, and goes on as ever.

    Meanwhile a token that is given out lives.
    """
    grants = held.connected(3)
    with held.outage(is_write, once=is_commit):
        refresh_while(held, grants)
        held.clock.pass_by(seconds)
        assert {held.refresh(grant) for grant in grants} == {503}
        assert all(held.is_served(grant) for grant in grants)
    took = held.assert_kept([grant for grant in grants if held.calls(grant)])
    print(f"\nno writes for {seconds} s: all committed {took:.1f} s after")  # noqa: T201 - what `-s` is for
    for grant in grants:
        assert eventually(partial(is_refreshed, held, grant))
        assert held.calls(grant) == held.shown(grant)["generation"] - 1
        assert held.ended(grant) is None


def test_the_next_refresh_does_not_overtake_the_rescue(held: Rig) -> None:
    """The table is back, the rescue is late: schedule and readers leave the spent token alone."""
    [grant] = held.connected(1)
    with held.outage(lambda call: is_write(call) and is_rescue(call)):
        with held.outage(is_write, once=is_commit):
            assert held.refresh(grant) == 503
            held.clock.pass_by(LEASE + 1)
        for _ in range(4):
            assert held.refresh(grant) == 503
            assert held.is_served(grant)
            held.clock.pass_by(LEASE)
            time.sleep(1)
        shown = held.shown(grant)
        assert (shown["generation"], shown["last_error"]["category"]) == (1, "outcome_unknown")
        assert held.calls(grant) == 1
    held.assert_kept([grant])


@pytest.mark.parametrize("seconds", OUTAGES)
def test_a_consent_survives_a_table_that_takes_no_writes(held: Rig, seconds: int) -> None:
    """The person who reloads is never told that it failed, and confirms in the end: one exchange.

    Nor is one told so who is back before the rescue.
    """
    resource_id = held.broker.register()
    grant = Grant(resource_id, "c0")
    asked = held.broker.ask(
        resource_id, connection_id=grant.connection_id, return_url=held.broker.landing, user=USER
    )
    browser = Browser()
    callback = browser.consent(asked["start_url"])
    before = held.exchanges()
    with held.outage(lambda call: is_write(call) and is_rescue(call)):
        with held.outage(is_write, once=is_commit):
            returned = browser.open(callback)
            assert_page(returned, 503)
            held.clock.pass_by(seconds)
            assert_page(browser.open(callback), 503)
            assert held.shown(grant)["status"] == "pending"
        assert_page(browser.open(callback), 503)
    came_back = eventually(lambda: browser.open(callback).headers.get("Location"))
    assert came_back is not None
    confirmed = held.broker.confirm(resource_id, query_of(came_back))
    assert confirmed.status_code == 200, confirmed.text
    assert held.exchanges() == before + 1
    assert held.is_served(grant)


def test_a_table_that_takes_no_writes_beforehand_costs_nothing(held: Rig) -> None:
    """No call to the provider: neither by a reader nor by the schedule nor for a code, which still counts."""
    read, scheduled = held.connected(2)
    browser, callback = link(held, read.resource_id, "late")
    exchanges = held.exchanges()
    held.make_due(scheduled)
    with held.outage(is_write):
        assert held.refresh(read) == 503
        assert_page(browser.open(callback), 503)
        leases = len(held.gate.calls)
        assert eventually(
            lambda: held.gate.seen(
                lambda call: call.caller == "RefreshWorkerFunction" and is_write(call), since=leases - 50
            )
        )
        assert [held.calls(one) for one in (read, scheduled)] == [0, 0]
        assert held.exchanges() == exchanges
    assert query_of(browser.open(callback).headers["Location"])["connection_id"] == "late"
    assert eventually(partial(is_refreshed, held, read))
    held.assert_kept([read, scheduled])


def test_no_call_without_a_key(held: Rig) -> None:
    """KMS is away for half an hour, no key held: nobody calls, and all are fresh right after it is back.

    Fails when such attempts count as the provider's failures: then the reader's backoff is half an hour.
    """
    read, scheduled = held.connected(2)
    held.clock.pass_by(MAX_AGE + 1)
    held.make_due(scheduled)
    with held.outage(is_kms):
        for _ in range(12):
            assert held.refresh(read) == 503
            held.clock.pass_by(LONG / 12)
        assert not held.is_served(read)
        assert [held.calls(one) for one in (read, scheduled)] == [0, 0]
        shown = held.shown(read)
        assert (shown["status"], shown["last_error"]["category"]) == ("active", "sealing_unavailable")
    began = time.monotonic()
    assert eventually(partial(is_refreshed, held, read), 10)
    held.assert_kept([read, scheduled])
    took = time.monotonic() - began
    print(f"\nno keys for {LONG} s: all fresh {took:.1f} s after")  # noqa: T201 - what `-s` is for


def test_no_code_is_exchanged_without_a_key(held: Rig) -> None:
    """Nor is it used up: the reload after the outage brings the connection."""
    resource_id = held.registered()
    held.clock.pass_by(MAX_AGE + 1)
    browser, callback = link(held, resource_id, "ada")
    exchanges = held.exchanges()
    with held.outage(is_kms):
        assert_page(browser.open(callback), 503)
        assert held.exchanges() == exchanges
    assert "error" not in query_of(browser.open(callback).headers["Location"])
    assert held.is_served(Grant(resource_id, "ada"))


def test_no_call_without_the_key_for_what_comes(held: Rig) -> None:
    """The old tokens open, the new ones could not be sealed: nothing is sent."""
    grant = in_the_next_period(held)
    before = held.calls(grant)
    with held.outage(is_kms):
        assert held.is_served(grant)
        assert held.refresh(grant) == 503
        assert held.calls(grant) == before
    assert eventually(partial(is_refreshed, held, grant))
    held.assert_kept([grant], 3)


def test_what_is_lost_is_said(held: Rig) -> None:
    """Neither the table nor the queue takes it: an error line names the connection, which soon tells, too.

    The old token is served while it lives, and the grant's end is shown once the provider was asked again.
    A callback that loses its tokens fails, and the person consents again.
    """
    [grant] = held.connected(1)
    late = Grant(grant.resource_id, "late")
    browser, callback = link(held, late.resource_id, late.connection_id)

    def is_both(call: AwsCall) -> bool:
        return is_write(call) or to_the_rescue(call)

    with held.outage(is_both, once=is_commit):
        assert held.refresh(grant) == 503
        assert eventually(partial(held.said, "token set lost", grant))
        assert not held.said("left to the rescue", grant)
    with held.outage(is_both, once=is_commit):
        assert_page(browser.open(callback), 503)
        assert eventually(partial(held.said, "token set lost", late))
    assert_levels(held)
    held.clock.pass_by(LEASE + 1)
    assert held.is_served(grant)
    assert held.refresh(grant) == 503
    assert held.shown(grant)["last_error"]["category"] == "outcome_unknown"
    assert_page(browser.open(callback), 503)
    held.clock.pass_by(61)
    assert query_of(browser.open(callback).headers["Location"])["error"] == "exchange_failed"
    assert held.shown(late)["status"] == "pending"
    assert held.calls(grant) == 1
    held.clock.pass_by(3500)
    assert eventually(lambda: held.shown(grant)["status"] == "needs_reauthorization")
    assert held.broker.token(grant.resource_id, grant.connection_id).status_code == 409
    again = held.broker.call("POST", f"{late.path}/reauthorize", {"return_url": held.broker.landing}).json()
    assert "error" not in query_of(Browser().connect(again["start_url"]).headers["Location"])
    assert held.is_served(late)


def assert_levels(held: Rig) -> None:
    """What is lost is logged as an error, what is kept is not."""
    lines = [line for _, line in held.console.lines if "token set" in line]
    levels = {json.loads(line)["message"]: json.loads(line)["level"] for line in lines}
    assert levels == {"token set lost": "ERROR", "token set left to the rescue": "INFO"}


def test_a_dead_letter_moved_back_is_committed(held: Rig) -> None:
    """What the table refused to the rescue too often waits among the dead letters, and counts still."""
    [grant] = held.connected(1)
    before = held.attributes("RescueQueue")
    policy = json.loads(before["RedrivePolicy"]) | {"maxReceiveCount": 1}
    held.set_attributes("RescueQueue", RedrivePolicy=json.dumps(policy))
    with held.outage(is_write, once=is_commit):
        assert held.refresh(grant) == 503
        dead = eventually(lambda: held.messages("RescueDeadLetters"))
    assert dead
    held.set_attributes("RescueQueue", RedrivePolicy=before["RedrivePolicy"])
    held.clock.pass_by(300)
    assert held.shown(grant)["generation"] == 1
    sqs = held.stack.client("sqs")
    sqs.send_message(QueueUrl=held.queue("RescueQueue"), MessageBody=dead[0]["Body"])
    sqs.delete_message(QueueUrl=held.queue("RescueDeadLetters"), ReceiptHandle=dead[0]["ReceiptHandle"])
    held.assert_kept([grant])
