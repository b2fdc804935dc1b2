"""The dialects of real providers, from the registration that a person writes to the tokens that come back."""

from __future__ import annotations

from typing import Any

import pytest

from oauth_broker.protocol.authorization import (
    VerifiedCallback,
    authorization_url,
    callback_parameters,
    callback_verdict,
    completed,
)
from oauth_broker.protocol.destinations import Destinations
from oauth_broker.protocol.http import HttpRequest
from oauth_broker.protocol.token import (
    Granted,
    TokenSet,
    client_credentials_request,
    exchange_request,
    refresh_request,
    token_verdict,
)
from oauth_broker.registration.parsing import parse_registration
from oauth_broker.resource import GrantType, Resource, ResourceSecrets
from oauth_broker.secret import Secret
from tests.unit.protocol.examples import REDIRECT_URI, answer, vectors

NOW = 1_800_000_000


def registered(registration: dict[str, Any]) -> tuple[Resource, ResourceSecrets]:
    """Give the resource that a registration makes, and its secrets."""
    body = {"name": "A dialect", "client_id": "CLIENT_ID", **registration}
    resource = parse_registration(body, resource_id="dialect", loopback=False).resource
    secret = registration.get("client_secret")
    return resource, ResourceSecrets(Secret(secret) if secret else None, {}, Destinations(frozenset()))


def shown(request: HttpRequest) -> dict[str, Any]:
    """Give a request as the vectors have it."""
    body = None if request.body is None else request.body.decode()
    return {"method": request.method, "url": request.url, "headers": dict(request.headers), "body": body}


def revealed(token_set: TokenSet) -> dict[str, Any]:
    """Give a token set as the vectors have it."""
    refresh_token = token_set.refresh_token
    return {
        "access_token": token_set.access_token.reveal(),
        "refresh_token": refresh_token.reveal() if refresh_token else None,
        "token_type": token_set.token_type,
        "expires_in": None if token_set.expires_at is None else token_set.expires_at - NOW,
        "scopes": None if token_set.scopes is None else list(token_set.scopes),
        "metadata": dict(token_set.metadata),
    }


def observed(dialect: dict[str, Any]) -> dict[str, Any]:
    """Give all that goes out and what is made of the answer."""
    resource, secrets = registered(dialect["registration"])
    variables = dialect.get("variables", {})
    if resource.grant_type is GrantType.CLIENT_CREDENTIALS:
        request = client_credentials_request(resource, secrets, scopes=resource.scopes, variables=variables)
        return {"token": shown(request), "token_set": revealed(granted(dialect, resource, request))}
    url = authorization_url(resource, redirect_uri=REDIRECT_URI, scopes=resource.scopes, variables=variables)
    callback = callback_verdict(resource, callback_parameters(dialect["callback"]), authorization_iss=None)
    assert isinstance(callback, VerifiedCallback)
    exchange = exchange_request(
        resource,
        secrets,
        callback,
        code_verifier=Secret("VERIFIER"),
        redirect_uri=REDIRECT_URI,
        variables={**variables, **callback.variables},
    )
    token_set = granted(dialect, resource, exchange)
    found = {
        "authorization_url": completed(url, state="STATE", code_challenge="CHALLENGE", nonce="NONCE"),
        "callback_variables": dict(callback.variables),
        "token": shown(exchange),
        "token_set": revealed(token_set),
    }
    if token_set.refresh_token is not None:
        known = {**variables, **callback.variables}
        refresh = refresh_request(resource, secrets, refresh_token=token_set.refresh_token, variables=known)
        found["refresh"] = shown(refresh)
    return found


def granted(dialect: dict[str, Any], resource: Resource, request: HttpRequest) -> TokenSet:
    """Give the token set that the dialect's answer brings."""
    given = dialect["answer"]
    verdict = token_verdict(resource, request, answer(given.get("text", given.get("json"))), now=NOW)
    assert isinstance(verdict, Granted)
    return verdict.token_set


@pytest.mark.parametrize("dialect", vectors("dialects"), ids=lambda dialect: dialect["name"])
def test_a_dialect_is_spoken_to_the_letter(dialect: dict[str, Any]) -> None:
    """The requests that go out and the tokens that are read are exactly those of the vector."""
    assert observed(dialect) == dialect["expected"]
