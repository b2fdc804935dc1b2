"""Every end of an attempt is kept in the connection's ring, by the write that it makes anyway."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from oauth_broker.attempts import MOST, attempts_of
from oauth_broker.connection import Connection
from oauth_broker.doors.store.connection_rows import connection_item
from oauth_broker.errors import EgressRefusedError, NotConnectedError, OutcomeUnknownError
from oauth_broker.flows.ask import ask_for_connection
from oauth_broker.flows.commit import settled
from oauth_broker.flows.freshen import freshen
from oauth_broker.flows.read_token import refresh_now
from oauth_broker.flows.refresh import new_lease
from oauth_broker.flows.show_connection import connection_json
from oauth_broker.protocol.http import HttpResponse
from tests.doubles.broker import ADDRESSES, ADMIN, Broker, plenty
from tests.doubles.provider import Answer, answered, granted
from tests.doubles.samples import NOW

CONNECTED = {"at": "2027-01-15T08:00:00Z", "outcome": "connected", "by": "request", "duration_ms": None}
DUE = 3300
Shown = dict[str, Any]


def shown(broker: Broker) -> list[Shown]:
    """Give the attempts that a caller sees."""
    held = broker.kit.shelf.resource("acme")
    told = connection_json(broker.connection(), held, now=broker.machine.now())
    attempts: list[Shown] = told["attempts"]
    return attempts


def ends(broker: Broker) -> list[tuple[int, str, str]]:
    """Give the attempts' times, seconds after the beginning, their outcomes, and who made them."""
    return [
        (attempt.at - NOW, attempt.outcome, "schedule" if attempt.by_worker else "request")
        for attempt in attempts_of(broker.connection())
    ]


def slowly(broker: Broker, answer: HttpResponse, seconds: float) -> Callable[[], HttpResponse]:
    """Give an answer that takes its time."""

    def answer_later() -> HttpResponse:
        broker.machine.time += seconds
        return answer

    return answer_later


def due(**members: Any) -> Broker:
    """Give a broker whose connection is due; `members` are of the resource."""
    broker = Broker()
    broker.register(**members)
    broker.connect()
    broker.machine.time += DUE
    return broker


def request(broker: Broker) -> None:
    """Ask for a token as a reader does."""
    held = broker.kit.shelf.resource("acme")
    freshen(broker.kit, held, broker.connection(), remaining=plenty)


@pytest.mark.parametrize(
    "answer, outcome",
    [
        (granted("access-2"), "refreshed"),
        (answered(429), "rate_limited"),
        (answered(503), "provider_unavailable"),
        (answered(302), "redirected"),
        (answered(401, error="invalid_client"), "invalid_client"),
        (answered(400, error="unauthorized_client"), "unauthorized_client"),
        (answered(400, error="else"), "refused"),
        (answered(400, error="invalid_grant"), "grant_gone"),
        (NotConnectedError("refused"), "not_connected"),
        (EgressRefusedError("a rule"), "egress_refused"),
    ],
)
@pytest.mark.parametrize("act, by", [(Broker.work, "schedule"), (request, "request")])
def test_each_answer_is_an_entry(act: Callable[[Broker], Any], by: str, answer: Answer, outcome: str) -> None:
    """After the consent's, with its category, in one write more than none: lease and end.

    Where the answer is the whole resource's, its pause is a third.

    Fails for each where its write leaves `attempts` out.
    """
    broker = due()
    broker.scripted.will(answer)
    before = broker.dynamodb.calls["update_item"]
    act(broker)
    paused = outcome in {"rate_limited", "invalid_client", "unauthorized_client"}
    assert broker.dynamodb.calls["update_item"] == before + (3 if paused else 2)
    assert ends(broker) == [(0, "connected", "request"), (DUE, outcome, by)]
    error = broker.connection().last_error
    assert outcome == ("refreshed" if error is None else error.category)


def test_a_refresh_as_a_caller_sees_it() -> None:
    """How long the provider took, in the answer to a forced refresh and in the table alike."""
    broker = due()
    broker.scripted.will(slowly(broker, granted("access-2"), 1.25))
    told = refresh_now(broker.kit, ADMIN, "acme", "c1", remaining=plenty)["attempts"]
    assert told == shown(broker)
    assert told == [
        CONNECTED,
        {"at": "2027-01-15T08:55:01Z", "outcome": "refreshed", "by": "request", "duration_ms": 1250},
    ]


def test_an_attempt_in_vain_says_how_long_it_took() -> None:
    """From the lease to the answer."""
    broker = due()
    broker.scripted.will(slowly(broker, answered(503), 2.5))
    broker.work()
    assert shown(broker)[1:] == [
        {
            "at": "2027-01-15T08:55:02Z",
            "outcome": "provider_unavailable",
            "by": "schedule",
            "duration_ms": 2500,
        }
    ]


def test_keys_that_are_not_to_be_had_are_an_entry() -> None:
    """Nothing was sent, and it is an attempt all the same."""
    broker = due()
    broker.kms.down = True
    request(broker)
    assert broker.scripted.requests[1:] == []
    assert ends(broker)[1:] == [(DUE, "sealing_unavailable", "request")]


@pytest.mark.parametrize("by_worker", [True, False])
def test_an_attempt_that_never_ended_is_an_entry(by_worker: bool) -> None:
    """By whoever made it, when it is found; its length nobody knows."""
    broker = due()
    leases, lease = broker.kit.store.leases, new_lease(broker.kit, by_worker=by_worker)
    leases.take_when_due("acme", "c1", lease, seen=NOW + DUE)
    broker.machine.time += 31
    request(broker)
    by = "schedule" if by_worker else "request"
    assert shown(broker)[1:] == [
        {"at": "2027-01-15T08:55:31Z", "outcome": "outcome_unknown", "by": by, "duration_ms": None}
    ]


def test_what_is_taken_over_is_noted_by_the_take_over() -> None:
    """Each holder that died, though the token is spent again at once and none of them is written down else.

    Fails where `taken_over` passes no ring.
    """
    broker = due(refresh_token={"rotates": True, "grace_period": 120})
    broker.scripted.will(OutcomeUnknownError("reset"), OutcomeUnknownError("reset"), granted("access-2"))
    broker.work()
    assert ends(broker)[1:] == []
    broker.machine.time += 31
    request(broker)
    assert ends(broker)[1:] == [(DUE + 31, "outcome_unknown", "schedule")]
    broker.machine.time += 31
    broker.work()
    assert ends(broker)[1:] == [
        (DUE + 31, "outcome_unknown", "schedule"),
        (DUE + 62, "outcome_unknown", "request"),
        (DUE + 62, "refreshed", "schedule"),
    ]


def test_a_worker_that_only_looked_made_no_attempt() -> None:
    """It had the lease for what was not due for a refresh, and died: its successor is alone in the ring."""
    broker = due()
    broker.machine.time = NOW + 60
    [item] = [item for key, item in broker.dynamodb.items.items() if key[0].startswith("C#")]
    item["refresh_at"] = {"N": str(NOW)}
    lease = new_lease(broker.kit, by_worker=True)
    assert isinstance(broker.kit.store.leases.take_when_due("acme", "c1", lease, seen=NOW), Connection)
    broker.machine.time += 31
    broker.scripted.will(granted("access-2"))
    request(broker)
    assert ends(broker)[1:] == [(91, "refreshed", "request")]


def test_a_token_that_ran_out_is_an_entry() -> None:
    """With nothing to refresh it, somebody must consent again."""
    broker = Broker()
    broker.connect(refresh_token=None)
    broker.machine.time += 3600
    broker.work()
    assert shown(broker)[1:] == [
        {"at": "2027-01-15T09:00:00Z", "outcome": "ran_out", "by": "schedule", "duration_ms": None}
    ]


def test_the_rescue_brings_the_entry() -> None:
    """Through the queue; and what was noted while the outcome was unknown gives way to what it was."""
    broker = due()
    taken = broker.dynamodb.calls["update_item"] + 1

    def away() -> HttpResponse:
        assert broker.dynamodb.calls["update_item"] == taken
        broker.dynamodb.fail_next("update_item", 10**6)
        return granted("access-2")

    broker.scripted.will(away)
    broker.work()
    broker.dynamodb.fail_next("update_item", 0)
    [commit] = broker.rescue.received()
    broker.machine.time = NOW + DUE + 31
    request(broker)
    assert ends(broker)[1:] == [(DUE + 31, "outcome_unknown", "schedule")]
    settled(broker.kit.store, commit, now=NOW + DUE + 60)
    assert ends(broker)[1:] == [(DUE, "refreshed", "schedule")]


def test_the_twenty_first_drops_the_first() -> None:
    """The consent goes before the attempts that came after it."""
    broker = due()
    for count in range(MOST + 1):
        assert len(attempts_of(broker.connection())) == min(1 + count, MOST)
        assert (ends(broker)[0][1] == "connected") is (count < MOST)
        broker.scripted.will(granted(f"access-{count}"))
        request(broker)
        broker.machine.time += 60
    assert [outcome for _, outcome, _ in ends(broker)] == ["refreshed"] * MOST
    assert ends(broker)[0][0] == DUE + 60


def test_a_consent_given_again_is_an_entry_among_them() -> None:
    """Its commit leaves the ring as it is: one call, and both consents are shown."""
    broker = due()
    broker.scripted.will(answered(400, error="invalid_grant"), granted("access-2"))
    broker.work()
    broker.machine.time += 600
    broker.consent(broker.ask_again())
    assert ends(broker) == [
        (0, "connected", "request"),
        (DUE, "grant_gone", "schedule"),
        (DUE + 600, "connected", "request"),
    ]


def test_client_credentials_are_connected_when_they_are_made() -> None:
    """Nobody consents, and the ring begins all the same; what is pending has none."""
    broker = Broker()
    broker.register(grant_type="client_credentials", authorization=None, scopes=[])
    broker.scripted.will(granted(refresh_token=None))
    ask_for_connection(broker.kit, ADMIN, ADDRESSES, "acme", {"connection_id": "c1"})
    assert shown(broker) == [CONNECTED]
    consenting = Broker()
    consenting.register()
    consenting.ask()
    assert shown(consenting) == []


def size_of(value: Any) -> int:
    """Give a value's size in an item as DynamoDB counts it: text and bytes, half a byte a digit, 3 a list."""
    match value:
        case bool():
            return 1
        case int():
            return len(str(value)) // 2 + 2
        case bytes() | str():
            return len(value)
        case dict():
            return 3 + sum(len(name) + 1 + size_of(held) for name, held in value.items())
        case _:
            return 3 + sum(1 + size_of(one) for one in value)


def test_a_connection_with_its_ring_is_one_write_unit() -> None:
    """With Google's tokens (access 220 characters, refresh 103, two scopes by URL), and its lease taken.

    Its refresh token has said when it expires, and a warning is to come.
    A data key that KMS wrapped has 184 bytes, 144 more than the double's.
    """
    broker = Broker()
    broker.register()
    tokens = granted("a" * 220, refresh_token="r" * 103, scope=" ".join(["s" * 48] * 2))
    broker.scripted.will(tokens)
    broker.consent(broker.ask("c" * 20))
    held = broker.connection("c" * 20)
    assert held.token_set is not None
    ending = replace(held.token_set, refresh_issued_at=NOW, refresh_expires_at=NOW)
    full = replace(held, attempts=bytes(8 * MOST), token_set=ending, warn_at=NOW)
    item = connection_item(full, shard="0f", ttl=None)
    item["l"] = {"i": b"9" * 9, "t": NOW * 1000, "u": NOW * 1000, "w": True}
    size = sum(len(name) + size_of(value) for name, value in item.items() if value is not None)
    assert 900 < size + 144 <= 1024, size
