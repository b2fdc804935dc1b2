"""A function that stops itself at a step that a test chose, which runs `handler` in place of `app.handler`.

STOPS names a folder of orders. An order is a file with a step and a signal, named for whom it concerns: a
connection's id, or an authorization's. Whoever comes to that step renames it to `<name>.<pid>`, so that an
order is carried out once, and sends itself the signal.

SHORTENED holds constants that are no settings, as JSON: `{"module": {"NAME": number}}`. LIVES is how many
seconds an invocation is told it has. WITHOUT names a rule that is taken out (`without_rule.py`).
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from oauth_broker.commits import ConsentCommit
from oauth_broker.doors.egress import Egress
from oauth_broker.doors.pinned_connection import DeadlineSocket
from oauth_broker.doors.store.authorizations import AuthorizationTable, NotConsumed
from oauth_broker.doors.store.connections import ConnectionTable
from oauth_broker.doors.store.leases import LeaseTable, NotTaken

if TYPE_CHECKING:
    from collections.abc import Callable

ORDERS: Final = Path(os.environ["STOPS"])


@dataclass(frozen=True)
class Call:
    """A method at which steps lie: `before` its call and `after` it, where it did what it is for."""

    owner: type
    method: str
    before: str
    after: str | None
    whom: Callable[..., str | None] | None = None  # where the call's arguments tell it


def of_key(_table: object, _resource_id: str, connection_id: str, *_: object, **__: object) -> str:
    """The connection of a lease that is taken by its key."""
    return connection_id


def of_seen(_table: object, seen: Any, *_: object, **__: object) -> str:
    """The connection of a lease that a reader takes."""
    return str(seen.connection_id)


def of_authorization(_table: object, authorization_id: str, **_: object) -> str:
    """The authorization of a callback."""
    return authorization_id


def of_confirmation(_table: object, commit: Any, **_: object) -> str | None:
    """The connection of a confirmation; any other commit is of whom its thread is at work for."""
    confirms = isinstance(commit, ConsentCommit) and commit.confirmed is not None
    return commit.connection_id if confirms else None


CALLS: Final = (
    Call(LeaseTable, "take_when_due", "before the lease", "after the lease", of_key),
    Call(LeaseTable, "take_as_seen", "before the lease", "after the lease", of_seen),
    Call(LeaseTable, "take_over", "before the lease", "after the lease", of_key),
    Call(AuthorizationTable, "consume", "before it is consumed", "after it is consumed", of_authorization),
    Call(Egress, "send", "before the request", "after the answer"),
    Call(DeadlineSocket, "recv_into", "after the request", None),
    Call(ConnectionTable, "commit", "before the commit", "after the commit", of_confirmation),
)

AT_WORK: Final = threading.local()
"""Whom this thread is at work for."""


def stop_at(step: str) -> None:
    """Carry out the order that there is for this step."""
    whom = getattr(AT_WORK, "whom", None)
    if whom is None:
        return
    order = ORDERS / whom
    try:
        wanted, name = order.read_text().split("\n")
        if wanted != step:
            return
        order.rename(f"{order}.{os.getpid()}")
    except FileNotFoundError:
        return
    # To this thread, so that not one more instruction of it is carried out.
    signal.pthread_kill(threading.get_ident(), signal.Signals[name])


def stopping(call: Call) -> None:
    """Put the steps round a method."""
    method = getattr(call.owner, call.method)

    @functools.wraps(method)
    def with_steps(*arguments: Any, **named: Any) -> Any:
        whom = call.whom and call.whom(*arguments, **named)
        if whom is not None:
            AT_WORK.whom = whom
        stop_at(call.before)
        result = method(*arguments, **named)
        if call.after is not None and not isinstance(result, NotTaken | NotConsumed):
            stop_at(call.after)
        return result

    setattr(call.owner, call.method, with_steps)


for module, constants in json.loads(os.environ.get("SHORTENED", "{}")).items():
    vars(importlib.import_module(module)).update(constants)
if "WITHOUT" in os.environ:
    importlib.import_module("without_rule").take_out(os.environ["WITHOUT"])
for each in CALLS:
    stopping(each)
APP = importlib.import_module("app")
LIVES: Final = os.environ.get("LIVES")


class ShortLived:
    """A context whose invocation has `lives` seconds."""

    def __init__(self, lives: float) -> None:
        self._until = time.monotonic() + lives

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until then."""
        return max(0, int((self._until - time.monotonic()) * 1000))


def handler(event: dict[str, Any], context: object) -> Any:
    """The function's own handler, which nobody is at work for yet."""
    AT_WORK.whom = None
    return APP.handler(event, context if LIVES is None else ShortLived(float(LIVES)))
