"""The vocabulary of the table of fields: each check looks at one value and says all that is wrong with it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from oauth_broker.errors import FieldProblem
from oauth_broker.protocol.variables import is_clean
from oauth_broker.protocol.wording import unknown

Check = Callable[[Any, str], Iterator[FieldProblem]]
"""A check takes a value and its JSON pointer."""


def child(pointer: str, name: str | int) -> str:
    """Give the pointer of a member or item (RFC 6901 section 3)."""
    return f"{pointer}/{str(name).replace('~', '~0').replace('/', '~1')}"


def text(longest: int, *, shortest: int = 1, pattern: str = "", rule: str = "") -> Check:
    """A string of so many characters, without controls, that as a whole is a `pattern`, or else `rule`."""
    wanted = re.compile(pattern) if pattern else None

    def check(value: Any, pointer: str) -> Iterator[FieldProblem]:
        if not isinstance(value, str):
            yield FieldProblem(pointer, "must be a string")
        elif len(value) < shortest:
            yield FieldProblem(pointer, "must not be empty")
        elif len(value) > longest:
            yield FieldProblem(pointer, f"must be at most {longest} characters")
        elif not is_clean(value):
            yield FieldProblem(pointer, "must not hold control characters or half a character")
        elif wanted and not wanted.fullmatch(value):
            yield FieldProblem(pointer, rule)

    return check


def integer(least: int, most: int) -> Check:
    """A whole number."""

    def check(value: Any, pointer: str) -> Iterator[FieldProblem]:
        if isinstance(value, bool) or not isinstance(value, int):
            yield FieldProblem(pointer, "must be a whole number")
        elif not least <= value <= most:
            yield FieldProblem(pointer, f"must be {least} to {most}")

    return check


def boolean(value: Any, pointer: str) -> Iterator[FieldProblem]:
    """True or false."""
    if not isinstance(value, bool):
        yield FieldProblem(pointer, "must be true or false")


def choice(*choices: str, refused: Mapping[str, str] | None = None) -> Check:
    """One of a few words; for each of `refused`, the reason why not."""

    def check(value: Any, pointer: str) -> Iterator[FieldProblem]:
        if not isinstance(value, str):
            yield FieldProblem(pointer, "must be a string")
        elif refused and value in refused:
            yield FieldProblem(pointer, refused[value])
        elif value not in choices:
            yield FieldProblem(
                pointer, f"{unknown('value', value, choices)}; it is one of {', '.join(choices)}"
            )

    return check


def nullable(inner: Check) -> Check:
    """Null, or what `inner` says."""

    def check(value: Any, pointer: str) -> Iterator[FieldProblem]:
        if value is not None:
            yield from inner(value, pointer)

    return check


def members(table: Mapping[str, Check], *, required: tuple[str, ...] = ()) -> Check:
    """An object of known members."""

    def check(value: Any, pointer: str) -> Iterator[FieldProblem]:
        if not isinstance(value, dict):
            yield FieldProblem(pointer, "must be an object")
            return
        for name in required:
            if name not in value:
                yield FieldProblem(child(pointer, name), "is required")
        for name, member in value.items():
            if name in table:
                yield from table[name](member, child(pointer, name))
            else:
                yield FieldProblem(child(pointer, name), unknown("member", name, table))

    return check


def mapping(name_check: Check, value_check: Check, *, most: int) -> Check:
    """An object whose member names are free."""

    def check(value: Any, pointer: str) -> Iterator[FieldProblem]:
        if not isinstance(value, dict):
            yield FieldProblem(pointer, "must be an object")
        elif len(value) > most:
            yield FieldProblem(pointer, f"must have at most {most} members")
        else:
            for name, member in value.items():
                yield from name_check(name, child(pointer, name))
                yield from value_check(member, child(pointer, name))

    return check


def items(item_check: Check, *, most: int, least: int = 0) -> Check:
    """A list of different values."""

    def check(value: Any, pointer: str) -> Iterator[FieldProblem]:
        if not isinstance(value, list):
            yield FieldProblem(pointer, "must be a list")
        elif len(value) > most:
            yield FieldProblem(pointer, f"must have at most {most} items")
        elif len(value) < least:
            yield FieldProblem(pointer, "must not be empty")
        else:
            for index, item in enumerate(value):
                yield from item_check(item, child(pointer, index))
                if item in value[:index]:
                    yield FieldProblem(child(pointer, index), "is in the list twice")

    return check


def json_value(longest: int, *, depth: int) -> Check:
    """What a parameter may be: null, a string, number or boolean; objects and lists of these `depth` deep."""
    string = text(longest, shortest=0)

    def check(value: Any, pointer: str) -> Iterator[FieldProblem]:
        if isinstance(value, str):
            yield from string(value, pointer)
        elif isinstance(value, float) and not math.isfinite(value):
            yield FieldProblem(pointer, "must be a number that JSON can write")
        elif isinstance(value, dict | list):
            inner = value.items() if isinstance(value, dict) else enumerate(value)
            if not depth:
                yield FieldProblem(pointer, "must be a string, number or boolean, or null")
                return
            for name, member in inner:
                yield from json_value(longest, depth=depth - 1)(member, child(pointer, name))

    return check
