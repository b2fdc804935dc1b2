"""Does what the event asks for: sleep, print, raise, exit, or answer a lot."""

from __future__ import annotations

import json
import os
import time
from typing import Any


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """The id of the process that did it."""
    wish = json.loads(event["body"]) if "body" in event else event
    time.sleep(wish.get("sleep", 0))
    if "print" in wish:
        print(wish["print"])  # noqa: T201 - a function's log
    if "raise" in wish:
        raise ValueError(wish["raise"])
    if "exit" in wish:
        os._exit(wish["exit"])
    return {"pid": os.getpid(), "padding": "x" * wish.get("padding", 0)}
