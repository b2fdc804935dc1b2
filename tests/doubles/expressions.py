"""DynamoDB's condition and update expressions, as far as the store writes them, over plain stored values.

Stricter than the emulators where AWS is: what is not used, not defined, or the same path twice is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

Stored = dict[str, Any]
"""A value as DynamoDB writes it, such as `{"N": "1"}`."""

Test = Callable[["Context"], bool]
Operand = Callable[["Context"], Stored | None]

_TOKEN: Final = re.compile(r"\s*([A-Za-z_#:][A-Za-z0-9_#:.]*|<=|>=|<>|[=<>(),+-]|\d+)")
_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": lambda left, right: left == right,
    "<>": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}
RESERVED: Final = frozenset(
    {"AND", "OR", "NOT", "TTL", "STATUS", "NAME", "TIME", "STATE", "OWNER", "LABELS", "SIZE", "KEY", "VALUE"}
)
"""Of AWS's reserved words, those that an attribute might well be called."""


class InvalidExpressionError(Exception):
    """What AWS answers with a ValidationException."""


@dataclass
class Context:
    """One item, the names and values of one request, and which of those were used."""

    item: Mapping[str, Stored]
    names: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Stored] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def value(self, name: str) -> Stored:
        """Give a value of the request."""
        if name not in self.values:
            raise InvalidExpressionError(f"{name} is not defined")
        return self.values[name]

    def path(self, text: str) -> Stored | None:
        """Give what stands at a path of the item."""
        found: Stored | None = None
        place: Mapping[str, Stored] = self.item
        for part in self.parts(text):
            found = place.get(part)
            place = {} if found is None else found.get("M", {})
        return found

    def parts(self, text: str) -> list[str]:
        """Give the attribute names of a path."""
        names = []
        for part in text.split("."):
            if part.upper() in RESERVED:
                raise InvalidExpressionError(f"{part} is a reserved word")
            if part.startswith("#") and part not in self.names:
                raise InvalidExpressionError(f"{part} is not defined")
            names.append(self.names.get(part, part))
        return names


def comparable(stored: Stored | None) -> tuple[str, Any] | None:
    """Give a value's type and what orders it; None for what is not there."""
    if stored is None:
        return None
    ((kind, value),) = stored.items()
    if kind == "N":
        return kind, float(value)
    return kind, bytes(value) if kind == "B" else value


class _Reader:
    def __init__(self, text: str) -> None:
        self.tokens = _tokens(text)
        self.place = 0
        self.mentioned: set[str] = set()

    def peek(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def take(self, expected: str | None = None) -> str:
        token = self.peek()
        if not token or (expected is not None and token != expected):
            raise InvalidExpressionError(f"{expected or 'more'} is expected, not {token!r}")
        self.place += 1
        self.mentioned.update(part for part in token.split(".") if part[:1] in "#:")
        return token

    def end(self) -> None:
        if self.peek():
            raise InvalidExpressionError(f"{self.peek()!r} is not expected")


def _tokens(text: str) -> list[str]:
    tokens, place = [], 0
    while place < len(text.rstrip()):
        match = _TOKEN.match(text, place)
        if match is None:
            raise InvalidExpressionError(text[place:])
        tokens.append(match[1])
        place = match.end()
    return tokens


@lru_cache(maxsize=512)
def condition(text: str) -> tuple[Test, frozenset[str]]:
    """Read a condition: a test of a context, and the placeholders that it mentions."""
    reader = _Reader(text)
    test = _either(reader)
    reader.end()
    return test, frozenset(reader.mentioned)


def _either(reader: _Reader) -> Test:
    tests = [_both(reader)]
    while reader.peek() == "OR":
        reader.take()
        tests.append(_both(reader))
    return tests[0] if len(tests) == 1 else lambda context: any(test(context) for test in tests)


def _both(reader: _Reader) -> Test:
    tests = [_one(reader)]
    while reader.peek() == "AND":
        reader.take()
        tests.append(_one(reader))
    return tests[0] if len(tests) == 1 else lambda context: all(test(context) for test in tests)


def _one(reader: _Reader) -> Test:
    word = reader.peek()
    if word == "(":
        reader.take()
        test = _either(reader)
        reader.take(")")
        return test
    if word in {"attribute_exists", "attribute_not_exists"}:
        reader.take()
        reader.take("(")
        path = reader.take()
        reader.take(")")
        wanted = word == "attribute_exists"
        return lambda context: (context.path(path) is not None) is wanted
    if word == "contains":
        reader.take()
        reader.take("(")
        path = reader.take()
        reader.take(",")
        sought = operand(reader)
        reader.take(")")
        return lambda context: _contains(context.path(path), sought(context))
    left = operand(reader)
    sign = reader.take()
    if sign not in _COMPARISONS:
        raise InvalidExpressionError(f"{sign!r} is no comparison")
    right = operand(reader)
    return lambda context: _compare(sign, left(context), right(context))


def operand(reader: _Reader) -> Operand:
    """Read an operand: a path, a value, or a path's size."""
    word = reader.take()
    if word == "size":
        reader.take("(")
        path = reader.take()
        reader.take(")")
        return lambda context: _size(context.path(path))
    if word.startswith(":"):
        return lambda context: context.value(word)
    return lambda context: context.path(word)


def _compare(sign: str, left: Stored | None, right: Stored | None) -> bool:
    one, other = comparable(left), comparable(right)
    if one is None or other is None or one[0] != other[0]:
        return False
    return _COMPARISONS[sign](one[1], other[1])


def _contains(stored: Stored | None, sought: Stored | None) -> bool:
    if stored is None or sought is None:
        return False
    ((kind, values),) = stored.items()
    ((_, value),) = sought.items()
    return value in values if kind in {"BS", "SS", "L"} else False


def _size(stored: Stored | None) -> Stored | None:
    return None if stored is None else {"N": str(len(next(iter(stored.values()))))}


@lru_cache(maxsize=512)
def update(text: str) -> tuple[tuple[tuple[str, str, Operand | None], ...], frozenset[str]]:
    """Read an update: (clause, path, what to set or add) for each action, and the placeholders in it."""
    reader = _Reader(text)
    actions: list[tuple[str, str, Operand | None]] = []
    clauses: list[str] = []
    while reader.peek():
        clause = reader.take()
        if clause not in {"SET", "REMOVE", "ADD"} or clause in clauses:
            raise InvalidExpressionError(f"{clause!r} is no clause, or there twice")
        clauses.append(clause)
        while True:
            actions.append((clause, *_action(reader, clause)))
            if reader.peek() != ",":
                break
            reader.take()
    if not actions:
        raise InvalidExpressionError("an update needs an action")
    return tuple(actions), frozenset(reader.mentioned)


def _action(reader: _Reader, clause: str) -> tuple[str, Operand | None]:
    path = reader.take()
    if clause == "REMOVE":
        return path, None
    if clause == "SET":
        reader.take("=")
    return path, _assigned(reader)


def _assigned(reader: _Reader) -> Operand:
    word = reader.peek()
    if word not in {"if_not_exists", "list_append"}:
        return operand(reader)
    reader.take()
    reader.take("(")
    first = _assigned(reader)
    reader.take(",")
    second = _assigned(reader)
    reader.take(")")
    if word == "if_not_exists":
        return lambda context: first(context) or second(context)
    return lambda context: _appended(first(context), second(context))


def _appended(first: Stored | None, second: Stored | None) -> Stored:
    if first is None or second is None or "L" not in first or "L" not in second:
        raise InvalidExpressionError("list_append needs two lists")
    return {"L": [*first["L"], *second["L"]]}


def updated(text: str, context: Context) -> dict[str, Stored]:
    """Give the item as an update leaves it: every operand is read from the item as it was."""
    actions, mentioned = update(text)
    context.used |= mentioned
    changed = dict(context.item)
    touched: set[str] = set()
    for clause, path, value in actions:
        [name] = context.parts(path)
        if name in touched:
            raise InvalidExpressionError(f"two actions on {name}")
        touched.add(name)
        if value is None:
            changed.pop(name, None)
            continue
        stored = value(context)
        if stored is None:
            raise InvalidExpressionError(f"{path} is set to what is not there")
        changed[name] = _added(context.item.get(name), stored) if clause == "ADD" else stored
    return changed


def _added(there: Stored | None, more: Stored) -> Stored:
    if there is not None and there.keys() != more.keys():
        raise InvalidExpressionError("ADD needs two of a type")
    if "N" in more:
        return {"N": str(int((there or {"N": "0"})["N"]) + int(more["N"]))}
    return {
        "BS": sorted({bytes(one) for one in (there or {"BS": []})["BS"]} | {bytes(b) for b in more["BS"]})
    }
