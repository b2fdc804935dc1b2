"""A registration that has every member, and ways to change it."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final

import pytest

from oauth_broker.errors import FieldProblem, InvalidError
from oauth_broker.registration.document import document_json
from oauth_broker.registration.parsing import ParsedRegistration, parse_registration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oauth_broker.resource import Resource

CLIENT_SECRET: Final = "not-a-real-secret"
API_KEY: Final = "not-a-real-key-either"

EVERYTHING: Final[dict[str, Any]] = {
    "resource_id": "acme-crm",
    "name": "Acme CRM",
    "provider": None,
    "issuer": "https://login.acme.test",
    "authorization_response_iss_parameter_supported": True,
    "jwks_uri": "https://login.acme.test/keys?v=1",
    "id_token_signed_response_algs": ["RS256", "ES256"],
    "api_base_url": "https://{{tenant}}.acme.test/v2",
    "grant_type": "authorization_code",
    "client_id": "client-1",
    "client_secret": CLIENT_SECRET,
    "signing_keys": [
        {"kid": "k1", "alg": "ES256", "kms_key": "arn:aws:kms:eu-central-1:123456789012:key/1234-abcd"}
    ],
    "client_assertion_audience": "https://acme.test",
    "variables": {"region": "eu1"},
    "secret_variables": {"api_key": API_KEY},
    "connection_variables": {
        "tenant": {
            "title": "Your subdomain",
            "description": "What stands before .acme.test",
            "pattern": "[a-z0-9-]+",
            "example": "acme",
            "default": None,
            "hosts": ["*.acme.test"],
        }
    },
    "callback_variables": ["realmId"],
    "metadata": ["instance_url"],
    "scopes": ["contacts.read", "contacts.write"],
    "scope_separator": " ",
    "code_challenge_method": "S256",
    "authorization": {
        "url": "https://{{tenant}}.acme.test/authorize?client_id={{client_id}}&session=true",
        "params": {"access_type": "offline", "response_type": None},
        "params_in": "query",
        "unencoded": ["scope"],
    },
    "token": {
        "url": "https://acme.test/{{region}}/token",
        "method": "POST",
        "params": {"audience": "https://api.acme.test", "grant_type": "authorization_code"},
        "headers": {"X-Api-Key": "{{api_key}}"},
        "body": "form",
        "auth_method": "client_secret_basic",
    },
    "refresh": {
        "url": "https://acme.test/refresh",
        "method": "POST",
        "params": {"realm": "{{realmId}}"},
        "headers": {},
        "body": "json",
        "auth_method": "client_secret_post",
    },
    "revocation": {
        "url": "https://acme.test/revoke",
        "method": "GET",
        "params": {"soft": True},
        "headers": {},
        "body": "form",
        "auth_method": "none",
    },
    "token_response": {
        "access_token": "authed_user.access_token",
        "refresh_token": "authed_user.refresh_token",
        "expires_in": "authed_user.expires_in",
        "refresh_token_expires_in": "authed_user.refresh_token_expires_in",
        "scope": "authed_user.scope",
        "token_type": "authed_user.token_type",
        "expires_in_unit": "milliseconds",
        "expires_at": "authed_user.expires_at",
        "access_token_format": "jwt",
        "success": "ok",
        "error": "error.code",
        "error_description": "error.message",
        "error_categories": {"token_revoked": "grant_gone"},
        "tokens": {
            "bot": {
                "access_token": "access_token",
                "expires_in": "expires_in",
                "scope": "scope",
                "token_type": "token_type",
            },
        },
    },
    "callback_params": {
        "code": "spapi_oauth_code",
        "state": "amazon_state",
        "iss": "issuer",
        "error": "problem",
        "error_description": "problem_text",
    },
    "callback": "own",
    "provider_initiated": False,
    "install_return_url": None,
    "default_expires_in": 3600,
    "refresh_token": {
        "rotates": True,
        "grace_period": 30,
        "lifetime": 31_536_000,
        "idle_lifetime": 15_552_000,
    },
    "refresh_policy": "after_expiry",
    "require_confirmation": True,
}

LEAST: Final[dict[str, Any]] = {
    "name": "Acme",
    "client_id": "client-1",
    "authorization": {"url": "https://acme.test/authorize"},
    "token": {"url": "https://acme.test/token"},
}


def changed(document: dict[str, Any], pointer: str, value: Any) -> dict[str, Any]:
    """Give a copy in which the member at `pointer` is `value`; objects on the way are made."""
    copy = deepcopy(document)
    *way, last = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    place: Any = copy
    for part in way:
        place = place[int(part)] if isinstance(place, list) else place.setdefault(part, {})
    if isinstance(place, list):
        place[int(last)] = value
    else:
        place[last] = value
    return copy


def without(document: dict[str, Any], *names: str) -> dict[str, Any]:
    """Give a copy without these members."""
    return {name: value for name, value in deepcopy(document).items() if name not in names}


def pointers_in(value: Any, pointer: str = "") -> Iterator[str]:
    """Give the pointers of all members and items in a JSON value."""
    for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield f"{pointer}/{name}"
        if isinstance(inner, dict | list):
            yield from pointers_in(inner, f"{pointer}/{name}")


def parsed(body: Any, **options: Any) -> ParsedRegistration:
    """Parse, outside of a local stack unless `loopback` says otherwise."""
    return parse_registration(body, **{"loopback": False, **options})


def as_shown(resource: Resource) -> dict[str, Any]:
    """Give what GET shows of a resource's registration."""
    return document_json(resource.resource_id, resource.document)


def problems_of(body: Any, **options: Any) -> tuple[FieldProblem, ...]:
    """Give what is wrong with a registration that is refused."""
    with pytest.raises(InvalidError) as caught:
        parsed(body, **options)
    return caught.value.problems


def details_at(pointer: str, body: Any, **options: Any) -> str:
    """Give what is said at one pointer of a registration that is refused."""
    return "; ".join(problem.detail for problem in problems_of(body, **options) if problem.pointer == pointer)
