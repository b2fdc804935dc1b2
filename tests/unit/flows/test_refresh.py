"""One refresh: each verdict, each outcome of the commit, and what is done before anything is sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from oauth_broker.connection import Connection, Note, Status
from oauth_broker.errors import EgressRefusedError, NotConnectedError, OutcomeUnknownError, ProviderError
from oauth_broker.flows.read_token import refresh_now
from oauth_broker.flows.refresh import new_lease, refresh_leased
from oauth_broker.flows.refresh_outcome import Failed, GrantEnded, Moved, Outcome, Refreshed, Vanished
from oauth_broker.flows.token_sets import opened
from oauth_broker.protocol.http import HttpResponse
from tests.doubles.broker import ADMIN, Broker, plenty
from tests.doubles.provider import answered, fields_of, granted
from tests.doubles.samples import NOW, consent_commit, token_set


def refreshed(broker: Broker, connection_id: str = "c1") -> Outcome:
    """Take the lease and refresh, as both the worker and a reader do."""
    held, began = broker.kit.shelf.resource("acme"), broker.machine.now()
    lease = new_lease(broker.kit)
    seen = broker.connection(connection_id)
    taken = broker.kit.store.leases.take_as_seen(seen, lease)
    assert isinstance(taken, Connection)
    return refresh_leased(broker.kit, held, taken, lease, began=began)


@pytest.fixture
def broker() -> Broker:
    """A broker with an active connection."""
    made = Broker()
    made.connect()
    return made


def test_a_granted_refresh_is_committed(broker: Broker) -> None:
    """The new tokens are sealed in the table and at hand; all that went wrong before is forgotten."""
    broker.scripted.will(granted("access-2", refresh_token="refresh-2", expires_in=7200))
    outcome = refreshed(broker)
    assert isinstance(outcome, Refreshed)
    assert outcome.tokens.access_token.reveal() == "access-2"
    after = broker.connection()
    assert after == replace(outcome.connection, refresh_at=after.refresh_at)
    assert (after.generation, after.lease, after.failures) == (2, None, 0)
    assert after.next_refresh == after.refresh_at == NOW + 7200 - 300
    assert after.token_set is not None
    ids = {"resource_id": "acme", "connection_id": "c1"}
    tokens = opened(broker.kit.sealing, after.token_set, **ids, now=NOW)
    assert tokens.refresh_token is not None
    assert tokens.refresh_token.reveal() == "refresh-2"


def test_the_refresh_token_is_kept_where_none_comes(broker: Broker) -> None:
    """RFC 6749 section 6: without a new refresh token the old one goes on."""
    broker.scripted.will(granted("access-2", refresh_token=None), granted("access-3"))
    refreshed(broker)
    refreshed(broker)
    assert [fields_of(request).get("refresh_token") for request in broker.scripted.requests[1:]] == [
        "refresh-1",
        "refresh-1",
    ]


@pytest.mark.parametrize(
    "answer, wait",
    [
        (answered(429), 30),
        (answered(429, retry_after="90"), 90),
        (answered(429, retry_after="999999"), 3600),
        (answered(503), 30),
        (answered(500, error="invalid_grant"), 30),
        (answered(401, error="invalid_client"), 30),
        (answered(400, error="unauthorized_client"), 30),
        (answered(302), 30),
        (NotConnectedError("refused"), 30),
        (EgressRefusedError("a rule"), 30),
    ],
)
def test_an_outage_never_costs_a_grant(broker: Broker, answer: Any, wait: int) -> None:
    """The lease is given back, the next attempt put off, the reason shown; the connection stays active."""
    broker.scripted.will(answer)
    before = broker.connection()
    assert refreshed(broker) == Failed(retry_after=wait)
    after = broker.connection()
    assert (after.status, after.lease, after.failures) == (Status.ACTIVE, None, 1)
    assert after.next_refresh == after.refresh_at == NOW + wait
    assert after.last_error is not None
    assert after.last_error.at == NOW
    assert after.token_set == before.token_set


@pytest.mark.parametrize(
    "answer, timed_out",
    [
        (OutcomeUnknownError("reset"), False),
        (OutcomeUnknownError("no answer", timed_out=True), True),
        (ProviderError("whatever else"), False),
        (HttpResponse(200, {}, b"<html>"), False),
        (HttpResponse(200, {}, b""), False),
        (answered(200, token_type="mac", access_token="a"), False),
    ],
)
def test_an_unknown_outcome_leaves_the_lease(broker: Broker, answer: Any, timed_out: bool) -> None:
    """Whoever finds it run out knows that the provider may have answered: nothing is written."""
    broker.scripted.will(answer)
    before = broker.dynamodb.calls["update_item"]
    assert refreshed(broker) == Failed(retry_after=30, timed_out=timed_out)
    assert broker.dynamodb.calls["update_item"] == before + 1
    after = broker.connection()
    assert after.lease is not None
    assert (after.failures, after.unknown_since) == (0, None)


@pytest.mark.parametrize("error", ["invalid_grant", "bad_refresh_token", "invalid_refresh_token"])
def test_a_grant_that_is_gone_ends_with_one_event(broker: Broker, error: str) -> None:
    """The connection needs reauthorization, the event is due now, and nobody asks again."""
    broker.scripted.will(answered(400, error=error, error_description="revoked"))
    assert refreshed(broker) == GrantEnded()
    after = broker.connection()
    assert (after.status, after.notes, after.lease) == (
        Status.NEEDS_REAUTHORIZATION,
        (Note.NEEDS_REAUTHORIZATION,),
        None,
    )
    assert after.last_error is not None
    assert after.last_error.error_description == "revoked"
    broker.work()
    broker.work()
    assert broker.announcements.names == ["connection connected", "connection needs reauthorization"]
    assert broker.connection().refresh_at is None
    assert refresh_now(broker.kit, ADMIN, "acme", "c1", remaining=plenty)["status"] == "needs_reauthorization"


def meanwhile(broker: Broker, act: Callable[[], Any], answer: HttpResponse) -> None:
    """Let something happen while the provider is asked."""

    def acting() -> HttpResponse:
        act()
        return answer

    broker.scripted.will(acting)


@pytest.mark.parametrize("answer", [granted("access-2"), answered(400, error="invalid_grant")])
def test_a_reconnect_meanwhile_wins(broker: Broker, answer: HttpResponse) -> None:
    """Whatever the provider says of the set that was spent, the newer one stands and is used."""
    newer = consent_commit(consented_at=(NOW + 1) * 1000)
    meanwhile(broker, lambda: broker.kit.store.connections.commit(newer), answer)
    outcome = refreshed(broker)
    assert isinstance(outcome, Moved)
    assert outcome.there.token_set == token_set(token_set_id=b"set-3", sealed=b"sealed-3")
    assert broker.connection().status is Status.ACTIVE


def test_what_comes_for_a_deleted_connection_is_revoked(broker: Broker) -> None:
    """Both what was held and what was just given are left to the worker, which revokes them."""
    meanwhile(
        broker,
        lambda: broker.kit.store.connections.disconnect(broker.connection(), None, shard="00", now=NOW),
        granted("access-2", refresh_token="refresh-2"),
    )
    assert refreshed(broker) == Vanished()
    assert broker.find() is None
    broker.scripted.will(answered(200), answered(200))
    broker.work()
    assert [fields_of(one)["token"] for one in broker.scripted.requests[-2:]] == ["refresh-2", "access-2"]


def test_nothing_is_sent_without_the_keys(broker: Broker) -> None:
    """KMS is down and no key is held: the refresh token is not spent, and the attempt is put off."""
    broker.machine.time += 400
    broker.kms.down = True
    outcome = refreshed(broker)
    assert isinstance(outcome, Failed)
    assert len(broker.scripted.requests) == 1  # the exchange
    after = broker.connection()
    assert after.last_error is not None
    assert (after.last_error.category, after.lease) == ("sealing_unavailable", None)


def test_nothing_is_sent_without_this_periods_vault_key(broker: Broker) -> None:
    """What seals the answer must be there before the provider is asked."""
    broker.kit.sealing._current = None  # as at the beginning of a period; the last one's key is held
    broker.dynamodb.fail_next("batch_get_item")
    assert isinstance(refreshed(broker), Failed)
    assert len(broker.scripted.requests) == 1


@pytest.mark.parametrize("late, sent", [(5.0, True), (5.1, False)])
def test_a_late_holder_gives_up(broker: Broker, late: float, sent: bool) -> None:
    """After the send margin the lease might run out before the answer is committed."""
    held = broker.kit.shelf.resource("acme")
    lease = new_lease(broker.kit)
    taken = broker.kit.store.leases.take_as_seen(broker.connection(), lease)
    assert isinstance(taken, Connection)
    broker.machine.time += late
    broker.scripted.will(granted("access-2"))
    outcome = refresh_leased(broker.kit, held, taken, lease, began=NOW)
    assert (len(broker.scripted.requests) == 2) is sent
    assert isinstance(outcome, Refreshed) is sent
    assert broker.connection().lease is None
    # counted from the look at the clock: paused after it, the holder sends nothing either
    assert broker.scripted.since == (NOW + late if sent else None)


def test_a_failing_refresh_is_announced_once(broker: Broker) -> None:
    """At the third attempt in vain in a row, not at each."""
    for _ in range(5):
        broker.scripted.will(answered(503))
        refreshed(broker)
        broker.work()
        broker.machine.time += 4000
    assert broker.announcements.names == ["connection connected", "connection refresh failing"]
    assert broker.connection().failures == 5


def test_an_answer_after_a_rebind_is_sealed_for_the_present_destinations(broker: Broker) -> None:
    """A token set under carried destinations gets the resource's own id with its next refresh."""
    broker.scripted.will(granted("access-2"))
    refreshed(broker)
    held = broker.connection().token_set
    assert held is not None
    assert held.destinations_id == broker.kit.shelf.resource("acme").row.destinations_id


def test_no_secret_shows(broker: Broker) -> None:
    """What a refresh gives can be written to a log."""
    broker.scripted.will(granted("access-2", refresh_token="refresh-2"))
    text = repr(refreshed(broker))
    assert "access-2" not in text
    assert "refresh-2" not in text
    assert "Secret(***)" in text
