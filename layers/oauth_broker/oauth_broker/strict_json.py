"""JSON as callers must send it: RFC 8259, members and text by RFC 7493, of bounded depth."""

from __future__ import annotations

import json
import math
from typing import Any, Final

from oauth_broker.errors import MalformedError

MAX_DEPTH: Final = 32


def parse_json_object(raw: bytes, what: str) -> dict[str, Any]:
    """Parse a strict JSON object (RFC 8259, members and text by RFC 7493); raises MalformedError."""
    try:
        value = json.loads(
            raw.decode(), object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite
        )
    except MalformedError as error:
        raise MalformedError(f"{what} {error.detail}") from None
    except (ValueError, RecursionError):
        raise MalformedError(f"{what} is not JSON in UTF-8.") from None
    if not isinstance(value, dict):
        raise MalformedError(f"{what} is not a JSON object.")
    _check_values(value, what)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise MalformedError("has a member twice.")
    return members


def _no_constant(_: str) -> None:
    raise MalformedError("has NaN or Infinity, which are not JSON.")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise MalformedError("has a number that is too large.")
    return number


def _check_values(value: object, what: str) -> None:
    """Walk level by level: nothing below the depth that is allowed, no text that is not Unicode."""
    level = [value]
    for _ in range(MAX_DEPTH):
        inner: list[object] = []
        for item in level:
            if isinstance(item, str) and not _is_unicode(item):
                raise MalformedError(f"{what} has half a character (a lone surrogate).")
            if isinstance(item, dict):
                inner += [*item.keys(), *item.values()]
            elif isinstance(item, list):
                inner += item
        if not inner:
            return
        level = inner
    raise MalformedError(f"{what} has more than {MAX_DEPTH} levels.")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
