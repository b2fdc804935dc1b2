"""A resource's document: what the client gave, its secrets hidden. Read here without checking it again."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any, Final

from oauth_broker.protocol.template import names_in
from oauth_broker.resource import (
    ID_TOKEN_ALGORITHMS,
    AuthMethod,
    AuthorizationStep,
    BodyFormat,
    ConnectionVariable,
    EndpointStep,
    ExpiresInUnit,
    GrantType,
    NamedToken,
    ParamsIn,
    RefreshPolicy,
    RefreshTokenBehaviour,
    Resource,
    TokenFormat,
    TokenResponseRules,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

EXCHANGE_ONLY: Final = frozenset({"code", "redirect_uri", "code_verifier"})
"""What only the exchange of a code knows: a refresh cannot send it."""

OF_THE_ISSUER: Final = (
    "authorization_response_iss_parameter_supported",
    "jwks_uri",
    "id_token_signed_response_algs",
)
"""The members that say something of the issuer: with another one they are forgotten."""

NULL_SAYS_NONE: Final = frozenset(
    {
        *OF_THE_ISSUER,
        "api_base_url",
        "authorization",
        "client_assertion_audience",
        "code_challenge_method",
        "default_expires_in",
        "issuer",
        "revocation",
    }
)
"""The members of which null says that there is none, not even the catalogue's."""

_SECRETS: Final = frozenset({"client_secret", "secret_variables", "signing_keys"})
_NOT_INHERITED: Final = EXCHANGE_ONLY | {"grant_type", "scope"}
_LONGEST_ID: Final = 64
_NOT_FOR_AN_ID: Final = re.compile(r"[^a-z0-9]+")


def resource_of(resource_id: str, document: Mapping[str, Any]) -> Resource:
    """Give the resource that a checked document describes."""
    token = document["token"]
    default_method = "client_secret_basic" if document.get("client_secret") else "none"
    authorization, revocation = document.get("authorization"), document.get("revocation")
    return Resource(
        resource_id=resource_id,
        name=document["name"],
        client_id=document["client_id"],
        token=_endpoint(token, default_method),
        refresh=_endpoint(refresh_document(document), default_method),
        authorization=None if authorization is None else _authorization(authorization),
        revocation=None if revocation is None else _endpoint(_revocation(revocation, token), default_method),
        issuer=document.get("issuer"),
        authorization_response_iss_parameter_supported=bool(
            document.get("authorization_response_iss_parameter_supported")
        ),
        jwks_uri=document.get("jwks_uri"),
        id_token_signed_response_algs=tuple(
            document.get("id_token_signed_response_algs") or ID_TOKEN_ALGORITHMS
        ),
        api_base_url=document.get("api_base_url"),
        grant_type=GrantType(document.get("grant_type", GrantType.AUTHORIZATION_CODE)),
        variables=document.get("variables", {}),
        secret_variable_names=frozenset(document.get("secret_variables", ())),
        connection_variables={
            name: ConnectionVariable(**{**members, "hosts": tuple(members.get("hosts", ()))})
            for name, members in document.get("connection_variables", {}).items()
        },
        callback_variables=tuple(document.get("callback_variables", ())),
        metadata=tuple(document.get("metadata", ())),
        scopes=tuple(document.get("scopes", ())),
        scope_separator=document.get("scope_separator", " "),
        code_challenge_method=document.get("code_challenge_method", "S256"),
        token_response=_token_response(document.get("token_response", {})),
        callback_params=document.get("callback_params", {}),
        shared_callback=document.get("callback") == "shared",
        default_expires_in=document.get("default_expires_in"),
        refresh_token=RefreshTokenBehaviour(**document.get("refresh_token", {})),
        refresh_policy=RefreshPolicy(document.get("refresh_policy", RefreshPolicy.EAGER)),
        require_confirmation=document.get("require_confirmation", True),
        provider_initiated=document.get("provider_initiated", False),
        install_return_url=document.get("install_return_url"),
        client_assertion_audience=document.get("client_assertion_audience"),
        document=document,
    )


def document_json(resource_id: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """Give what GET shows of a resource: the document, each secret as `***`."""
    return {"resource_id": resource_id, **document}


def patched(document: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Give the registration that PATCH makes: each top-level member of `patch` in place of the document's.

    Null removes a member; where null itself says something, of a secret for one, it stays for
    `parse_registration` to see. With another issuer goes what was said of the former one.
    """
    stays = NULL_SAYS_NONE | _SECRETS
    of_the_issuer = OF_THE_ISSUER if "issuer" in patch else ()
    given = {name: value for name, value in patch.items() if value is not None or name in stays}
    if patch.get("issuer", "") is None:
        given = dict.fromkeys(name for name in of_the_issuer if name in document) | given
    rest = {name: value for name, value in document.items() if name not in (*patch, *of_the_issuer)}
    return rest | given


def refresh_document(document: Mapping[str, Any]) -> dict[str, Any]:
    """Give the refresh step with what it takes from the token step: all that it lacks but the exchange's own.

    A `grant_type` given for the exchange is never sent in a refresh, be it a parameter or in the URL's query.
    Where the token step sends it under another name, its removal is inherited as the other name is. Params
    are inherited one by one, so the refresh step gives only those that differ.
    """
    token, own = document["token"], document.get("refresh", {})
    params = {name: value for name, value in token.get("params", {}).items() if _inherited(name, value)}
    if "grant_type" in placeholders(params) and token["params"].get("grant_type", "") is None:
        params["grant_type"] = None
    inherited = {
        **token,
        "url": _without_exchange(token["url"]),
        "headers": _kept_headers(token, EXCHANGE_ONLY),
    }
    return {**inherited, **own, "params": {**params, **own.get("params", {})}}


def resource_id_from_name(name: str, random: bytes) -> str:
    """Make an id of a resource's name and random bytes (4 are enough): a-z, 0-9 and `-`, at most 64."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii").lower()
    ending = random.hex()
    words = _NOT_FOR_AN_ID.sub("-", plain)[: _LONGEST_ID - len(ending) - 1].strip("-")
    return f"{words or 'resource'}-{ending}"


def _authorization(members: Mapping[str, Any]) -> AuthorizationStep:
    return AuthorizationStep(
        url=members["url"],
        params=members.get("params", {}),
        params_in=ParamsIn(members.get("params_in", ParamsIn.QUERY)),
        unencoded=frozenset(members.get("unencoded", ())),
    )


def _endpoint(members: Mapping[str, Any], default_method: str) -> EndpointStep:
    return EndpointStep(
        url=members["url"],
        method=members.get("method", "POST"),
        params=members.get("params", {}),
        headers=members.get("headers", {}),
        body=BodyFormat(members.get("body", BodyFormat.FORM)),
        auth_method=AuthMethod(members.get("auth_method", default_method)),
    )


def _revocation(own: Mapping[str, Any], token: Mapping[str, Any]) -> dict[str, Any]:
    """Give the revocation step with the token step's client authentication: its method and headers."""
    inherited = {"auth_method": token["auth_method"]} if "auth_method" in token else {}
    return {**inherited, "headers": _kept_headers(token, _NOT_INHERITED), **own}


def _kept_headers(token: Mapping[str, Any], unknown: frozenset[str]) -> dict[str, str]:
    """Give the token step's headers without those that a step with `unknown` names could not fill."""
    headers = token.get("headers", {})
    return {name: text for name, text in headers.items() if not placeholders(text) & unknown}


def _token_response(members: Mapping[str, Any]) -> TokenResponseRules:
    kinds = {
        "expires_in_unit": ExpiresInUnit(members.get("expires_in_unit", ExpiresInUnit.SECONDS)),
        "access_token_format": TokenFormat(members.get("access_token_format", TokenFormat.OPAQUE)),
        "tokens": {name: NamedToken(**places) for name, places in members.get("tokens", {}).items()},
    }
    return TokenResponseRules(**{**members, **kinds})


def _inherited(name: str, value: Any) -> bool:
    return name not in _NOT_INHERITED and not placeholders(value) & EXCHANGE_ONLY


def _without_exchange(url: str) -> str:
    """Take from a token URL's query what belongs to the exchange alone."""
    base, _, after = url.partition("?")
    query, hash_sign, fragment = after.partition("#")
    fields = [field for field in query.split("&") if field and _inherited(field.partition("=")[0], field)]
    return base + ("?" + "&".join(fields) if fields else "") + hash_sign + fragment


def placeholders(value: Any) -> frozenset[str]:
    """Give the names of all placeholders in a JSON value."""
    match value:
        case str():
            return frozenset(names_in(value))
        case dict():
            return frozenset().union(*(placeholders(inner) for inner in value.values()))
        case list():
            return frozenset().union(*(placeholders(inner) for inner in value))
        case _:
            return frozenset()
