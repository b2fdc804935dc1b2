"""The toys in a local stack, for the tests of the stack itself."""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local.console import Console
from local.stack import Options, Stack

TEMPLATE = Path(__file__).parent / "template.yaml"
ROOT = Path(__file__).parents[3]


@contextmanager
def toys(**options: Any) -> Iterator[Stack]:
    """A running stack of toys, without schedule and demo provider unless `options` say otherwise."""
    settings = {"template": TEMPLATE, "demo": False, "schedule": False, **options}
    with Stack(Options(**settings), Console(io.StringIO())) as stack:
        yield stack


def printed(stack: Stack) -> str:
    """What the stack has written on its console so far."""
    out = stack.console.out
    if not isinstance(out, io.StringIO):
        raise TypeError
    return out.getvalue()


def eventually(holds: Callable[[], Any], seconds: float = 15) -> Any:
    """The first true value of `holds`; the last one when none came in time."""
    deadline = time.monotonic() + seconds
    while not (value := holds()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return value


def runs(pid: int) -> bool:
    """Whether a process exists and is no zombie's."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def recorded(stack: Stack, function: str) -> list[dict[str, Any]]:
    """The events that a recording function got, oldest first, with when each began and ended."""
    answer = stack.client("dynamodb").query(
        TableName=stack.table_name,
        KeyConditionExpression="pk = :function",
        ExpressionAttributeValues={":function": {"S": function}},
        ConsistentRead=True,
    )
    return [
        {
            "event": json.loads(item["event"]["S"]),
            "began": float(item["began"]["N"]),
            "ended": float(item["ended"]["N"]),
        }
        for item in answer["Items"]
    ]
