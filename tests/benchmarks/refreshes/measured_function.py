"""A function in an interpreter of its own, which tells of each event what it cost.

Run as a file in a function's environment: an event and its seconds a line on standard input; a line back on
standard output with what the worker's log says of it, processor seconds (all, and those within botocore and
within egress), and, with the argument `count`, the units of DynamoDB that its calls consumed.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import threading
import time
from collections import Counter
from functools import wraps
from typing import TYPE_CHECKING, Any

from oauth_broker import log
from oauth_broker.doors import aws
from oauth_broker.doors.egress import Egress
from oauth_broker.doors.store.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable

KINDS = {"refresh_at = :seen": "lease", "ts = :spent": "commit"}
LOCK = threading.Lock()
SPENT: Counter[str] = Counter()  # seconds and units, too
LOGGED: Counter[str] = Counter()
LINE = log.line


class Context:
    """What a handler asks of its context."""

    def __init__(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        """The milliseconds that are left."""
        return max(0, int(1000 * (self._deadline - time.monotonic())))


def add(**amounts: float) -> None:
    """Adds to what was spent; threads share it."""
    with LOCK:
        SPENT.update(amounts)


def timed(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    """The call, its processor and waiting time added up under a name."""

    @wraps(call)
    def measured(*arguments: Any, **named: Any) -> Any:
        began, busy = time.perf_counter(), time.thread_time()
        try:
            return call(*arguments, **named)
        finally:
            waited = time.perf_counter() - began
            add(**{f"{name}_cpu": time.thread_time() - busy, f"{name}_wall": waited, f"{name}_calls": 1})

    return measured


def ask_for_units(**event: Any) -> None:
    """Has DynamoDB say what a call consumed."""
    event["params"]["ReturnConsumedCapacity"] = "INDEXES"
    condition = event["params"].get("ConditionExpression", "")
    event["context"]["kind"] = next(
        (kind for start, kind in KINDS.items() if condition.startswith(start)), "other"
    )


def note_units(**event: Any) -> None:
    """Keeps what a call consumed: of the table, and of its index."""
    consumed = event["parsed"].get("ConsumedCapacity", [])
    operation = event["model"].name
    for one in consumed if isinstance(consumed, list) else [consumed]:
        index = sum(part["CapacityUnits"] for part in one.get("GlobalSecondaryIndexes", {}).values())
        name = event["context"]["kind"] if operation == "UpdateItem" else operation
        add(**{f"{name}_units": one["CapacityUnits"], f"{name}_index_units": index, f"{name}_count": 1})


def note_line(event: str, *, failed: bool = False, **fields: Any) -> None:
    """Adds up the numbers of the worker's line; anything that failed ends the measurement."""
    LOGGED.update({name: value for name, value in fields.items() if isinstance(value, int)})
    LOGGED["failed_lines"] += failed
    LINE(event, failed=failed, **fields)


def main() -> None:
    """Answers until standard input ends. The handler's own lines go to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    if "count" in sys.argv:
        aws._session().register("before-parameter-build.dynamodb", ask_for_units)
        aws._session().register("after-call.dynamodb", note_units)
    log.line = note_line
    Egress.send = timed("egress", Egress.send)  # type: ignore[method-assign]  # whoever holds one sends through it
    Table._raw = timed("dynamodb", Table._raw)  # type: ignore[method-assign]
    handler = importlib.import_module("app").handler
    print(json.dumps("ready"), file=answers, flush=True)
    for line in sys.stdin:
        given = json.loads(line)
        SPENT.clear()
        LOGGED.clear()
        began, busy = time.perf_counter(), time.process_time()
        handler(given["event"], Context(given["seconds"]))
        told = {
            "logged": LOGGED,
            "spent": {**SPENT, "wall": time.perf_counter() - began, "cpu": time.process_time() - busy},
            "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
        print(json.dumps(told), file=answers, flush=True)


if __name__ == "__main__":
    main()
