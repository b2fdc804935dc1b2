"""The function's clock differs from the machine's by the seconds that the file CLOCK_FILE holds."""

from __future__ import annotations

import os
import time
from pathlib import Path

from oauth_broker.doors.machine import Machine

_FILE = Path(os.environ["CLOCK_FILE"])


def now(self: Machine) -> float:  # noqa: ARG001 - it takes a method's place
    """Epoch seconds by the shifted clock."""
    return time.time() + float(_FILE.read_text())


Machine.now = now  # type: ignore[method-assign]  # every function's clock is this one
