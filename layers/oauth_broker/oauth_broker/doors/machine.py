"""Time and chance: the clock, sleep, and random bytes of the machine."""

from __future__ import annotations

import secrets
import time
from random import SystemRandom

_CHANCE = SystemRandom()


class Machine:
    """The real ones. Nothing of it outlives a fork or a snapshot: random bytes come from the kernel."""

    def now(self) -> float:
        """Give epoch seconds."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def draw(self) -> float:
        """Give a random number in [0, 1)."""
        return _CHANCE.random()

    def random(self, count: int) -> bytes:
        """Give random bytes fit for secrets."""
        return secrets.token_bytes(count)
