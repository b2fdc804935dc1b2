"""Importing: active at once, owned, refreshed by the schedule, and no call to the provider."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from oauth_broker.caller import Caller
from oauth_broker.errors import (
    BrokerError,
    ConflictError,
    IdInUseError,
    InvalidError,
    MalformedError,
    NotFoundError,
    StoreUnavailableError,
    TooLargeError,
)
from oauth_broker.flows.import_connections import MOST_LINES, import_connection, import_lines
from oauth_broker.flows.read_token import read_token, refresh_now
from oauth_broker.flows.show_connection import connection_json
from oauth_broker.forecast import dies_at
from oauth_broker.protocol.http import HttpRequest
from tests.doubles.broker import ADMIN, Broker, person, plenty
from tests.doubles.provider import answered, fields_of, granted

TOKENS = {"access_token": "access-0", "refresh_token": "refresh-0", "scope": "read"}
OWN = {"grant_type": "client_credentials", "authorization": None, "require_confirmation": None}


@pytest.fixture
def broker() -> Broker:
    """A broker with Acme, whose connections are confirmed: that is not asked of an import."""
    made = Broker()
    made.register(require_confirmation=True)
    return made


def time(broker: Broker, seconds: int) -> str:
    """Write a time so many seconds from now."""
    return datetime.fromtimestamp(broker.machine.now() + seconds, UTC).isoformat()


def imported(broker: Broker, *, left: int | None = 3600, caller: Caller = ADMIN, **members: Any) -> str:
    """Import a connection whose access token lives so many seconds yet."""
    token_set = {**TOKENS, **({} if left is None else {"expires_at": time(broker, left)})}
    return import_connection(
        broker.kit, caller, "acme", {"connection_id": "c1", "token_set": token_set, **members}
    )


def read(broker: Broker, caller: Caller = ADMIN) -> dict[str, Any]:
    """Read the token."""
    return read_token(broker.kit, caller, "acme", "c1", min_ttl=60, remaining=plenty)


def refreshes(broker: Broker) -> list[HttpRequest]:
    """Give the requests that came to the provider."""
    return broker.scripted.requests


def test_it_is_active_at_once(broker: Broker) -> None:
    """With the token that was brought, its first generation, and one event; the provider hears nothing."""
    assert imported(broker, labels=["a"], consented_at=time(broker, -86_400)) == "c1"
    told = read(broker)
    assert (told["access_token"], told["generation"], told["scope"]) == ("access-0", 1, "read")
    broker.work()
    assert [kinds for kinds, _ in broker.announcements.events] == ["connection connected"]
    shown = connection_json(broker.connection(), broker.kit.shelf.resource("acme"), now=broker.machine.now())
    assert (shown["status"], shown["labels"]) == ("active", ["a"])
    assert [(one["at"], one["outcome"]) for one in shown["attempts"]] == [
        ("2027-01-14T08:00:00Z", "connected")
    ]
    assert refreshes(broker) == []


def test_an_id_is_made_where_none_is_given(broker: Broker) -> None:
    """As asking does."""
    made = imported(broker, connection_id=None)
    assert broker.find(made) is not None
    assert len(made) == 20


@pytest.mark.parametrize("state", ["pending", "active"])
def test_an_id_in_use_is_a_conflict(broker: Broker, state: str) -> None:
    """What is there stays."""
    if state == "pending":
        broker.ask(return_url="https://app.example/back", user="u")
    else:
        imported(broker)
    before = broker.connection()
    with pytest.raises(IdInUseError):
        imported(broker, labels=["another"])
    assert broker.connection() == before


def test_client_credentials_need_no_import() -> None:
    """A conflict, for many at once too; nothing is kept."""
    broker = Broker()
    broker.register(**OWN)
    with pytest.raises(ConflictError):
        imported(broker)
    with pytest.raises(ConflictError):
        import_lines(broker.kit, ADMIN, "acme", [(1, b"{}")])
    assert broker.find() is None


def test_without_a_resource_there_is_nothing_to_import_into() -> None:
    """404."""
    with pytest.raises(NotFoundError):
        imported(Broker())


def test_who_imports_owns_it(broker: Broker) -> None:
    """A JWT caller's is hidden from other JWT callers."""
    imported(broker, caller=person("ada"))
    assert read(broker, person("ada"))["access_token"] == "access-0"
    with pytest.raises(NotFoundError):
        read(broker, person("bob"))


@pytest.mark.parametrize(
    "left, policy, bounds",
    [
        (3600, "eager", (3600 - 300 - 1200, 3600 - 300)),
        (200, "eager", (0, 600)),
        (-50, "eager", (0, 600)),
        (None, "eager", (0, 600)),
        (None, "lazy", (0, 600)),
        (None, "after_expiry", (0, 600)),
        (200, "after_expiry", (201, 261)),
        (200, "lazy", (302_400, 453_600)),
    ],
)
@pytest.mark.parametrize("draw", [0.0, 0.5, 0.99])
def test_when_it_is_first_refreshed(
    broker: Broker, left: int | None, policy: str, bounds: tuple[int, int], draw: float
) -> None:
    """By the policy; within ten minutes where what is left is short for a lifetime, or nobody says it."""
    broker.machine.chance = draw
    broker.register(resource_id="acme2", refresh_policy=policy)
    token_set = {**TOKENS, **({} if left is None else {"expires_at": time(broker, left)})}
    import_connection(broker.kit, ADMIN, "acme2", {"connection_id": "c1", "token_set": token_set})
    due = broker.connection("c1", "acme2").next_refresh
    assert due is not None
    assert bounds[0] <= due - broker.machine.now() <= bounds[1]


DAY = 86_400


@pytest.mark.parametrize(
    "brought, consented, left",
    [
        ({"refresh_token_expires_at": 8 * DAY}, -25 * DAY, 5 * DAY),
        ({"refresh_token_expires_at": 8 * DAY}, None, 8 * DAY),
        ({}, None, 10 * DAY),
    ],
)
def test_its_end_is_foreseen(
    broker: Broker, brought: dict[str, int], consented: int | None, left: int
) -> None:
    """By the consent's time, by what is told of the refresh token, by disuse: the first of them.

    Somebody hears of it in time, as of any other connection.
    """
    broker.register(resource_id="acme2", refresh_token={"lifetime": 30 * DAY, "idle_lifetime": 10 * DAY})
    token_set = {**TOKENS, "expires_at": time(broker, 3600)}
    token_set |= {name: time(broker, seconds) for name, seconds in brought.items()}
    body: dict[str, Any] = {"connection_id": "c1", "token_set": token_set}
    if consented is not None:
        body["consented_at"] = time(broker, consented)
    import_connection(broker.kit, ADMIN, "acme2", body)
    connection, held = broker.connection("c1", "acme2"), broker.kit.shelf.resource("acme2")
    assert dies_at(connection, held.resource) == broker.machine.now() + left
    broker.work("c1", "acme2")
    kinds = [kind for kind, _ in broker.announcements.events]
    warned = broker.connection("c1", "acme2")
    if left < 7 * DAY:
        assert kinds == ["connection connected", "connection expiring"]
    else:
        assert kinds == ["connection connected"]
        assert warned.warn_at == broker.machine.now() + left - min(7 * DAY, left // 4)


def test_what_lives_for_ever_without_a_refresh_token_is_left_alone(broker: Broker) -> None:
    """Nothing is due once its event was sent."""
    token_set = {"access_token": "a"}
    import_connection(broker.kit, ADMIN, "acme", {"connection_id": "c1", "token_set": token_set})
    broker.work()
    assert (broker.connection().next_refresh, broker.connection().refresh_at) == (None, None)


def test_the_schedule_refreshes_it(broker: Broker) -> None:
    """With the refresh token that was brought; from there on as any other."""
    imported(broker, left=None)
    broker.work()
    broker.machine.time += 601
    broker.scripted.will(granted("access-1", refresh_token="refresh-1"))
    broker.work()
    assert fields_of(refreshes(broker)[-1])["refresh_token"] == "refresh-0"
    assert (read(broker)["access_token"], broker.connection().generation) == ("access-1", 2)


def test_a_refresh_token_that_is_none_any_more_shows(broker: Broker) -> None:
    """The first refresh finds out."""
    imported(broker)
    broker.scripted.will(answered(400, error="invalid_grant"))
    told = refresh_now(broker.kit, ADMIN, "acme", "c1", remaining=plenty)
    assert told["status"] == "needs_reauthorization"


def line(connection_id: str, **members: Any) -> bytes:
    """Give a line."""
    return json.dumps({"connection_id": connection_id, "token_set": TOKENS, **members}).encode()


def test_of_many_each_has_its_result(broker: Broker) -> None:
    """In order; what is wrong with one costs that one alone."""
    lines = [line("a"), b"{", line("b", colour=1), line("a"), b"[]", line("no such id"), line("c")]
    results = import_lines(broker.kit, ADMIN, "acme", list(enumerate(lines, start=1)))
    expected: list[tuple[int, str | None, type[BrokerError] | None]] = [
        (1, "a", None),
        (2, None, MalformedError),
        (3, "b", InvalidError),
        (4, "a", IdInUseError),
        (5, None, MalformedError),
        (6, None, InvalidError),
        (7, "c", None),
    ]
    found = [(one.line, one.connection_id, one.error and type(one.error)) for one in results]
    assert found == expected
    assert {broker.connection(name).generation for name in ("a", "c")} == {1}
    assert broker.find("b") is None


def test_after_an_outage_no_line_is_tried(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table is not asked two hundred times over, each with its own deadline."""
    tried = []

    def create(connection: Any, *_: Any, **__: Any) -> None:
        tried.append(connection.connection_id)
        if connection.connection_id == "b":
            raise StoreUnavailableError("no")

    monkeypatch.setattr(broker.kit.store.connections, "create", create)
    results = import_lines(broker.kit, ADMIN, "acme", [(n, line(name)) for n, name in enumerate("abcd")])
    assert tried == ["a", "b"]
    assert [one.error and type(one.error) for one in results] == [None, *[StoreUnavailableError] * 3]


def test_many_are_at_most_two_hundred(broker: Broker) -> None:
    """One more is refused, and nothing is kept."""
    lines = [(number, line(f"c{number}")) for number in range(MOST_LINES + 1)]
    with pytest.raises(TooLargeError):
        import_lines(broker.kit, ADMIN, "acme", lines)
    assert broker.find("c0") is None
    assert not [one for one in import_lines(broker.kit, ADMIN, "acme", lines[1:]) if one.error]


def test_no_token_is_in_clear(broker: Broker) -> None:
    """Neither in the table nor in what is shown or announced; the search finds what is there."""
    imported(broker)
    broker.work()
    kept = repr(broker.dynamodb.items) + repr(broker.announcements.events)
    assert "acme" in kept
    assert "access-0" not in kept
    assert "refresh-0" not in kept
