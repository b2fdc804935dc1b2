"""The dialects of real providers, from the registration that a person writes to the tokens that come back."""

from __future__ import annotations

from typing import Any, Final

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
from oauth_broker.protocol.revocation import revocation_request
from oauth_broker.protocol.token import (
    Granted,
    TokenSet,
    client_credentials_request,
    exchange_request,
    refresh_request,
    token_verdict,
)
from oauth_broker.registration.parsing import parse_registration
from oauth_broker.resource import GrantType, Resource, ResourceSecrets, Signer
from oauth_broker.secret import Secret
from tests.unit.protocol.examples import MOMENT, REDIRECT_URI, answer, vectors

NOW = 1_800_000_000


def registered(registration: dict[str, Any]) -> tuple[Resource, ResourceSecrets]:
    """Give the resource that a registration makes, and its secrets."""
    body = {"name": "A dialect", "client_id": "CLIENT_ID", **registration}
    resource = parse_registration(body, resource_id="dialect", loopback=False).resource
    secret = registration.get("client_secret")
    keys = [
        Signer(key["alg"], key["kid"], lambda _: b"signature") for key in registration.get("signing_keys", ())
    ]
    return resource, ResourceSecrets(
        client_secret=Secret(secret) if secret else None,
        variables={},
        destinations=Destinations(frozenset()),
        signer=keys[0] if keys else None,
    )


def shown(request: HttpRequest) -> dict[str, Any]:
    """Give a request as the vectors have it."""
    body = None if request.body is None else request.body.decode()
    return {"method": request.method, "url": request.url, "headers": dict(request.headers), "body": body}


def revealed(token_set: TokenSet) -> dict[str, Any]:
    """Give a token set as the vectors have it."""
    refresh_token, named = token_set.refresh_token, token_set.named
    return {
        "access_token": token_set.access_token.reveal(),
        "refresh_token": refresh_token.reveal() if refresh_token else None,
        "token_type": token_set.token_type,
        "expires_in": None if token_set.expires_at is None else token_set.expires_at - NOW,
        "scopes": None if token_set.scopes is None else list(token_set.scopes),
        "metadata": dict(token_set.metadata),
        **({"named": {name: one.access_token.reveal() for name, one in named.items()}} if named else {}),
    }


def observed(dialect: dict[str, Any]) -> dict[str, Any]:
    """Give all that goes out and what is made of the answer."""
    resource, secrets = registered(dialect["registration"])
    variables = {**dialect.get("variables", {}), **MOMENT}
    if resource.grant_type is GrantType.CLIENT_CREDENTIALS:
        request = client_credentials_request(resource, secrets, scopes=resource.scopes, variables=variables)
        return {"token": shown(request), "token_set": revealed(granted(dialect["answer"], resource, request))}
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
    token_set = granted(dialect["answer"], resource, exchange)
    found = {
        "authorization_url": completed(url, state="STATE", code_challenge="CHALLENGE", nonce="NONCE"),
        "callback_variables": dict(callback.variables),
        "token": shown(exchange),
        "token_set": revealed(token_set),
    }
    known = {**variables, **callback.variables}
    if token_set.refresh_token is not None:
        refresh = refresh_request(resource, secrets, refresh_token=token_set.refresh_token, variables=known)
        found["refresh"] = shown(refresh)
        if "refresh_answer" in dialect:
            refreshed = granted(dialect["refresh_answer"], resource, refresh)
            found["refreshed"] = revealed(refreshed.keeping(token_set.refresh_token, {}))
    revoked = token_set.refresh_token or token_set.access_token
    revocation = revocation_request(resource, secrets, revoked, "refresh_token", variables=known)
    if revocation is not None:
        found["revocation"] = shown(revocation)
    return found


def granted(given: dict[str, Any], resource: Resource, request: HttpRequest) -> TokenSet:
    """Give the token set that an answer brings."""
    verdict = token_verdict(resource, request, answer(given.get("text", given.get("json"))), now=NOW)
    assert isinstance(verdict, Granted)
    return verdict.token_set


# What is known to be odd about services; each is spoken in a row at least.
KINDS: Final = frozenset(
    {
        *("token URL by GET", "parameters in query and body", "form body", "JSON body", "nested JSON"),
        *("header of its own", "header overridden", "query of a URL kept", "parameters behind a fragment"),
        *(
            "parameters added",
            "a parameter overridden by the URL",
            "parameters removed",
            "parameters renamed",
        ),
        *("scopes joined otherwise", "unencoded", "grant_type left out", "another grant_type", "PKCE off"),
        *("state under another name", "code under another name", "variable of the callback"),
        *(
            "origin from the callback",
            "variable of each connection",
            "signed by HMAC",
            "the time, and chance",
        ),
        *("form-encoded answer", "tokens nested", "two tokens", "metadata"),
        *("expires_in as text", "milliseconds", "absolute time", "no expires_in", "JWT expiry"),
        *("a refresh without a refresh token", "a narrower scope", "refresh URL of its own", "revocation"),
        *("Basic", "Basic, raw", "secret in the body", "secret under another name", "no authentication"),
        *("client_secret_jwt", "private_key_jwt", "another method for the refresh", "client_credentials"),
    }
)


def test_every_kind_of_dialect_has_a_row() -> None:
    """And no row is of a kind that nobody has heard of."""
    assert {kind for dialect in vectors("dialects") for kind in dialect["kinds"]} == KINDS


@pytest.mark.parametrize("dialect", vectors("dialects"), ids=lambda dialect: dialect["name"])
def test_a_dialect_is_spoken_to_the_letter(dialect: dict[str, Any]) -> None:
    """The requests that go out and the tokens that are read are exactly those of the vector."""
    assert observed(dialect) == dialect["expected"]
