"""Whether the store answers, asked at most every few seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from oauth_broker.doors.machine import Machine
    from oauth_broker.doors.store import Store

ASKED_EVERY: Final = 5


class Health:
    """The last good answer of the store is good for some seconds: /health is public and must not cost."""

    def __init__(self, store: Store, machine: Machine) -> None:
        """Ask nothing yet."""
        self._store = store
        self._machine = machine
        self._good_until = 0.0

    def check(self) -> None:
        """Ask the store unless it answered lately. Raises StoreUnavailableError."""
        now = self._machine.now()
        if now >= self._good_until:
            self._store.resources.load(resource_id="health")
            self._good_until = now + ASKED_EVERY
