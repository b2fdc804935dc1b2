"""A refreshed token set, sealed and committed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, assert_never

from oauth_broker.attempts import REFRESHED, ended, ring_with
from oauth_broker.commits import Committed, Gone, RefreshCommit, Superseded
from oauth_broker.errors import BrokerError
from oauth_broker.flows.commit import commit_surely
from oauth_broker.flows.refresh_outcome import Failed, Moved, Outcome, Refreshed, Vanished
from oauth_broker.flows.token_sets import Tokens, sealed_token_set
from oauth_broker.flows.warning import warn_at_of
from oauth_broker.forecast import refresh_expiry
from oauth_broker.protocol.variables import checked_values
from oauth_broker.schedule import next_refresh

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauth_broker.connection import Connection, Lease, SealedTokenSet
    from oauth_broker.flows.kit import Kit
    from oauth_broker.flows.shelf import HeldResource
    from oauth_broker.protocol.token import TokenSet
    from oauth_broker.resource import Resource
    from oauth_broker.sealed import VaultKey

TOKEN_SET_ID_BYTES: Final = 12


@dataclass(frozen=True, slots=True)
class Spent:
    """The token set that was spent, opened, and the open key under which its successor is sealed."""

    token_set: SealedTokenSet
    tokens: Tokens
    key: VaultKey


def commit_refreshed(  # noqa: PLR0913 - what was spent by whom, and what came of it
    kit: Kit,
    held: HeldResource,
    connection: Connection,
    lease: Lease,
    *,
    spent: Spent,
    granted: TokenSet,
) -> Outcome:
    """Seal what the provider gave and commit it in place of what was spent, wherever the table may be."""
    answered_at = kit.machine.now()
    now = int(answered_at)
    declared = held.resource.token_response.tokens
    further = {name: one for name, one in spent.tokens.named.items() if name in declared}
    kept = granted.keeping(spent.tokens.refresh_token, further)
    refresh_issued_at, refresh_expires_at = refresh_expiry(
        spent.token_set,
        granted.refresh_expires_at,
        same_token=kept.refresh_token == spent.tokens.refresh_token,
        now=now,
    )
    told = replace(
        kept,
        metadata=_metadata(held, connection, spent.token_set, kept),
        refresh_expires_at=refresh_expires_at,
    )
    token_set = sealed_token_set(
        kit.sealing,
        spent.key,
        told,
        resource=held.resource,
        connection_id=connection.connection_id,
        destinations_id=held.row.destinations_id,
        token_set_id=kit.machine.random(TOKEN_SET_ID_BYTES),
        asked_scopes=spent.token_set.scopes,
        issued_at=now,
        refresh_issued_at=refresh_issued_at,
    )
    renewed = kept.access_token != spent.tokens.access_token
    refreshed = replace(
        _refreshed(connection, token_set),
        next_refresh=next_refresh_of(kit, held.resource, token_set, renewed=renewed),
        attempts=ring_with(connection, ended(REFRESHED, lease, now=answered_at)),
    )
    refreshed = replace(refreshed, warn_at=warn_at_of(kit, held, refreshed))
    commit = RefreshCommit(
        resource_id=connection.resource_id,
        connection_id=connection.connection_id,
        created_at=connection.created_at,
        spent=spent.token_set.token_set_id,
        token_set=token_set,
        next_refresh=refreshed.next_refresh,
        refresh_at=refreshed.due_at(now),
        warn_at=refreshed.warn_at,
        shard=kit.shard(connection.resource_id, connection.connection_id),
        variables=connection.variables,
        attempts=refreshed.attempts,
    )
    outcome = commit_surely(kit, commit)
    match outcome:
        case Committed():
            tokens = Tokens(kept.access_token, kept.refresh_token, kept.token_type, kept.named)
            return Refreshed(refreshed, tokens)
        case Superseded(there=there):
            return Moved(there)
        case Gone():
            return Vanished()
        case None:
            return Failed(retry_after=kit.numbers.lease)
        case _:
            assert_never(outcome)


def _metadata(
    held: HeldResource, connection: Connection, spent: SealedTokenSet, kept: TokenSet
) -> Mapping[str, str | int | float | bool]:
    """Give what is known of the connection now; what does not fit its places leaves what was known."""
    told = {**spent.metadata, **kept.metadata}
    try:
        checked_values(held.resource, told, known=connection.variables)
    except BrokerError:
        return spent.metadata
    return told


def next_refresh_of(
    kit: Kit, resource: Resource, token_set: SealedTokenSet, *, renewed: bool = True
) -> int | None:
    """Give when a token set is to be refreshed, by `schedule.next_refresh`; None for one that is not."""
    return next_refresh(
        token_set, resource, period=kit.schedule.period, draw=kit.machine.draw(), renewed=renewed
    )


def _refreshed(connection: Connection, token_set: SealedTokenSet) -> Connection:
    return replace(
        connection,
        token_set=token_set,
        generation=connection.generation + 1,
        lease=None,
        unknown_since=None,
        failures=0,
        last_error=None,
    )
