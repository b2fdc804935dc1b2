"""The table of fields: each member of a registration, and what it may be by itself."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from oauth_broker.errors import FieldProblem
from oauth_broker.protocol.expressions import NAME
from oauth_broker.protocol.failure import NAMED_BY_A_RESOURCE
from oauth_broker.protocol.http import TRANSPORT_HEADERS
from oauth_broker.protocol.signing_keys import ALGORITHMS
from oauth_broker.protocol.token_answer import MAX_EXPRESSION_LENGTH, compiled
from oauth_broker.protocol.variables import LONGEST_VALUE, pattern_problem
from oauth_broker.registration.checks import (
    boolean,
    choice,
    integer,
    items,
    json_value,
    mapping,
    members,
    nullable,
    text,
)
from oauth_broker.registration.client_rules import NO_GRANT, NO_METHOD
from oauth_broker.registration.signing_keys import signing_keys
from oauth_broker.registration.urls import host, url
from oauth_broker.resource import (
    AuthMethod,
    BodyFormat,
    ExpiresInUnit,
    GrantType,
    ParamsIn,
    RefreshPolicy,
    TokenFormat,
)
from oauth_broker.return_url import return_url_problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from oauth_broker.registration.checks import Check

REQUIRED: Final = {"name": "", "client_id": "", "token": ", or an issuer whose metadata has it"}
"""The members that must be there, and what more is to be said when one is not."""

_LONGEST_SECRET: Final = 4096
_LONGEST_TEMPLATE: Final = 8192
_MOST_PARAMS: Final = 100
_MOST_NAMES: Final = 50
_MOST_TOKENS: Final = 5
_MOST_SCOPES: Final = 200
_LONGEST_PATTERN: Final = 256
_MINUTE: Final = 60
_DAY: Final = 86_400
_TEN_YEARS: Final = 3650 * _DAY
_JSON_DEPTH: Final = 8

_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")

_NO_ALGORITHM: Final = {
    "none": "an unsigned ID token says nothing (RFC 8725 section 3.2)",
    **dict.fromkeys(
        ("HS256", "HS384", "HS512"), "is symmetric: an ID token is signed by a key of the issuer's own"
    ),
}
_NO_CHALLENGE: Final = {
    "plain": "plain shows the verifier to whoever sees the request (RFC 9700 section 2.1.1)"
}


def _pattern(value: Any, pointer: str) -> Iterator[FieldProblem]:
    problems = list(text(_LONGEST_PATTERN)(value, pointer))
    if not problems and (problem := pattern_problem(value)):
        problems.append(FieldProblem(pointer, problem))
    yield from problems


def _expression(value: Any, pointer: str) -> Iterator[FieldProblem]:
    """A JMESPath expression."""
    problems = list(text(MAX_EXPRESSION_LENGTH)(value, pointer))
    if not problems:
        try:
            compiled(value)
        except (ValueError, RecursionError) as error:
            reason = str(error).partition("\n")[0]
            problems.append(
                FieldProblem(pointer, f"is not a JMESPath expression as it is used here: {reason}")
            )
    yield from problems


def _return_url(value: Any, pointer: str) -> Iterator[FieldProblem]:
    """Whether the deployment allows its origin is not the registration's to know."""
    if problem := return_url_problem(value, lambda _origin: True):
        yield FieldProblem(pointer, problem)


def _header_name(value: Any, pointer: str) -> Iterator[FieldProblem]:
    if not _HEADER_NAME.fullmatch(value):
        yield FieldProblem(pointer, "is not a header's name (RFC 9110 section 5.1)")
    elif value.lower() in TRANSPORT_HEADERS:
        yield FieldProblem(pointer, "is a header that the connection itself writes")


def _headers(value: Any, pointer: str) -> Iterator[FieldProblem]:
    header = text(4096, pattern=r"[\x20-\x7e]*", rule="must be visible ASCII")
    yield from mapping(_header_name, header, most=_MOST_NAMES)(value, pointer)
    if isinstance(value, dict) and len({name.lower() for name in value}) < len(value):
        yield FieldProblem(pointer, "has a header twice; case does not tell them apart")


_NAME: Final = text(
    64, pattern=NAME.pattern, rule='must be letters, digits, "_", "-" and ".", no digit first'
)
_PARAM_NAME: Final = text(256, pattern=r"(?:(?!\{\{).)+", rule="must not hold a placeholder: its value may")
_NAMES: Final = items(_NAME, most=_MOST_NAMES)
_FLAT: Final = json_value(_LONGEST_TEMPLATE, depth=0)
_NESTED: Final = json_value(_LONGEST_TEMPLATE, depth=_JSON_DEPTH)
_SCOPE: Final = text(
    512,
    pattern=r"(?:(?!\{\{)[^\s])+",
    rule="must be one scope, without spaces or placeholders: those go in params",
)
_TOKEN_ANSWER: Final = (
    "access_token",
    "refresh_token",
    "expires_in",
    "refresh_token_expires_in",
    "scope",
    "token_type",
)
_CALLBACK_PARAMS: Final = ("code", "state", "iss", "error", "error_description")


_TOKEN_RESPONSE: Final = {
    **dict.fromkeys(_TOKEN_ANSWER, _expression),
    **dict.fromkeys(("expires_at", "success", "error", "error_description"), nullable(_expression)),
    "expires_in_unit": choice(*ExpiresInUnit),
    "access_token_format": choice(*TokenFormat),
    "error_categories": mapping(text(100), choice(*NAMED_BY_A_RESOURCE), most=_MOST_NAMES),
    "tokens": mapping(
        text(64, pattern=r"[A-Za-z0-9_-]+", rule="must be letters, digits, _ and -"),
        members(
            {
                "access_token": _expression,
                **dict.fromkeys(("expires_in", "scope", "token_type"), nullable(_expression)),
            },
            required=("access_token",),
        ),
        most=_MOST_TOKENS,
    ),
}


def _endpoint(address: Check, *required: str) -> Check:
    """The token, refresh or revocation step. Whether its params may be nested shows only with inheritance."""
    return members(
        {
            "url": address,
            "method": choice("POST", "GET"),
            "params": mapping(_PARAM_NAME, _NESTED, most=_MOST_PARAMS),
            "headers": _headers,
            "body": choice(*BodyFormat),
            "auth_method": choice(*AuthMethod, refused=NO_METHOD),
        },
        required=required,
    )


@cache
def fields(*, loopback: bool) -> Mapping[str, Check]:
    """Give the check of each member. `loopback`: plain loopback hosts are allowed, as in a local stack."""
    address = url(loopback=loopback)
    connection_variable = members(
        {
            "title": text(128, shortest=0),
            "description": text(1024, shortest=0),
            "pattern": nullable(_pattern),
            "example": text(256, shortest=0),
            "default": nullable(text(LONGEST_VALUE, shortest=0)),
            "hosts": items(host(loopback=loopback), most=_MOST_NAMES),
        }
    )
    return {
        "resource_id": text(64, pattern="[a-z0-9-]+", rule="must be a-z, 0-9 and -"),
        "name": text(128),
        "provider": nullable(text(64, pattern="[a-z0-9-]+", rule="must be a-z, 0-9 and -")),
        "issuer": nullable(url(loopback=loopback, query=False, templates=False)),
        "authorization_response_iss_parameter_supported": nullable(boolean),
        "jwks_uri": nullable(url(loopback=loopback, templates=False)),
        "id_token_signed_response_algs": nullable(
            items(choice(*ALGORITHMS, refused=_NO_ALGORITHM), most=len(ALGORITHMS), least=1)
        ),
        "api_base_url": nullable(url(loopback=loopback, query=False)),
        "grant_type": choice(*GrantType, refused=NO_GRANT),
        "client_id": text(2048),
        "client_secret": nullable(text(_LONGEST_SECRET)),
        "signing_keys": nullable(signing_keys),
        "client_assertion_audience": nullable(text(2048)),
        "variables": mapping(_NAME, text(_LONGEST_SECRET, shortest=0), most=_MOST_NAMES),
        "secret_variables": nullable(mapping(_NAME, nullable(text(_LONGEST_SECRET)), most=_MOST_NAMES)),
        "connection_variables": mapping(_NAME, connection_variable, most=_MOST_NAMES),
        "callback_variables": _NAMES,
        "metadata": _NAMES,
        "scopes": items(_SCOPE, most=_MOST_SCOPES),
        "scope_separator": text(3),
        "code_challenge_method": nullable(choice("S256", refused=_NO_CHALLENGE)),
        "authorization": nullable(
            members(
                {
                    "url": url(loopback=loopback, fragment=True),
                    "params": mapping(_PARAM_NAME, _FLAT, most=_MOST_PARAMS),
                    "params_in": choice(*ParamsIn),
                    "unencoded": items(text(256), most=_MOST_PARAMS),
                },
                required=("url",),
            )
        ),
        "token": _endpoint(address, "url"),
        "refresh": _endpoint(address),
        "revocation": nullable(_endpoint(address, "url")),
        "token_response": members(_TOKEN_RESPONSE),
        "callback_params": members(dict.fromkeys(_CALLBACK_PARAMS, text(64))),
        "callback": choice("own", "shared"),
        "provider_initiated": boolean,
        "install_return_url": nullable(_return_url),
        "default_expires_in": nullable(integer(1, _TEN_YEARS)),
        "refresh_token": members(
            {
                "rotates": boolean,
                "grace_period": integer(0, _DAY),
                "lifetime": nullable(integer(_MINUTE, _TEN_YEARS)),
                "idle_lifetime": nullable(integer(_MINUTE, _TEN_YEARS)),
            }
        ),
        "refresh_policy": choice(*RefreshPolicy),
        "require_confirmation": boolean,
    }
