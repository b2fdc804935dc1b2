"""Time and chance by hand."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from itertools import count

from oauth_broker.doors.machine import Machine

BEGINNING = 1_800_000_000
"""Epoch seconds: a Friday in January 2027."""


class HandMachine(Machine):
    """A clock that moves when it is told to, or when somebody sleeps; draws are all `chance`.

    Random bytes never repeat.

    `on_sleep` is called at each sleep, once the time has passed: what others do meanwhile.
    """

    def __init__(self, time: float = BEGINNING) -> None:
        self.time = float(time)
        self.chance = 0.0
        self.slept: list[float] = []
        self.on_sleep: Callable[[], None] | None = None
        self._count = count()
        self._lock = threading.Lock()

    def now(self) -> float:
        """Give the time by hand."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """Let time pass at once."""
        with self._lock:
            self.slept.append(seconds)
            self.time += seconds
        if self.on_sleep is not None:
            self.on_sleep()

    def draw(self) -> float:
        """Give `chance`."""
        return self.chance

    def random(self, count: int) -> bytes:
        """Give bytes that were not given before."""
        with self._lock:
            number = next(self._count)
        return hashlib.shake_256(b"random %d" % number).digest(count)
