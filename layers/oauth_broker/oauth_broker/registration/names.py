"""Which placeholders a registration's texts may hold: what their step knows, and no secret in sight."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from oauth_broker.errors import FieldProblem, TemplateError
from oauth_broker.protocol.authorization import AT_START
from oauth_broker.protocol.expressions import NOW, RANDOM, Call, names_of, texts_in
from oauth_broker.protocol.template import expressions_in, names_in
from oauth_broker.protocol.url_template import host_names, path_names, split_url
from oauth_broker.protocol.wording import unknown
from oauth_broker.registration.checks import child
from oauth_broker.registration.document import EXCHANGE_ONLY, refresh_document

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_AUTHORIZATION: Final = frozenset({"client_id", "redirect_uri", "response_type", "scope", "state", "nonce"})
_CHALLENGE: Final = frozenset({"code_challenge", "code_challenge_method"})
_CLIENT: Final = frozenset({"client_id", "client_secret", "client_assertion", "client_assertion_type"})
_EXCHANGE: Final = _CLIENT | {"grant_type", "scope", "code", "redirect_uri"}
_REFRESH: Final = _CLIENT | {"grant_type", "scope", "refresh_token"}
_REVOCATION: Final = _CLIENT | {"token", "token_type_hint"}

_OF_THE_REQUEST: Final = frozenset({NOW, RANDOM})

SECRET_NAMES: Final = frozenset(
    {"client_secret", "client_assertion", "code", "code_verifier", "refresh_token", "token"}
)
"""Standard names whose values are secrets."""

STANDARD_NAMES: Final = (
    _AUTHORIZATION
    | _CHALLENGE
    | _EXCHANGE
    | _REFRESH
    | _REVOCATION
    | _OF_THE_REQUEST
    | {"code_verifier", "access_token", "id_token"}
)
"""Names that no variable may have."""

DECLARE_NAMES: Final = (
    "variables",
    "secret_variables",
    "connection_variables",
    "callback_variables",
    "metadata",
)
"""The members that declare variables."""

STEPS: Final = ("authorization", "token", "refresh", "revocation", "api_base_url")


_DELIMITER: Final = re.compile(r"[/?#&=@:\[\]]")


@dataclass(frozen=True, slots=True)
class Text:
    """One text of a registration that may hold placeholders."""

    pointer: str
    step: str
    value: str
    is_url: bool = False


def texts_of(document: Mapping[str, Any]) -> Iterator[Text]:
    """Give all texts in which placeholders are filled. What has a wrong type is passed over."""
    for step in STEPS:
        members = document.get(step)
        if isinstance(members, str):
            yield Text(f"/{step}", step, members, is_url=True)
        elif isinstance(members, dict):
            if isinstance(members.get("url"), str):
                yield Text(f"/{step}/url", step, members["url"], is_url=True)
            for member in ("params", "headers"):
                yield from _texts(members.get(member), f"/{step}/{member}", step)


def name_problems(document: Mapping[str, Any]) -> Iterator[FieldProblem]:
    """Find placeholders that are malformed, unknown, not known in their step, or secret in sight.

    Only the members that declare variables must be free of problems of their own.
    """
    known = _known_by_step(document)
    for text in texts_of(document):
        try:
            yield from _text_problems(text, document, known)
        except TemplateError as error:
            yield FieldProblem(text.pointer, error.detail)


def _text_problems(
    text: Text, document: Mapping[str, Any], known: Mapping[str, frozenset[str]]
) -> Iterator[FieldProblem]:
    problems = {name: _problem(name, text.step, known, _secrets(document)) for name in names_in(text.value)}
    for problem in problems.values():
        if problem is not None:
            yield FieldProblem(text.pointer, problem)
    yield from _function_problems(text)
    if text.is_url and not any(problems.values()):
        yield from _place_problems(text, document)


def _function_problems(text: Text) -> Iterator[FieldProblem]:
    for expression in expressions_in(text.value):
        if not isinstance(expression, Call):
            continue
        late = AT_START.intersection(names_of(expression)) if text.step == "authorization" else ()
        for name in sorted(late):
            yield FieldProblem(text.pointer, f"{name} is known only at the start: no function can have it")
        if text.is_url and any(_DELIMITER.search(quoted) for quoted in texts_in(expression)):
            yield FieldProblem(text.pointer, "has a quoted text with a delimiter of URLs: put it in params")


def _texts(value: Any, pointer: str, step: str) -> Iterator[Text]:
    if isinstance(value, str):
        yield Text(pointer, step, value)
    elif isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _texts(inner, child(pointer, name), step)


def _known_by_step(document: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """Give the names that have a value when each step's request is made."""
    declared = document.get("connection_variables", {})
    callback = frozenset(document.get("callback_variables", ()))
    metadata = frozenset(document.get("metadata", ()))
    later = {name for name in callback | metadata if declared.get(name, {}).get("default") is None}
    fixed = frozenset(document.get("variables", ()))
    secret = frozenset(document.get("secret_variables") or ())
    pkce = document.get("code_challenge_method", "S256") is not None
    by_code = document.get("grant_type", "authorization_code") == "authorization_code"
    asked = _OF_THE_REQUEST | fixed | (frozenset(declared) - later)
    exchange = _EXCHANGE | (frozenset({"code_verifier"}) if pkce else frozenset())
    always = asked | callback | metadata
    return {
        "authorization": asked | _AUTHORIZATION | (_CHALLENGE if pkce else frozenset()),
        "token": asked | secret | (exchange | callback if by_code else _CLIENT | {"grant_type", "scope"}),
        "refresh": always | secret | _REFRESH,
        "revocation": always | secret | _REVOCATION,
        "api_base_url": (always | {"client_id"}) - _OF_THE_REQUEST,
    }


def _secrets(document: Mapping[str, Any]) -> frozenset[str]:
    return SECRET_NAMES | frozenset(document.get("secret_variables") or ())


def _problem(
    name: str, step: str, known: Mapping[str, frozenset[str]], secrets: frozenset[str]
) -> str | None:
    if name in known[step]:
        return None
    if name in secrets and step == "authorization":
        return f"{name} is a secret: the browser would show it"
    if any(name in names for names in known.values()):
        return f"{name} is not known in this step"
    return unknown("placeholder", name, known[step])


def _place_problems(text: Text, document: Mapping[str, Any]) -> Iterator[FieldProblem]:
    secrets = _secrets(document)
    declared = document.get("connection_variables", {})
    if not all(any(names_of(expression)) for expression in expressions_in(split_url(text.value).host)):
        # Its origin would be that of the placeholder as it is written: no rule for hosts sees what it makes.
        yield FieldProblem(text.pointer, "has a function without a variable in the host: write the host out")
    for name in host_names(text.value):
        if name in secrets:
            yield FieldProblem(text.pointer, f"{name} is a secret: it may not stand in a host")
        elif not declared.get(name, {}).get("hosts"):
            yield FieldProblem(
                text.pointer,
                f"{name} stands in the host: declare it in connection_variables with the hosts it may make",
            )
    for name in path_names(text.value):
        if name in secrets:
            yield FieldProblem(text.pointer, f"{name} is a secret: it may not stand in a path")


def inherited_url_problems(document: Mapping[str, Any]) -> Iterator[FieldProblem]:
    """Find what a refresh could not fill in the token URL, which it takes where it has none of its own."""
    if "token" not in document or "url" in document.get("refresh", {}):
        return
    for name in sorted(set(names_in(refresh_document(document)["url"])) & EXCHANGE_ONLY):
        yield FieldProblem("/token/url", f"{name} is not known when refreshing: give /refresh/url as well")
