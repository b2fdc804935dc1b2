"""What an issuer is asked, what of its answers counts, and which members of a registration come of it."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from oauth_broker.errors import InvalidError
from oauth_broker.protocol.discovery import (
    LONGEST_METADATA,
    metadata_requests,
    metadata_verdict,
    registration_members,
    scopes_supported,
)
from oauth_broker.protocol.http import HttpResponse
from oauth_broker.resource import AuthMethod

ISSUER: Final = "https://login.acme.example"
METADATA: Final[dict[str, Any]] = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "revocation_endpoint": f"{ISSUER}/revoke",
    "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
    "jwks_uri": f"{ISSUER}/keys",
    "id_token_signing_alg_values_supported": ["HS256", "ES256", "RS256", "ES256", "none"],
    "authorization_response_iss_parameter_supported": True,
    "code_challenge_methods_supported": [],
    "scopes_supported": ["openid", "offline_access", 7],
}


def answer(body: Any, status: int = 200) -> HttpResponse:
    """An answer of JSON."""
    return HttpResponse(status, {}, json.dumps(body).encode())


@pytest.mark.parametrize(
    "issuer, places",
    [
        (
            "https://a.example",
            ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"],
        ),
        (
            "https://a.example/",
            ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"],
        ),
        (
            "https://a.example:8443/t/1",
            [
                "/t/1/.well-known/openid-configuration",
                "/.well-known/oauth-authorization-server/t/1",
                "/.well-known/openid-configuration/t/1",
            ],
        ),
    ],
)
def test_metadata_is_looked_for_in_both_forms(issuer: str, places: list[str]) -> None:
    """RFC 8414 section 3.1 puts the well-known part before the path, OpenID Connect after it; none twice."""
    origin = "/".join(issuer.split("/")[:3])
    asked = list(metadata_requests(issuer))
    assert [request.url for request in asked] == [origin + place for place in places]
    assert {(request.method, request.body, request.secrets) for request in asked} == {("GET", None, ())}


def test_metadata_of_the_issuer_is_taken() -> None:
    """As it came."""
    assert metadata_verdict(ISSUER, answer(METADATA)) == METADATA


@pytest.mark.parametrize(
    "response",
    [
        answer(METADATA, status=404),
        answer(METADATA, status=302),
        answer(METADATA, status=206),
        answer([METADATA]),
        answer({}),
        HttpResponse(200, {}, b"<html>"),
        HttpResponse(200, {}, b"issuer"),
        HttpResponse(200, {}, json.dumps({**METADATA, "x": "x" * LONGEST_METADATA}).encode()),
    ],
)
def test_what_is_no_metadata_is_passed_over(response: HttpResponse) -> None:
    """Another status than 200, no object, no issuer in it, or too much: the next place is asked."""
    assert metadata_verdict(ISSUER, response) is None


@pytest.mark.parametrize("named", [f"{ISSUER}/", ISSUER.upper(), "https://evil.example", None, 7, [ISSUER]])
def test_metadata_of_another_issuer_is_refused(named: object) -> None:
    """Compared as it is written (RFC 8414 section 3.3): nothing else of it is even looked at."""
    with pytest.raises(InvalidError) as refused:
        metadata_verdict(ISSUER, answer({**METADATA, "issuer": named}))
    assert [problem.pointer for problem in refused.value.problems] == ["/issuer"]


def test_metadata_becomes_members_of_a_registration() -> None:
    """URLs, client authentication, keys and `iss`; of the algorithms those that are ours, each once."""
    assert registration_members(METADATA, can=frozenset(AuthMethod)) == {
        "issuer": ISSUER,
        "authorization": {"url": f"{ISSUER}/authorize"},
        "token": {"url": f"{ISSUER}/token", "auth_method": "client_secret_basic"},
        "revocation": {"url": f"{ISSUER}/revoke"},
        "jwks_uri": f"{ISSUER}/keys",
        "id_token_signed_response_algs": ["ES256", "RS256"],
        "authorization_response_iss_parameter_supported": True,
    }
    assert scopes_supported(METADATA) == ["openid", "offline_access"]


@pytest.mark.parametrize(
    "changes",
    [
        dict.fromkeys(METADATA.keys() - {"issuer"}),
        dict.fromkeys(METADATA.keys() - {"issuer"}, 7),
        {name: {"a": 1} for name in METADATA.keys() - {"issuer"}},
        {"code_challenge_methods_supported": ["plain"]} | dict.fromkeys(METADATA.keys() - {"issuer"}),
    ],
)
def test_what_cannot_be_used_is_left_out(changes: dict[str, Any]) -> None:
    """Nothing that metadata says, or leaves unsaid, raises, or turns PKCE off."""
    metadata = METADATA | changes
    assert registration_members(metadata, can=frozenset(AuthMethod)) == {"issuer": ISSUER}
    assert scopes_supported(metadata) == []


SECRET: Final = frozenset(AuthMethod) - {AuthMethod.PRIVATE_KEY_JWT}
KEYS: Final = frozenset({AuthMethod.PRIVATE_KEY_JWT, AuthMethod.NONE})
NEITHER: Final = frozenset({AuthMethod.NONE})


@pytest.mark.parametrize(
    "supported, can, chosen",
    [
        (["client_secret_post"], SECRET, "client_secret_post"),
        (["client_secret_jwt", "client_secret_post"], SECRET, "client_secret_post"),
        (["client_secret_jwt", "private_key_jwt"], SECRET, "client_secret_jwt"),
        (["private_key_jwt", "client_secret_basic"], SECRET | KEYS, "client_secret_basic"),
        (["private_key_jwt", "client_secret_jwt", "none"], KEYS, "private_key_jwt"),
        (["private_key_jwt", "tls_client_auth"], SECRET, "private_key_jwt"),
        (["private_key_jwt"], NEITHER, "private_key_jwt"),
        (["tls_client_auth"], SECRET, None),
        (["client_secret_basic", "none"], NEITHER, "none"),
        (["client_secret_basic", "private_key_jwt"], NEITHER, None),
        (["client_secret_basic"], KEYS, None),
        (None, SECRET, None),
        ("client_secret_post", SECRET, None),
    ],
)
def test_client_authentication_is_one_that_both_can(
    supported: object, can: frozenset[AuthMethod], chosen: str | None
) -> None:
    """A secret before keys. Where there is none the registration's own default stays.

    So a public client of a server that does not list `none` stays one, as with Keycloak. Where only a key
    is accepted, the registration is to bring one.
    """
    metadata = METADATA | {"token_endpoint_auth_methods_supported": supported}
    token = registration_members(metadata, can=can)["token"]
    assert token.get("auth_method") == chosen
