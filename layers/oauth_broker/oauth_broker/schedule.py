"""When a connection is looked at next: its shard in the due index, its refresh time, how long to back off.

All times are epoch seconds. `draw` is a random number in [0, 1), drawn anew by the caller each time.
"""

from __future__ import annotations

import hashlib
from typing import Final

LONGEST_BACKOFF: Final = 3600
FAILING_AFTER: Final = 3
"""The attempt in vain, in a row, at which `refresh failing` is announced."""

MAX_MIN_TTL: Final = 3600


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


def refresh_time(*, issued_at: int, expires_at: int | None, period: int, draw: float) -> int | None:
    """Give when to refresh: expiry - lead - jitter, the jitter up to a third of the lifetime.

    The jitter keeps what was connected in the same minute from being refreshed in the same second for ever.
    None: the token does not expire, or lives under 5 periods and is refreshed when it is read.
    """
    if expires_at is None:
        return None
    lifetime = expires_at - issued_at
    if lifetime < 5 * period:
        return None
    return expires_at - lead(lifetime, period) - int(draw * (lifetime / 3))


def backoff(*, failures: int, retry_after: int | None, period: int, draw: float) -> int:
    """Give the seconds to wait after the `failures`-th attempt in vain in a row (1 is the first).

    Doubles from one schedule period up to an hour, ± half; a provider's Retry-After is honoured up to that
    hour.
    """
    wait = min(period * 2 ** min(failures - 1, 12), LONGEST_BACKOFF) * (0.5 + draw)
    asked = min(retry_after or 0, LONGEST_BACKOFF)
    return max(1, int(max(wait, asked)))


def needed_ttl(min_ttl: int, lifetime: int | None) -> int:
    """Give the seconds that must be left for a token to be handed out unrefreshed.

    What is asked for counts at most an hour and at most half of the lifetime, else every read would refresh.
    """
    wanted = min(min_ttl, MAX_MIN_TTL)
    return wanted if lifetime is None else min(wanted, lifetime // 2)
