"""Asking for a connection: what the caller's body says, checked against the resource."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from oauth_broker.errors import FieldProblem, InvalidError
from oauth_broker.protocol.variables import connection_values
from oauth_broker.registration.checks import child
from oauth_broker.return_url import return_url_problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from oauth_broker.resource import Resource

MEMBERS: Final = frozenset({"connection_id", "return_url", "user", "scopes", "variables", "labels"})
NOT_IN_REAUTHORIZE: Final = frozenset({"connection_id", "labels"})
LONGEST_USER: Final = 128
LONGEST_LABEL: Final = 128
MOST_LABELS: Final = 20
_CONNECTION_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Asking:
    """What is asked for; `scopes` are the resource's where the body names none."""

    connection_id: str | None
    return_url: str | None
    user: str | None
    scopes: tuple[str, ...]
    variables: Mapping[str, str]
    labels: tuple[str, ...]


def parse_asking(
    body: Mapping[str, Any],
    resource: Resource,
    *,
    may_return_to: Callable[[str], bool],
    console: str | None = None,
    known_variables: Mapping[str, str] | None = None,
) -> Asking:
    """Read and check the body. `may_return_to` says of an origin whether the deployment allows it.

    `console` is the address of the broker's own page, which is always allowed.

    `known_variables` are those of the connection that is to be reauthorized: what the body leaves out
    stays. Raises InvalidError with every problem.
    """
    members = MEMBERS if known_variables is None else MEMBERS - NOT_IN_REAUTHORIZE
    problems = [FieldProblem(child("", name), "unknown member") for name in body if name not in members]
    problems += _problems(body, resource, may_return_to, console)
    variables: dict[str, str] = {}
    try:
        variables = connection_values(resource, _variables(body, known_variables or {}))
    except InvalidError as error:
        problems += error.problems
    if problems:
        raise InvalidError(*problems)
    scopes = body.get("scopes")
    return Asking(
        connection_id=body.get("connection_id"),
        return_url=body.get("return_url"),
        user=body.get("user"),
        scopes=resource.scopes if scopes is None else tuple(scopes),
        variables=variables,
        labels=tuple(body.get("labels") or ()),
    )


def _variables(body: Mapping[str, Any], known: Mapping[str, str]) -> object:
    given = body.get("variables")
    if given is None:
        return dict(known)
    return {**known, **given} if isinstance(given, dict) else given


def _problems(
    body: Mapping[str, Any],
    resource: Resource,
    may_return_to: Callable[[str], bool],
    console: str | None,
) -> Iterator[FieldProblem]:
    given = {name: value for name, value in body.items() if value is not None}
    yield from id_problems(given)
    if resource.require_confirmation and resource.authorization is not None:
        for name in ("return_url", "user"):
            if name not in given:
                yield FieldProblem(f"/{name}", "is required, since this resource's connections are confirmed")
    if "return_url" in given and (wrong := return_url_problem(given["return_url"], may_return_to, console)):
        yield FieldProblem("/return_url", wrong)
    user = given.get("user", "x")
    if not isinstance(user, str) or not 1 <= len(user) <= LONGEST_USER:
        yield FieldProblem("/user", f"is a string of 1 to {LONGEST_USER} characters")
    yield from _list_problems("scopes", given.get("scopes", []), resource.scopes)
    yield from label_problems(given)


def id_problems(given: Mapping[str, Any]) -> Iterator[FieldProblem]:
    """Find what is wrong with the `connection_id` of a body whose null members were left out."""
    connection_id = given.get("connection_id", "x")
    if not isinstance(connection_id, str) or not _CONNECTION_ID.fullmatch(connection_id):
        yield FieldProblem("/connection_id", "is 1 to 64 of A-Z, a-z, 0-9, _ and -")


def label_problems(given: Mapping[str, Any]) -> Iterator[FieldProblem]:
    """Find what is wrong with the `labels` of a body whose null members were left out."""
    yield from _list_problems("labels", given.get("labels", []), None)


def _list_problems(name: str, value: object, known: tuple[str, ...] | None) -> Iterator[FieldProblem]:
    if not isinstance(value, list):
        yield FieldProblem(f"/{name}", "is a list of strings")
        return
    if known is None and len(value) > MOST_LABELS:
        yield FieldProblem(f"/{name}", f"has more than {MOST_LABELS} items")
    for index, item in enumerate(value):
        pointer = f"/{name}/{index}"
        if item in value[:index]:
            yield FieldProblem(pointer, "is there twice")
        elif known is not None:
            if item not in known:
                yield FieldProblem(pointer, "is not a scope of the resource")
        elif not isinstance(item, str) or not 1 <= len(item) <= LONGEST_LABEL:
            yield FieldProblem(pointer, f"is a string of 1 to {LONGEST_LABEL} characters")
        elif not item.isprintable():
            yield FieldProblem(pointer, "has a character that does not print")
