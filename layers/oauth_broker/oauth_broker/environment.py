"""Reads a function's environment variables, and names all that is wrong with them at once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Self

from oauth_broker.errors import FieldProblem, SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

MAX_PORT: Final = 65_535

_PORT = r"(?::(?P<port>[0-9]{1,5}))?"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HTTPS_ORIGIN = re.compile(rf"(?P<scheme>https)://(?P<host>{_LABEL}(?:\.{_LABEL})*){_PORT}", re.IGNORECASE)
_LOOPBACK_ORIGIN = re.compile(
    rf"(?P<scheme>http)://(?P<host>127\.0\.0\.1|localhost|\[::1\]){_PORT}", re.IGNORECASE
)
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}


class Environment:
    """Gives variables of the right kind; when its block ends, raises SettingsError with all that is wrong."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._problems: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._problems and kind is None:
            raise SettingsError(*(FieldProblem(name, detail) for name, detail in self._problems.items()))

    def wrong(self, name: str, detail: str) -> None:
        """Keep the first thing that is wrong with a variable."""
        self._problems.setdefault(name, detail)

    def given(self, name: str) -> str:
        """Give a variable that must be set but may be empty."""
        value = self._environ.get(name)
        if value is None:
            self.wrong(name, "is missing")
        return value or ""

    def text(self, name: str) -> str:
        """Give a variable that must not be empty."""
        value = self.given(name)
        if not value:
            self.wrong(name, "is empty")
        return value

    def number(self, name: str, low: int, high: int) -> int:
        """Give a whole number from `low` to `high`."""
        value = self.text(name)
        number = int(value) if re.fullmatch(r"[0-9]{1,9}", value, re.ASCII) else -1
        if not low <= number <= high:
            self.wrong(name, f"is not a whole number from {low} to {high}")
        return number

    def switch(self, name: str) -> bool:
        """Give whether a variable that may be absent is `1`."""
        value = self._environ.get(name, "0")
        if value not in {"0", "1"}:
            self.wrong(name, "is neither 0 nor 1")
        return value == "1"

    def ports(self, name: str) -> frozenset[int]:
        """Give the ports of a comma-separated list that may be absent."""
        items = _items(self._environ.get(name, ""))
        if any(_port(item) is None for item in items):
            self.wrong(name, "is not a comma-separated list of ports")
        return frozenset(port for item in items if (port := _port(item)) is not None)

    def origin(self, name: str) -> str | None:
        """Give a web origin as it was written, without a slash at its end, or None for an empty variable."""
        value = self.given(name).removesuffix("/").lower()
        if value and web_origin(value) is None:
            self.wrong(name, "is neither empty nor an https origin such as https://broker.example.com")
        return value or None

    def loopback_origin(self, name: str) -> str | None:
        """Give a plain http origin on this very machine, or None for a variable that is absent."""
        value = self._environ.get(name)
        if value is not None and not is_loopback_origin(value):
            self.wrong(name, "is not an http origin on loopback")
        return value

    def origins(self, name: str, *words: str) -> frozenset[str]:
        """Give the origins of a comma-separated list that may be empty, as `web_origin` writes them.

        `words` may stand among them and come back as they are.
        """
        found = {item: item if item in words else web_origin(item) for item in _items(self.given(name))}
        if bad := [item for item, origin in found.items() if origin is None]:
            self.wrong(name, f"has what is not an https origin: {', '.join(bad)}")
        return frozenset(origin for origin in found.values() if origin)


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def _port(text: str) -> int | None:
    """Give a port number, or None for what is not one."""
    number = int(text) if re.fullmatch(r"[0-9]{1,5}", text, re.ASCII) else 0
    return number if 1 <= number <= MAX_PORT else None


def web_origin(text: str) -> str | None:
    """Give `scheme://host:port` of an https origin, or of an http one on loopback; None for anything else."""
    found = _HTTPS_ORIGIN.fullmatch(text) or _LOOPBACK_ORIGIN.fullmatch(text)
    if not found:
        return None
    scheme, host = found["scheme"].lower(), found["host"].lower()
    port = _port(found["port"]) if found["port"] else _DEFAULT_PORTS[scheme]
    return f"{scheme}://{host}:{port}" if port else None


def is_loopback_origin(origin: str) -> bool:
    """Say whether an origin is plain http on this very machine (RFC 8252 section 7.3, and `localhost`)."""
    return _LOOPBACK_ORIGIN.fullmatch(origin) is not None
