"""The demo provider as a child process that ends with this one."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.execution_environment import Log

_START_SECONDS = 15
_MODULE = "local.demo_provider"
_ROOT = Path(__file__).parent.parent


class DemoProviderError(Exception):
    """The demo provider did not start; the message has what it printed."""


class DemoProvider:
    """`python -m local.demo_provider` on a port of its own; `options` go to it as they are."""

    def __init__(self, port: int, broker_url: str, options: Sequence[str], log: Log) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._port = port
        self._log = log
        self._printed: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "local.attended", _MODULE,
             "--port", str(port), "--broker-url", broker_url, *options],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._follow_output, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    def wait_until_ready(self) -> None:
        """Returns when the provider takes connections. Raises DemoProviderError when it does not."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                self._reader.join(1)
                break
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port), 1):
                return
            time.sleep(0.02)
        self.close()
        raise DemoProviderError("The demo provider did not start:\n" + "\n".join(self._printed[-20:]))

    def close(self) -> None:
        """Ends the process."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(1)

    def _follow_output(self) -> None:
        output = self._process.stdout
        if output is None:
            raise RuntimeError("The process was started without a pipe.")
        with output:
            for line in output:
                text = line.decode("utf-8", "replace").rstrip("\n")
                self._printed = [*self._printed[-19:], text]
                self._log("demo", text)
