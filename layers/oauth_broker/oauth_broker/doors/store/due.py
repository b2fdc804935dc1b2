"""A key of the due index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oauth_broker.doors.store.keys import Key


@dataclass(frozen=True, slots=True)
class Due:
    """A key of the due index: when, and what; `refresh_at` in epoch seconds."""

    key: Key
    refresh_at: int

    @property
    def kind(self) -> str:
        """Say what is due: `C` a connection, `D` what is left to revoke, `R` a resource being deleted."""
        return self.key[0][0]

    @property
    def resource_id(self) -> str:
        """Give the resource it belongs to: the key names it, so nothing need be read."""
        return self.key[1] if self.kind == "R" else self.key[0].partition("#")[2].partition("#")[0]

    @property
    def sort(self) -> str:
        """Give the sort key: a connection's id."""
        return self.key[1]
