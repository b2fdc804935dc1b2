"""A naive build: a lease that ran out is simply taken, and the refresh token spent again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oauth_broker import attempt

if TYPE_CHECKING:
    from oauth_broker.connection import Connection, Lease

if "_after_attempt" not in vars(attempt):
    message = "what follows a lapsed lease is decided elsewhere"
    raise RuntimeError(message)


def taken(_connection: Connection, lease: Lease, *_: Any, **__: Any) -> attempt.Attempt:
    """Take it."""
    return attempt.Take(over=lease, spent=True)


vars(attempt)["_after_attempt"] = taken
