"""The requests that a registration would make, before it is saved: made by what makes the real ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from oauth_broker.errors import FieldProblem, InvalidError, TemplateError
from oauth_broker.protocol.authorization import (
    VerifiedCallback,
    authorization_url,
    callback_verdict,
    completed,
)
from oauth_broker.protocol.revocation import revocation_request
from oauth_broker.protocol.token import client_credentials_request, exchange_request, refresh_request
from oauth_broker.protocol.variables import unfit_values, value_problem
from oauth_broker.registration.checks import child
from oauth_broker.registration.origins import destinations_of
from oauth_broker.registration.warnings import warnings_of
from oauth_broker.resource import GrantType, ResourceSecrets, Signer
from oauth_broker.secret import HIDDEN, Secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from oauth_broker.protocol.http import HttpRequest
    from oauth_broker.registration.parsing import ParsedRegistration
    from oauth_broker.resource import Resource

UNKNOWN: Final = ("code", "code_verifier", "refresh_token", "token")
"""Secrets that are not known yet: they are shown by their names in capitals."""

_SHOWN: Final = {name: name.upper() for name in UNKNOWN}
_A_SECRET: Final = Secret("a secret")


def apart(body: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give the registration of a body, and the values of a connection that stand among its `variables`.

    Those are the ones that the registration declares otherwise.
    """
    variables = body.get("variables")
    if not isinstance(variables, dict):
        return dict(body), {}
    brought = {name: variables[name] for name in _of_a_connection(body) if name in variables}
    own = {name: value for name, value in variables.items() if name not in brought}
    return {**body, "variables": own}, brought


def kept_secrets(registration: Mapping[str, Any]) -> dict[str, Any]:
    """Give what a stored document has where a registration leaves secrets as GET shows them: `***`.

    So each stands for a secret that there is.
    """
    variables = registration.get("secret_variables")
    named = variables.items() if isinstance(variables, dict) else ()
    keys = registration.get("signing_keys")
    kept = {
        "client_secret": HIDDEN if registration.get("client_secret") == HIDDEN else None,
        "secret_variables": {name: HIDDEN for name, value in named if value == HIDDEN},
        "signing_keys": [key for key in keys if _is_kept(key)] if isinstance(keys, list) else [],
    }
    return {name: value for name, value in kept.items() if value}


def connection_values(resource: Resource, given: Mapping[str, Any]) -> dict[str, str]:
    """Give a value of everything that a connection brings: as given, by default, else its name in capitals.

    Where that may not stand, the variable's example. Raises InvalidError.
    """
    declared = resource.connection_variables
    values: dict[str, str] = {}
    problems = []
    for name in (*declared, *resource.callback_variables, *resource.metadata):
        variable = declared.get(name)
        default = None if variable is None else variable.default
        value: Any = given[name] if given.get(name) is not None else default
        if value is None:
            continue
        if problem := value_problem(variable, value):
            problems.append(FieldProblem(child("/variables", name), problem))
        else:
            values[name] = value
    if not problems:
        values |= _stand_in_values(resource, values)
        problems = [
            FieldProblem(child("/variables", error.name), error.detail)
            for error in unfit_values(resource, {**resource.variables, **values})
        ]
    if problems:
        raise InvalidError(*dict.fromkeys(problems))
    return values


def preview(
    parsed: ParsedRegistration,
    values: Mapping[str, str],
    *,
    redirect_uri: str,
    moment: Mapping[str, str],
    entries: Iterable[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Give each step's request as it would go out, every secret as `***`, and warnings.

    `values` are a connection's, `moment` what `now` and `random` read, `entries` the catalogue's. A step that
    does not exist is None. Raises InvalidError for values that do not fit their places.
    """
    resource = parsed.resource
    variables = {**values, **moment}
    try:
        requests = _requests(resource, _stand_ins(parsed), variables, redirect_uri=redirect_uri)
        url = _authorization(resource, variables, redirect_uri=redirect_uri)
    except TemplateError as error:
        raise InvalidError(FieldProblem("/variables", error.detail)) from None
    return {
        "authorization": None if url is None else {"method": "GET", "url": url},
        **{step: _shown(request) for step, request in requests.items()},
        "warnings": [
            {"pointer": warning.pointer, "detail": warning.detail}
            for warning in warnings_of(resource, entries)
        ],
    }


def _requests(
    resource: Resource, secrets: ResourceSecrets, variables: Mapping[str, str], *, redirect_uri: str
) -> dict[str, HttpRequest | None]:
    revocation = revocation_request(resource, secrets, _A_SECRET, "refresh_token", variables=variables)
    if resource.grant_type is GrantType.CLIENT_CREDENTIALS:
        token = client_credentials_request(resource, secrets, scopes=resource.scopes, variables=variables)
        return {"token": token, "refresh": None, "revocation": revocation}
    exchange = exchange_request(
        resource,
        secrets,
        _callback(resource),
        code_verifier=_A_SECRET,
        redirect_uri=redirect_uri,
        variables=variables,
    )
    refresh = refresh_request(resource, secrets, refresh_token=_A_SECRET, variables=variables)
    return {"token": exchange, "refresh": refresh, "revocation": revocation}


def _callback(resource: Resource) -> VerifiedCallback:
    brought = {"code": _A_SECRET.reveal()} | ({"iss": resource.issuer} if resource.issuer else {})
    parameters = {resource.callback_params.get(name, name): value for name, value in brought.items()}
    verdict = callback_verdict(resource, parameters, authorization_iss=resource.issuer)
    if not isinstance(verdict, VerifiedCallback):
        raise TypeError("a callback with a code is one to exchange")
    return verdict


def _authorization(resource: Resource, variables: Mapping[str, str], *, redirect_uri: str) -> str | None:
    if resource.authorization is None:
        return None
    url = authorization_url(resource, redirect_uri=redirect_uri, scopes=resource.scopes, variables=variables)
    return completed(url, state="STATE", code_challenge="CODE_CHALLENGE", nonce="NONCE")


def _shown(request: HttpRequest | None) -> dict[str, Any] | None:
    if request is None or request.masked is None:
        return None
    shown = request.masked(_SHOWN)
    return {
        "method": shown.method,
        "url": shown.url,
        "headers": dict(shown.headers),
        "body": shown.body,
    }


def _stand_ins(parsed: ParsedRegistration) -> ResourceSecrets:
    """Give a secret for each that the registration has: whichever it is, the same is shown."""
    has_secret = bool(parsed.resource.document.get("client_secret"))
    return ResourceSecrets(
        client_secret=_A_SECRET if has_secret else None,
        variables=dict.fromkeys(parsed.resource.secret_variable_names, _A_SECRET),
        destinations=destinations_of(parsed.resource),
        signer=Signer("RS256", None, lambda _: b"") if parsed.secrets.signing_keys else None,
    )


def _is_kept(key: object) -> bool:
    return (
        isinstance(key, dict)
        and key.get("private_key") == HIDDEN
        and isinstance(key.get("kid"), str)
        and isinstance(key.get("alg"), str)
    )


def _of_a_connection(body: Mapping[str, Any]) -> list[str]:
    members = (body.get(name) for name in ("connection_variables", "callback_variables", "metadata"))
    return [
        name
        for member in members
        if isinstance(member, dict | list)
        for name in member
        if isinstance(name, str)
    ]


def _stand_in_values(resource: Resource, known: Mapping[str, str]) -> dict[str, str]:
    declared = resource.connection_variables
    names = (*declared, *resource.callback_variables, *resource.metadata)
    values = {name: name.upper() for name in names if name not in known}
    unfit = {error.name for error in unfit_values(resource, {**resource.variables, **known, **values})}
    examples = {name: declared[name].example for name in unfit & values.keys() & declared.keys()}
    return values | {name: example for name, example in examples.items() if example}
