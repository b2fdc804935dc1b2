"""A connection deleted and made anew under its id, by another owner, while somebody is at the old one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from oauth_broker.commits import Gone
from oauth_broker.connection import Connection, Lease
from oauth_broker.doors.store import NotTaken
from oauth_broker.errors import NotFoundError
from oauth_broker.flows.commit import settled
from oauth_broker.flows.disconnect import disconnect
from oauth_broker.flows.read_token import read_token
from oauth_broker.flows.refresh import new_lease
from oauth_broker.protocol.http import HttpResponse
from tests.doubles.broker import Broker, person, plenty
from tests.doubles.provider import answered, fields_of, granted
from tests.doubles.samples import NOW, refresh_commit, token_set

ADA, BOB = person("ada"), person("bob")


@pytest.fixture
def broker() -> Broker:
    """A broker with a connection of Ada's whose token is near its end."""
    made = Broker()
    made.register()
    made.scripted.will(granted())
    made.consent(made.ask(caller=ADA))
    made.work()
    made.machine.time += 3000
    return made


def made_anew(broker: Broker) -> Connection:
    """Delete Ada's connection, and let Bob make his under its id; his token is near its end as well."""
    disconnect(broker.kit, broker.connection())
    broker.machine.time += 0.01
    broker.scripted.will(granted("bobs", refresh_token="bobs-refresh", expires_in=120))
    broker.consent(broker.ask(caller=BOB))
    return broker.connection()


def ada_reads(broker: Broker) -> dict[str, Any]:
    """Read as Ada."""
    return read_token(broker.kit, ADA, "acme", "c1", min_ttl=3600, remaining=plenty)


def while_waiting(broker: Broker) -> None:
    """It happens while another process refreshes."""
    broker.kit.store.leases.take_as_seen(broker.connection(), new_lease(broker.kit))

    def act() -> None:
        if len(broker.machine.slept) == 2:
            made_anew(broker)

    broker.machine.on_sleep = act


def before_the_lease(broker: Broker) -> None:
    """It happens between the look and the lease."""
    take = broker.kit.store.leases.take_as_seen

    def late(seen: Connection, lease: Lease) -> Connection | NotTaken:
        made_anew(broker)
        return take(seen, lease)

    broker.kit.store.leases.take_as_seen = late  # type: ignore[method-assign]


def during_the_call(answer: HttpResponse) -> Callable[[Broker], None]:
    """It happens while the provider is asked, which answers so."""

    def arrange(broker: Broker) -> None:
        def acting() -> HttpResponse:
            made_anew(broker)
            return answer

        broker.scripted.will(acting)

    return arrange


WHEN = {
    "while waiting": while_waiting,
    "before the lease": before_the_lease,
    "during a call that grants": during_the_call(granted("access-2", refresh_token="refresh-2")),
    "during a call that ends the grant": during_the_call(answered(400, error="invalid_grant")),
}


@pytest.mark.parametrize("when", WHEN)
def test_nobody_gets_or_spends_anothers_token(broker: Broker, when: str) -> None:
    """To Ada it is not there, and Bob's connection is as he made it."""
    WHEN[when](broker)
    with pytest.raises(NotFoundError):
        ada_reads(broker)
    sent = [fields_of(request).get("refresh_token") for request in broker.scripted.requests]
    assert "bobs-refresh" not in sent
    bobs = broker.connection()
    assert (bobs.owner, bobs.generation, bobs.lease) == (BOB.owner, 1, None)
    told = read_token(broker.kit, BOB, "acme", "c1", min_ttl=0, remaining=plenty)
    assert told["access_token"] == "bobs"


def test_what_was_granted_for_the_old_one_is_revoked(broker: Broker) -> None:
    """Both what it held and what came for it; nothing of the new one."""
    WHEN["during a call that grants"](broker)
    with pytest.raises(NotFoundError):
        ada_reads(broker)
    broker.scripted.will(*[answered(200)] * 4)
    broker.work()
    sent = [fields_of(request) for request in broker.scripted.requests]
    revoked = sorted(fields["token"] for fields in sent if "token" in fields)
    assert revoked == ["access-1", "access-2", "refresh-1", "refresh-2"]


@pytest.mark.parametrize("spent", [b"set-1", None])
def test_a_refresh_of_an_earlier_connection_is_gone(broker: Broker, spent: bytes | None) -> None:
    """By its time of making; its set is left to be revoked, and the one that is there stays."""
    earlier = broker.connection()
    bobs = made_anew(broker)
    assert bobs.token_set is not None
    commit = refresh_commit(
        created_at=earlier.created_at,
        spent=spent or b"none",
        token_set=token_set(token_set_id=b"late"),
    )
    assert settled(broker.kit.store, commit, now=NOW) == Gone()
    assert broker.connection() == bobs
    assert [key[1] for key in broker.dynamodb.items if key[0] == "D#acme" and b"late".hex() in key[1]]
