"""Handing out a fresh access token, and refreshing now."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from oauth_broker.connection import Connection, Status
from oauth_broker.errors import (
    ConflictError,
    ConnectionNotReadyError,
    NeedsReauthorizationError,
    UnavailableError,
)
from oauth_broker.flows.freshen import Fresh, Stale, freshen
from oauth_broker.flows.show_connection import connection_json, find_connection, time_text
from oauth_broker.flows.token_sets import Tokens, opened
from oauth_broker.resource import RefreshPolicy
from oauth_broker.schedule import may_ask_from, needed_ttl

if TYPE_CHECKING:
    from collections.abc import Callable

    from oauth_broker.caller import Caller
    from oauth_broker.connection import SealedTokenSet
    from oauth_broker.flows.kit import Kit
    from oauth_broker.flows.shelf import HeldResource


LONGEST_PAUSE: Final = 1
"""Seconds that a reader is kept waiting until the provider may be asked."""


def read_token(  # noqa: PLR0913 - who asks, for what, with how much time
    kit: Kit,
    caller: Caller,
    resource_id: str,
    connection_id: str,
    *,
    min_ttl: int,
    remaining: Callable[[], float],
) -> dict[str, Any]:
    """Give the access token, refreshed first if less than `min_ttl` seconds of it are left.

    Where the resource's tokens are refreshed after their expiry, `min_ttl` does not count. Raises
    NotFoundError, ConnectionNotReadyError, NeedsReauthorizationError, and UnavailableError when there is no
    live token for now.
    """
    held, connection = find_connection(kit, caller, resource_id, connection_id)
    token_set = _handed_out(kit, held, connection)
    now = kit.machine.now()
    after_expiry = held.resource.refresh_policy is RefreshPolicy.AFTER_EXPIRY
    needed = 0 if after_expiry else needed_ttl(min_ttl, token_set.lifetime)
    if token_set.expires_at is None or _lasts(token_set.expires_at - now, needed):
        return _token_json(connection, token_set, _tokens(kit, connection, token_set))
    if after_expiry:
        _await_turn(kit, token_set)
    freshened = freshen(kit, held, connection, remaining=remaining)
    token_set = _handed_out(kit, held, freshened.connection)
    if not token_set.lives(kit.machine.now()):
        raise _no_live_token(freshened.retry_after if isinstance(freshened, Stale) else kit.schedule.period)
    at_hand = freshened.tokens if isinstance(freshened, Fresh) else None
    return _token_json(
        freshened.connection, token_set, at_hand or _tokens(kit, freshened.connection, token_set)
    )


def refresh_now(
    kit: Kit, caller: Caller, resource_id: str, connection_id: str, *, remaining: Callable[[], float]
) -> dict[str, Any]:
    """Refresh, and give the connection: also when it has come to need reauthorization.

    Raises NotFoundError, ConnectionNotReadyError, ConflictError where there is nothing to refresh with, and
    UnavailableError.
    """
    held, connection = find_connection(kit, caller, resource_id, connection_id)
    status = connection.shown_status(kit.machine.now(), held.destinations_ids)
    if connection.token_set is None or status not in {Status.ACTIVE, Status.NEEDS_REAUTHORIZATION}:
        message = "the connection was never connected"
        raise ConnectionNotReadyError(message)
    if status is Status.ACTIVE:
        if not connection.token_set.refreshable:
            message = "the provider gave no refresh token"
            raise ConflictError(message)
        freshened = freshen(kit, held, connection, remaining=remaining)
        if isinstance(freshened, Stale):
            message = "the provider gives no token for now"
            raise UnavailableError(message, retry_after=freshened.retry_after)
        connection = freshened.connection
    return connection_json(connection, held, now=kit.machine.now())


def _handed_out(kit: Kit, held: HeldResource, connection: Connection) -> SealedTokenSet:
    status = connection.shown_status(kit.machine.now(), held.destinations_ids)
    if status is Status.NEEDS_REAUTHORIZATION:
        message = "the grant is gone: reauthorize the connection"
        raise NeedsReauthorizationError(message)
    if status is not Status.ACTIVE or connection.token_set is None:
        message = f"the connection is {status}"
        raise ConnectionNotReadyError(message)
    return connection.token_set


def _await_turn(kit: Kit, token_set: SealedTokenSet) -> None:
    """Wait until the provider can have another token to give, if that is a moment."""
    wait = (may_ask_from(token_set, kit.schedule.period) or 0) - kit.machine.now()
    if wait > LONGEST_PAUSE:
        raise _no_live_token(math.ceil(wait))
    if wait > 0:
        kit.machine.sleep(wait)


def _no_live_token(retry_after: int) -> UnavailableError:
    message = "there is no live access token, and the provider gives none for now"
    return UnavailableError(message, retry_after=retry_after)


def _lasts(seconds_left: float, needed: int) -> bool:
    return seconds_left > 0 and seconds_left >= needed


def _tokens(kit: Kit, connection: Connection, token_set: SealedTokenSet) -> Tokens:
    ids = {"resource_id": connection.resource_id, "connection_id": connection.connection_id}
    return opened(kit.sealing, token_set, **ids, now=kit.machine.now())


def _token_json(connection: Connection, token_set: SealedTokenSet, tokens: Tokens) -> dict[str, Any]:
    return {
        "access_token": tokens.access_token.reveal(),
        "token_type": tokens.token_type,
        "expires_at": time_text(token_set.expires_at),
        "scope": " ".join(token_set.scopes),
        "generation": connection.generation,
        "metadata": dict(token_set.metadata),
    }
