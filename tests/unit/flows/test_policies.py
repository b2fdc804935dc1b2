"""Policies and lifetimes in the stories: what is read, what the schedule does, what a commit carries."""

from __future__ import annotations

from typing import Any

import pytest

from oauth_broker.errors import UnavailableError
from oauth_broker.flows.ask import ask_for_connection
from oauth_broker.flows.manage_resources import patch_resource
from oauth_broker.flows.read_token import read_token, refresh_now
from oauth_broker.schedule import USUAL_IDLE_LIFETIME
from tests.doubles.broker import ADDRESSES, ADMIN, Broker, plenty
from tests.doubles.provider import answered, granted
from tests.doubles.samples import NOW

DAY = 86_400


def registered(**members: Any) -> Broker:
    """Give a broker with a resource."""
    broker = Broker()
    broker.register(**members)
    return broker


def read(broker: Broker, min_ttl: int = 60) -> str:
    """Read the token."""
    told = read_token(broker.kit, ADMIN, "acme", "c1", min_ttl=min_ttl, remaining=plenty)
    return str(told["access_token"])


def calls(broker: Broker) -> int:
    """Count the refreshes that reached the provider."""
    return len(broker.scripted.requests) - 1


def test_a_lazy_token_is_refreshed_when_it_is_read() -> None:
    """Not by the schedule, though it expires; the reader gets a fresh one. Fails if lazy is scheduled so."""
    broker = registered(refresh_policy="lazy")
    broker.connect()
    assert broker.connection().refresh_at == NOW + USUAL_IDLE_LIFETIME // 2
    broker.machine.time += 3541
    broker.work()
    assert calls(broker) == 0
    broker.scripted.will(granted("access-2"))
    assert read(broker) == "access-2"
    assert broker.connection().refresh_at == NOW + 3541 + USUAL_IDLE_LIFETIME // 2


@pytest.mark.parametrize(
    "members, answer, after",
    [
        ({"refresh_policy": "lazy"}, {}, USUAL_IDLE_LIFETIME // 2),
        ({"refresh_policy": "lazy", "refresh_token": {"idle_lifetime": DAY}}, {}, DAY // 2),
        ({"refresh_token": {"idle_lifetime": DAY}}, {"expires_in": None}, DAY // 2),
        ({"refresh_token": {"idle_lifetime": DAY}}, {"expires_in": 60}, DAY // 2),
        ({}, {"expires_in": 60}, USUAL_IDLE_LIFETIME // 2),
        ({}, {"expires_in": 60, "refresh_expires_in": 1800}, 900),
        ({}, {"expires_in": None, "refresh_token_expires_in": 1800}, 900),
    ],
)
def test_the_worker_keeps_a_grant_alive(members: dict[str, Any], answer: dict[str, Any], after: int) -> None:
    """Again and again, and never because of the access token. Fails when keep-alive is left out."""
    broker = registered(**members)
    broker.connect(**answer)
    for generation in (2, 3):
        assert broker.connection().refresh_at == broker.machine.now() + after
        broker.machine.time += after - 1
        broker.work()
        broker.machine.time += 1
        broker.scripted.will(granted(f"access-{generation}", **answer))
        broker.work()
        assert broker.connection().generation == generation


@pytest.mark.parametrize("min_ttl", [0, 60, 3600])
def test_a_token_is_read_to_its_end_where_the_same_would_come(min_ttl: int) -> None:
    """`min_ttl` does not count; in the second after its end the reader waits, and then gets the next."""
    broker = registered(refresh_policy="after_expiry")
    broker.connect()
    broker.machine.time += 3599
    assert read(broker, min_ttl) == "access-1"
    assert calls(broker) == 0
    broker.machine.time += 1
    broker.scripted.will(granted("access-2"))
    assert read(broker, min_ttl) == "access-2"
    assert broker.machine.now() == NOW + 3601
    assert calls(broker) == 1


def test_the_schedule_waits_for_the_end() -> None:
    """A second after expiry at the earliest; before it the worker has nothing to do."""
    broker = registered(refresh_policy="after_expiry")
    broker.connect()
    assert broker.connection().refresh_at == NOW + 3601
    broker.machine.time += 3600
    broker.work()
    assert calls(broker) == 0
    broker.machine.time += 1
    broker.scripted.will(granted("access-2"))
    broker.work()
    assert broker.connection().generation == 2


@pytest.mark.parametrize("left", [0, 1, 5, -3])
def test_a_provider_that_keeps_answering_the_same_token_is_not_asked_in_a_loop(left: int) -> None:
    """One call a period, of readers and schedule together, and no expired token is handed out.

    Fails without the period between (a call a second), and when 0 seconds count as no expiry: the dead token
    would be served for ever.
    """
    broker = registered(refresh_policy="after_expiry")
    broker.connect()
    broker.scripted.will(*[granted(expires_in=left)] * 20)
    broker.machine.time += 3601
    until = broker.machine.now() + 600
    refusals: list[int] = []
    given: list[float] = []
    while broker.machine.now() < until:
        broker.work()
        try:
            assert read(broker) == "access-1"
            given.append(broker.machine.now())
        except UnavailableError as refused:
            refusals.append(refused.retry_after)
        broker.machine.time += 1
    assert 5 <= calls(broker) <= 11
    assert len(refusals) > 500
    assert len(given) <= max(0, left) * calls(broker)
    assert set(refusals) <= set(range(1, 61))


def test_the_next_token_comes_once_there_is_one() -> None:
    """What was left of the same token was no lifetime of its own: the schedule goes on at its end."""
    broker = registered(refresh_policy="after_expiry")
    broker.connect()
    broker.machine.time += 3500
    broker.scripted.will(granted(expires_in=100))
    refresh_now(broker.kit, ADMIN, "acme", "c1", remaining=plenty)
    assert broker.connection().refresh_at == NOW + 3601
    broker.machine.time += 101
    broker.scripted.will(granted("access-2"))
    broker.work()
    assert read(broker) == "access-2"


@pytest.mark.parametrize("policy", ["eager", "lazy", "after_expiry"])
def test_a_refresh_now_asks_whatever_the_policy(policy: str) -> None:
    """At once, though the token is new."""
    broker = registered(refresh_policy=policy)
    broker.connect()
    broker.scripted.will(granted("access-2"))
    assert refresh_now(broker.kit, ADMIN, "acme", "c1", remaining=plenty)["generation"] == 2


@pytest.mark.parametrize("policy, due", [("eager", 3300), ("lazy", None), ("after_expiry", 3601)])
def test_client_credentials_are_never_kept_alive(policy: str, due: int | None) -> None:
    """They have no grant that could die: by their policy alone, and nothing is forecast."""
    broker = registered(
        grant_type="client_credentials", authorization=None, revocation=None, refresh_policy=policy
    )
    patch_resource(
        broker.kit,
        ADDRESSES,
        "acme",
        {"refresh_token": {"idle_lifetime": 600, "lifetime": 900}},
        if_match=None,
        loopback=False,
    )
    broker.scripted.will(granted(refresh_token=None))
    ask_for_connection(broker.kit, ADMIN, ADDRESSES, "acme", {"connection_id": "c1"})
    broker.work()
    after = broker.connection()
    assert after.refresh_at == (None if due is None else NOW + due)
    assert (after.warn_at, broker.announcements.names) == (None, ["connection connected"])


@pytest.mark.parametrize(
    "again, expected",
    [
        ({}, NOW + 9000),  # a rotated token of which nothing is told
        ({"refresh_token": None}, NOW + 9000),
        ({"refresh_token": "refresh-1"}, NOW + 9000),
        ({"refresh_token_expires_in": 10_000}, NOW + 3300 + 10_000),
        ({"refresh_token_expires_in": 5700}, NOW + 9000),
    ],
)
def test_what_is_known_of_the_refresh_token_outlives_a_refresh(again: dict[str, Any], expected: int) -> None:
    """An answer that keeps the token and says nothing keeps its end.

    A new token of which nothing is said has none.
    """
    broker = registered()
    broker.connect(refresh_token_expires_in=9000)
    broker.machine.time += 3300
    rotated = {"refresh_token": "refresh-2"} if "refresh_token" not in again else {}
    broker.scripted.will(granted("access-2", **{**rotated, **again}))
    broker.work()
    after = broker.connection().token_set
    assert after is not None
    silent = rotated and "refresh_token_expires_in" not in again
    assert after.refresh_expires_at == (None if silent else expected)


def test_an_attempt_of_unknown_outcome_waits_for_the_end_where_the_same_would_come() -> None:
    """The old token is spent once when it has expired: before, the answer would tell nothing."""
    broker = registered(refresh_policy="after_expiry")
    broker.connect()
    broker.scripted.will(answered(200, nothing="usable"))
    for _ in range(2):
        with pytest.raises(UnavailableError):
            refresh_now(broker.kit, ADMIN, "acme", "c1", remaining=plenty)
        broker.machine.time += 31
    for _ in range(3):
        broker.machine.time += 100
        broker.work()
    after = broker.connection()
    assert after.unknown_since is not None
    assert after.refresh_at == NOW + 3600
    assert calls(broker) == 1
