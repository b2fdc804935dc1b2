"""Handing out a fresh access token, and refreshing now."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from oauth_broker.connection import Status
from oauth_broker.errors import (
    ConflictError,
    ConnectionNotReadyError,
    NeedsReauthorizationError,
    NotFoundError,
    UnavailableError,
)
from oauth_broker.flows.freshen import Fresh, Stale, freshen
from oauth_broker.flows.show_connection import connection_json, find_connection, time_text
from oauth_broker.flows.token_sets import opened
from oauth_broker.resource import RefreshPolicy
from oauth_broker.schedule import may_ask_from, needed_ttl

if TYPE_CHECKING:
    from collections.abc import Callable

    from oauth_broker.caller import Caller
    from oauth_broker.connection import Connection, SealedTokenSet
    from oauth_broker.flows.kit import Kit
    from oauth_broker.flows.shelf import HeldResource
    from oauth_broker.flows.token_sets import Tokens
    from oauth_broker.protocol.token_set import NamedTokenSet


LONGEST_PAUSE: Final = 1
"""Seconds that a reader is kept waiting until the provider may be asked."""


@dataclass(frozen=True, slots=True)
class _Offer:
    """A token that may be handed out: the access token, or the further token `named`.

    `tokens`: where they are open, as a further token's always are: only there is its expiry.
    """

    connection: Connection
    token_set: SealedTokenSet
    tokens: Tokens | None = None
    named: NamedTokenSet | None = None

    @property
    def expires_at(self) -> int | None:
        return self.token_set.expires_at if self.named is None else self.named.expires_at

    @property
    def lifetime(self) -> int | None:
        if self.named is None:
            return self.token_set.lifetime
        return None if self.named.expires_at is None else self.named.expires_at - self.named.issued_at

    @property
    def renewable(self) -> bool:
        """Say whether a refresh can bring another: not of one that the last refresh did not bring."""
        return self.named is None or (self.token_set.refreshable and not self.named.kept)

    def lasts(self, now: float, needed: int) -> bool:
        """Say whether it lives, for so many seconds yet."""
        return self.expires_at is None or (self.expires_at > now and self.expires_at - now >= needed)


def read_token(  # noqa: PLR0913 - who asks, for what, with how much time
    kit: Kit,
    caller: Caller,
    resource_id: str,
    connection_id: str,
    *,
    min_ttl: int,
    name: str | None = None,
    remaining: Callable[[], float],
) -> dict[str, Any]:
    """Give the access token, refreshed first if less than `min_ttl` seconds of it are left.

    `name`: the further token of that name instead (`token_response.tokens`). Where the resource's tokens are
    refreshed after their expiry, `min_ttl` does not count. Raises NotFoundError, also where the connection
    has no token of that name, ConnectionNotReadyError, NeedsReauthorizationError, and UnavailableError when
    there is no live token for now.
    """
    held, connection = find_connection(kit, caller, resource_id, connection_id)
    offer = _offer(kit, held, connection, name)
    now = kit.machine.now()
    after_expiry = held.resource.refresh_policy is RefreshPolicy.AFTER_EXPIRY
    needed = 0 if after_expiry or not offer.renewable else needed_ttl(min_ttl, offer.lifetime)
    if offer.lasts(now, needed):
        return _token_json(kit, offer)
    if not offer.renewable:
        raise _not_renewed(name)
    if after_expiry:
        _await_turn(kit, offer.token_set)
    freshened = freshen(kit, held, connection, remaining=remaining)
    at_hand = freshened.tokens if isinstance(freshened, Fresh) else None
    offer = _offer(kit, held, freshened.connection, name, at_hand)
    if not offer.lasts(kit.machine.now(), 0):
        if not offer.renewable:
            raise _not_renewed(name)
        raise _no_live_token(freshened.retry_after if isinstance(freshened, Stale) else kit.schedule.period)
    return _token_json(kit, offer)


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


def _offer(
    kit: Kit, held: HeldResource, connection: Connection, name: str | None, tokens: Tokens | None = None
) -> _Offer:
    """Give the token of a connection that is asked for; `tokens` where they are open."""
    token_set = _handed_out(kit, held, connection)
    if name is None:
        return _Offer(connection, token_set, tokens)
    tokens = tokens or _tokens(kit, connection, token_set)
    if name not in tokens.named:
        message = "the connection has no token of that name"
        raise NotFoundError(message)
    return _Offer(connection, token_set, tokens, tokens.named[name])


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


def _not_renewed(name: str | None) -> NeedsReauthorizationError:
    return NeedsReauthorizationError(f"the token {name} has expired, and no refresh brings another")


def _tokens(kit: Kit, connection: Connection, token_set: SealedTokenSet) -> Tokens:
    ids = {"resource_id": connection.resource_id, "connection_id": connection.connection_id}
    return opened(kit.sealing, token_set, **ids, now=kit.machine.now())


def _token_json(kit: Kit, offer: _Offer) -> dict[str, Any]:
    tokens = offer.tokens or _tokens(kit, offer.connection, offer.token_set)
    token = tokens if offer.named is None else offer.named
    scopes = offer.token_set.scopes if offer.named is None else offer.named.scopes or ()
    return {
        "access_token": token.access_token.reveal(),
        "token_type": token.token_type,
        "expires_at": time_text(offer.expires_at),
        "scope": " ".join(scopes),
        "generation": offer.connection.generation,
        "metadata": dict(offer.token_set.metadata),
    }
