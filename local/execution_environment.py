"""One process of a function, as Lambda's execution environments are: it answers one event at a time."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.template import Function

PAYLOAD_LIMIT = 6 * 1024 * 1024 + 100  # bytes of JSON, in and out (Lambda quotas)
_INIT_SECONDS = 10
_RUNTIME = Path(__file__).with_name("lambda_runtime.py")

Log = Callable[[str, str], None]  # (function, line)


@dataclass(frozen=True)
class Outcome:
    """What an invocation ended with: the handler's answer, or (`failed`) Lambda's error object."""

    payload: Any
    failed: bool = False


class _EndedError(Exception):
    """The process ended before it answered."""


def failure(kind: str, message: str) -> Outcome:
    """An outcome with Lambda's error object."""
    return Outcome({"errorType": kind, "errorMessage": message}, failed=True)


class ExecutionEnvironment:
    """The process and the socket to it. One invocation at a time.

    `environment` is everything that the process sees.
    """

    def __init__(self, function: Function, environment: Mapping[str, str]) -> None:
        self._function = function
        self._channel, theirs = socket.socketpair()
        self._unread = b""
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(_RUNTIME), str(theirs.fileno())],
                cwd=function.folder,
                env=dict(environment),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the parent: a child ends when its socket closes
            )
        self.pid = self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def wait_until_ready(self) -> Outcome | None:
        """None once the handler is loaded, else why it could not be."""
        try:
            answer = self._read(time.monotonic() + _INIT_SECONDS)
        except (_EndedError, TimeoutError):
            self.end()
            return failure("Runtime.InitError", "The handler's module did not load.")
        if "init_error" in answer:
            self.end()
            return Outcome(answer["init_error"], failed=True)
        return None

    def run(self, event: Any, request_id: str) -> Outcome | None:
        """The handler's answer to an event; None when the process ended before it took the event.

        Kills the process when the function's timeout is over.
        """
        timeout = self._function.timeout
        deadline = time.monotonic() + timeout
        invocation = {
            "event": event,
            "request_id": request_id,
            "arn": self._function.arn,
            "deadline_ms": time.time_ns() // 1_000_000 + int(timeout * 1000),
        }
        taken = False
        try:
            self._channel.settimeout(timeout)
            self._channel.sendall(json.dumps(invocation).encode() + b"\n")
            taken = self._read(deadline)["taken"]
            answer = self._read(deadline)
        except TimeoutError:
            self.kill()
            return failure("Sandbox.Timedout", f"{request_id} Task timed out after {timeout:.2f} seconds")
        except (OSError, _EndedError):
            self.end()
            exited = failure("Runtime.ExitError", f"RequestId: {request_id} Error: Runtime exited")
            return exited if taken else None
        if "error" in answer:
            return Outcome(answer["error"], failed=True)
        if len(json.dumps(answer["result"])) > PAYLOAD_LIMIT:
            message = f"Response payload size exceeded maximum allowed payload size ({PAYLOAD_LIMIT} bytes)."
            return failure("Function.ResponseSizeTooLarge", message)
        return Outcome(answer["result"])

    def follow_output(self, log: Log) -> None:
        """Passes on what the process prints, line by line, until it has ended."""
        output = self._process.stdout
        if output is None:
            raise RuntimeError("The process was started without a pipe.")
        with output:
            for line in output:
                log(self._function.name, line.decode("utf-8", "replace").rstrip("\n"))
        self._process.wait()

    def kill(self) -> None:
        """Ends the process at once."""
        self._process.kill()
        self.end()

    def end(self) -> None:
        """Closes the socket, upon which the process ends by itself, and sees to it that it does."""
        with contextlib.suppress(OSError):
            self._channel.shutdown(socket.SHUT_RDWR)
        self._channel.close()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _read(self, deadline: float) -> dict[str, Any]:
        while b"\n" not in self._unread[-65536:]:
            try:
                self._channel.settimeout(max(0.001, deadline - time.monotonic()))
                received = self._channel.recv(65536)
            except TimeoutError:
                raise
            except OSError:  # reset by the process, or closed because the stack stops
                raise _EndedError from None
            if not received:
                raise _EndedError
            self._unread += received
        line, _, self._unread = self._unread.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer
