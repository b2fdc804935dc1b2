"""Proposed token sets: forgotten on time whatever else goes on, and confirmed only while they stand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from oauth_broker.commits import Commit, CommitOutcome
from oauth_broker.connection import Connection, LastError, Proposal, Status
from oauth_broker.errors import NothingToConfirmError
from oauth_broker.flows.confirm import confirm
from oauth_broker.flows.freshen import Fresh, freshen
from oauth_broker.flows.read_token import read_token
from oauth_broker.protocol.http import HttpResponse
from tests.doubles.broker import ADMIN, APP, Broker, plenty, told
from tests.doubles.provider import granted
from tests.doubles.samples import NOW, proposal, proposal_commit

ADA: Final[dict[str, Any]] = {"return_url": APP, "user": "ada"}
SIXTY_DAYS: Final = 60 * 86_400


def confirming(*, expires_in: int = 3600) -> Broker:
    """Give a broker with an active connection, which was confirmed."""
    broker = Broker()
    broker.register(require_confirmation=True)
    code = proposed(broker, broker.ask(**ADA), expires_in=expires_in)
    confirmed(broker, code)
    broker.work()
    broker.machine.time += 1
    return broker


def proposed(broker: Broker, ticket: str, **answer: Any) -> str:
    """Consent; gives the confirmation code that the application is told."""
    broker.scripted.will(granted(**answer))
    return told(broker.consent(ticket))["confirmation_code"]


def confirmed(broker: Broker, code: str) -> dict[str, Any]:
    """Confirm as Ada."""
    return confirm(broker.kit, ADMIN, "acme", "c1", {"confirmation_code": code, "user": "ada"})


def token(broker: Broker) -> str:
    """Read the access token."""
    read = read_token(broker.kit, ADMIN, "acme", "c1", min_ttl=0, remaining=plenty)
    return str(read["access_token"])


@pytest.mark.parametrize("lifetime", [200, 3600, SIXTY_DAYS])
def test_one_that_comes_during_a_refresh_is_forgotten_on_time(lifetime: int) -> None:
    """The refresh commits the times it knew of; the proposal's end is among them all the same."""
    broker = confirming(expires_in=lifetime)
    until = int(broker.machine.now()) + 600

    def answer() -> HttpResponse:
        newer = proposal(consented_at=(NOW + 5) * 1000, until=until)
        broker.kit.store.connections.commit(
            proposal_commit(proposal=newer, shard=broker.kit.shard("acme", "c1"))
        )
        return granted("access-2", expires_in=lifetime)

    broker.scripted.will(answer)
    held = broker.kit.shelf.resource("acme")
    assert isinstance(freshen(broker.kit, held, broker.connection(), remaining=plenty), Fresh)
    assert broker.connection().generation == 2
    assert broker.connection().refresh_at == until
    broker.machine.time = until
    broker.work()
    after = broker.connection()
    assert (after.proposal, after.ended_consent) == (None, (NOW + 5) * 1000)
    assert after.refresh_at == after.next_refresh
    assert after.next_refresh is not None
    assert (after.next_refresh > until + 86_400) is (lifetime != 3600)  # short and long ones are kept alive


@pytest.mark.parametrize("lifetime", [200, SIXTY_DAYS])
def test_one_on_a_connection_that_is_not_due_for_long(lifetime: int) -> None:
    """It is forgotten when it is too late to confirm it, and the next refresh is as it was."""
    broker = confirming(expires_in=lifetime)
    before = broker.connection()
    proposed(broker, broker.ask_again(**ADA), access_token="another")
    assert broker.connection().refresh_at == NOW + 601
    broker.machine.time += 599
    broker.work()
    assert broker.connection().proposal is not None
    broker.machine.time += 1
    broker.work()
    after = broker.connection()
    assert (after.proposal, after.lease, after.token_set) == (None, None, before.token_set)
    assert after.next_refresh == before.next_refresh == after.refresh_at
    if after.refresh_at is not None:
        broker.machine.time = after.refresh_at
        broker.scripted.will(granted("access-2", expires_in=lifetime))
        broker.work()
        assert broker.connection().generation == 2


End = Callable[[Broker, Connection, Proposal], Any]


def another_user(broker: Broker, connection: Connection, of: Proposal) -> None:
    """Another user ends it."""
    broker.kit.store.connections.end_proposal(connection, of)


def too_late(broker: Broker, connection: Connection, of: Proposal) -> None:
    """The worker forgets it."""
    broker.machine.time = of.until
    broker.work()
    assert connection.proposal == of


@pytest.mark.parametrize("end", [another_user, too_late])
@pytest.mark.parametrize("status", [None, Status.ACTIVE, Status.NEEDS_REAUTHORIZATION])
def test_an_attempt_that_was_ended_meanwhile_is_not_confirmed(end: End, status: Status | None) -> None:
    """Between the look and the commit: 409, never a success; a reauthorized connection keeps its status."""
    broker = Broker()
    if status is None:
        broker.register(require_confirmation=True)
        code = proposed(broker, broker.ask(**ADA))
    else:
        broker = confirming()
        if status is Status.NEEDS_REAUTHORIZATION:
            held = broker.connection().token_set
            assert held is not None
            error, now = LastError(NOW, "grant_gone"), int(broker.machine.now())
            broker.kit.store.leases.end_grant(
                broker.connection(),
                spent=held.token_set_id,
                error=error,
                now=now,
                shard=broker.kit.shard("acme", "c1"),
            )
            broker.work()
        code = proposed(broker, broker.ask_again(**ADA), access_token="another")
    before = broker.connection()
    assert before.proposal is not None
    of = before.proposal
    commit = broker.kit.store.connections.commit

    def late(made: Commit, **options: Any) -> CommitOutcome:
        end(broker, before, of)
        return commit(made, **options)

    broker.kit.store.connections.commit = late  # type: ignore[method-assign, assignment]
    with pytest.raises(NothingToConfirmError):
        confirmed(broker, code)
    after = broker.connection()
    assert (after.status, after.token_set, after.generation) == (
        before.status,
        before.token_set,
        before.generation,
    )
    assert after.proposal is None
    broker.kit.store.connections.commit = commit  # type: ignore[method-assign]
    broker.machine.time += 1
    assert confirmed(broker, proposed(broker, broker.ask_again(**ADA), access_token="last"))["status"] == (
        "active"
    )
    assert token(broker) == "last"
