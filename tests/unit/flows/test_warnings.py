"""The event that a grant will die: ahead of time, once for each end, and at no cost to anybody who waits."""

from __future__ import annotations

from typing import Any

import pytest

from oauth_broker.commits import Committed
from oauth_broker.connection import Note, Status
from oauth_broker.flows.attend import RECHECK
from oauth_broker.flows.commit import settled
from oauth_broker.flows.confirm import confirm
from oauth_broker.flows.manage_resources import patch_resource, rebind
from oauth_broker.flows.show_connection import connection_json, time_text
from oauth_broker.flows.warning import UNTOLD
from oauth_broker.protocol.http import HttpResponse
from tests.doubles.broker import ADDRESSES, ADMIN, APP, BASE, Broker, told
from tests.doubles.provider import answered, granted
from tests.doubles.samples import NOW

DAY = 86_400
EXPIRING = str(Note.EXPIRING)


def registered(**members: Any) -> Broker:
    """Give a broker with a resource."""
    broker = Broker()
    broker.register(**members)
    return broker


def warnings(broker: Broker) -> list[str]:
    """Give the deaths that were told, in order."""
    return [str(detail["dies_at"]) for name, detail in broker.announcements.events if name == EXPIRING]


def work_until(broker: Broker, time: int, **answer: Any) -> None:
    """Let the worker do what is due, at its time, up to a time; refreshes bring what `answer` says."""
    number = 0
    while (due := broker.connection().refresh_at) is not None and due <= time:
        number += 1
        assert number < 500
        broker.machine.time = max(broker.machine.time, due)
        before = broker.connection().generation
        if broker.connection().next_refresh == due:
            broker.scripted.will(granted(f"access-{before + 1}", **answer))
        broker.work()
    broker.machine.time = time


@pytest.mark.parametrize(
    "members, answer, warned, dies",
    [
        ({"refresh_token": {"lifetime": 90 * DAY}}, {"expires_in": 40 * DAY}, 83 * DAY, 90 * DAY),
        ({"refresh_token": {"lifetime": 20 * DAY}}, {"expires_in": 40 * DAY}, 15 * DAY, 20 * DAY),
        ({"refresh_token": {"rotates": False}}, {"refresh_token_expires_in": 3000}, 2250, 3000),
        ({}, {"refresh_token": None}, 2700, 3600),
    ],
)
def test_it_is_told_once_ahead_of_time(
    members: dict[str, Any], answer: dict[str, Any], warned: int, dies: int
) -> None:
    """With the time in the detail; the worker comes for that by the index.

    Fails when `warn_at` is left out of `due_at` (never told), and when what was told is not written (told at
    every look).
    """
    broker = registered(**members)
    broker.connect(**answer)
    assert broker.connection().warn_at == NOW + warned
    if "expires_in" in answer:
        work_until(broker, NOW + warned - 1, **answer)
    else:
        broker.machine.time += warned - 1
        broker.work()
    assert warnings(broker) == []
    broker.machine.time += 1
    for _ in range(3):
        broker.work()
    assert warnings(broker) == [time_text(NOW + dies)]
    [detail] = [detail for name, detail in broker.announcements.events if name == EXPIRING]
    assert (detail["connection_id"], detail["status"]) == ("c1", "active")
    after = broker.connection()
    assert (after.warn_at, after.warned_of, after.notes) == (None, (NOW + dies,), ())


def test_a_grant_that_is_kept_alive_is_not_cried_over() -> None:
    """An end that each refresh puts off is never near; the end of the consent is told all the same, once."""
    broker = registered(refresh_token={"idle_lifetime": 2 * DAY, "lifetime": 30 * DAY})
    broker.connect(expires_in=DAY)
    work_until(broker, NOW + 29 * DAY, expires_in=DAY)
    assert broker.connection().generation > 20
    assert warnings(broker) == [time_text(NOW + 30 * DAY)]


def test_a_refresh_that_is_due_comes_before_the_warning() -> None:
    """The worker was away: what it can still put off, it puts off instead. Fails if it tells first."""
    broker = registered(refresh_token={"idle_lifetime": 4000})
    broker.connect(expires_in=DAY)
    broker.machine.time += 3900
    broker.scripted.will(granted("access-2", expires_in=DAY))
    broker.work()
    assert (warnings(broker), broker.connection().generation) == ([], 2)


def test_it_is_told_where_the_refreshes_fail() -> None:
    """A provider that is down lets a grant die of disuse: told at the warning's time, and once."""
    broker = registered(refresh_token={"idle_lifetime": 4000})
    broker.connect(expires_in=DAY)
    broker.machine.time += 2000
    while broker.machine.now() < NOW + 3999:
        broker.scripted.will(answered(503))
        broker.work()
        if broker.machine.now() < NOW + 3000:
            assert warnings(broker) == []
        broker.machine.time += 30
    assert warnings(broker) == [time_text(NOW + 4000)]
    assert broker.connection().failures > 3


def test_a_death_that_moved_is_told_anew() -> None:
    """A sliding end was told while refreshes failed; then one succeeded, and then they failed again."""
    broker = registered()
    broker.connect(expires_in=DAY, refresh_expires_in=4000)
    for start in (NOW, NOW + 3500):
        broker.machine.time = start + 2000
        for _ in range(45):
            broker.scripted.will(answered(503))
            broker.work()
            broker.machine.time += 30
        broker.machine.time = start + 3500
        refreshed = granted("access-2", refresh_token=f"refresh-{start}", refresh_expires_in=4000)
        broker.scripted._answers.clear()
        due = broker.connection().next_refresh
        assert due is not None
        broker.machine.time = max(broker.machine.time, due)
        broker.scripted.will(refreshed)
        broker.work()
    times = warnings(broker)
    assert len(times) == len(set(times)) == 2
    assert times[0] == time_text(NOW + 4000)


@pytest.mark.parametrize("confirmed", [False, True])
def test_what_is_near_at_the_commit_is_told_at_once(confirmed: bool) -> None:
    """A grant that comes with hours to live, or is confirmed late: with the event that it is connected."""
    broker = registered(require_confirmation=confirmed, refresh_token={"lifetime": 600})
    broker.scripted.will(granted())
    ticket = broker.ask(return_url=APP, user="u") if confirmed else broker.ask()
    ending = broker.consent(ticket)
    broker.machine.time += 460
    if confirmed:
        code = told(ending)["confirmation_code"]
        confirm(broker.kit, ADMIN, "acme", "c1", {"confirmation_code": code, "user": "u"})
    broker.work()
    assert broker.announcements.names == ["connection connected", EXPIRING]
    assert warnings(broker) == [time_text(NOW + 600)]


def test_an_event_bus_that_is_down_is_tried_again() -> None:
    """The warning costs nothing but time: nothing is written as told, and the refresh goes on."""
    broker = registered(refresh_token={"lifetime": 1000})
    broker.connect(expires_in=None)
    broker.machine.time += 750
    broker.announcements.down = True
    broker.work()
    after = broker.connection()
    assert (after.warned_of, after.lease, after.refresh_at) == ((), None, NOW + 750 + UNTOLD)
    broker.announcements.down = False
    broker.machine.time += UNTOLD
    broker.work()
    assert warnings(broker) == [time_text(NOW + 1000)]


def test_a_resource_that_learns_more_counts_from_the_next_look() -> None:
    """At once in `dies_at`; in the event when the worker next comes by."""
    broker = registered()
    broker.connect()
    held = broker.kit.shelf.resource("acme")
    assert connection_json(broker.connection(), held, now=NOW)["dies_at"] is None
    more = {"refresh_token": {"lifetime": 4000}}
    patch_resource(broker.kit, ADDRESSES, "acme", more, if_match=None, loopback=False)
    held = broker.kit.shelf.resource("acme")
    assert connection_json(broker.connection(), held, now=NOW)["dies_at"] == time_text(NOW + 4000)
    assert broker.connection().warn_at is None
    broker.machine.time += 3300
    for _ in range(2):
        broker.scripted.will(granted("access-2"))
        broker.work()
    assert warnings(broker) == [time_text(NOW + 4000)]


def test_nothing_is_told_of_what_is_dead() -> None:
    """An ended grant has no more warnings, and a new consent begins anew."""
    broker = registered(refresh_token={"lifetime": 4000})
    broker.connect()
    broker.machine.time += 3300
    broker.scripted.will(answered(400, error="invalid_grant"))
    for _ in range(3):
        broker.work()
    after = broker.connection()
    assert (after.status, after.warn_at, after.refresh_at) == (Status.NEEDS_REAUTHORIZATION, None, None)
    held = broker.kit.shelf.resource("acme")
    assert connection_json(after, held, now=NOW + 3300)["dies_at"] is None
    names = len(broker.announcements.names)
    broker.machine.time += 60
    broker.scripted.will(granted("access-3"))
    broker.consent(broker.ask_again())
    broker.work()
    assert broker.announcements.names[names:] == ["connection connected"]
    assert broker.connection().warn_at == NOW + 3360 + 3000


def test_a_late_rescue_brings_the_warning_with_it() -> None:
    """The commit that another process makes says when to tell, and so does the connection."""
    broker = registered(refresh_token={"lifetime": 4000})
    broker.connect()
    broker.machine.time += 3300

    def answer() -> HttpResponse:
        broker.dynamodb.fail_next("update_item", 100)
        return granted("access-2")

    broker.scripted.will(answer)
    broker.work()
    broker.dynamodb.fail_next("update_item", 0)
    [commit] = broker.rescue.received()
    assert settled(broker.kit.store, commit, now=NOW) == Committed()
    after = broker.connection()
    assert (after.generation, after.warn_at) == (2, NOW + 3000)
    assert after.refresh_at == after.due_at(NOW + 3300) == NOW + 3000


def test_nothing_is_told_of_what_ran_out_meanwhile() -> None:
    """The worker was away: that it needs a person is all there is to say."""
    broker = registered()
    broker.connect(refresh_token=None)
    broker.machine.time += 3600
    for _ in range(3):
        broker.work()
    assert broker.announcements.names == ["connection connected", "connection needs reauthorization"]


def test_nothing_is_told_of_what_needs_reauthorization_already() -> None:
    """Its destinations were changed: nothing there can die; a rebind makes it count again."""
    broker = registered(refresh_token={"lifetime": 4000})
    broker.connect(expires_in=None)
    moved = {"token": {"url": "https://new.example/token"}, "client_secret": "again"}
    patch_resource(broker.kit, ADDRESSES, "acme", moved, if_match=None, loopback=False)
    broker.machine.time += 3000
    broker.work()
    assert (warnings(broker), broker.connection().warn_at) == ([], None)
    rebind(broker.kit, BASE, "acme", if_match=None)
    broker.machine.time += RECHECK
    broker.work()
    assert warnings(broker) == [time_text(NOW + 4000)]
