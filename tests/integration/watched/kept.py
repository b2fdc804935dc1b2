"""All that is kept of a run: table, queues, events, what was sent to AWS, and what was printed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from tests.integration.watched.planted import Kept

if TYPE_CHECKING:
    from tests.integration.watched.run import Run

QUEUES: Final = ("WorkQueue", "WorkDeadLetters", "RescueQueue", "RescueDeadLetters", "ScheduleDeadLetters")


def table(run: Run) -> list[Kept]:
    """Every item, with names, binary and nested values."""
    return [
        Kept(f"item {item['pk']['S']} {item['sk']['S']}", b"\n".join(leaves(item))) for item in run.items()
    ]


def queues(run: Run) -> list[Kept]:
    """Every message of every queue and dead letter queue."""
    return [
        Kept(f"a message in {name}", json.dumps(message).encode())
        for name in QUEUES
        for message in run.messages(name)
    ]


def events(run: Run) -> list[Kept]:
    """Every event that was sent."""
    return [Kept("an event", json.dumps(dict(event)).encode()) for event in run.stack.events]


def sent(run: Run) -> list[Kept]:
    """Every call of a function to AWS: items deleted since, conditions, and messages that were taken."""
    return [
        Kept(f"{call.operation} of {call.caller}", json.dumps(call.request).encode())
        for call in list(run.gate.calls)
    ]


def printed(run: Run) -> list[Kept]:
    """Every line of every process, as it was and as the console shows it."""
    shown = run.console.printed.getvalue().splitlines()
    lines = [Kept(f"a line of {source}", line.encode()) for source, line in list(run.console.lines)]
    return [*lines, *(Kept("the console", line.encode()) for line in shown)]


def everything(run: Run) -> list[Kept]:
    """All of it."""
    return [*table(run), *queues(run), *events(run), *sent(run), *printed(run)]


def leaves(value: Any) -> Iterator[bytes]:
    """Each name and each value in an item, however deep."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield name.encode()
            yield from leaves(member)
    elif isinstance(value, (list, tuple, set)):
        for member in value:
            yield from leaves(member)
    else:
        yield value if isinstance(value, bytes) else str(value).encode()
