"""Times as callers write them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

_RFC_3339: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)

WRITTEN: Final = "a time such as 2027-01-31T00:00:00Z (RFC 3339)"
"""How a time is written, for whoever wrote it otherwise."""


def epoch_of(text: object) -> float | None:
    """Read an RFC 3339 time (section 5.6) as epoch seconds; None for anything else."""
    if not isinstance(text, str) or not _RFC_3339.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text.upper()).timestamp()
    except (ValueError, OverflowError):
        return None
