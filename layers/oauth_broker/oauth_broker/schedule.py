"""When a connection is looked at next: its shard in the due index, its refresh time, how long to back off.

All times are epoch seconds. `draw` is a random number in [0, 1), drawn anew by the caller each time.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from oauth_broker.resource import GrantType, RefreshPolicy

if TYPE_CHECKING:
    from oauth_broker.connection import SealedTokenSet
    from oauth_broker.resource import Resource

LONGEST_BACKOFF: Final = 3600
SHORT_LIFETIME: Final = 5
"""Schedule periods: a token that lives shorter is refreshed when it is read."""

FAILING_AFTER: Final = 3
"""The attempt in vain, in a row, at which `refresh failing` is announced."""

MAX_MIN_TTL: Final = 3600

IMPORTS_SPREAD: Final = 10
"""Schedule periods over which the first refreshes of what was imported together are spread."""

USUAL_IDLE_LIFETIME: Final = 7 * 86_400
"""Seconds without use that every usual refresh token outlives.

Okta's default is 7 days, Auth0's 15 and Box's 60, Microsoft's 90, Google's half a year.
"""


def shard_of(resource_id: str, connection_id: str, shards: int) -> str:
    """Give the shard in whose queue the connection stands: `shards` of them, named by two hex digits."""
    digest = hashlib.sha256(f"{resource_id}/{connection_id}".encode()).digest()
    return f"{int.from_bytes(digest[:4]) % shards:02x}"


def shard_names(shards: int) -> tuple[str, ...]:
    """Give the names of all shards."""
    return tuple(f"{number:02x}" for number in range(shards))


def lead(lifetime: int, period: int) -> int:
    """Give how long before expiry a token must be fresh: lifetime ÷ 12, within 2 to 5 schedule periods."""
    return min(max(lifetime // 12, 2 * period), 5 * period)


def next_refresh(
    token_set: SealedTokenSet, resource: Resource, *, period: int, draw: float, renewed: bool = True
) -> int | None:
    """Give when a token set is to be refreshed; None for one that is not, or only when it is read.

    The earlier of what the resource's policy says of the access token, and what keeps the grant alive.
    `renewed`: False if the provider answered the access token that was there already, so that what it has
    left is not its lifetime.
    """
    if not token_set.refreshable:
        return None
    match resource.refresh_policy:
        case RefreshPolicy.EAGER:
            due = refresh_time(
                issued_at=token_set.issued_at, expires_at=token_set.expires_at, period=period, draw=draw
            )
        case RefreshPolicy.LAZY:
            due = None
        case RefreshPolicy.AFTER_EXPIRY:
            due = _after_expiry(token_set, period, draw, renewed=renewed)
    times = (due, keep_alive_time(token_set, resource, period=period, draw=draw))
    return min((time for time in times if time is not None), default=None)


def imported_refresh(
    token_set: SealedTokenSet, resource: Resource, *, period: int, draw: float, tells_expiry: bool
) -> int | None:
    """Give when an imported token set is first refreshed; None as `next_refresh`.

    What it has left is not its lifetime. Where that is little, or nobody said how much it is
    (`tells_expiry`), a refresh soon finds out: within ten periods, so that a thousand imports are no burst.
    """
    due = next_refresh(token_set, resource, period=period, draw=draw, renewed=False)
    eager = resource.refresh_policy is RefreshPolicy.EAGER
    if not token_set.refreshable or (tells_expiry and not (eager and _is_short(token_set, period))):
        return due
    soon = token_set.issued_at + int(draw * IMPORTS_SPREAD * period)
    return soon if due is None else min(due, soon)


def refresh_time(*, issued_at: int, expires_at: int | None, period: int, draw: float) -> int | None:
    """Give when to refresh eagerly: expiry - lead - jitter, the jitter up to a third of the lifetime.

    The jitter keeps what was connected in the same minute from being refreshed in the same second for ever.
    None: the token does not expire, or lives under 5 periods and is refreshed when it is read.
    """
    if expires_at is None:
        return None
    lifetime = expires_at - issued_at
    if lifetime < SHORT_LIFETIME * period:
        return None
    return expires_at - lead(lifetime, period) - int(draw * (lifetime / 3))


def may_ask_from(token_set: SealedTokenSet, period: int) -> int | None:
    """Give when a provider that answers the same token until it has expired may be asked for the next.

    A second after expiry, since lifetimes are told in whole seconds; and a period after it last answered,
    however little its answer left. None: the token does not expire.
    """
    if token_set.expires_at is None:
        return None
    return max(token_set.expires_at + 1, token_set.issued_at + period)


def _after_expiry(token_set: SealedTokenSet, period: int, draw: float, *, renewed: bool) -> int | None:
    first = may_ask_from(token_set, period)
    if first is None or (renewed and _is_short(token_set, period)):
        return None
    return first + int(draw * period)


def keep_alive_time(token_set: SealedTokenSet, resource: Resource, *, period: int, draw: float) -> int | None:
    """Give when to refresh at the latest so that the grant does not die of disuse; None where it cannot.

    Between a half and three quarters of the time that it may lie unused: the resource's `idle_lifetime`, what
    the provider told of a refresh token that refreshing renews, and, for an access token that expires and
    that nobody may come to read for long, `USUAL_IDLE_LIFETIME`.
    """
    if resource.grant_type is GrantType.CLIENT_CREDENTIALS or not token_set.refreshable:
        return None
    behaviour = resource.refresh_token
    idle = behaviour.idle_lifetime
    if idle is None and token_set.expires_at is not None:
        read_only = resource.refresh_policy is RefreshPolicy.LAZY or _is_short(token_set, period)
        idle = USUAL_IDLE_LIFETIME if read_only else None
    told = None
    if behaviour.rotates and token_set.refresh_issued_at == token_set.issued_at:
        told = _seconds_until(token_set.refresh_expires_at, token_set.issued_at)
    spans = [span for span in (idle, told) if span is not None]
    return token_set.issued_at + int(min(spans) * (0.5 + draw / 4)) if spans else None


def _is_short(token_set: SealedTokenSet, period: int) -> bool:
    return token_set.lifetime is not None and token_set.lifetime < SHORT_LIFETIME * period


def _seconds_until(time: int | None, since: int) -> int | None:
    return None if time is None else max(0, time - since)


def backoff(  # noqa: PLR0913 - what an attempt in vain is judged by
    *,
    failures: int,
    retry_after: int | None,
    period: int,
    draw: float,
    left: float | None = None,
    longest: int = LONGEST_BACKOFF,
) -> int:
    """Give the seconds to wait after the `failures`-th attempt in vain in a row (1 is the first).

    Doubles from one schedule period up to `longest`, ± half. While the access token lives (`left` seconds;
    None: it does not expire) the next attempt comes when at most half of that is gone, or within a period: so
    it is tried again and again before it expires, by the logarithm of its lifetime only. A provider's
    Retry-After is honoured up to an hour.
    """
    wait = min(period * 2 ** min(failures - 1, 12), longest) * (0.5 + draw)
    if left is not None and left > 0:
        wait = min(wait, max(period, left / 2))
    asked = min(retry_after or 0, LONGEST_BACKOFF)
    return max(1, int(max(wait, asked)))


def needed_ttl(min_ttl: int, lifetime: int | None) -> int:
    """Give the seconds that must be left for a token to be handed out unrefreshed.

    What is asked for counts at most an hour and at most half of the lifetime, else every read would refresh.
    """
    wanted = min(min_ttl, MAX_MIN_TTL)
    return wanted if lifetime is None else min(wanted, lifetime // 2)
