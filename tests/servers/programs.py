"""Programs of others that the tests start: found, run on a port, and ended with the tests."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

CHECKOUT = Path(__file__).parents[2]
ATTENDED = Path(__file__).with_name("attended.py")
_TRIES = 3


class MissingProgramError(Exception):
    """What a server needs is not on this machine; the message says what to do about it."""


class NotStartedError(Exception):
    """A server did not start; the message has what it printed."""


def unavailable(error: MissingProgramError) -> NoReturn:
    """Skip what asks for a server that cannot run here; where CI=true, fail: there, all of it must run."""
    if os.environ.get("CI") == "true":
        pytest.fail(str(error), pytrace=False)
    pytest.skip(str(error))


@contextmanager
def start_on_a_free_port(command: Callable[[int], Sequence[str]], directory: Path) -> Iterator[int]:
    """Run the program of `command` of a port until the block ends; gives the port. Raises NotStartedError."""
    with ExitStack() as opened:
        for left in reversed(range(_TRIES)):
            port = free_port()
            try:
                opened.enter_context(running(command(port), port, directory))
                break
            except NotStartedError:
                # Another process may have taken the port that was free.
                if not left:
                    raise
        yield port


def free_port() -> int:
    """Give a port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(command: Sequence[str], port: int, directory: Path, seconds: float = 60) -> Iterator[None]:
    """Run a program in a directory until the block ends, from when it takes connections on `port`.

    Raises NotStartedError when it ended, or did not listen, within so many seconds.
    """
    with tempfile.TemporaryFile() as printed:
        process = subprocess.Popen(
            [sys.executable, ATTENDED, *command],
            cwd=directory,
            stdin=subprocess.PIPE,
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the tests, which then end it
        )
        try:
            if not _listens(process, port, seconds):
                printed.seek(0)
                raise NotStartedError(printed.read()[-4000:].decode("utf-8", "replace"))
            yield
        finally:
            _end(process)


def _listens(process: subprocess.Popen[bytes], port: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return process.poll() is None
        time.sleep(0.02)
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    process.wait(10)
