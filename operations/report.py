"""What a command tells: its progress on stderr while it works, its result on stdout at the end."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Final, Protocol, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

EVERY: Final = 5.0
"""Seconds between two lines of progress."""


class OperationError(Exception):
    """The command cannot do its work; the message says why, and what to do."""


class Result(Protocol):
    """What a command came to."""

    @property
    def status(self) -> int:
        """The exit status: 0 when nothing is left to do, 1 when something is."""

    def lines(self) -> Iterator[str]:
        """Give it as lines for a person."""

    def members(self) -> Mapping[str, object]:
        """Give it as members of a JSON object."""


class Progress:
    """Counts items, from several threads, and says how many there were every few seconds."""

    def __init__(self, stream: TextIO, clock: Callable[[], float]) -> None:
        self._stream = stream
        self._clock = clock
        self._lock = threading.Lock()
        self._said_at = clock()
        self.count = 0

    def step(self) -> None:
        """Count one item."""
        with self._lock:
            self.count += 1
            now = self._clock()
            if now - self._said_at >= EVERY:
                self._said_at = now
                self.say(f"{self.count:,} items read")

    def say(self, line: str) -> None:
        """Say something now."""
        print(line, file=self._stream, flush=True)


def show(result: Result, *, as_json: bool, stream: TextIO) -> int:
    """Print a result; gives the exit status."""
    if as_json:
        print(json.dumps(dict(result.members()), indent=2, ensure_ascii=False), file=stream)
    else:
        for line in result.lines():
            print(line, file=stream)
    return result.status
