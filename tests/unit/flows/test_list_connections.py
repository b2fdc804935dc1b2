"""Listing connections, and who may see what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from oauth_broker.errors import (
    ConflictError,
    InvalidError,
    MalformedError,
    NotFoundError,
)
from oauth_broker.flows.ask import ask_for_connection
from oauth_broker.flows.confirm import confirm
from oauth_broker.flows.list_connections import list_connections
from oauth_broker.flows.read_token import read_token, refresh_now
from oauth_broker.flows.show_connection import find_connection
from tests.doubles.broker import ADDRESSES, ADMIN, APP, Broker, person, plenty
from tests.doubles.provider import granted


@pytest.fixture
def broker() -> Broker:
    """A broker with Acme."""
    made = Broker()
    made.register()
    return made


def ask(broker: Broker, **body: Any) -> dict[str, Any]:
    """Ask for a connection."""
    return ask_for_connection(broker.kit, ADMIN, ADDRESSES, "acme", body)


def listed(broker: Broker, caller: Any = ADMIN, **options: Any) -> tuple[list[str], Any]:
    """List connections, by their ids."""
    usual: dict[str, Any] = {"limit": 50, "cursor": None, "status": None, "label": None}
    items, cursor = list_connections(broker.kit, caller, "acme", **{**usual, **options})
    return [item["connection_id"] for item in items], cursor


def all_listed(broker: Broker, limit: int, **options: Any) -> list[str]:
    """List page after page."""
    ids: list[str] = []
    cursor = None
    while True:
        page, cursor = listed(broker, limit=limit, cursor=cursor, **options)
        assert len(page) <= limit
        ids += page
        if cursor is None:
            return sorted(ids)


@pytest.mark.parametrize("limit", [1, 3, 200])
def test_filters_count_what_they_show(broker: Broker, limit: int) -> None:
    """By status as it is shown, by exact label, by both; every page within its limit, nothing twice."""
    for number in range(12):
        ask(broker, connection_id=f"c{number:02}", labels=["even" if number % 2 == 0 else "odd", "all"])
    broker.machine.time += 601
    broker.connect("d1")
    ask(broker, connection_id="d2", labels=["even"])
    evens = [f"c{number:02}" for number in range(0, 12, 2)]
    assert all_listed(broker, limit, label="even") == [*evens, "d2"]
    assert all_listed(broker, limit, label="eve") == []
    assert all_listed(broker, limit, status="expired", label="even") == evens
    assert all_listed(broker, limit, status="active") == ["d1"]
    assert all_listed(broker, limit, status="pending") == ["d2"]
    assert len(all_listed(broker, limit)) == 14


@pytest.mark.parametrize(
    "cursor",
    [
        {},
        {"p": "0"},
        {"p": "g", "s": ""},
        {"p": "00", "s": ""},
        {"p": "", "s": ""},
        {"p": 0, "s": ""},
        {"p": "0", "s": 1},
        {"p": "0", "s": "x" * 65},
        {"p": "0", "s": "", "t": ""},
    ],
)
def test_a_cursor_that_is_none_of_ours(broker: Broker, cursor: dict[str, Any]) -> None:
    """Malformed."""
    with pytest.raises(MalformedError):
        listed(broker, cursor=cursor)


def test_a_status_that_is_none(broker: Broker) -> None:
    """A 422 at the parameter; and no list of no resource."""
    with pytest.raises(InvalidError):
        listed(broker, status="dead")
    with pytest.raises(NotFoundError):
        list_connections(broker.kit, ADMIN, "globex", limit=1, cursor=None, status=None, label=None)


@pytest.mark.parametrize(
    "text",
    [
        *("", "soon", "2027-01-31", "2027-01-31T00:00:00", "2027-01-31 00:00:00Z", "20270131T000000Z"),
        *("2027-02-30T00:00:00Z", "2027-01-31T25:00:00Z", "2027-01-31T00:00:00 00:00", "1800000000"),
        *("2027-01-31T00:00:00+0000", "2027-W05-1T00:00:00Z", "٢٠٢٧-01-31T00:00:00Z"),
    ],
)
def test_a_time_that_is_none(broker: Broker, text: str) -> None:
    """A 422 at `dies_before` for whatever RFC 3339 would not write, an unescaped plus among them."""
    with pytest.raises(InvalidError) as caught:
        listed(broker, dies_before=text)
    assert [problem.pointer for problem in caught.value.problems] == ["dies_before"]


def test_the_list_of_those_that_will_die(broker: Broker) -> None:
    """Those whose grant is known to die before a time, by whichever cause; with the other filters, too.

    Fails when `dies_before` is left out of the filters, and when "before" takes the very second.
    """
    broker.register(resource_id="globex", refresh_token={"lifetime": 86_400})
    broker.connect("knows-nothing")
    broker.connect("is-told", refresh_token_expires_in=7200)
    broker.connect("has-none", refresh_token=None)
    broker.ask("never-connected")

    def dying(text: str, **filters: Any) -> list[str]:
        return sorted(listed(broker, dies_before=text, **filters)[0])

    assert broker.machine.now() == 1_800_000_000  # 2027-01-15T08:00:00Z
    assert dying("2027-01-15T09:00:00Z") == []
    assert dying("2027-01-15T09:00:00.5Z") == ["has-none"]
    assert dying("2027-01-15t11:00:01+02:00") == ["has-none"]
    assert dying("2027-01-15T10:00:01z") == ["has-none", "is-told"]
    assert dying("9999-12-31T23:59:59-23:59") == ["has-none", "is-told"]
    assert dying("0001-01-01T00:00:00+23:59") == []
    assert dying("2027-01-15T10:00:01Z", status="active") == ["has-none", "is-told"]
    assert dying("2027-01-15T10:00:01Z", status="pending") == []
    assert dying("2027-01-15T10:00:01Z", label="blue") == []
    broker.machine.time += 3600
    assert broker.status("has-none") == "needs_reauthorization"
    assert dying("2027-01-15T10:00:01Z") == ["is-told"]  # the other is dead already


Act = Callable[[Broker, Any], Any]
ACTS: dict[str, Act] = {
    "show": lambda broker, caller: find_connection(broker.kit, caller, "acme", "c1"),
    "read": lambda broker, caller: read_token(broker.kit, caller, "acme", "c1", min_ttl=0, remaining=plenty),
    "refresh": lambda broker, caller: refresh_now(broker.kit, caller, "acme", "c1", remaining=plenty),
    "reauthorize": lambda broker, caller: broker.ask_again(caller=caller, return_url=APP),
    "confirm": lambda broker, caller: confirm(
        broker.kit, caller, "acme", "c1", {"confirmation_code": "x", "user": "u"}
    ),
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("owner", ["ada", None])
def test_a_jwt_caller_sees_only_what_it_made(broker: Broker, act: str, owner: str | None) -> None:
    """To everybody else it is not there, nor is what was made under IAM; its maker and an admin find it."""
    broker.scripted.will(granted())
    broker.consent(broker.ask(caller=ADMIN if owner is None else person(owner)))
    broker.work()
    before = dict(broker.dynamodb.items)
    with pytest.raises(NotFoundError):
        ACTS[act](broker, person("mallory"))
    assert broker.dynamodb.items == before
    for caller in [ADMIN] + ([] if owner is None else [person(owner)]):
        broker.scripted.will(granted(f"access-{caller.identity}"))
        try:
            ACTS[act](broker, caller)
        except ConflictError:
            assert act == "confirm"


def test_a_list_shows_a_jwt_caller_its_own(broker: Broker) -> None:
    """Across pages, and an admin all."""
    for number in range(6):
        broker.ask(f"c{number}", caller=person("ada" if number % 2 else "bob"))
    broker.ask("c9")
    assert sorted(listed(broker, person("ada"))[0]) == ["c1", "c3", "c5"]
    assert sorted(listed(broker, person("bob"))[0]) == ["c0", "c2", "c4"]
    assert listed(broker, person("mallory")) == ([], None)
    assert len(listed(broker)[0]) == 7
