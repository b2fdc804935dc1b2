"""Reading what a token endpoint answered: bodies of every dialect, and what their members may be.

Nothing here raises: a member that cannot be read is None, since an answer that is odd in one member may still
bring the only copy of a rotated refresh token.
"""

from __future__ import annotations

import json
import math
import re
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from oauth_broker.protocol.masking import masked
from oauth_broker.resource import ExpiresInUnit
from oauth_broker.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import jmespath

MAX_RETRY_AFTER: Final = 86_400
"""Seconds: a day is the longest that a provider can put us off."""

MAX_LIFETIME: Final = 100 * 366 * 86_400
"""Seconds: a century at most, so that any expiry can be written as a date."""

MAX_EXPRESSION_LENGTH: Final = 256
MAX_SCOPES: Final = 200
MAX_SCOPE_LENGTH: Final = 256
TELLING_LENGTH: Final = 12
MAX_SHOWN_LENGTH: Final = 2_000

_NAME: Final = r"[A-Za-z_][A-Za-z0-9_]*"
_NAMES: Final = re.compile(rf"{_NAME}(?: \|\| {_NAME})*")
_VISIBLE: Final = re.compile(r"[\x21-\x7e]+")
_PRINTABLE: Final = re.compile(r"[\x20-\x7e]+")
_SEPARATORS: Final = re.compile(r"[\s,]+")
_SHORT_INTEGER: Final = 18


def parsed(body: bytes) -> Any:
    """Give the value that a body holds, whatever its content type says; None when it is empty or unreadable.

    JSON first, leniently (a member that is there twice: the last counts; NaN is a number), then a form, which
    comes out as an object of strings.
    """
    text = body.decode("utf-8-sig", errors="replace").strip()
    try:
        return json.loads(text, strict=False, parse_int=_number)
    except (ValueError, RecursionError):
        pass
    try:
        return dict(parse_qsl(text, keep_blank_values=True, strict_parsing=True, max_num_fields=100)) or None
    except ValueError:
        return None


def member(answer: Any, expression: str) -> Any:
    """Give what a JMESPath expression finds in an answer; None when it finds nothing."""
    short = len(expression) <= MAX_EXPRESSION_LENGTH
    if short and _NAMES.fullmatch(expression):  # nearly always: then the library is not even imported
        return _first(answer, expression.split(" || ")) if isinstance(answer, dict) else None
    try:
        return compiled(expression).search(answer)
    except (ValueError, TypeError, RecursionError, ArithmeticError):  # JMESPath's own are ValueErrors
        return None


def compiled(expression: str) -> jmespath.parser.ParsedResult:
    """Compile a JMESPath expression whose result is never larger than the answer it is asked of.

    Multiselects are refused: a chain of them (`[@,@][]|[@,@][]|…`) doubles at each step. Raises ValueError,
    which says what is wrong.
    """
    import jmespath  # noqa: PLC0415 - only answers of odd shape need it: cold start

    if len(expression) > MAX_EXPRESSION_LENGTH:
        raise ValueError(f"longer than {MAX_EXPRESSION_LENGTH} characters")
    result = jmespath.compile(expression)
    pending = [result.parsed]
    while pending:
        node = pending.pop()
        if node["type"] in {"multi_select_list", "multi_select_dict"}:
            raise ValueError("a multiselect ([a, b] or {a: b}) cannot be used here")
        pending.extend(node["children"])
    return result


def visible(value: object) -> str | None:
    """Give a token of visible ASCII without spaces (RFC 6750, 2.1, allows less); None for anything else."""
    return value if isinstance(value, str) and _VISIBLE.fullmatch(value) else None


def printable(value: object) -> str | None:
    """Give a refresh token: printable ASCII, spaces too (RFC 6749 appendix A.17); None for anything else."""
    return value if isinstance(value, str) and _PRINTABLE.fullmatch(value) else None


def seconds(value: object, unit: ExpiresInUnit, *, may_be_over: bool = False) -> int | None:
    """Give a lifetime in whole seconds, at most a century; None unless it is a positive number or its text.

    0 counts as not said: the providers that send it mean tokens that do not expire. With `may_be_over`, 0 and
    less are 0 seconds.
    """
    if isinstance(value, str) and len(value) <= _SHORT_INTEGER:
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    whole = int(value // 1000 if unit is ExpiresInUnit.MILLISECONDS else value)
    if value <= 0:
        return 0 if may_be_over else None
    return min(whole, MAX_LIFETIME)


def scopes(value: object, separator: str, *, hidden: Sequence[str | None] = ()) -> tuple[str, ...] | None:
    """Give the scopes an answer names: a list, or text with the resource's separator, spaces or commas.

    None where it does not say; duplicates are dropped, the order is kept. Left out is what does not print,
    and what holds one of `hidden` or is a long part of one: scopes are shown.
    """
    if isinstance(value, str):
        own = separator.strip()
        value = value.split(own) if own and own in value else _SEPARATORS.split(value)
    if not isinstance(value, list):
        return None
    # TikTok for Business numbers its scopes; a boolean is an int in Python, and no scope.
    named = (str(scope).strip() for scope in value if type(scope) in {str, int})
    fit = (scope for scope in named if scope.isprintable() and 0 < len(scope) <= MAX_SCOPE_LENGTH)
    return tuple(dict.fromkeys(scope for scope in fit if not _tells(scope, hidden)))[:MAX_SCOPES]


def _tells(scope: str, hidden: Sequence[str | None]) -> bool:
    """Say whether a scope holds a secret, or is a long part of one; short ones would be so by chance."""
    return any(
        min(len(scope), len(secret)) >= TELLING_LENGTH and (secret in scope or scope in secret)
        for secret in hidden
        if secret
    )


def shown(
    answer: Any, names: Sequence[str], *, hidden: Sequence[str | None]
) -> Mapping[str, str | int | float | bool]:
    """Give the members `names` that are text, numbers or booleans; no text that holds one of `hidden`.

    Nor one that holds it URL- or Base64-encoded.
    """
    found = {name: member(answer, name) for name in names}
    return {name: value for name, value in found.items() if may_be_shown(value, hidden)}


def may_be_shown(value: object, hidden: Sequence[str | None]) -> bool:
    """Say whether a value is text without `hidden`, a number or a boolean, and of bounded length."""
    if isinstance(value, str):
        secrets = [Secret(secret) for secret in hidden if secret]
        return len(value) <= MAX_SHOWN_LENGTH and masked(value, secrets) == value
    return isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))


def retry_after(value: str | None, *, now: int) -> int | None:
    """Read a `Retry-After` (RFC 9110, 10.2.3), seconds or a date: seconds from `now`, 0 to `MAX_RETRY_AFTER`.

    None where there is none or it cannot be read.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return MAX_RETRY_AFTER if len(text) > _SHORT_INTEGER else min(int(text), MAX_RETRY_AFTER)
    at = date_of(text)
    return None if at is None else min(max(at - now, 0), MAX_RETRY_AFTER)


def date_of(value: str | None) -> int | None:
    """Read an HTTP date (RFC 9110 section 5.6.7) in epoch seconds, rounded up; None for what is none."""
    if not value:
        return None
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - only a date needs it: cold start

    try:
        date = parsedate_to_datetime(value)
        if date.tzinfo is None:  # the obsolete forms: always UTC
            date = date.replace(tzinfo=UTC)
        return math.ceil(date.timestamp())
    except (ValueError, OverflowError, IndexError):
        return None


def _first(answer: Mapping[str, Any], names: Sequence[str]) -> Any:
    """Give the first of an answer's members that JMESPath's `||` does not pass over; else the last."""
    value = None
    for name in names:
        value = answer.get(name)
        if value is not None and value is not False and value not in ("", [], {}):
            break
    return value


def _number(digits: str) -> int | float:
    # int() refuses 4,301 digits and is quadratic in their number.
    return int(digits) if len(digits) <= _SHORT_INTEGER else float(digits)
