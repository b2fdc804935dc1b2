"""Revocations while something fails: the event bus, the table, a worker, time, or the row itself."""

from __future__ import annotations

from typing import Any, Final

import pytest

from oauth_broker import log
from oauth_broker.errors import IdInUseError, OutcomeUnknownError, StoreUnavailableError
from oauth_broker.flows.attend import Attended
from oauth_broker.flows.delete_resource import delete_resource
from oauth_broker.flows.disconnect import disconnect
from oauth_broker.flows.revoke import revoke_left
from oauth_broker.protocol.http import HttpResponse
from oauth_broker.revocation_job import REVOKE_FOR, SECRETS_KEPT_FOR
from tests.doubles.broker import NUMBERS, Broker
from tests.doubles.provider import answered, fields_of
from tests.doubles.samples import NOW

DISCONNECTED: Final = "connection disconnected"
ENDED: Final = "connection revocation ended"
DONE: Final = answered(200)
BUSY: Final = answered(503)
SEALED: Final = frozenset({"t", "ts", "va", "rd"})
"""Attributes of what is left to revoke that hold tokens, or serve nothing but their revocation."""


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is logged is not shown."""
    monkeypatch.setattr(log, "line", lambda *_, **__: None)


@pytest.fixture
def broker() -> Broker:
    """A broker whose one connection was just deleted."""
    made = Broker()
    made.connect()
    disconnect(made.kit, made.connection())
    return made


def left(broker: Broker) -> dict[str, Any]:
    """Give the item of what is left to revoke."""
    [item] = [item for key, item in broker.dynamodb.items.items() if key[0] == "D#acme"]
    return item


def is_left(broker: Broker) -> bool:
    """Say whether there is such an item."""
    return any(key[0] == "D#acme" for key in broker.dynamodb.items)


def recorded(broker: Broker) -> list[str]:
    """Give how the recorded revocations ended."""
    now = int(broker.machine.now())
    return [one.outcome for one in broker.kit.store.revocations.page("acme", now=now, limit=100)[0]]


def sent(broker: Broker) -> list[str]:
    """Give the tokens that were sent to be revoked, in order."""
    return [fields["token"] for fields in map(fields_of, broker.scripted.requests) if "token" in fields]


def work_until(broker: Broker, seconds: int, every: int = 60) -> None:
    """Let the worker come to every shard each minute (`every` seconds) until so many seconds have passed."""
    until = broker.machine.now() + seconds
    while broker.machine.now() < until:
        broker.work_all()
        broker.machine.time += every


def test_once_it_ended_nothing_sealed_waits_for_the_event_bus(broker: Broker) -> None:
    """The tokens go at once, the record is there; the event is sent when the bus takes it, and once."""
    assert left(broker).keys() >= {"t", "ts"}
    broker.announcements.down = True
    broker.scripted.will(DONE, DONE)
    work_until(broker, 300)
    assert not left(broker).keys() & SEALED
    assert recorded(broker) == ["revoked"]
    broker.announcements.down = False
    work_until(broker, 300)
    assert broker.announcements.names[1:] == [DISCONNECTED]
    assert not is_left(broker)
    assert recorded(broker) == ["revoked"]
    assert sent(broker) == ["refresh-1", "access-1"]


def test_an_event_bus_that_fails_costs_no_call_to_the_provider(broker: Broker) -> None:
    """Each minute the event is tried; the provider only when it is its turn: ten minutes, it said."""
    broker.announcements.down = True
    broker.scripted.will(answered(503, retry_after="600"), DONE, DONE)
    work_until(broker, 300)
    assert sent(broker) == ["refresh-1"]
    broker.announcements.down = False
    broker.work()
    assert broker.announcements.events[-1][1]["revocation"] == "retrying"
    assert broker.announcements.events[-1][1]["category"] == "provider_unavailable"
    work_until(broker, 600)
    assert sent(broker) == ["refresh-1", "refresh-1", "access-1"]
    assert broker.announcements.names[1:] == [DISCONNECTED, ENDED]


def test_what_was_never_told_to_go_on_is_told_with_its_end(broker: Broker) -> None:
    """The bus fails until it has ended: one event says all."""
    broker.announcements.down = True
    broker.scripted.will(BUSY, DONE, DONE)
    work_until(broker, 300)
    broker.announcements.down = False
    work_until(broker, 120)
    told = [(name, detail["revocation"]) for name, detail in broker.announcements.events[1:]]
    assert told == [(DISCONNECTED, "revoked")]


@pytest.mark.parametrize("operation", ["update_item", "transact_write_items"])
def test_a_table_that_fails_afterwards_only_repeats(broker: Broker, operation: str) -> None:
    """Taking it, or writing how it ended: it stays due, and in the end it is revoked and recorded once."""
    broker.scripted.will(*[DONE] * 4)
    broker.dynamodb.fail_next(operation)
    broker.work()
    assert is_left(broker)
    work_until(broker, 120)
    assert not is_left(broker)
    assert recorded(broker) == ["revoked"]


def test_an_answer_of_the_table_that_is_lost_ends_it_once(broker: Broker) -> None:
    """The record was written though nobody heard of it."""
    broker.scripted.will(DONE, DONE)
    broker.dynamodb.lose_answers("transact_write_items")
    work_until(broker, 300)
    assert recorded(broker) == ["revoked"]
    assert sent(broker) == ["refresh-1", "access-1"]


def test_a_worker_that_died_in_the_call_is_followed_by_another(broker: Broker) -> None:
    """Its lease runs out, and the tokens are revoked: to do so twice does no harm."""

    def dying() -> HttpResponse:
        raise KeyboardInterrupt

    broker.scripted.will(dying)
    held = broker.kit.shelf.even_deleting("acme")
    [due], _ = broker.kit.store.leases.due(broker.kit.shard("acme", "c1"), now=NOW, limit=9)
    with pytest.raises(KeyboardInterrupt):
        revoke_left(broker.kit, broker.announcements, held, due.sort, seen=due.refresh_at)
    broker.work()
    assert sent(broker) == ["refresh-1"]
    broker.machine.time += NUMBERS.lease + 1
    broker.scripted.will(DONE, DONE)
    broker.work()
    assert sent(broker) == ["refresh-1", "refresh-1", "access-1"]
    assert recorded(broker) == ["revoked"]


def test_an_index_that_lags_costs_no_call(broker: Broker) -> None:
    """It shows what was put off meanwhile as due still."""
    broker.scripted.will(answered(503, retry_after="600"))
    [due], _ = broker.kit.store.leases.due(broker.kit.shard("acme", "c1"), now=NOW, limit=9)
    held = broker.kit.shelf.even_deleting("acme")
    for _ in range(3):
        assert not revoke_left(broker.kit, broker.announcements, held, due.sort, seen=due.refresh_at)
    assert sent(broker) == ["refresh-1"]


@pytest.mark.parametrize("taken, at_least", [(0.0, 15.0), (14.0, 1.0), (20.0, 0.1)])
def test_both_calls_together_have_the_time_of_one(broker: Broker, taken: float, at_least: float) -> None:
    """The first took long: the second is given what is left, since the lease must not run out under it."""
    deadlines = []
    send = broker.scripted.send

    def slow(request: Any, destinations: Any, **rest: Any) -> HttpResponse:
        deadlines.append(rest["deadline"])
        broker.machine.time += taken
        return send(request, destinations, **rest)

    broker.scripted.send = slow  # type: ignore[method-assign]
    broker.scripted.will(DONE, DONE)
    broker.work()
    assert deadlines == [15.0, pytest.approx(at_least)]


@pytest.mark.parametrize("timed_out", [True, False])
def test_a_provider_that_hangs_is_counted_as_such(broker: Broker, timed_out: bool) -> None:
    """So that the worker passes over what else it has for this provider."""
    broker.scripted.will(OutcomeUnknownError("no answer", timed_out=timed_out))
    counted = Attended.TIMED_OUT if timed_out else Attended.OTHER
    assert broker.work()[counted.name.lower()] == 1


def test_a_resource_waits_for_its_revocations_three_days_and_no_longer(broker: Broker) -> None:
    """Its id and secrets stay until they have ended; then it is gone, and its id can be used."""
    delete_resource(broker.kit, "acme", revoke=True, if_match=None)
    broker.scripted.will(*[BUSY] * 300)
    work_until(broker, REVOKE_FOR - 1800, every=1800)
    with pytest.raises(IdInUseError):
        broker.register()
    work_until(broker, 2400)
    assert recorded(broker) == ["failed"]
    assert ("R", "acme") not in broker.dynamodb.items
    broker.register()
    assert not is_left(broker)


@pytest.mark.parametrize("revoke", [True, False])
def test_a_row_that_cannot_be_read_holds_a_deletion_up_no_longer(broker: Broker, revoke: bool) -> None:
    """A damaged row never ends; with the resource it goes, when every other would have."""
    del left(broker)["id"]
    delete_resource(broker.kit, "acme", revoke=revoke, if_match=None)
    work_until(broker, 3600)
    broker.machine.time += SECRETS_KEPT_FOR - 7200
    work_until(broker, 600)
    assert ("R", "acme") in broker.dynamodb.items
    broker.machine.time += 7200
    work_until(broker, 7200)
    assert ("R", "acme") not in broker.dynamodb.items
    assert not is_left(broker)


def test_what_was_not_tried_yet_is_waited_for(broker: Broker) -> None:
    """The schedule was off for a week: the secrets are still there when it is on again."""
    delete_resource(broker.kit, "acme", revoke=True, if_match=None)
    broker.machine.time += 7 * 86_400
    broker.scripted.will(DONE)
    work_until(broker, 300)
    assert sent(broker) == ["refresh-1"]
    assert recorded(broker) == ["revoked"]
    assert ("R", "acme") not in broker.dynamodb.items


def test_records_neither_keep_a_resource_nor_an_id(broker: Broker) -> None:
    """Deleted at once where nothing but records is under it; connection and resource are made again."""
    broker.scripted.will(DONE, DONE)
    broker.work()
    assert recorded(broker) == ["revoked"]
    broker.machine.time += 1
    broker.connect()
    disconnect(broker.kit, broker.connection())
    broker.scripted.will(DONE, DONE)
    broker.work()
    assert recorded(broker) == ["revoked"] * 2
    assert delete_resource(broker.kit, "acme", revoke=False, if_match=None)
    broker.register()


def test_a_table_that_cannot_be_read_forgets_nothing(broker: Broker) -> None:
    """Whether something is left to revoke is asked, not assumed."""
    broker.dynamodb.fail_next("query", 10**6)
    with pytest.raises(StoreUnavailableError):
        delete_resource(broker.kit, "acme", revoke=False, if_match=None)
    assert ("R", "acme") in broker.dynamodb.items
