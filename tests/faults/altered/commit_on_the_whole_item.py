"""A naive build: a refresh is committed on condition that nothing of the item changed since the lease.

What the test changes is the attribute `x`, so that stands for all others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from oauth_broker.doors.store.connections import THE_SPENT_SET_SERVES
from oauth_broker.doors.store.table import Table

if TYPE_CHECKING:
    from oauth_broker.doors.store.change import Change
    from oauth_broker.doors.store.values import Item

_update = Table.update
_as_seen: dict[tuple[str, str], int] = {}


def update(self: Table, key: tuple[str, str], change: Change, *, returning: str = "NONE") -> Item:
    """Remember the item as it was when the lease was taken; commit only on that."""
    if change.condition == THE_SPENT_SET_SERVES and key in _as_seen:
        change.also("x = :x").given(x=_as_seen[key])
    answer = _update(self, key, change, returning=returning)
    if returning == "ALL_OLD" and "x" in answer:
        _as_seen[key] = answer["x"]
    return answer


Table.update = update  # type: ignore[method-assign]  # the store's one way to change an item
