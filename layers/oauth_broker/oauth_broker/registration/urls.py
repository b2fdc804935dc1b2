"""What a URL of a resource may be: what egress would send to, and what a secret may be entered for."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from oauth_broker.errors import FieldProblem, TemplateError
from oauth_broker.protocol.addresses import LOOPBACK, forbidden_host
from oauth_broker.protocol.destinations import ascii_host
from oauth_broker.protocol.template import PLACEHOLDER, names_in
from oauth_broker.protocol.url_template import split_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from publicsuffixlist import PublicSuffixList

    from oauth_broker.protocol.url_template import UrlParts
    from oauth_broker.registration.checks import Check

LONGEST_URL: Final = 8192
_LONGEST_HOST: Final = 253
_HIGHEST_PORT: Final = 65_535
_BAD_CHARACTER: Final = re.compile(r"[\s\x00-\x20\x7f-\x9f\ud800-\udfff\\]")
_BAD_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_PORT: Final = re.compile(r":[1-9][0-9]*")

# It is on the list so that one shop sets no cookie for another; every name below it is served by Shopify.
_SERVED_BY_ONE_PROVIDER: Final = frozenset({"myshopify.com"})


def url(*, loopback: bool, fragment: bool = False, query: bool = True, templates: bool = True) -> Check:
    """An absolute https URL. `loopback` allows http and https to plain loopback hosts as well."""

    def check(value: Any, pointer: str) -> Iterator[FieldProblem]:
        problem = _text_problem(value)
        if problem is None:
            try:
                parts = split_url(value)
                names = names_in(value)
            except TemplateError as error:
                yield FieldProblem(pointer, error.detail)
                return
            if names and not templates:
                problem = "must not hold a placeholder"
            elif parts.fragment and not fragment:
                problem = "must not have a fragment (RFC 6749 section 3.2)"
            elif parts.query and not query:
                problem = "must not have a query"
            else:
                problem = _parts_problem(parts, loopback=loopback)
        if problem is not None:
            yield FieldProblem(pointer, problem)

    return check


def host(*, loopback: bool) -> Check:
    """A host that a variable may make: an exact name, or `*.` and a suffix that is not a public one."""

    def check(value: Any, pointer: str) -> Iterator[FieldProblem]:
        if not isinstance(value, str):
            yield FieldProblem(pointer, "must be a string")
        elif problem := _host_problem(value, loopback=loopback):
            yield FieldProblem(pointer, problem)

    return check


def _text_problem(value: Any) -> str | None:
    if not isinstance(value, str):
        return "must be a string"
    if not value:
        return "must not be empty"
    if len(value) > LONGEST_URL:
        return f"must be at most {LONGEST_URL} characters"
    if _BAD_CHARACTER.search(PLACEHOLDER.sub("x", value)):
        return "must not hold spaces, control characters or backslashes: percent-encode them"
    return None


def _parts_problem(parts: UrlParts, *, loopback: bool) -> str | None:
    return next((problem for rule in _RULES if (problem := rule(parts, loopback))), None)


def _scheme(parts: UrlParts, loopback: bool) -> str | None:  # noqa: FBT001 - a column of the table below
    if parts.scheme == "http" and not (loopback and _forbidden(parts) == LOOPBACK):
        return "must be https"
    return None


def _host(parts: UrlParts, loopback: bool) -> str | None:  # noqa: FBT001
    rule = _forbidden(parts)
    if rule is None or (loopback and rule == LOOPBACK):
        return None
    return f"no request is sent to such a host ({rule})"


def _port(parts: UrlParts, _: bool) -> str | None:  # noqa: FBT001
    if parts.port and not (_PORT.fullmatch(parts.port) and int(parts.port[1:]) <= _HIGHEST_PORT):
        return "its port must be 1 to 65535"
    return None


def _segments(parts: UrlParts, _: bool) -> str | None:  # noqa: FBT001
    if any(unquote(segment) in {".", ".."} for segment in parts.path.split("/")):
        return "its path must not hold . or .. segments"
    return None


def _percent(parts: UrlParts, _: bool) -> str | None:  # noqa: FBT001
    if _BAD_PERCENT.search(parts.path + parts.query + parts.fragment):
        return "has a % that begins no percent-encoded byte: write %25"
    return None


def _repeats(parts: UrlParts, _: bool) -> str | None:  # noqa: FBT001
    names = [field.partition("=")[0] for field in parts.query.removeprefix("?").split("&") if field]
    if len(set(map(unquote, names))) < len(names):
        return "has a parameter twice (RFC 6749 section 3.1)"
    return None


_RULES: Final[tuple[Callable[[UrlParts, bool], str | None], ...]] = (
    _scheme,
    _host,
    _port,
    _segments,
    _percent,
    _repeats,
)


def _forbidden(parts: UrlParts) -> str | None:
    """Name the rule that forbids the host as far as it is written; what variables make, `hosts` judge."""
    if PLACEHOLDER.fullmatch(parts.host):
        return None
    return forbidden_host(PLACEHOLDER.sub("x", parts.host))


def _host_problem(value: str, *, loopback: bool) -> str | None:
    name = value.removeprefix("*.")
    if not name or len(name) > _LONGEST_HOST or "*" in name or ":" in name or "[" in name:
        return "must be a host name, or *. and one"
    is_suffix = name != value
    rule = forbidden_host(f"x.{name}" if is_suffix else name)
    if rule == LOOPBACK and loopback:
        return None
    if rule is not None:
        return f"no request is sent to such a host ({rule})"
    if is_suffix and name not in _SERVED_BY_ONE_PROVIDER and _public_suffixes().is_public(ascii_host(name)):
        return "is a public suffix: anybody can have a name below it"
    return None


@cache
def _public_suffixes() -> PublicSuffixList:
    from publicsuffixlist import PublicSuffixList  # noqa: PLC0415 - 40 ms, and only a suffix needs it

    return PublicSuffixList()
