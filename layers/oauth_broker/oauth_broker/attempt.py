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
    """Take the lease and spend the token.

    `over` is the lapsed lease that is taken over. `spent`: its holder may have spent the token, so it is
    spent again at once, or its outcome is unknown.
    """

    over: Lease | None = None
    spent: bool = False


@dataclass(frozen=True, slots=True)
class AwaitHolder:
    """Somebody is refreshing."""


@dataclass(frozen=True, slots=True)
class MarkUnknown:
    """A lease ran out unreleased: write that down first, and leave the next minute to the rescue.

    `harmless`: the credential may be spent as often as one likes, so this only backs off.
    """

    lapsed: Lease
    harmless: bool = False


@dataclass(frozen=True, slots=True)
class NotBefore:
    """Not yet: back off, or the outcome is unknown; `time` in epoch seconds."""

    time: int


@dataclass(frozen=True, slots=True)
class CannotRefresh:
    """There is nothing to refresh with, or nothing to refresh."""


Attempt = Take | AwaitHolder | MarkUnknown | NotBefore | CannotRefresh


def attempt_now(
    connection: Connection, resource: Resource, *, now: float, margin: int, send_margin: int
) -> Attempt:
    """Decide. `margin`: seconds before expiry at which a token of unknown outcome is tried once.

    `send_margin`: seconds after its lease was taken in which a request goes out, or never.
    """
    held = connection.token_set
    if connection.status is not Status.ACTIVE or held is None or not held.refreshable:
        return CannotRefresh()
    lease = connection.lease
    if lease is not None and lease.live(now):
        return AwaitHolder()
    if lease is not None and not _only_looked(connection, lease, send_margin):
        return _after_attempt(connection, lease, resource, now=now, send_margin=send_margin)
    if connection.unknown_since is not None:
        rescued_by = connection.unknown_since + RESCUE_TURN
        near_expiry = 0 if held.expires_at is None else held.expires_at - margin
        wait_for = max(rescued_by, near_expiry if held.lives(now) else 0)
        if now < wait_for:
            return NotBefore(wait_for)
    if connection.failures and connection.next_refresh is not None and connection.next_refresh > now:
        return NotBefore(connection.next_refresh)
    return Take(over=lease)


def harmless_to_repeat(resource: Resource) -> bool:
    """Say whether the resource's credential may be spent as often as one likes."""
    return resource.grant_type is GrantType.CLIENT_CREDENTIALS or not resource.refresh_token.rotates


def _after_attempt(
    connection: Connection, lease: Lease, resource: Resource, *, now: float, send_margin: int
) -> Attempt:
    if harmless_to_repeat(resource):
        # Once at once; a provider that never answers is not asked every half minute for ever.
        again = connection.failures == 0 and not lease.follows
        return Take(over=lease, spent=True) if again else MarkUnknown(lease, harmless=True)
    # The grace period runs from when the token may first have been spent, until this request may arrive.
    arrives_by = (now + send_margin) * 1000
    if arrives_by < lease.first_taken_at + resource.refresh_token.grace_period * 1000:
        return Take(over=lease, spent=True)
    return MarkUnknown(lease)


def _only_looked(connection: Connection, lease: Lease, send_margin: int) -> bool:
    """Say whether it was the worker's lease of what was not due for a refresh: nothing was spent."""
    due = connection.next_refresh
    looked = due is None or due * 1000 > lease.taken_at + send_margin * 1000
    return lease.by_worker and not lease.follows and looked
