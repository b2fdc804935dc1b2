"""What a broker writes by itself, in good days and bad, is nothing to be repaired."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import count
from typing import Any, Final

import pytest

from oauth_broker import log
from oauth_broker.connection import Status
from oauth_broker.doors.store.values import from_item
from oauth_broker.errors import NotConnectedError, OutcomeUnknownError
from oauth_broker.flows.ask import ask_for_connection
from oauth_broker.flows.delete_resource import delete_resource
from oauth_broker.flows.disconnect import disconnect
from oauth_broker.flows.manage_resources import patch_resource
from oauth_broker.protocol.destinations import Destinations
from oauth_broker.protocol.http import HttpRequest, HttpResponse
from operations.judgement import Deployed, Finding, KnownResources, judge
from tests.doubles.broker import ADDRESSES, ADMIN, Broker
from tests.doubles.provider import answered, granted

DEPLOYED: Final = Deployed(shards=16, period=60)
OWN: Final = {"grant_type": "client_credentials", "authorization": None, "require_confirmation": None}
CONFIRMED: Final = {"require_confirmation": True}
MINUTES: Final = 120


class MoodyProvider:
    """Answers as it likes, of `moods`, by a generator with a seed; tokens live 10 to 60 minutes."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a moody provider, not a secret
        self._numbers = count()
        self.moods: list[Callable[[], HttpResponse]] = [self.grant]

    def send(
        self,
        request: HttpRequest,
        _destinations: Destinations,
        *,
        deadline: float | None = None,
        since: float | None = None,  # noqa: ARG002 - its answers take no time
    ) -> HttpResponse:
        """Answer anything."""
        assert request.url
        assert deadline is not None
        return self._random.choice(self.moods)()

    def grant(self) -> HttpResponse:
        """Give tokens, or have revoked one."""
        number = next(self._numbers)
        lifetime = self._random.choice([600, 1800, 3600])
        return granted(f"access-{number}", refresh_token=f"refresh-{number}", expires_in=lifetime)

    def time_out(self) -> HttpResponse:
        """Say nothing: the lease is left."""
        raise OutcomeUnknownError("no answer", timed_out=True)

    def refuse_the_line(self) -> HttpResponse:
        """Take no connection."""
        raise NotConnectedError("nobody there")


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is logged is not shown."""
    monkeypatch.setattr(log, "line", lambda *_, **__: None)


def found(broker: Broker) -> dict[str, tuple[Finding, ...]]:
    """Judge the whole table; gives what is wrong, by key."""
    rows = frozenset(sk for pk, sk in broker.dynamodb.items if pk == "R")
    known = KnownResources(rows, {row: broker.kit.shelf.even_deleting(row).resource for row in rows})
    now = int(broker.machine.now())
    return {
        f"{pk} {sk}": judged.findings
        for (pk, sk), stored in broker.dynamodb.items.items()
        if (
            judged := judge(from_item(stored), now=now, deployed=DEPLOYED, resources=known, draw=0.5)
        ).findings
    }


def populated(provider: MoodyProvider) -> Broker:
    """Give a broker with resources of several kinds, and connections in every status."""
    broker = Broker(provider)
    broker.register()
    broker.register(resource_id="own", **OWN)
    broker.register(resource_id="confirmed", **CONFIRMED)
    broker.register(resource_id="other")
    for number in range(4):
        broker.consent(broker.ask(f"e{number}", resource_id="other"), resource_id="other")
        broker.consent(broker.ask(f"c{number}"))
        ask_for_connection(broker.kit, ADMIN, ADDRESSES, "own", {"connection_id": f"o{number}"})
        person: dict[str, Any] = {"user": "ada", "return_url": "https://app.example/back"}
        ticket = broker.ask(f"p{number}", resource_id="confirmed", **person)
        if number % 2:
            broker.consent(ticket, resource_id="confirmed")
    return broker


def paused(broker: Broker) -> list[str]:
    """Give the resources that are paused."""
    rows, _ = broker.kit.store.resources.page(limit=200, after=None)
    return [row.resource_id for row in rows if row.pause is not None]


def a_minute(broker: Broker) -> None:
    """Let a minute pass, and the worker come."""
    broker.machine.time += 60
    broker.machine.chance = (broker.machine.chance + 0.37) % 1
    broker.work_all()


@pytest.mark.parametrize("seed", range(2))
def test_hours_of_a_moody_provider_leave_nothing_to_repair(seed: int) -> None:
    """Timeouts, 5xx, 429, lost connections, an event bus that fails, consents that nobody confirms.

    What waits for a paused resource is overdue, and goes within two minutes of the pause's end. Seen failing
    with `put_off` leaving the shard out.
    """
    provider = MoodyProvider(seed)
    broker = populated(provider)
    assert found(broker) == {}
    provider.moods += [
        *[provider.grant] * 2,
        provider.time_out,
        provider.refuse_the_line,
        lambda: answered(503),
        lambda: answered(429, retry_after="1800"),
    ]
    paused_at: dict[str, int] = {}
    for minute in range(MINUTES):
        broker.announcements.down = minute % 30 < 8
        paused_at |= dict.fromkeys(paused(broker), minute)
        a_minute(broker)
        paused_at |= dict.fromkeys(paused(broker), minute)
        wrong = {
            key: findings
            for key, findings in found(broker).items()
            if findings != (Finding.OVERDUE,) or paused_at.get(key.split("#")[1], -9) < minute - 2
        }
        assert wrong == {}, f"after {minute} minutes"
    assert broker.announcements.names.count("connection refresh failing") > 0


def test_what_ends_leaves_nothing_to_repair() -> None:
    """Grants refused, connections disconnected, destinations changed, resources deleted.

    Seen failing with the worker's look at changed destinations put off for three hours.
    """
    provider = MoodyProvider(7)
    broker = populated(provider)
    a_minute(broker)
    disconnect(broker.kit, broker.connection("c0"))
    assert found(broker) == {}
    moved = {"token": {"url": "https://moved.example/token"}, "client_secret": "client-secret-2"}
    patch_resource(broker.kit, ADDRESSES, "acme", moved, if_match=None, loopback=False)
    delete_resource(broker.kit, "confirmed", revoke=True, if_match=None)
    provider.moods = [lambda: answered(400, error="invalid_grant")]
    for minute in range(MINUTES):
        a_minute(broker)
        if minute == MINUTES // 2:
            delete_resource(broker.kit, "acme", revoke=True, if_match=None)
        assert found(broker) == {}, f"after {minute} minutes"
    assert broker.connection("e1", "other").status is Status.NEEDS_REAUTHORIZATION
    assert broker.find("c1") is None


def test_a_schedule_that_stands_still_is_noticed() -> None:
    """The positive control: an hour and a half without the worker, and what was due is overdue."""
    broker = populated(MoodyProvider(1))
    a_minute(broker)
    broker.machine.time += 5400
    assert set(found(broker).values()) == {(Finding.OVERDUE,)}
