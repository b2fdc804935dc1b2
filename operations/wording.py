"""How commands write what they tell."""

from __future__ import annotations

from datetime import UTC, datetime


def time_text(time: float) -> str:
    """Write epoch seconds as RFC 3339 does, in UTC."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
