"""The values of variables, checked before any use: a connection's own, the callback's, the token answer's."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from oauth_broker.errors import FieldProblem, InvalidError, UnfitValueError
from oauth_broker.protocol.endpoint import hosts_of
from oauth_broker.protocol.template import Place, fill_encoded, names_in
from oauth_broker.protocol.url_template import fill_url, host_names
from oauth_broker.protocol.wording import unknown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from oauth_broker.resource import ConnectionVariable, Resource

LONGEST_VALUE: Final = 1024
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_PATTERN_MEMORY: Final = 1 << 20


def is_clean(value: str) -> bool:
    """Say whether `value` has neither controls nor half of a surrogate pair, which UTF-8 cannot write."""
    return not _CONTROL.search(value)


def connection_values(resource: Resource, given: object) -> dict[str, str]:
    """Give the values of all connection variables from what a connection brings, defaults included.

    A variable that the callback or the token answer brings may be left out. Raises InvalidError with every
    problem at `/variables/<name>`.
    """
    if not isinstance(given, dict):
        raise InvalidError(FieldProblem("/variables", "must be an object"))
    declared = resource.connection_variables
    problems = [
        FieldProblem(_pointer(name), unknown("variable", name, declared))
        for name in given
        if name not in declared
    ]
    values: dict[str, str] = {}
    for name, variable in declared.items():
        value = given[name] if given.get(name) is not None else variable.default
        if value is None:
            if name not in _brought_later(resource):
                problems.append(FieldProblem(_pointer(name), "is required"))
        elif problem := value_problem(variable, value):
            problems.append(FieldProblem(_pointer(name), problem))
        else:
            values[name] = value
    problems += [
        FieldProblem(_pointer(error.name), error.detail)
        for error in unfit_values(resource, {**resource.variables, **values})
    ]
    if problems:
        raise InvalidError(*dict.fromkeys(problems))
    return values


def checked_values(
    resource: Resource, given: Mapping[str, str | float | bool], *, known: Mapping[str, str]
) -> dict[str, str]:
    """Give what a callback or token answer brought of the callback variables and metadata, as text.

    `known` are the connection's values until now. Numbers and booleans are written as JSON does. Raises
    UnfitValueError for a value that its variable's pattern or `hosts` refuse, or that may not stand where a
    template puts it.
    """
    values = {name: _text(given[name]) for name in _brought_later(resource) if name in given}
    for name, value in values.items():
        variable = resource.connection_variables.get(name)
        if problem := value_problem(variable, value):
            raise UnfitValueError(name, f"{name} {problem}")
    for error in unfit_values(resource, {**resource.variables, **known, **values}):
        raise error
    return values


def value_problem(variable: ConnectionVariable | None, value: object) -> str | None:
    """Say what is wrong with one value by itself; without a `variable` only what no value may be counts."""
    if not isinstance(value, str):
        return "must be a string"
    if len(value) > LONGEST_VALUE:
        return f"must be at most {LONGEST_VALUE} characters"
    if not is_clean(value):
        return "must not hold control characters or half a character"
    if variable is not None and variable.pattern is not None and not matches(variable.pattern, value):
        return f"must match {variable.pattern}"
    return None


def pattern_problem(pattern: str) -> str | None:
    """Say why `pattern` is no regular expression that can be matched in linear time (RE2), or None."""
    import re2  # type: ignore[import-untyped]  # noqa: PLC0415 - only patterns need it: cold start

    try:
        _compiled(pattern)
    except re2.error:
        return "is not a regular expression as RE2 knows them (no look-around, no back-references)"
    return None


def matches(pattern: str, value: str) -> bool:
    """Say whether the whole of `value` matches, in time linear in its length whatever the pattern."""
    return _compiled(pattern).fullmatch(value) is not None


def unfit_values(resource: Resource, values: Mapping[str, str]) -> Iterator[UnfitValueError]:
    """Find the values that may not stand where a URL or header of the resource puts them.

    What has no value yet is passed over, and so is a URL whose host is not known yet.
    """
    hosts = hosts_of(resource)
    for url in _urls(resource):
        if set(host_names(url)) <= values.keys():
            try:
                fill_url(url, values, hosts=hosts, keep=frozenset(names_in(url)) - values.keys())
            except UnfitValueError as error:
                yield error
    for header in _headers(resource):
        try:
            fill_encoded(header, values, Place.HEADER, keep=frozenset(names_in(header)) - values.keys())
        except UnfitValueError as error:
            yield error


def _pointer(name: str) -> str:
    return "/variables/" + name.replace("~", "~0").replace("/", "~1")


def _brought_later(resource: Resource) -> tuple[str, ...]:
    return (*resource.callback_variables, *resource.metadata)


def _text(value: str | float | bool) -> str:  # noqa: FBT001 - JSON has booleans
    return value if isinstance(value, str) else json.dumps(value)


def _urls(resource: Resource) -> Iterator[str]:
    steps = (resource.authorization, resource.token, resource.refresh, resource.revocation)
    yield from {step.url: None for step in steps if step is not None}
    if resource.api_base_url is not None:
        yield resource.api_base_url


def _headers(resource: Resource) -> Iterator[str]:
    for step in (resource.token, resource.refresh, resource.revocation):
        if step is not None:
            yield from step.headers.values()


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    import re2  # noqa: PLC0415 - only patterns need it: cold start

    options = re2.Options()
    options.log_errors = False
    options.max_mem = _PATTERN_MEMORY
    return re2.compile(pattern, options=options)
