"""Whether a connection's refresh token may be spent now: the one question before every lease.

A lease that ran out unreleased is an attempt of unknown outcome: the provider may have answered it, and a
provider that detects reuse revokes the whole family when an old refresh token is seen again (RFC 9700
section 4.14.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from oauth_broker.connection import Connection, Lease, Status
from oauth_broker.resource import GrantType

if TYPE_CHECKING:
    from oauth_broker.resource import Resource

RESCUE_TURN: Final = 60
"""Seconds that an attempt of unknown outcome leaves to the rescue queue."""


@dataclass(frozen=True, slots=True)
class Take:
    """Take the lease and spend the token. `over` is the lapsed lease that is taken over."""

    over: Lease | None = None


@dataclass(frozen=True, slots=True)
class AwaitHolder:
    """Somebody is refreshing."""


@dataclass(frozen=True, slots=True)
class MarkUnknown:
    """A lease ran out unreleased: write that down first, and leave the next minute to the rescue."""

    lapsed: Lease


@dataclass(frozen=True, slots=True)
class NotBefore:
    """Not yet: back off, or the outcome is unknown; `time` in epoch seconds."""

    time: int


@dataclass(frozen=True, slots=True)
class CannotRefresh:
    """There is nothing to refresh with, or nothing to refresh."""


Attempt = Take | AwaitHolder | MarkUnknown | NotBefore | CannotRefresh


def may_be_repeated(resource: Resource, lapsed: Lease, now: float) -> bool:
    """Say whether spending the credential twice is harmless: no rotation, or within the grace period."""
    if resource.grant_type is GrantType.CLIENT_CREDENTIALS or not resource.refresh_token.rotates:
        return True
    return now * 1000 < lapsed.taken_at + resource.refresh_token.grace_period * 1000


def attempt_now(connection: Connection, resource: Resource, *, now: float, margin: int) -> Attempt:
    """Decide. `margin`: seconds before expiry at which a token of unknown outcome is tried once."""
    held = connection.token_set
    if connection.status is not Status.ACTIVE or held is None or not held.refreshable:
        return CannotRefresh()
    lease = connection.lease
    if lease is not None:
        if lease.live(now):
            return AwaitHolder()
        return Take(over=lease) if may_be_repeated(resource, lease, now) else MarkUnknown(lease)
    if connection.unknown_since is not None:
        rescued_by = connection.unknown_since + RESCUE_TURN
        near_expiry = 0 if held.expires_at is None else held.expires_at - margin
        wait_for = max(rescued_by, near_expiry if held.lives(now) else 0)
        if now < wait_for:
            return NotBefore(wait_for)
    if connection.failures and connection.next_refresh is not None and connection.next_refresh > now:
        return NotBefore(connection.next_refresh)
    return Take()
