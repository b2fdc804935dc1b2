"""What the person at the terminal reads: one line a request, and the functions' own lines."""

from __future__ import annotations

import json
import sys
import threading
from datetime import datetime
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.http_api import Served

_COLOURS = {2: "32", 3: "36", 4: "33", 5: "31"}  # by the status's first digit
_DIM = "2"
_UNTOLD = {"level", "message", "service", "timestamp"}  # of a structured log line: said otherwise, or noise


class Console:
    """Writes whole lines to `out`; with colours where that is a terminal. Safe to use from many threads."""

    def __init__(self, out: TextIO | None = None) -> None:
        self.out = sys.stdout if out is None else out
        self._colours = self.out.isatty()
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        """Text as it is."""
        with self._lock:
            try:
                print(text, file=self.out, flush=True)
            except (BrokenPipeError, ValueError):
                return  # nobody reads any more, which is no reason to stop serving

    def request(self, served: Served) -> None:
        """One answered request: when, method, path, status, time, function."""
        status = self._painted(_COLOURS.get(served.status // 100, "0"), str(served.status))
        path = _printable(served.path)
        tail = self._painted(_DIM, f"{served.milliseconds:>5.0f} ms  {served.function}".rstrip())
        self.say(f"{self._time()} {served.method:<6} {path:<48} {status} {tail}")

    def log(self, source: str, line: str) -> None:
        """A line that a function (or a part of the stack) wrote."""
        text = _readable(line)
        if text is not None:
            self.say(self._painted(_DIM, f"{self._clock()} {_short(source):<6} {_printable(text)}"))

    def event(self, entry: Mapping[str, Any]) -> None:
        """An EventBridge entry that was put."""
        try:
            detail = json.dumps(json.loads(entry.get("Detail", "{}")))
        except ValueError:
            detail = str(entry.get("Detail"))
        heading = f"{entry.get('Source')}: {entry.get('DetailType')}"
        self.say(f"{self._time()} {'EVENT':<6} {_printable(heading)} {_printable(detail)}")

    def _time(self) -> str:
        return self._painted(_DIM, self._clock())

    @staticmethod
    def _clock() -> str:
        return datetime.now().astimezone().strftime("%H:%M:%S")

    def _painted(self, colour: str, text: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._colours else text


def _printable(text: str) -> str:
    """Text without control characters: a request must not write to somebody's terminal as it likes."""
    return "".join(
        character if character.isprintable() or character == "\t" else "\ufffd" for character in text
    )


def _readable(line: str) -> str | None:
    """A structured log line as words: its level, message and members; any other line as it is.

    None for a function's own line about a request without error: the console has that line already.
    """
    try:
        record = json.loads(line)
    except ValueError:
        return line
    if not isinstance(record, dict) or "message" not in record:
        return line
    if record["message"] == "request" and "error" not in record and record.get("level", "INFO") == "INFO":
        return None
    members = [f"{name}={_text(value)}" for name, value in record.items() if name not in _UNTOLD]
    level = [record["level"]] if record.get("level", "INFO") != "INFO" else []
    return " ".join([*level, _text(record["message"]), *members])


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _short(source: str) -> str:
    return source.removesuffix("Function")
