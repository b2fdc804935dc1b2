"""An index that lags: it shows what is due, and once more all that it ever showed to this process."""

from __future__ import annotations

from typing import Any

from oauth_broker.doors.store import Due
from oauth_broker.doors.store.leases import LeaseTable

_due = LeaseTable.due
_shown: dict[str, dict[Due, None]] = {}


def due(self: LeaseTable, shard: str, **rest: Any) -> tuple[list[Due], Any]:
    """Old entries first, as if they were still there."""
    found, last = _due(self, shard, **rest)
    shown = _shown.setdefault(shard, {})
    shown.update(dict.fromkeys(found))
    return list(shown), last


LeaseTable.due = due  # type: ignore[method-assign]  # its arguments are passed on
