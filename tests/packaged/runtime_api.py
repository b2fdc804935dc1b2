"""Lambda's Runtime API on loopback, for one process of one function.

AWS Lambda Developer Guide, "Using the Lambda runtime API for custom runtimes", version 2018-06-01.
"""

from __future__ import annotations

import json
import queue
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

INVOCATION: Final = "/2018-06-01/runtime/invocation/"
INIT_ERROR: Final = "/2018-06-01/runtime/init/error"
POLL_SECONDS: Final = 0.1


@dataclass(frozen=True)
class Outcome:
    """What the process said of an event: the function's answer, or Lambda's error object."""

    failed: bool
    payload: Any


@dataclass(frozen=True)
class Invocation:
    """One event as the process is given it."""

    request_id: str
    headers: dict[str, str]
    event: Any


class RuntimeApi:
    """Gives out events and takes answers. `address` is what AWS_LAMBDA_RUNTIME_API is to say."""

    def __init__(self, function_arn: str, timeout: float) -> None:
        """`timeout` is the function's own, in seconds: what a process sees as its time left."""
        self._arn = function_arn
        self._timeout = timeout
        self._events: queue.SimpleQueue[Invocation | None] = queue.SimpleQueue()
        self._outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self.address = f"127.0.0.1:{self._server.server_port}"

    def invoke(self, event: Any, alive: Callable[[], bool]) -> Outcome | None:
        """The outcome of an event; None when the process ended without a word, or took twice its timeout."""
        request_id = str(uuid.uuid4())
        headers = {
            "Lambda-Runtime-Aws-Request-Id": request_id,
            "Lambda-Runtime-Deadline-Ms": str(round((time.time() + self._timeout) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": self._arn,
        }
        self._events.put(Invocation(request_id, headers, event))
        deadline = time.monotonic() + 2 * self._timeout
        while time.monotonic() < deadline:
            ended = not alive()  # asked first: what it said before its end has then arrived
            try:
                return self._outcomes.get(timeout=POLL_SECONDS)
            except queue.Empty:
                if ended:
                    return None
        return None

    def close(self) -> None:
        """Stops listening; a process that still waits for an event gets none."""
        self._events.put(None)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                invocation = api._events.get() if self.path == f"{INVOCATION}next" else None
                if invocation is None:
                    self.close_connection = True
                else:
                    self._answer(200, invocation.headers, json.dumps(invocation.event).encode())

            def do_POST(self) -> None:
                payload = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"null")
                failed = self.path == INIT_ERROR or self.path.endswith("/error")
                api._outcomes.put(Outcome(failed, payload))
                self._answer(202, {}, b'{"status":"OK"}')

            def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response(status)
                for name, value in {**headers, "Content-Type": "application/json"}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        return Handler
