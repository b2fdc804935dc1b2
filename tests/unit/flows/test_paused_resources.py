"""A resource whose provider answers nobody: its calls stop, find out, and go on, by themselves."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from email.utils import formatdate
from typing import Any, Final

import pytest

from oauth_broker import log
from oauth_broker.breaker import State
from oauth_broker.connection import Status
from oauth_broker.doors.queues import Nudge
from oauth_broker.errors import EgressRefusedError, NotConnectedError, UnavailableError
from oauth_broker.flows.freshen import Stale, freshen
from oauth_broker.flows.manage_resources import (
    Shown,
    patch_resource,
    rebind,
    replace_resource,
    show_resource,
)
from oauth_broker.flows.read_token import read_token, refresh_now
from oauth_broker.flows.shelf import HELD_FOR, HELD_WHILE_PAUSED
from oauth_broker.protocol.destinations import Destinations
from oauth_broker.protocol.http import HttpRequest, HttpResponse
from tests.doubles.broker import ADDRESSES, ADMIN, BASE, Broker, Browser, plenty
from tests.doubles.dynamodb import MemoryDynamoDB
from tests.doubles.provider import Answer, answered, granted
from tests.doubles.samples import NOW

SHARD: Final = "00"
SHORT: Final = 30.0
"""Seconds left of an invocation: too few to wait for the end of any pause of a period."""

LIMITED: Final = answered(429, retry_after="40", error="slow_down")
REFUSED: Final = answered(401, error="invalid_client", error_description="secret client-secret-1 is wrong")
DOWN: Final = answered(503)
GONE: Final = answered(400, error="invalid_grant")
EVENTS: Final = ("resource paused", "resource resumed", "item set aside")


class Moody:
    """A provider that answers everybody alike, as it is told: `mood` is the answer, None for tokens."""

    def __init__(self) -> None:
        self.mood: Answer | None = None
        self.calls = 0
        self.moods: list[Answer | None] = []
        self._lock = threading.Lock()

    def send(
        self,
        request: HttpRequest,
        destinations: Destinations,
        *,
        deadline: float | None = None,
        since: float | None = None,  # noqa: ARG002 - it answers in time
    ) -> HttpResponse:
        """Answer."""
        assert deadline is not None
        assert destinations.allows(request.url)
        with self._lock:
            self.calls += 1
            mood = self.moods.pop(0) if self.moods else self.mood
        if isinstance(mood, Exception):
            raise mood
        if mood is None:
            return granted(f"access-{self.calls}")
        return mood() if callable(mood) else mood


class Told:
    """What was logged."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, bool, dict[str, Any]]] = []

    def line(self, event: str, *, failed: bool = False, **fields: Any) -> None:
        """Keep a line."""
        self.lines.append((event, failed, fields))

    @property
    def events(self) -> list[str]:
        """The lines that are about pauses, and what was set aside."""
        return [event for event, _, _ in self.lines if event in EVENTS]


@pytest.fixture
def provider() -> Moody:
    """The provider."""
    return Moody()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """What is logged."""
    told = Told()
    monkeypatch.setattr(log, "line", told.line)
    return told


@pytest.fixture
def broker(provider: Moody, told: Told, monkeypatch: pytest.MonkeyPatch) -> Broker:
    """Ten connections of a resource, all due now, in one shard."""
    assert told.lines == []
    made = Broker(provider)
    monkeypatch.setattr("oauth_broker.flows.kit.shard_of", lambda *_: SHARD)
    made.register()
    for number in range(10):
        made.consent(made.ask(f"c{number}"))
    work(made)
    made.machine.time = NOW + 3301
    provider.calls = 0
    return made


def work(broker: Broker, remaining: float = SHORT) -> Counter[str]:
    """Let the worker work the shard."""
    return Counter(broker.worker().work(Nudge(SHARD, 1), remaining=lambda: remaining))


def state(broker: Broker) -> str:
    """Give the breaker's state as the API shows it."""
    shown: str = show_resource(broker.kit, BASE, "acme").body["provider_state"]["state"]
    return shown


def until(broker: Broker, ends: float) -> Callable[[], float]:
    """Give what tells an invocation the seconds that it has left."""
    return lambda: ends - broker.machine.now()


def generations(broker: Broker) -> Counter[int]:
    """Count the connections by generation."""
    found, _ = broker.kit.store.connections.page("acme", limit=200, after=None)
    return Counter(one.generation for one in found)


def untouched(broker: Broker) -> int:
    """Count the connections that were not tried in vain and are due."""
    found, _ = broker.kit.store.connections.page("acme", limit=200, after=None)
    return len([one for one in found if not one.failures and one.refresh_at == NOW + 3300])


@pytest.mark.parametrize(
    "mood, calls",
    [(LIMITED, 8), (REFUSED, 8), (DOWN, 8), (NotConnectedError("no connection"), 8)],
)
def test_the_calls_stop(broker: Broker, provider: Moody, mood: Answer, calls: int) -> None:
    """At the first or the fifth; at most those go on that are under way. The rest stays due, unwritten."""
    provider.mood = mood
    counts = work(broker)
    assert provider.calls <= calls
    assert counts["passed_over"] == 10 - provider.calls
    assert untouched(broker) == 10 - provider.calls
    assert state(broker) == State.OPEN
    broker.dynamodb.calls.clear()
    before = provider.calls
    broker.machine.time += 1
    assert work(broker)["passed_over"] > 0
    assert provider.calls == before
    assert broker.dynamodb.calls["update_item"] == 0
    assert broker.work_queue.nudges == []


@pytest.mark.parametrize("mood", [LIMITED, REFUSED, DOWN])
def test_it_heals_by_itself(broker: Broker, provider: Moody, told: Told, mood: Answer) -> None:
    """One call finds out, and all that was passed over goes in the same invocation."""
    provider.mood = mood
    work(broker)
    broker.machine.time += 121
    provider.mood, before = None, provider.calls
    work(broker)
    assert generations(broker) == {2: 10}
    assert provider.calls == before + 10
    assert state(broker) == State.CLOSED
    assert told.events == ["resource paused", "resource resumed"]


def test_a_probe_in_vain_is_one_call(broker: Broker, provider: Moody) -> None:
    """Each time the pause is longer; nobody else is called meanwhile."""
    provider.mood = REFUSED
    work(broker)
    pauses, before = [], provider.calls
    for _ in range(8):
        until = show_until(broker)
        pauses.append(until - broker.machine.now())
        broker.machine.time = until
        work(broker)
        assert provider.calls == before + 1
        before = provider.calls
    assert pauses == [30, 60, 120, 240, 480, 960, 1800, 1800]


def show_until(broker: Broker) -> float:
    """Give the end of the pause, as it lies in the table."""
    row = broker.kit.store.resources.load(resource_id="acme").resource
    assert row is not None
    assert row.pause is not None
    return row.pause.until


def test_one_process_of_all_finds_out(broker: Broker, provider: Moody) -> None:
    """The right to the one call is taken by a write; it ends, should its holder die."""
    provider.mood = REFUSED
    work(broker)
    broker.machine.time += 31
    processes = [broker.process() for _ in range(5)]
    held = [kit.shelf.resource("acme") for kit in processes]
    admitted = [kit.circuits.admits(one, hold=30) for kit, one in zip(processes, held, strict=True)]
    assert admitted == [True, False, False, False, False]
    assert state(broker) == State.HALF_OPEN
    broker.machine.time += 30
    again = [
        kit.circuits.admits(kit.shelf.resource("acme"), hold=30) for kit in (*processes[1:], processes[0])
    ]
    assert again == [True, False, False, False, False]


def test_nobody_finds_out_while_the_table_cannot_be_written(broker: Broker, provider: Moody) -> None:
    """What a provider gave then could not be kept either."""
    provider.mood = REFUSED
    work(broker)
    broker.machine.time += 31
    held = broker.kit.shelf.resource("acme")
    broker.dynamodb.fail_next("update_item")
    assert not broker.kit.circuits.admits(held, hold=30)


@pytest.mark.parametrize("mood", [LIMITED, REFUSED])
def test_an_update_ends_the_pause(broker: Broker, provider: Moody, mood: Answer) -> None:
    """PATCH, PUT and rebind: what was refused is not what will be called. Other processes learn it soon."""

    def patch() -> Shown:
        return patch_resource(broker.kit, ADDRESSES, "acme", {"name": "A"}, if_match=None, loopback=False)

    def put() -> Shown:
        body = show_resource(broker.kit, BASE, "acme").body
        return replace_resource(broker.kit, ADDRESSES, "acme", body, if_match=None, loopback=False)

    def rebound() -> Shown:
        return rebind(broker.kit, BASE, "acme", if_match=None)

    for update in (patch, put, rebound):
        provider.mood = mood
        broker.machine.time += 3600
        other = broker.process()
        work(broker)
        other.shelf.resource("acme")
        assert state(broker) == State.OPEN
        assert other.circuits.paused_until("acme") is not None
        etag = show_resource(broker.kit, BASE, "acme").etag
        assert update().body["provider_state"]["state"] == State.CLOSED
        assert show_resource(broker.kit, BASE, "acme").etag != etag
        broker.machine.time += HELD_WHILE_PAUSED
        assert other.circuits.admits(other.shelf.resource("acme"), hold=30)
        provider.mood = None
        work(broker)
    assert state(broker) == State.CLOSED


def test_the_pause_does_not_change_the_etag(broker: Broker, provider: Moody) -> None:
    """Nobody's If-Match fails since a provider does."""
    etag = show_resource(broker.kit, BASE, "acme").etag
    provider.mood = REFUSED
    work(broker)
    assert show_resource(broker.kit, BASE, "acme").etag == etag


def test_what_an_old_registration_told_is_not_the_new_ones(broker: Broker, provider: Moody) -> None:
    """The resource was mended while the call was under way: no pause."""

    def mended_meanwhile() -> HttpResponse:
        patch_resource(other, ADDRESSES, "acme", {"name": "A"}, if_match=None, loopback=False)
        return REFUSED

    other = broker.process()
    provider.moods = [mended_meanwhile]
    work(broker)
    assert state(broker) == State.CLOSED
    assert generations(broker) == {1: 1, 2: 9}


def test_the_state_is_shown(broker: Broker, provider: Moody) -> None:
    """With why and until when, in the provider's words without our secrets; PUT passes it over."""
    closed = show_resource(broker.kit, BASE, "acme").body["provider_state"]
    assert closed == {
        "state": "closed",
        "since": None,
        "until": None,
        "times": 0,
        "category": None,
        "error": None,
        "error_description": None,
        "http_status": None,
    }
    provider.mood = REFUSED
    work(broker)
    shown = show_resource(broker.kit, BASE, "acme").body
    assert shown["provider_state"] == {
        "state": "open",
        "since": "2027-01-15T08:55:01Z",
        "until": "2027-01-15T08:55:31Z",
        "times": 1,
        "category": "invalid_client",
        "error": "invalid_client",
        "error_description": "secret *** is wrong",
        "http_status": 401,
    }
    put = {**shown, "name": "Renamed", "provider_state": {"state": "whatever"}}
    replace_resource(broker.kit, ADDRESSES, "acme", put, if_match=None, loopback=False)
    assert show_resource(broker.kit, BASE, "acme").body["name"] == "Renamed"


def test_readers_obey(broker: Broker, provider: Moody) -> None:
    """The old token while it lives, then 503 with the time to come again; no call, no write."""
    provider.mood = REFUSED
    work(broker)
    waiting = next(one for one in (f"c{n}" for n in range(10)) if not broker.connection(one).failures)
    before = provider.calls
    broker.dynamodb.calls.clear()
    read = read_token(broker.kit, ADMIN, "acme", waiting, min_ttl=3600, remaining=plenty)
    assert read["generation"] == 1
    with pytest.raises(UnavailableError) as caught:
        refresh_now(broker.kit, ADMIN, "acme", waiting, remaining=plenty)
    assert caught.value.retry_after == 30
    expires_at = broker.connection(waiting).token_set
    assert expires_at is not None
    assert expires_at.expires_at == NOW + 3600
    broker.machine.time = NOW + 3332
    read = read_token(broker.kit, ADMIN, "acme", waiting, min_ttl=3600, remaining=plenty)
    assert read["generation"] == 1
    assert (provider.calls, broker.dynamodb.calls["update_item"]) == (before + 1, 4)
    broker.machine.time = NOW + 3600
    with pytest.raises(UnavailableError) as caught:
        read_token(broker.kit, ADMIN, "acme", waiting, min_ttl=0, remaining=plenty)
    assert caught.value.retry_after > 1


def test_a_person_who_waits_is_tried_all_the_same(broker: Broker, provider: Moody) -> None:
    """A code exchange goes out during a pause; its answer ends that, its failure does not lengthen it."""
    provider.mood = REFUSED
    work(broker)
    until = show_until(broker)
    browser = Browser()
    ticket = broker.ask("late")
    broker.machine.time += 5
    broker.consent(ticket, browser)
    assert broker.connection("late").status is Status.PENDING
    assert show_until(broker) == until
    provider.mood = None
    broker.consent(broker.ask("later"))
    assert broker.connection("later").status is Status.ACTIVE
    assert state(broker) == State.CLOSED
    work(broker)
    assert broker.connection("c9").generation == 2


@pytest.mark.parametrize("mood", [LIMITED, REFUSED, DOWN, answered(401)], ids=["429", "client", "503", "401"])
def test_made_up_codes_pause_nobody(broker: Broker, provider: Moody, mood: Answer) -> None:
    """Who brings a code chooses what the provider stumbles over; the same answers to refreshes do pause."""
    provider.mood = mood
    for number in range(6):
        broker.consent(broker.ask(f"forged{number}"))
    assert provider.calls == 6
    assert state(broker) == State.CLOSED
    work(broker)
    assert state(broker) == State.OPEN


def test_a_made_up_code_ends_no_pause(broker: Broker, provider: Moody) -> None:
    """That a bad code is refused does not say that the limit is over."""
    provider.mood = LIMITED
    work(broker)
    provider.mood = GONE
    broker.machine.time += 5
    broker.consent(broker.ask("forged"))
    assert state(broker) == State.OPEN


def test_consents_without_an_answer_pause(broker: Broker, provider: Moody) -> None:
    """No code makes a provider unreachable."""
    provider.mood = NotConnectedError("no connection")
    for number in range(5):
        broker.consent(broker.ask(f"late{number}"))
    assert state(broker) == State.OPEN


def test_events_do_not_wait_for_a_provider(broker: Broker, provider: Moody) -> None:
    """What is due for more than a refresh is attended to; the rest is read once, then passed over unread."""
    provider.mood = REFUSED
    work(broker)
    other = broker.process()
    tried = [one for one in (f"c{n}" for n in range(10)) if broker.connection(one).failures]
    key = next(key for key in broker.dynamodb.items if key[1] == tried[0])
    item = broker.dynamodb.items[key]
    item |= {"n": {"L": [{"S": "connection refresh failing"}]}, "refresh_at": {"N": str(NOW + 3301)}}
    broker.kit, before = other, provider.calls
    broker.machine.time += 2
    worker = broker.worker()
    reads = []
    for _ in range(2):
        broker.dynamodb.calls.clear()
        worker.work(Nudge(SHARD, 1), remaining=lambda: SHORT)
        reads.append(broker.dynamodb.calls["batch_get_item"])
        broker.machine.time += 1
    assert "connection refresh failing" in broker.announcements.names
    assert provider.calls == before
    assert reads == [2, 0]


@pytest.mark.parametrize("told_how", ["seconds", "date"])
def test_a_limit_is_nearly_used_and_hardly_overstepped(
    provider: Moody, told: Told, monkeypatch: pytest.MonkeyPatch, told_how: str
) -> None:
    """A provider that takes ten calls in ten seconds gets nearly those, though nudges come by the minute.

    A hundred connections, 100 s at best: 120 s and 111 to 116 calls were seen. Without waiting for the end of
    a pause it took 540 s; without narrowing, 155 calls.
    """
    assert told.lines == []
    broker = Broker(provider)
    monkeypatch.setattr("oauth_broker.flows.kit.shard_of", lambda *_: SHARD)
    broker.register()
    for number in range(100):
        broker.consent(broker.ask(f"c{number}"))
    work(broker)
    began = broker.machine.time = NOW + 3300
    taken: Counter[int] = Counter()

    lock, granted_at = threading.Lock(), []

    def counted() -> HttpResponse:
        now = broker.machine.now()
        time.sleep(0.004)  # on its way, beside others
        window = int(now) // 10
        with lock:
            taken[window] += 1
            number = taken[window]
        if number <= 10:
            granted_at.append(now)
            return granted("access-2")
        date = formatdate((window + 1) * 10, usegmt=True)
        return answered(429, retry_after=date if told_how == "date" else str((window + 1) * 10 - int(now)))

    provider.mood, provider.calls = counted, 0
    while generations(broker)[2] < 100:
        nudges, broker.work_queue.nudges = broker.work_queue.nudges, []
        ends = broker.machine.now() + 45
        nudge = nudges[0] if nudges else Nudge(SHARD, 1)
        broker.worker().work(nudge, remaining=until(broker, ends))
        if not broker.work_queue.nudges:
            broker.machine.time = (broker.machine.now() // 60 + 1) * 60
        assert broker.machine.now() < began + 1200
    assert max(granted_at) - began <= 130
    assert provider.calls <= 100 * 1.2 + 8  # eight were under way when the limit was met first


def test_a_limit_of_one_tenant_is_its_own(provider: Moody, told: Told) -> None:
    """Where the token URL is each connection's own, no other waits for it."""
    assert told.lines == []
    broker = Broker(provider)
    broker.register(
        connection_variables={"tenant": {"pattern": "[a-z]+"}},
        token={"url": "https://acme.example/{{tenant}}/token"},
        revocation=None,
    )
    for number in range(6):
        broker.consent(broker.ask(f"c{number}", variables={"tenant": "ab"}))
    broker.work_all()
    broker.machine.time += 3301
    provider.mood, provider.calls = DOWN, 0
    broker.work_all()
    assert provider.calls == 6
    assert state(broker) == State.CLOSED


def test_a_refusal_of_ours_says_nothing_of_the_provider(broker: Broker, provider: Moody) -> None:
    """Egress forbade it: each connection finds that out for itself."""
    provider.mood = EgressRefusedError("the address is private")
    work(broker)
    assert provider.calls == 10
    assert state(broker) == State.CLOSED


def test_a_pause_that_could_not_be_written_is_obeyed_here(
    broker: Broker, provider: Moody, told: Told
) -> None:
    """The table failed for that one write: this process stops all the same, and nothing else fails."""
    held = broker.kit.shelf.resource("acme")

    def refused() -> HttpResponse:
        broker.kit.store.resources._pauses.client._made = failing
        return REFUSED

    failing = MemoryDynamoDB()
    failing.fail_next("update_item", 9)
    provider.mood = refused
    freshen(broker.kit, held, broker.connection("c0"), remaining=plenty)
    assert failing.calls["update_item"] == 1
    assert "resource paused" not in told.events
    assert isinstance(freshen(broker.kit, held, broker.connection("c1"), remaining=plenty), Stale)
    assert provider.calls == 1
    assert broker.connection("c0").failures == 1


def test_a_paused_resource_is_read_anew_soon(broker: Broker, provider: Moody) -> None:
    """It is held five seconds, so that its end is learned; else a minute."""
    provider.mood = REFUSED
    work(broker)
    shelf = broker.process().shelf
    shelf.resource("acme")
    broker.machine.time += HELD_WHILE_PAUSED - 1
    assert shelf.held("acme") is not None
    broker.machine.time += 1
    assert shelf.held("acme") is None
    assert HELD_WHILE_PAUSED < HELD_FOR
