"""Resources on their way out, forgotten, or unreadable: nobody else notices."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from oauth_broker import log
from oauth_broker.commits import Commit
from oauth_broker.doors.queues import Nudge
from oauth_broker.errors import NotFoundError, ResourceInUseError
from oauth_broker.flows.commit import settled
from oauth_broker.flows.delete_resource import delete_resource
from oauth_broker.flows.kit import Kit
from oauth_broker.flows.read_token import read_token
from tests.doubles.broker import ADMIN, Broker, plenty
from tests.doubles.provider import answered, granted
from tests.doubles.samples import NOW, proposal_commit, refresh_commit


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is logged is not shown."""
    monkeypatch.setattr(log, "line", lambda *_, **__: None)


@pytest.fixture
def broker() -> Broker:
    """A broker with an active connection."""
    made = Broker()
    made.connect()
    return made


def forgotten(broker: Broker) -> None:
    """Delete Acme and its connection, to the end."""
    delete_resource(broker.kit, "acme", revoke=True, if_match=None)
    broker.scripted.will(answered(200), answered(200))
    for _ in range(3):
        broker.work_all()
        broker.machine.time += 60
    assert not [key for key in broker.dynamodb.items if key[0] in {"R", "D#acme"}]


@pytest.mark.parametrize("late", [refresh_commit, proposal_commit])
def test_what_arrives_late_does_not_stay(broker: Broker, late: Callable[..., Commit]) -> None:
    """The rescue brings a set for a connection whose resource is forgotten: nothing can be done about it."""
    forgotten(broker)
    shard = broker.kit.shard("acme", "c1")
    settled(broker.kit.store, late(shard=shard), now=int(broker.machine.now()))
    assert broker.kit.store.resources.has_left_to_revoke("acme")
    broker.work()
    assert not broker.kit.store.resources.has_left_to_revoke("acme")
    broker.machine.time += 1
    broker.connect()
    forgotten(broker)


def test_what_nobody_can_revoke_any_more_is_reported(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its tokens may live on at the provider, and there is no resource left to say so of."""
    forgotten(broker)
    lines: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(log, "line", lambda event, **fields: lines.append((event, fields)))
    settled(broker.kit.store, refresh_commit(shard=broker.kit.shard("acme", "c1")), now=NOW)
    broker.work()
    ids = {"resource_id": "acme", "connection_id": "c1"}
    told = {"failed": True, "outcome": "failed", "category": "resource_gone"}
    assert lines == [("revocation", {**ids, **told})]


def test_what_cannot_be_taken_off_now_concerns_itself_alone(broker: Broker) -> None:
    """The table fails just then: the shard's work goes on, and at the next look it is taken off."""
    forgotten(broker)
    settled(broker.kit.store, refresh_commit(shard=broker.kit.shard("acme", "c1")), now=NOW)
    broker.dynamodb.fail_next("delete_item")
    assert broker.work()["in_vain"] == 1
    assert broker.kit.store.resources.has_left_to_revoke("acme")
    broker.work()
    assert not broker.kit.store.resources.has_left_to_revoke("acme")


def test_its_id_can_be_used_again_at_once(broker: Broker) -> None:
    """What arrived late for the first of that id is not sent to the second one's provider."""
    forgotten(broker)
    settled(broker.kit.store, refresh_commit(shard=broker.kit.shard("acme", "c1")), now=NOW)
    before = len(broker.scripted.requests)
    broker.register()
    broker.work()
    assert len(broker.scripted.requests) == before
    assert not broker.kit.store.resources.has_left_to_revoke("acme")


def read_in(kit: Kit) -> str:
    """Read the token in one process."""
    return str(read_token(kit, ADMIN, "acme", "c1", min_ttl=0, remaining=plenty)["access_token"])


def test_a_deletion_that_ends_in_a_conflict_hides_nothing(broker: Broker) -> None:
    """Other processes read tokens while connections are counted, and afterwards."""
    others = [broker.process() for _ in range(3)]
    read_in(others[0])
    counted = broker.kit.store.resources.has_connections

    def counting(resource_id: str) -> bool:
        assert [read_in(other) for other in others[:2]] == ["access-1"] * 2
        return counted(resource_id)

    broker.kit.store.resources.has_connections = counting  # type: ignore[method-assign]
    with pytest.raises(ResourceInUseError):
        delete_resource(broker.kit, "acme", revoke=False, if_match=None)
    assert [read_in(other) for other in others] == ["access-1"] * 3


@pytest.mark.parametrize("revoke", [True, False])
def test_what_is_being_deleted_is_not_held(broker: Broker, revoke: bool) -> None:
    """Who met it on its way out asks again; with its connections on their way out, too, it is not there."""
    other = broker.process()
    row = broker.kit.store.resources.load(resource_id="acme").resource
    assert row is not None
    how = "revoke" if revoke else "if_empty"
    broker.kit.store.resources.mark_deleting(row, how=how, shard="00", due=NOW + 60)
    if revoke:
        with pytest.raises(NotFoundError):
            read_in(other)
    else:
        assert read_in(other) == "access-1"
    other.shelf.bring(["acme"])
    assert other.shelf.held("acme") is None


def in_the_same_shard(broker: Broker, resource_id: str) -> str:
    """Give the id of a connection that stands in the shard of Acme's."""
    shard = broker.kit.shard("acme", "c1")
    return next(
        one for one in (f"g{number}" for number in count()) if broker.kit.shard(resource_id, one) == shard
    )


@pytest.mark.parametrize("document", ["{", "[]", "{}", '{"name": 1}', '"text"', 7, None])
def test_one_unreadable_row_does_not_stop_the_shard(broker: Broker, document: str | int | None) -> None:
    """The others of the shard are refreshed; its own connections are left as they are."""
    broker.register(resource_id="globex", name="Globex")
    neighbour = in_the_same_shard(broker, "globex")
    broker.scripted.will(granted())
    broker.consent(broker.ask(neighbour, resource_id="globex"), None, "globex")
    broker.work()
    before = broker.connection()
    row = broker.dynamodb.items["R", "acme"]
    if document is None:
        del row["doc"]
    else:
        row["doc"] = {"S": document} if isinstance(document, str) else {"N": str(document)}
    broker.machine.time += 3300
    broker.kit = broker.process()
    broker.scripted.will(granted("access-2"))
    counts = broker.worker().work(Nudge(broker.kit.shard("acme", "c1"), 1), remaining=plenty)
    assert (counts["refreshed"], counts["passed_over"]) == (1, 1)
    assert broker.connection(neighbour, "globex").generation == 2
    assert broker.connection() == before
