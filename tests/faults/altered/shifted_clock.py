"""The function's clock differs from the machine's by the seconds that the file CLOCK_FILE holds."""

from __future__ import annotations

import os
import time
from pathlib import Path

_FILE = Path(os.environ["CLOCK_FILE"])
_machines = time.time


def now() -> float:
    """Epoch seconds by the shifted clock."""
    return _machines() + float(_FILE.read_text())


time.time = now
