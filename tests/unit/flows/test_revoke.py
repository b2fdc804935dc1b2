"""The worker's revocations: tried until they ended, told once, recorded, and nothing sealed left behind."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from typing import Any, Final

import pytest

from oauth_broker import log
from oauth_broker.commits import Gone
from oauth_broker.doors.store import EndedRevocation
from oauth_broker.errors import EgressRefusedError, NotConnectedError, OutcomeUnknownError
from oauth_broker.flows.commit import settled
from oauth_broker.flows.disconnect import disconnect
from oauth_broker.flows.manage_resources import patch_resource
from oauth_broker.flows.token_sets import sealed_token_set
from oauth_broker.protocol.http import HttpResponse
from oauth_broker.protocol.token import TokenSet
from oauth_broker.revocation_job import REVOKE_FOR
from oauth_broker.secret import Secret
from tests.doubles.broker import ADDRESSES, Broker
from tests.doubles.provider import Answer, answered, fields_of
from tests.doubles.samples import NOW, refresh_commit

DISCONNECTED: Final = "connection disconnected"
ENDED: Final = "connection revocation ended"
IDS: Final = {"resource_id": "acme", "connection_id": "c1"}
DONE: Final = answered(200)
BUSY: Final = answered(503, retry_after="7")


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """What is logged."""
    logged: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(log, "line", lambda event, **fields: logged.append((event, fields)))
    return logged


@pytest.fixture
def broker(lines: list[Any]) -> Iterator[Broker]:
    """A broker whose one connection was just deleted; nothing that it asks for is left unscripted."""
    made = Broker()
    made.connect()
    disconnect(made.kit, made.connection())
    yield made
    assert not [fields for event, fields in lines if event == "item failed"]


def left(broker: Broker) -> list[dict[str, Any]]:
    """Give the items of what is left to revoke."""
    return [item for key, item in broker.dynamodb.items.items() if key[0] == "D#acme"]


def records(broker: Broker) -> list[EndedRevocation]:
    """Give what is recorded."""
    found, _ = broker.kit.store.revocations.page("acme", now=int(broker.machine.now()), limit=100)
    return found


def sent(broker: Broker) -> list[str]:
    """Give the tokens that were sent to be revoked, in order."""
    return [fields["token"] for fields in map(fields_of, broker.scripted.requests) if "token" in fields]


def told(broker: Broker) -> list[tuple[str, dict[str, Any]]]:
    """Give what was announced since the connection was."""
    return broker.announcements.events[1:]


def work_until(broker: Broker, seconds: int) -> None:
    """Let the worker come each minute until so many seconds have passed."""
    until = broker.machine.now() + seconds
    while broker.machine.now() < until:
        broker.work()
        broker.machine.time += 60


def record(outcome: str, *, category: str | None = None, attempts: int = 1, at: int = NOW) -> EndedRevocation:
    """Give a record of the connection."""
    return EndedRevocation("acme", "c1", outcome, category, attempts, at)


@pytest.mark.parametrize(
    "answers, outcome",
    [
        ([DONE, DONE], "revoked"),
        ([DONE, answered(400, error="unsupported_token_type")], "revoked"),
        ([answered(400, error="unsupported_token_type"), DONE], "not_supported"),
        ([answered(400, error="invalid_token")] * 2, "revoked"),
        ([answered(404), DONE], "refused"),
    ],
)
def test_how_it_ended_at_once_is_told(broker: Broker, answers: list[Answer], outcome: str) -> None:
    """One visit: both tokens, one event, a record, and nothing else is left."""
    broker.scripted.will(*answers)
    broker.work()
    assert sent(broker) == ["refresh-1", "access-1"]
    assert told(broker) == [(DISCONNECTED, {**IDS, "revocation": outcome})]
    assert left(broker) == []
    assert records(broker) == [record(outcome)]


def test_without_an_endpoint_nothing_is_sent() -> None:
    """It is not supported; the tokens are forgotten."""
    broker = Broker()
    broker.register(revocation=None)
    broker.connect()
    disconnect(broker.kit, broker.connection())
    broker.work()
    assert told(broker) == [(DISCONNECTED, {**IDS, "revocation": "not_supported"})]
    assert (left(broker), records(broker)) == ([], [record("not_supported")])


FAILURES: Final[dict[str, tuple[Answer, str]]] = {
    "busy": (BUSY, "provider_unavailable"),
    "limited": (answered(429), "rate_limited"),
    "our secret": (answered(401, error="invalid_client"), "invalid_client"),
    "not set up": (answered(400, error="unauthorized_client"), "unauthorized_client"),
    "elsewhere": (HttpResponse(302, {"location": "https://other.example"}, b""), "redirected"),
    "hangs": (OutcomeUnknownError("no answer", timed_out=True), "outcome_unknown"),
    "away": (NotConnectedError("refused"), "not_connected"),
    "forbidden": (EgressRefusedError("a private address"), "egress_refused"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_what_fails_is_tried_again(broker: Broker, name: str) -> None:
    """Told within the first visit that it goes on, and then how it ended; nobody is told in between."""
    failure, category = FAILURES[name]
    broker.scripted.will(failure, failure, DONE, DONE)
    broker.work()
    assert told(broker) == [(DISCONNECTED, {**IDS, "revocation": "retrying", "category": category})]
    assert (sent(broker), records(broker)) == (["refresh-1"], [])
    work_until(broker, 600)
    assert told(broker)[1:] == [(ENDED, {**IDS, "revocation": "revoked"})]
    assert sent(broker) == ["refresh-1"] * 3 + ["access-1"]
    assert left(broker) == []
    assert [(one.outcome, one.attempts) for one in records(broker)] == [("revoked", 3)]


def test_no_token_is_revoked_twice(broker: Broker) -> None:
    """The refresh token is through; it is the access token that is tried again.

    Fails when what is through is not kept on the item.
    """
    broker.scripted.will(DONE, BUSY, BUSY, DONE)
    work_until(broker, 600)
    assert sent(broker) == ["refresh-1", "access-1", "access-1", "access-1"]
    assert told(broker)[-1] == (ENDED, {**IDS, "revocation": "revoked"})


def test_an_access_token_that_expired_meanwhile_is_left_alone(broker: Broker) -> None:
    """It opens nothing any more."""
    broker.scripted.will(DONE, *[BUSY] * 7)
    work_until(broker, 7200)
    assert sent(broker)[0] == "refresh-1"
    assert set(sent(broker)[1:]) == {"access-1"}
    assert told(broker)[-1] == (ENDED, {**IDS, "revocation": "revoked"})


def test_it_waits_for_as_long_as_the_provider_asks(broker: Broker) -> None:
    """A Retry-After of ten minutes: not a call before."""
    broker.scripted.will(answered(503, retry_after="600"), DONE, DONE)
    work_until(broker, 600)
    assert sent(broker) == ["refresh-1"]
    broker.work()
    assert sent(broker) == ["refresh-1", "refresh-1", "access-1"]


def test_after_three_days_it_is_given_up(broker: Broker, lines: list[Any]) -> None:
    """The tokens are forgotten, and it is told, recorded, and logged for somebody to look at."""
    broker.scripted.will(*[BUSY] * 200)
    work_until(broker, REVOKE_FOR - 60)
    assert records(broker) == []
    assert len(left(broker)) == 1
    work_until(broker, 180)
    failed = {"revocation": "failed", "category": "provider_unavailable"}
    assert told(broker)[1:] == [(ENDED, {**IDS, **failed})]
    assert left(broker) == []
    [kept] = records(broker)
    assert (kept.outcome, kept.category, kept.attempts) == (
        "failed",
        "provider_unavailable",
        len(sent(broker)),
    )
    logged = [fields for event, fields in lines if event == "revocation"]
    assert [fields["failed"] for fields in logged] == [False] * (len(logged) - 1) + [True]
    assert logged[-1] == {
        "failed": True,
        "outcome": "failed",
        "category": "provider_unavailable",
        "attempts": len(sent(broker)),
        **IDS,
    }


def test_a_refusal_after_all_is_a_failure(broker: Broker) -> None:
    """With its reason."""
    broker.scripted.will(BUSY, answered(400, error="invalid_request"), DONE)
    work_until(broker, 600)
    assert told(broker)[-1] == (ENDED, {**IDS, "revocation": "failed", "category": "refused"})
    assert [one.outcome for one in records(broker)] == ["refused"]


def test_a_resource_that_is_mended_is_used(broker: Broker) -> None:
    """The provider refused our secret; with the right one the tokens are revoked."""
    broker.scripted.will(answered(401, error="invalid_client"), DONE, DONE)
    broker.work()
    patch_resource(broker.kit, ADDRESSES, "acme", {"client_secret": "mended"}, if_match=None, loopback=False)
    work_until(broker, 300)
    basic = b64encode(b"client-1:mended").decode()
    assert broker.scripted.requests[-1].headers["Authorization"] == f"Basic {basic}"
    assert told(broker)[-1] == (ENDED, {**IDS, "revocation": "revoked"})


def test_destinations_that_change_meanwhile_end_it(broker: Broker) -> None:
    """Nothing is sent to where the tokens were not given for."""
    broker.scripted.will(BUSY)
    broker.work()
    moved = {"token": {"url": "https://new.example/token"}, "client_secret": "again"}
    patch_resource(broker.kit, ADDRESSES, "acme", moved, if_match=None, loopback=False)
    work_until(broker, 300)
    assert sent(broker) == ["refresh-1"]
    failed = {"revocation": "failed", "category": "destinations_changed"}
    assert told(broker)[-1] == (ENDED, {**IDS, **failed})
    assert (left(broker), [one.outcome for one in records(broker)]) == ([], ["destinations_changed"])


@pytest.mark.parametrize("failing", [0, 2])
def test_what_came_for_a_gone_connection_goes_the_same_way_untold(broker: Broker, failing: int) -> None:
    """Its disconnection was told already, with what it held then; tried again and recorded all the same."""
    broker.scripted.will(DONE, DONE)
    broker.work()
    before = list(broker.announcements.events)
    key = broker.kit.shelf.vault_key()
    late = sealed_token_set(
        broker.kit.sealing,
        key,
        TokenSet(Secret("late"), None, "Bearer", None, None, {}),
        resource=broker.kit.shelf.resource("acme").resource,
        connection_id="c1",
        destinations_id=broker.kit.shelf.resource("acme").row.destinations_id,
        token_set_id=b"late",
        asked_scopes=(),
        issued_at=NOW,
    )
    commit = refresh_commit(token_set=late, shard=broker.kit.shard("acme", "c1"))
    assert settled(broker.kit.store, commit, now=NOW) == Gone()
    broker.scripted.will(*[BUSY] * failing, DONE)
    work_until(broker, 600)
    assert sent(broker)[2:] == ["late"] * (failing + 1)
    assert broker.announcements.events == before
    assert [one.attempts for one in records(broker)] == [1, failing + 1]
