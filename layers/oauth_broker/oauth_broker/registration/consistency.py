"""What the members of a registration must be to each other."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_plus

from oauth_broker.errors import FieldProblem
from oauth_broker.protocol.template import names_in
from oauth_broker.protocol.variables import unfit_values, value_problem
from oauth_broker.registration.checks import child
from oauth_broker.registration.client_rules import client_problems, needs_client_secret
from oauth_broker.registration.document import OF_THE_ISSUER, placeholders, refresh_document
from oauth_broker.registration.names import SECRET_NAMES, STANDARD_NAMES, inherited_url_problems, texts_of
from oauth_broker.resource import ConnectionVariable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from oauth_broker.resource import Resource
    from oauth_broker.secret import Secret

_ENDPOINTS: Final = ("token", "refresh", "revocation")
_VARIABLES: Final = (
    "variables",
    "secret_variables",
    "connection_variables",
    "callback_variables",
    "metadata",
)
# A secret as short as this is found in innocent texts too.
_LEAST_TO_LOOK_FOR: Final = 8
_PLAIN_PATH: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z_][A-Za-z0-9_-]*|\[[0-9]+\])*")
_LITERAL: Final = re.compile(r"'[A-Za-z0-9_-]*'")
# What an error's words are taken from is shown; a member of any other name might hold a token.
_ERROR_MEMBER: Final = re.compile(r"(?i)err|code|message|msg|reason|desc|detail|status|type|title")
# By their ends, since providers name further tokens as they like: Slack's bot.bot_access_token, a userToken.
_SECRET_MEMBER: Final = re.compile(r"(?i)(?:token|secret|password|jwt|assertion|(?:api|private)_?key)s?$")
_CALLBACK_NAMES: Final = frozenset({"code", "state", "iss", "error", "error_description", "error_uri"})


def consistency_problems(document: Mapping[str, Any]) -> Iterator[FieldProblem]:
    """Find what in a document contradicts what else is in it. Members with problems are left out before."""
    for rule in _RULES:
        yield from rule(document)


def secrets_in_texts(document: Mapping[str, Any], given: Mapping[str, Secret]) -> Iterator[FieldProblem]:
    """Find the values of `given` secrets, by name, in what is stored and shown as it stands."""
    texts = [(text.pointer, text.value) for text in texts_of(document)]
    variables = document.get("variables", {})
    if isinstance(variables, dict):
        texts += [(child("/variables", name), str(value)) for name, value in variables.items()]
    for name, secret in given.items():
        value = secret.reveal()
        for pointer, text in texts:
            if len(value) >= _LEAST_TO_LOOK_FOR and value in text:
                yield FieldProblem(pointer, f"holds the value of {name}: write {{{{{name}}}}} for it")


def value_problems(resource: Resource) -> Iterator[FieldProblem]:
    """Find fixed values and defaults that may not stand where a URL or header puts them."""
    defaults = {
        name: variable.default
        for name, variable in resource.connection_variables.items()
        if variable.default is not None
    }
    for error in unfit_values(resource, {**resource.variables, **defaults}):
        is_fixed = error.name in resource.variables
        pointer = child("/variables" if is_fixed else "/connection_variables", error.name)
        yield FieldProblem(pointer if is_fixed else f"{pointer}/default", error.detail)


def _grant(document: Mapping[str, Any]) -> Iterator[FieldProblem]:
    by_code = document.get("grant_type", "authorization_code") == "authorization_code"
    if by_code and "authorization" not in document:
        detail = "is required for authorization_code, or an issuer whose metadata has it"
        yield FieldProblem("/authorization", detail)
    if not by_code and "authorization" in document:
        yield FieldProblem("/authorization", "is not used by client_credentials: leave it out")


def _issuer(document: Mapping[str, Any]) -> Iterator[FieldProblem]:
    """Whoever gives these means that something is checked: without an issuer nothing would be."""
    for name in OF_THE_ISSUER:
        if document.get(name) and "issuer" not in document:
            yield FieldProblem(f"/{name}", "is of use only with an issuer")


def _client_secret(document: Mapping[str, Any]) -> Iterator[FieldProblem]:
    if "client_secret" in document:
        return
    for step in _ENDPOINTS:
        method = document.get(step, {}).get("auth_method", "none")
        if needs_client_secret(method):
            yield FieldProblem("/client_secret", f"is required: /{step}/auth_method is {method}")
    for text in texts_of(document):
        if "client_secret" in placeholders(text.value):
            yield FieldProblem("/client_secret", f"is required: {text.pointer} has {{{{client_secret}}}}")
    own_method = "auth_method" in document.get("token", {})
    if document.get("grant_type") == "client_credentials" and not own_method:
        yield FieldProblem("/client_secret", "is required for client_credentials (RFC 6749 section 4.4)")


def _variable_names(document: Mapping[str, Any]) -> Iterator[FieldProblem]:
    """A name means one thing; but what callback or answer bring may be declared as a connection variable."""
    owners: dict[str, str] = {}
    of_callbacks = _CALLBACK_NAMES.union(document.get("callback_params", {}).values())
    for member in _VARIABLES:
        names = document.get(member, ())
        for index, name in enumerate(names):
            pointer = child(f"/{member}", name if isinstance(names, dict) else index)
            if name in STANDARD_NAMES or (member == "callback_variables" and name in of_callbacks):
                yield FieldProblem(pointer, f"{name} is a standard parameter's name")
            elif member == "metadata" and _SECRET_MEMBER.search(name):
                yield FieldProblem(pointer, f"{name} is never shown")
            owner = owners.setdefault(name, member)
            declared = owner == "connection_variables" and member in ("callback_variables", "metadata")
            if owner != member and not declared:
                yield FieldProblem(pointer, f"{name} is one of {owner} already")


def _nested_params(document: Mapping[str, Any]) -> Iterator[FieldProblem]:
    for step in _ENDPOINTS:
        own = document.get(step, {})
        effective = refresh_document(document) if step == "refresh" and "token" in document else own
        if effective.get("body") == "json" and effective.get("method", "POST") == "POST":
            continue
        for name, value in own.get("params", {}).items():
            if isinstance(value, dict | list):
                detail = "must be a string, number or boolean, or null, unless the body is json"
                yield FieldProblem(child(f"/{step}/params", name), detail)


def _defaults(document: Mapping[str, Any]) -> Iterator[FieldProblem]:
    for name, members in document.get("connection_variables", {}).items():
        variable = ConnectionVariable(pattern=members.get("pattern"))
        default = members.get("default")
        if default is not None and (problem := value_problem(variable, default)):
            yield FieldProblem(child("/connection_variables", name) + "/default", problem)


def _scopes(document: Mapping[str, Any]) -> Iterator[FieldProblem]:
    separator = document.get("scope_separator", " ")
    for index, scope in enumerate(document.get("scopes", ())):
        if separator in scope:
            yield FieldProblem(f"/scopes/{index}", "must not hold the scope separator: one scope an item")


def _token_response(document: Mapping[str, Any]) -> Iterator[FieldProblem]:
    """What is shown of an answer must not be a token: managing a resource is no right to its tokens."""
    rules = document.get("token_response", {})
    further = rules.get("tokens", {})
    tokens = {
        path.strip()
        for expression in (
            *(rules.get(name, name) for name in ("access_token", "refresh_token")),
            *(places["access_token"] for places in further.values()),
        )
        for path in expression.split("||")
    }
    shown = {f"/{name}": rules.get(name) for name in ("scope", "token_type", "error", "error_description")}
    for name, places in further.items():
        shown |= {child("/tokens", name) + f"/{one}": places.get(one) for one in ("scope", "token_type")}
    for place, expression in shown.items():
        for path in () if expression is None else map(str.strip, expression.split("||")):
            if problem := _shown_problem(place.rpartition("/")[2], path, tokens):
                yield FieldProblem(f"/token_response{place}", problem)


def _shown_problem(name: str, path: str, tokens: set[str]) -> str | None:
    if name == "token_type" and _LITERAL.fullmatch(path):
        return None
    if not _PLAIN_PATH.fullmatch(path):
        return "is shown, so it must be plain paths: authed_user.scope || scope"
    last = path.rpartition(".")[2]
    if path in tokens or _SECRET_MEMBER.search(re.sub(r"\[[0-9]+\]$", "", last)):
        return f"{path} is never shown"
    if name.startswith("error") and not _ERROR_MEMBER.search(last):
        return f"{path} is not named as errors are: error, code, message, reason, description, detail, status"
    return None


def _callback_params(document: Mapping[str, Any]) -> Iterator[FieldProblem]:
    names = document.get("callback_params", {})
    for name, count in Counter(names.values()).items():
        if count > 1:
            yield FieldProblem("/callback_params", f"has two that are called {name}")
    for name, called in names.items():
        if called != name and called in _CALLBACK_NAMES:
            yield FieldProblem(child("/callback_params", name), f"{called} is another standard parameter")


def _installs(document: Mapping[str, Any]) -> Iterator[FieldProblem]:
    """Nobody asked for what a provider begins, so somebody must say that it is wanted: by confirming it."""
    if not document.get("provider_initiated"):
        if document.get("install_return_url") is not None:
            yield FieldProblem("/install_return_url", "is of use only with provider_initiated")
        return
    if document.get("grant_type", "authorization_code") != "authorization_code":
        yield FieldProblem("/provider_initiated", "is for authorization_code alone: there somebody consents")
    if document.get("callback", "own") != "own":
        detail = "needs the resource's own callback: at the shared one nothing says whose install it is"
        yield FieldProblem("/provider_initiated", detail)
    if document.get("require_confirmation") is False:
        yield FieldProblem("/require_confirmation", "may not be false with provider_initiated")
    if document.get("install_return_url") is None:
        yield FieldProblem("/install_return_url", "is required with provider_initiated")


def _secret_names_in_authorization(document: Mapping[str, Any]) -> Iterator[FieldProblem]:
    """A browser would show them, whatever stands in them."""
    members = document.get("authorization", {})
    secrets = SECRET_NAMES - {"code", "token"} | frozenset(document.get("secret_variables", ()))
    query = members.get("url", "").partition("?")[2].replace("#", "&").replace("?", "&")
    for field in query.split("&"):
        name = unquote_plus(field.partition("=")[0])
        if name in secrets:
            yield FieldProblem("/authorization/url", f"{name} is a secret's name: the browser would show it")
    for name, value in members.get("params", {}).items():
        if name in secrets and value is not None:
            pointer = child("/authorization/params", name)
            yield FieldProblem(pointer, f"{name} is a secret's name: the browser would show it")


def _literal_client_secret(document: Mapping[str, Any]) -> Iterator[FieldProblem]:
    """What stands in params and URLs is stored and shown as it is."""
    detail = "is stored as it stands: give the secret as /client_secret and write {{client_secret}}"
    for step in _ENDPOINTS:
        members = document.get(step, {})
        value = members.get("params", {}).get("client_secret")
        if isinstance(value, str) and value and not names_in(value):
            yield FieldProblem(f"/{step}/params/client_secret", detail)
        for field in members.get("url", "").partition("?")[2].split("&"):
            name, _, text = field.partition("=")
            if name == "client_secret" and text and not names_in(text):
                yield FieldProblem(f"/{step}/url", f"its client_secret {detail}")


_RULES: Final[tuple[Callable[[Mapping[str, Any]], Iterator[FieldProblem]], ...]] = (
    _grant,
    _issuer,
    _client_secret,
    _variable_names,
    _nested_params,
    inherited_url_problems,
    _defaults,
    _scopes,
    _token_response,
    _callback_params,
    _installs,
    _secret_names_in_authorization,
    _literal_client_secret,
    client_problems,
)
