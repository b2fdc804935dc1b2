"""Warnings: each rule with what it warns of, and what it lets pass."""

from __future__ import annotations

from typing import Any, Final

import pytest

from oauth_broker.registration.parsing import parse_registration
from oauth_broker.registration.warnings import warnings_of

ACME: Final = {
    "name": "Acme",
    "client_id": "client-1",
    "client_secret": "the-client-secret",
    "authorization": {"url": "https://acme.example/authorize"},
    "token": {"url": "https://acme.example/token"},
}
GLOBEX: Final[dict[str, Any]] = {
    "provider": "globex",
    "title": "Globex",
    "needs": "access_type=offline, and the scope offline.access.",
    "registration": {
        "scopes": ["read", "offline.access"],
        "authorization": {"url": "https://globex.example/a", "params": {"access_type": "offline", "x": "1"}},
        "token": {"url": "https://globex.example/token"},
        "refresh_policy": "after_expiry",
    },
}
AT_GLOBEX: Final = {
    "scopes": ["read", "offline.access"],
    "authorization": {"url": "https://globex.example/a", "params": {"access_type": "offline"}},
    "token": {"url": "https://globex.example/token"},
    "refresh_policy": "after_expiry",
}


def warned(*, entry: dict[str, Any] | None = None, **changes: Any) -> list[str]:
    """Give the pointers of the warnings about a registration like Acme's; what is None is left out."""
    body = {name: value for name, value in {**ACME, **changes}.items() if value is not None}
    if "code_challenge_method" in changes:
        body["code_challenge_method"] = changes["code_challenge_method"]
    resource = parse_registration(body, loopback=True).resource
    return [one.pointer for one in warnings_of(resource, [GLOBEX] if entry is None else [entry])]


def token(**members: Any) -> dict[str, Any]:
    """Give a token step."""
    return {"token": {"url": "https://acme.example/token", **members}}


LOCAL: Final = "http://127.0.0.1:8001"
KEYS: Final[dict[str, Any]] = {"signing_keys": [{"alg": "ES256", "generate": True}]}
OF_AN_ISSUER: Final[dict[str, Any]] = {
    "issuer": "https://acme.example",
    "authorization_response_iss_parameter_supported": True,
}
CASES: Final[list[tuple[dict[str, Any], list[str]]]] = [
    ({}, []),
    # http
    ({"authorization": {"url": f"{LOCAL}/a"}}, ["/authorization/url"]),
    (token(url=f"{LOCAL}/t"), ["/token/url"]),
    ({"refresh": {"url": f"{LOCAL}/t"}, "api_base_url": f"{LOCAL}/v1"}, ["/refresh/url", "/api_base_url"]),
    ({"issuer": LOCAL, "jwks_uri": f"{LOCAL}/keys"}, ["/jwks_uri"]),
    # a secret in a query
    (token(method="GET"), ["/token/method"]),
    ({"refresh": {"method": "GET"}}, ["/refresh/method"]),
    (token(url="https://acme.example/t?s={{client_secret}}"), ["/token/url"]),
    (token(url="https://acme.example/t?c={{client_id}}"), []),
    (
        {"secret_variables": {"k": "a-secret-key"}, "revocation": {"url": "https://acme.example/r?k={{k}}"}},
        ["/revocation/url"],
    ),
    # PKCE
    ({"code_challenge_method": None}, ["/code_challenge_method"]),
    ({"grant_type": "client_credentials", "authorization": None, "code_challenge_method": None}, []),
    # no refresh token
    ({"scopes": ["openid"]}, ["/scopes"]),
    ({"scopes": ["openid", "offline_access"]}, []),
    ({"scopes": ["openid"], "authorization": {"url": "https://acme.example/a?access_type=offline"}}, []),
    (AT_GLOBEX, []),
    ({**AT_GLOBEX, "scopes": ["read"]}, ["/scopes"]),
    ({**AT_GLOBEX, "scopes": ["offline.access"]}, []),
    ({**AT_GLOBEX, "authorization": {"url": "https://globex.example/a"}}, ["/authorization/params"]),
    ({**AT_GLOBEX, "authorization": {"url": "https://globex.example/a?access_type=offline"}}, []),
    (
        {
            **AT_GLOBEX,
            "authorization": {"url": "https://globex.example/a", "params": {"access_type": "online"}},
        },
        ["/authorization/params"],
    ),
    # an unused variable
    ({"variables": {"region": "eu"}}, ["/variables/region"]),
    ({"variables": {"region": "eu"}, "api_base_url": "https://acme.example/{{region}}"}, []),
    ({"secret_variables": {"k": "a-secret-key"}}, ["/secret_variables/k"]),
    ({"secret_variables": {"k": "a-secret-key"}, **token(headers={"X": "{{lower(k)}}"})}, []),
    ({"connection_variables": {"tenant": {}}}, ["/connection_variables/tenant"]),
    ({"connection_variables": {"realm": {}}, "callback_variables": ["realm"]}, []),
    # keys that sign nothing
    (KEYS, ["/signing_keys"]),
    ({**KEYS, **token(auth_method="private_key_jwt")}, []),
    ({**KEYS, "refresh": {"auth_method": "private_key_jwt"}}, []),
    # a shared callback
    ({"callback": "shared"}, ["/callback"]),
    ({"callback": "shared", **OF_AN_ISSUER}, []),
    # refreshing early
    ({**AT_GLOBEX, "refresh_policy": "eager"}, ["/refresh_policy"]),
]


@pytest.mark.parametrize("changes, pointers", CASES)
def test_what_is_warned_of(changes: dict[str, Any], pointers: list[str]) -> None:
    """Each rule by its pointer, and nothing beside it."""
    assert warned(**changes) == pointers


@pytest.mark.parametrize(
    "facts, changes, pointers",
    [
        ({"sends_iss": True}, {}, []),
        ({"enforces_pkce": True}, {}, []),
        ({"enforces_pkce": True}, {"code_challenge_method": None}, ["/code_challenge_method", "/callback"]),
        ({"sends_iss": False, "enforces_pkce": None}, {}, ["/callback"]),
    ],
)
def test_a_shared_callback_is_safe_where_answers_tell_their_issuer(
    facts: dict[str, Any], changes: dict[str, Any], pointers: list[str]
) -> None:
    """Or where PKCE is enforced, and is used."""
    assert warned(entry={**GLOBEX, **facts}, **AT_GLOBEX, callback="shared", **changes) == pointers


def test_what_is_named_counts_before_what_is_alike() -> None:
    """A provider that the registration names, wherever its token URL is."""
    other = {**GLOBEX, "provider": "other", "registration": {"token": {"url": "https://other.example/token"}}}
    resource = parse_registration(
        {**ACME, **AT_GLOBEX, "provider": "other", "scopes": ["read"]}, loopback=False
    ).resource
    assert warnings_of(resource, [GLOBEX, other]) == []
    assert warnings_of(resource, [GLOBEX]) != []
