"""Confirming: the application says who came back, and the proposed token set becomes the connection's."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

from oauth_broker.commits import Committed, ConsentCommit
from oauth_broker.errors import FieldProblem, InvalidError, NothingToConfirmError, UnavailableError
from oauth_broker.flows.commit import settled
from oauth_broker.flows.commit_refreshed import next_refresh_of
from oauth_broker.flows.show_connection import connection_json, find_connection
from oauth_broker.protocol.state import hash_of
from oauth_broker.registration.checks import child

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauth_broker.caller import Caller
    from oauth_broker.connection import Connection, Proposal
    from oauth_broker.flows.kit import Kit
    from oauth_broker.resource import Resource

MEMBERS = ("confirmation_code", "user")
LONGEST = 128


def confirm(
    kit: Kit, caller: Caller, resource_id: str, connection_id: str, body: Mapping[str, Any]
) -> dict[str, Any]:
    """Make the proposed token set the connection's own, and give the connection.

    Raises InvalidError, NotFoundError, and NothingToConfirmError for a code wrong, used or expired, another
    user, or nothing to confirm. Another user, and lateness, end the attempt.
    """
    code, user = _parsed(body)
    held, connection = find_connection(kit, caller, resource_id, connection_id)
    proposal = connection.proposal
    if proposal is None:
        raise _nothing()
    now = kit.machine.now()
    if not hmac.compare_digest(proposal.code_hash, hash_of(code)):
        raise _nothing()  # an earlier tab's, perhaps: it must not end the attempt of the newest consent
    another = proposal.user_hash is not None and not hmac.compare_digest(proposal.user_hash, hash_of(user))
    if another or proposal.until <= now:
        kit.store.connections.end_proposal(connection, proposal)
        raise _nothing()
    confirmed = _confirmed(kit, held.resource, connection, proposal, int(now))
    return connection_json(confirmed, held, now=now)


def _confirmed(
    kit: Kit, resource: Resource, connection: Connection, proposal: Proposal, now: int
) -> Connection:
    commit = ConsentCommit(
        resource_id=connection.resource_id,
        connection_id=connection.connection_id,
        created_at=connection.created_at,
        token_set=proposal.token_set,
        variables=proposal.variables,
        consented_at=proposal.consented_at,
        next_refresh=next_refresh_of(kit, resource, proposal.token_set),
        due=now,
        shard=kit.shard(connection.resource_id, connection.connection_id),
        confirmed=proposal.code_hash,
    )
    outcome = settled(kit.store, commit, now=now)
    if not isinstance(outcome, Committed):
        raise _nothing()
    there = kit.store.connections.get(connection.resource_id, connection.connection_id)
    if there is None:
        message = "the connection was changed meanwhile"
        raise UnavailableError(message, retry_after=1)
    return there


def _parsed(body: Mapping[str, Any]) -> tuple[str, str]:
    problems = [FieldProblem(child("", name), "unknown member") for name in body if name not in MEMBERS]
    for name in MEMBERS:
        value = body.get(name)
        if not isinstance(value, str) or not value:
            problems.append(FieldProblem(f"/{name}", "is required, a string"))
        elif len(value) > LONGEST:
            problems.append(FieldProblem(f"/{name}", f"is longer than {LONGEST} characters"))
    if problems:
        raise InvalidError(*problems)
    return body["confirmation_code"], body["user"]


def _nothing() -> NothingToConfirmError:
    return NothingToConfirmError("there is nothing to confirm with this code by this user")
