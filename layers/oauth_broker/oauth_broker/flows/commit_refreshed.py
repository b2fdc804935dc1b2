"""A refreshed token set, sealed and committed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, assert_never

from oauth_broker.commits import Committed, Gone, RefreshCommit, Superseded
from oauth_broker.errors import BrokerError
from oauth_broker.flows.commit import commit_surely
from oauth_broker.flows.refresh_outcome import Failed, Moved, Outcome, Refreshed, Vanished
from oauth_broker.flows.token_sets import Tokens, sealed_token_set
from oauth_broker.protocol.variables import checked_values
from oauth_broker.schedule import refresh_time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauth_broker.connection import Connection, SealedTokenSet
    from oauth_broker.flows.kit import Kit
    from oauth_broker.flows.shelf import HeldResource
    from oauth_broker.protocol.token import TokenSet
    from oauth_broker.sealed import VaultKey

TOKEN_SET_ID_BYTES: Final = 12


@dataclass(frozen=True, slots=True)
class Spent:
    """The token set that was spent, opened, and the open key under which its successor is sealed."""

    token_set: SealedTokenSet
    tokens: Tokens
    key: VaultKey


def commit_refreshed(
    kit: Kit, held: HeldResource, connection: Connection, spent: Spent, granted: TokenSet
) -> Outcome:
    """Seal what the provider gave and commit it in place of what was spent, wherever the table may be."""
    now = int(kit.machine.now())
    kept = granted.keeping(spent.tokens.refresh_token)
    token_set = sealed_token_set(
        kit.sealing,
        spent.key,
        replace(kept, metadata=_metadata(held, connection, spent.token_set, kept)),
        resource=held.resource,
        connection_id=connection.connection_id,
        destinations_id=held.row.destinations_id,
        token_set_id=kit.machine.random(TOKEN_SET_ID_BYTES),
        asked_scopes=spent.token_set.scopes,
        issued_at=now,
    )
    refreshed = _refreshed(connection, token_set, next_refresh_of(kit, token_set))
    commit = RefreshCommit(
        resource_id=connection.resource_id,
        connection_id=connection.connection_id,
        created_at=connection.created_at,
        spent=spent.token_set.token_set_id,
        token_set=token_set,
        next_refresh=refreshed.next_refresh,
        refresh_at=refreshed.due_at(now),
        shard=kit.shard(connection.resource_id, connection.connection_id),
        variables=connection.variables,
    )
    outcome = commit_surely(kit, commit)
    match outcome:
        case Committed():
            tokens = Tokens(kept.access_token, kept.refresh_token, kept.token_type)
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


def next_refresh_of(kit: Kit, token_set: SealedTokenSet) -> int | None:
    """Give when a token set is to be refreshed; None for one that is not."""
    if not token_set.refreshable:
        return None
    return refresh_time(
        issued_at=token_set.issued_at,
        expires_at=token_set.expires_at,
        period=kit.schedule.period,
        draw=kit.machine.draw(),
    )


def _refreshed(connection: Connection, token_set: SealedTokenSet, next_refresh: int | None) -> Connection:
    return replace(
        connection,
        token_set=token_set,
        generation=connection.generation + 1,
        next_refresh=next_refresh,
        lease=None,
        unknown_since=None,
        failures=0,
        last_error=None,
    )
