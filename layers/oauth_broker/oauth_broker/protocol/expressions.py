"""What may stand between `{{` and `}}`: a name, or a function of names and quoted texts.

The functions are a small closed set, so that hand-made headers and signed requests are a line of data:
`{{base64(client_id, ':', client_secret)}}`. What they give: `functions.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from oauth_broker.errors import TemplateError
from oauth_broker.protocol.wording import unknown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
NOW: Final = "now"
"""The name of the value that `now` reads: the request's moment, epoch milliseconds in digits."""

UNITS: Final = ("s", "ms", "rfc3339")
RANDOM: Final = "random"
"""The name of the value that `random` reads: the request's random bits, at least 128, in hexadecimal."""

DIGESTS: Final = frozenset({"sha256", "hmac_sha256"})
DEPTH: Final = 8
MOST_ARGUMENTS: Final = 16
MOST_RANDOM_BYTES: Final = 64

_TOKEN: Final = re.compile(
    rf" *(?:(?P<name>{NAME.pattern})|(?P<number>[0-9]{{1,3}})"
    r"|'(?P<single>[^'{}\x00-\x1f]*)'|\"(?P<double>[^\"{}\x00-\x1f]*)\"|(?P<sign>[(),])) *"
)
_HOW: Final = (
    'a placeholder is written {{name}}: letters, digits, "_", "-" and "."; a function {{lower(name)}}'
)


@dataclass(frozen=True, slots=True)
class Name:
    """The value of that name."""

    name: str


@dataclass(frozen=True, slots=True)
class Text:
    """A quoted text, or a number."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function of the closed set, its arguments checked in number and kind."""

    function: str
    arguments: tuple[Expression, ...]


Expression = Name | Text | Call


def names_of(expression: Expression) -> Iterator[str]:
    """Give the names whose values an expression needs, those of `now` and `random` as well, in order."""
    match expression:
        case Name(name=name):
            yield name
        case Call(function=function, arguments=arguments):
            if function in _OF_THE_REQUEST:
                yield function
            for argument in arguments:
                yield from names_of(argument)


def names_told_by(expression: Expression) -> Iterator[str]:
    """Give the names whose values can be read off the result: not those that went into a digest."""
    match expression:
        case Name(name=name):
            yield name
        case Call(function=function, arguments=arguments) if function not in DIGESTS:
            for argument in arguments:
                yield from names_told_by(argument)


def texts_in(expression: Expression) -> Iterator[str]:
    """Give the quoted texts of an expression."""
    match expression:
        case Text(text=text):
            yield text
        case Call(arguments=arguments):
            for argument in arguments:
                yield from texts_in(argument)


@lru_cache(maxsize=1024)
def parsed(source: str) -> Expression:
    """Read what stands between the braces. Raises TemplateError, its position counted from the braces on."""
    reader = _Reader(source)
    expression = reader.expression(0)
    if reader.position != len(source):
        raise TemplateError(reader.position, _HOW)
    return expression


class _Reader:
    """Reads an expression token by token."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.position = 0

    def expression(self, depth: int) -> Expression:
        token = self._next()
        if token["sign"]:
            raise self._slip()
        if token["name"] is None:
            return Text(next(text for text in token.group("number", "single", "double") if text is not None))
        if not self._sees("("):
            if token["name"] in _OF_THE_REQUEST:
                raise TemplateError(0, f"{token['name']} is a function: write {{{{{token['name']}()}}}}")
            return Name(token["name"])
        if depth == DEPTH:
            raise TemplateError(self.position, f"functions may be nested {DEPTH} deep")
        return self._call(token["name"], depth)

    def _call(self, function: str, depth: int) -> Expression:
        if function not in _ARGUMENTS:
            raise TemplateError(0, unknown("function", function, _ARGUMENTS))
        arguments: list[Expression] = []
        self._next()
        while not self._sees(")"):
            if arguments and self._next()["sign"] != ",":
                raise self._slip()
            arguments.append(self.expression(depth + 1))
        self._next()
        return _checked(Call(function, tuple(arguments)))

    def _sees(self, sign: str) -> bool:
        if self.position >= len(self.source) and sign != "(":
            raise self._slip()
        return self.source[self.position : self.position + 1] == sign

    def _next(self) -> re.Match[str]:
        token = _TOKEN.match(self.source, self.position)
        if token is None:
            raise self._slip()
        self.position = token.end()
        return token

    def _slip(self) -> TemplateError:
        return TemplateError(self.position, _HOW)


def _checked(call: Call) -> Call:
    least, most = _ARGUMENTS[call.function]
    if not least <= len(call.arguments) <= most:
        often = f"{least} or more" if most == MOST_ARGUMENTS else f"{least} to {most}"
        raise TemplateError(0, f"{call.function} takes {often} arguments")
    match call:
        case Call(function="now", arguments=(Name(name=unit) | Text(text=unit),)) if unit in UNITS:
            return Call(NOW, (Text(unit),))
        case Call(function="now", arguments=(_,)):
            raise TemplateError(0, "now takes s, ms or rfc3339")
        case Call(function="random", arguments=(Text(text=size),)):
            if not size.isdigit() or not 1 <= int(size) <= MOST_RANDOM_BYTES:
                raise TemplateError(0, f"random takes a number of bytes, 1 to {MOST_RANDOM_BYTES}")
        case Call(function="random", arguments=(_,)):
            raise TemplateError(0, f"random takes a number of bytes, 1 to {MOST_RANDOM_BYTES}")
    return call


_OF_THE_REQUEST: Final = frozenset({NOW, RANDOM})
_ARGUMENTS: Final[Mapping[str, tuple[int, int]]] = {
    "base64": (1, MOST_ARGUMENTS),
    "base64url": (1, MOST_ARGUMENTS),
    "concat": (1, MOST_ARGUMENTS),
    "hmac_sha256": (2, MOST_ARGUMENTS),
    "lower": (1, MOST_ARGUMENTS),
    "now": (0, 1),
    "random": (0, 1),
    "sha256": (1, MOST_ARGUMENTS),
    "urlencode": (1, MOST_ARGUMENTS),
}
"""The closed set, and how many arguments each takes."""
