"""A provider that fails for hours is asked ever more rarely, whatever the way in which it fails."""

from __future__ import annotations

from itertools import cycle, islice
from typing import Any, Final

import pytest

from oauth_broker.connection import Status
from oauth_broker.errors import ExchangeFailedError, OutcomeUnknownError
from oauth_broker.flows.ask import ask_for_connection
from oauth_broker.flows.freshen import Fresh, freshen
from tests.doubles.broker import ADDRESSES, ADMIN, Broker, plenty
from tests.doubles.provider import answered, fields_of, granted
from tests.doubles.samples import NOW

OWN: Final = {"grant_type": "client_credentials", "authorization": None, "require_confirmation": None}
UNROTATED: Final = {"refresh_token": {"rotates": False}}
STRICT: Final[dict[str, Any]] = {}
SILENCE: Final = OutcomeUnknownError("no answer", timed_out=True)
FAILING: Final = "connection refresh failing"


def connected(members: dict[str, Any], **answer: Any) -> Broker:
    """Give a broker with an active connection that was announced."""
    broker = Broker()
    broker.machine.chance = 0.5
    broker.register(**members)
    broker.scripted.will(granted(**answer))
    if members is OWN:
        ask_for_connection(broker.kit, ADMIN, ADDRESSES, "acme", {"connection_id": "c1"})
    else:
        broker.consent(broker.ask())
    broker.work()
    return broker


def minutes(broker: Broker, count: int) -> None:
    """Let minutes pass, in each of which the worker comes, and readers."""
    for _ in range(count):
        broker.machine.time += 60
        broker.work()
        held = broker.kit.shelf.resource("acme")
        freshen(broker.kit, held, broker.connection(), remaining=plenty)


@pytest.mark.parametrize("members", [OWN, UNROTATED])
def test_a_provider_that_only_times_out_is_asked_rarely(members: dict[str, Any]) -> None:
    """Spending again does no harm there, but is no loop: once in fifteen minutes, and the reason is shown."""
    broker = connected(members)
    broker.scripted.will(*[SILENCE] * 400)
    minutes(broker, 360)
    asked = len(broker.scripted.requests) - 1
    assert 5 < asked < 6 * 4 + 6
    after = broker.connection()
    assert after.status is Status.ACTIVE
    assert after.failures >= 3
    assert after.unknown_since is None
    assert after.last_error is not None
    assert after.last_error.category == "outcome_unknown"
    assert after.last_error.at > NOW + 4 * 3600
    assert broker.announcements.names.count(FAILING) == 1
    broker.scripted._answers.clear()
    broker.scripted.will(*[granted("access-9")] * 200)
    minutes(broker, 70)
    assert broker.connection().failures == 0
    assert broker.connection().last_error is None


@pytest.mark.parametrize("members", [OWN, UNROTATED, STRICT])
@pytest.mark.parametrize(
    "answers", [[SILENCE, answered(503)], [answered(503), SILENCE], [answered(429), SILENCE, SILENCE]]
)
def test_failures_of_all_kinds_count_together(members: dict[str, Any], answers: list[Any]) -> None:
    """Announced at the third in a row, and only then."""
    broker = connected(members)
    broker.scripted.will(*islice(cycle(answers), 400))
    seen: list[tuple[int, bool]] = []
    for _ in range(120):
        minutes(broker, 1)
        broker.work()
        seen.append((broker.connection().failures, FAILING in broker.announcements.names))
    assert {failures for failures, _ in seen} >= {1, 2, 3, 4}
    assert {told for failures, told in seen if failures < 3} == {False}
    assert {told for failures, told in seen if failures > 3} == {True}
    assert broker.announcements.names.count(FAILING) == 1


@pytest.mark.parametrize("members", [OWN, UNROTATED, STRICT])
def test_an_unknown_outcome_is_shown(members: dict[str, Any]) -> None:
    """From when it is found, until a refresh succeeds."""
    broker = connected(members)
    broker.scripted.will(*[SILENCE] * 9)
    broker.machine.time += 3000
    held = broker.kit.shelf.resource("acme")
    for _ in range(3):
        freshen(broker.kit, held, broker.connection(), remaining=plenty)
        broker.machine.time += 31
    error = broker.connection().last_error
    assert error is not None
    assert error.category == "outcome_unknown"
    assert error.at in {NOW + 3031, NOW + 3062}


@pytest.mark.parametrize("failures", [0, 5])
def test_an_outage_of_ours_puts_nobody_off(monkeypatch: pytest.MonkeyPatch, failures: int) -> None:
    """KMS gives no key for half an hour: no call, and once it does, no minute more than the schedule's.

    Nor is it a refresh that the provider fails, however often it failed before. Fails when the attempts are
    counted: the last of them is to be repeated after an hour.
    """
    broker = connected(STRICT)
    broker.scripted.will(*[answered(503)] * failures, granted("access-2"))
    broker.machine.time += 1800
    held = broker.kit.shelf.resource("acme")
    for _ in range(failures):
        freshen(broker.kit, held, broker.connection(), remaining=plenty)
        broker.machine.time += 5400
    before, told = broker.connection().failures, list(broker.announcements.names)
    kit = broker.process(data_key_max_age=0)
    decrypt = broker.kms.decrypt
    monkeypatch.setattr(broker.kms, "decrypt", broker.kms.refuse)
    for _ in range(30):
        freshen(kit, held, broker.connection(), remaining=plenty)
        broker.machine.time += 60
    error = broker.connection().last_error
    assert error is not None
    assert error.category == "sealing_unavailable"
    assert len(broker.scripted.requests) == 1 + failures
    assert broker.connection().failures == max(1, before)
    monkeypatch.setattr(broker.kms, "decrypt", decrypt)
    broker.machine.time += 60
    assert isinstance(freshen(kit, held, broker.connection(), remaining=plenty), Fresh)
    assert (broker.connection().generation, broker.connection().failures) == (2, 0)
    assert broker.announcements.names == told


def test_the_client_asks_for_what_was_asked() -> None:
    """Not for what was granted the last time: that would shrink what is granted, time after time."""
    broker = Broker()
    broker.register(**OWN)
    broker.scripted.will(granted(scope="read"), granted(scope="read"), granted(scope="read write"))
    ask_for_connection(broker.kit, ADMIN, ADDRESSES, "acme", {"connection_id": "c1"})
    for _ in range(3):
        broker.work()
        broker.machine.time += 3300
    assert [fields_of(request)["scope"] for request in broker.scripted.requests] == ["read write"] * 3
    held = broker.connection().token_set
    assert held is not None
    assert held.scopes == ("read", "write")


def test_a_client_has_no_grant_to_lose() -> None:
    """`invalid_grant` is an outage like any other: it backs off, and recovers by itself."""
    broker = connected(OWN)
    broker.scripted.will(*[answered(400, error="invalid_grant")] * 4, granted("access-2"))
    broker.machine.time += 3300
    broker.work()
    failed = broker.connection()
    assert failed.status is Status.ACTIVE
    assert failed.last_error is not None
    assert failed.last_error.error == "invalid_grant"
    for _ in range(30):
        broker.machine.time += 60
        broker.work()
    after = broker.connection()
    assert (after.status, after.generation, after.failures) == (Status.ACTIVE, 2, 0)
    assert "connection needs reauthorization" not in broker.announcements.names


def test_an_answer_that_does_not_fit_is_the_providers_fault() -> None:
    """A 502, not a fault of the caller's variables, and nothing is stored."""
    broker = Broker()
    broker.register(**OWN, metadata=["tenant"], api_base_url="https://api.example/{{tenant}}")
    broker.scripted.will(granted(tenant="a\nb"), granted(tenant="ab"))
    with pytest.raises(ExchangeFailedError) as caught:
        ask_for_connection(broker.kit, ADMIN, ADDRESSES, "acme", {"connection_id": "c1"})
    assert "a\nb" not in caught.value.detail
    assert broker.find() is None
    ask_for_connection(broker.kit, ADMIN, ADDRESSES, "acme", {"connection_id": "c1"})
    assert broker.connection().status is Status.ACTIVE
