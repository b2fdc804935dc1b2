"""The child's side of a function: loads its handler and answers one event after another.

Run as a file with the number of an open socket, in the environment that Lambda gives a function. Events
and answers are JSON lines on that socket. When it closes, the process ends at once, whatever runs:
so the parent's death, even by kill -9, leaves nothing behind.

It imports nothing of this package: a function sees its own folder and its layers alone.
"""

from __future__ import annotations

import importlib
import json
import os
import queue
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Handler = Callable[[Any, "Context"], Any]


@dataclass
class Context:
    """The context object of the Python runtime (Lambda Developer Guide, "context object in Python")."""

    aws_request_id: str
    invoked_function_arn: str
    deadline_ms: int = field(repr=False)
    function_name: str = field(default_factory=lambda: os.environ["AWS_LAMBDA_FUNCTION_NAME"])
    function_version: str = "$LATEST"
    memory_limit_in_mb: str = field(default_factory=lambda: os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"])
    log_group_name: str = field(default_factory=lambda: os.environ["AWS_LAMBDA_LOG_GROUP_NAME"])
    log_stream_name: str = field(default_factory=lambda: os.environ["AWS_LAMBDA_LOG_STREAM_NAME"])
    identity: None = None
    client_context: None = None

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the invocation times out; never negative."""
        return max(0, self.deadline_ms - time.time_ns() // 1_000_000)


def main() -> None:
    """Serves invocations until the socket closes."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    events: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(channel, events), daemon=True).start()
    try:
        handler = _load(os.environ["_HANDLER"])
    except BaseException as error:  # noqa: BLE001 - whatever stops the module is the answer to its invocation
        traceback.print_exc()
        _send(channel, {"init_error": _described(error)})
        sys.exit(1)
    _send(channel, {"ready": True})
    while True:
        invocation = events.get()
        # Until this arrives, the parent knows that the event has done nothing and may give it to another.
        _send(channel, {"taken": True})
        _send(channel, _answer(handler, invocation))


def _receive(channel: socket.socket, events: queue.SimpleQueue[dict[str, Any]]) -> None:
    try:
        with channel.makefile("rb") as lines:
            for line in lines:
                events.put(json.loads(line))
    finally:
        os._exit(0)


def _load(name: str) -> Handler:
    module, _, attribute = name.rpartition(".")
    handler: Handler = getattr(importlib.import_module(module.replace("/", ".")), attribute)
    return handler


def _answer(handler: Handler, invocation: dict[str, Any]) -> dict[str, Any]:
    context = Context(invocation["request_id"], invocation["arn"], invocation["deadline_ms"])
    try:
        result = handler(invocation["event"], context)
        json.dumps(result)
    except BaseException as error:  # noqa: BLE001 - a handler's SystemExit too is an error of its invocation
        traceback.print_exc()
        return {"error": {**_described(error), "requestId": context.aws_request_id}}
    return {"result": result}


def _described(error: BaseException) -> dict[str, Any]:
    return {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "stackTrace": traceback.format_tb(error.__traceback__),
    }


def _send(channel: socket.socket, message: dict[str, Any]) -> None:
    channel.sendall(json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    main()
