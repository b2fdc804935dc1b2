"""Importing a connection: what the caller's body says of tokens that were obtained elsewhere, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from oauth_broker.asking import id_problems, label_problems
from oauth_broker.errors import FieldProblem, InvalidError, UnfitValueError
from oauth_broker.protocol import token_answer
from oauth_broker.protocol.client_authentication import texts_of
from oauth_broker.protocol.template import names_in
from oauth_broker.protocol.token import usable_type
from oauth_broker.protocol.token_answer import MAX_LIFETIME
from oauth_broker.protocol.token_set import MAX_TOKENS_LENGTH, NamedTokenSet, TokenSet
from oauth_broker.protocol.variables import checked_values, connection_values
from oauth_broker.protocol.wording import unknown
from oauth_broker.registration.checks import child
from oauth_broker.secret import Secret
from oauth_broker.timestamps import WRITTEN, epoch_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from oauth_broker.resource import Resource

MEMBERS: Final = ("connection_id", "token_set", "variables", "labels", "consented_at")
TOKEN_MEMBERS: Final = ("access_token", "token_type", "expires_at", "scope")
TOKEN_SET_MEMBERS: Final = (
    *TOKEN_MEMBERS,
    "refresh_token",
    "refresh_token_expires_at",
    "metadata",
    "tokens",
)
_LONGEST_SCOPE: Final = 8192


@dataclass(frozen=True, slots=True)
class Importing:
    """What is to be imported.

    `consented_at` in epoch seconds, None where nobody says. `tells_expiry`: the body says when the access
    token expires, so that its `expires_at` is not the resource's guess.
    """

    connection_id: str | None
    token_set: TokenSet
    variables: Mapping[str, str]
    labels: tuple[str, ...]
    consented_at: int | None
    tells_expiry: bool


def parse_import(body: Mapping[str, Any], resource: Resource, *, now: int) -> Importing:
    """Read and check the body at `now` (epoch seconds). Raises InvalidError with every problem."""
    given = {name: value for name, value in body.items() if value is not None}
    members = _members_of(given.get("token_set"))
    problems = [*_unknown(body, MEMBERS, ""), *id_problems(given), *label_problems(given)]
    problems += _time_problems(given, "consented_at", "", latest=now)
    if isinstance(given.get("token_set"), dict):
        problems += _token_set_problems(members, resource, now=now)
    else:
        detail = "must be an object" if "token_set" in given else "is required"
        problems.append(FieldProblem("/token_set", detail))
    variables: dict[str, str] = {}
    try:
        variables = _variables(body, resource)
    except InvalidError as error:
        problems += error.problems
    if not problems:
        problems += _value_problems(resource, variables, members)
    if problems:
        raise InvalidError(*problems)
    return Importing(
        connection_id=given.get("connection_id"),
        token_set=_token_set(members, resource, now=now),
        variables=variables,
        labels=tuple(given.get("labels", ())),
        consented_at=_seconds(given.get("consented_at")),
        tells_expiry="expires_at" in members,
    )


def _members_of(value: object) -> dict[str, Any]:
    """Give the members of an object that are not null; none of what is no object."""
    return {name: said for name, said in value.items() if said is not None} if isinstance(value, dict) else {}


def _unknown(given: Mapping[str, Any], known: Collection[str], pointer: str) -> Iterator[FieldProblem]:
    for name in given:
        if name not in known:
            yield FieldProblem(child(pointer, name), unknown("member", name, known))


def _token_set_problems(
    members: Mapping[str, Any], resource: Resource, *, now: int
) -> Iterator[FieldProblem]:
    pointer = "/token_set"
    yield from _unknown(members, TOKEN_SET_MEMBERS, pointer)
    yield from _token_problems(members, pointer, resource, latest=now + MAX_LIFETIME)
    refresh_token = members.get("refresh_token")
    if refresh_token is not None and token_answer.printable(refresh_token) is None:
        yield FieldProblem(f"{pointer}/refresh_token", "must be printable ASCII")
    yield from _time_problems(members, "refresh_token_expires_at", pointer, latest=now + MAX_LIFETIME)
    if refresh_token is None and (_seconds(members.get("expires_at")) or now + 1) <= now:
        yield FieldProblem(f"{pointer}/expires_at", "has passed, and there is no refresh token")
    yield from _further_problems(members.get("tokens", {}), resource, latest=now + MAX_LIFETIME)
    metadata = members.get("metadata", {})
    if not isinstance(metadata, dict):
        yield FieldProblem(f"{pointer}/metadata", "must be an object")
    else:
        for name, value in metadata.items():
            place = child(f"{pointer}/metadata", name)
            if name not in resource.metadata:
                yield FieldProblem(place, unknown("metadata of the resource", name, resource.metadata))
            elif not token_answer.may_be_shown(value, _tokens_in(members)):
                yield FieldProblem(place, "must be a short text, a number or a boolean, without a token")
    if sum(map(len, _tokens_in(members))) > MAX_TOKENS_LENGTH:
        yield FieldProblem(pointer, f"must have at most {MAX_TOKENS_LENGTH} characters of tokens")


def _further_problems(tokens: object, resource: Resource, *, latest: int) -> Iterator[FieldProblem]:
    pointer = "/token_set/tokens"
    if not isinstance(tokens, dict):
        yield FieldProblem(pointer, "must be an object")
        return
    declared = resource.token_response.tokens
    for name, members in tokens.items():
        place = child(pointer, name)
        if name not in declared:
            yield FieldProblem(place, unknown("token of the resource", name, declared))
        elif not isinstance(members, dict):
            yield FieldProblem(place, "must be an object")
        else:
            yield from _unknown(members, TOKEN_MEMBERS, place)
            yield from _token_problems(members, place, resource, latest=latest, named=True)


def _token_problems(
    members: Mapping[str, Any], pointer: str, resource: Resource, *, latest: int, named: bool = False
) -> Iterator[FieldProblem]:
    access_token = members.get("access_token")
    if access_token is None:
        yield FieldProblem(f"{pointer}/access_token", "is required")
    elif token_answer.visible(access_token) is None:
        yield FieldProblem(f"{pointer}/access_token", "must be visible ASCII without spaces")
    if usable_type(resource.token_response, members.get("token_type"), named=named) is None:
        yield FieldProblem(f"{pointer}/token_type", "must be Bearer, unless the resource names its type")
    scope = members.get("scope", "")
    if not isinstance(scope, str) or len(scope) > _LONGEST_SCOPE:
        yield FieldProblem(f"{pointer}/scope", f"must be a string of at most {_LONGEST_SCOPE} characters")
    yield from _time_problems(members, "expires_at", pointer, latest=latest)


def _time_problems(
    members: Mapping[str, Any], name: str, pointer: str, *, latest: int
) -> Iterator[FieldProblem]:
    if members.get(name) is None:
        return
    time = epoch_of(members[name])
    if time is None or time < 0:
        yield FieldProblem(f"{pointer}/{name}", f"must be {WRITTEN}")
    elif time > latest:
        yield FieldProblem(f"{pointer}/{name}", "is too far in the future")


def _variables(body: Mapping[str, Any], resource: Resource) -> dict[str, str]:
    """Give the connection's variables: its own, and those that the callback would have brought."""
    given = body.get("variables")
    if not isinstance(given, dict):
        return connection_values(resource, {} if given is None else given)
    brought = {
        name: given[name]
        for name in resource.callback_variables
        if given.get(name) is not None and name not in resource.connection_variables
    }
    for name, value in brought.items():
        if not isinstance(value, str):
            raise InvalidError(FieldProblem(child("/variables", name), "must be a string"))
    own = connection_values(resource, {name: given[name] for name in given if name not in brought})
    try:
        return {**own, **checked_values(resource, brought, known=own)}
    except UnfitValueError as error:
        raise InvalidError(FieldProblem(child("/variables", error.name), error.detail)) from None


def _value_problems(
    resource: Resource, variables: Mapping[str, str], members: Mapping[str, Any]
) -> Iterator[FieldProblem]:
    """Find metadata that does not fit its places, and what a refresh or revocation would miss."""
    metadata = members.get("metadata", {})
    try:
        checked_values(resource, metadata, known=variables)
    except UnfitValueError as error:
        yield FieldProblem(_pointer_of(error.name, resource), error.detail)
    steps = [resource.revocation] if resource.revocation else []
    if "refresh_token" in members:
        steps.append(resource.refresh)
    used = {
        name
        for step in steps
        for text in texts_of([step.url, step.params, step.headers])
        for name in names_in(text)
    }
    later = {*resource.callback_variables, *resource.metadata}
    for name in sorted((used & later) - variables.keys() - metadata.keys()):
        yield FieldProblem(_pointer_of(name, resource), "is required: a refresh or a revocation needs it")


def _pointer_of(name: str, resource: Resource) -> str:
    return child("/token_set/metadata" if name in resource.metadata else "/variables", name)


def _token_set(members: Mapping[str, Any], resource: Resource, *, now: int) -> TokenSet:
    """Read a token set without a fault."""
    refresh_token = members.get("refresh_token")
    expires_at = _seconds(members.get("expires_at"))
    if expires_at is None and resource.default_expires_in is not None:
        expires_at = now + resource.default_expires_in
    return TokenSet(
        access_token=Secret(members["access_token"]),
        refresh_token=None if refresh_token is None else Secret(refresh_token),
        token_type=usable_type(resource.token_response, members.get("token_type")) or "",
        expires_at=expires_at,
        scopes=_scopes(members, resource, hidden=_tokens_in(members)),
        metadata=members.get("metadata", {}),
        refresh_expires_at=_seconds(members.get("refresh_token_expires_at")),
        named={
            name: NamedTokenSet(
                access_token=Secret(further["access_token"]),
                token_type=usable_type(resource.token_response, further.get("token_type"), named=True) or "",
                issued_at=now,
                expires_at=_seconds(further.get("expires_at")),
                scopes=_scopes(further, resource, hidden=_tokens_in(members)),
            )
            for name, further in members.get("tokens", {}).items()
        },
    )


def _scopes(members: Mapping[str, Any], resource: Resource, *, hidden: list[str]) -> tuple[str, ...] | None:
    return token_answer.scopes(members.get("scope"), resource.scope_separator, hidden=hidden)


def _tokens_in(members: Mapping[str, Any]) -> list[str]:
    """Give every token of a token set, whatever else is wrong with it."""
    tokens = members.get("tokens")
    further = [one for one in (tokens.values() if isinstance(tokens, dict) else ()) if isinstance(one, dict)]
    found = [members.get("access_token"), members.get("refresh_token")]
    found += [one.get("access_token") for one in further]
    return [token for token in found if isinstance(token, str) and token]


def _seconds(text: object) -> int | None:
    time = epoch_of(text)
    return None if time is None else int(time)
