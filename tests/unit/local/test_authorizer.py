"""JWTs pass or fail as at API Gateway's authorizer."""

from __future__ import annotations

from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from local.authorizer import JwtAuthorizer, claim_text
from local.routes import Authorized, Refused

ISSUER = "https://issuer.test"
NOW = 1_700_000_000
KEY = RSAKey.generate_key(2048, {"kid": "one"})
NEXT_KEY = RSAKey.generate_key(2048, {"kid": "two"})
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": "toy",
    "sub": "ada",
    "exp": NOW + 60,
    "iat": NOW - 60,
    "scope": "toy/read x",
}
SCOPES = ["toy/read", "toy/admin"]


class Issuer:
    """An issuer's two documents, and how often they were asked for."""

    def __init__(self) -> None:
        self.keys = [KEY]
        self.asked: list[str] = []

    def fetch(self, url: str) -> Any:
        """The document at a URL."""
        self.asked.append(url)
        documents: dict[str, Any] = {
            f"{ISSUER}/.well-known/openid-configuration": {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys"},
            f"{ISSUER}/keys": {"keys": [key.as_dict(private=False) for key in self.keys]},
        }
        return documents[url]


@pytest.fixture
def issuer() -> Issuer:
    """An issuer with one key."""
    return Issuer()


@pytest.fixture
def authorizer(issuer: Issuer) -> JwtAuthorizer:
    """An authorizer that asks the issuer."""
    return JwtAuthorizer(ISSUER, ["toy", "other"], issuer.fetch)


def token(claims: dict[str, Any], key: Any = KEY, algorithm: str = "RS256", kid: str | None = "one") -> str:
    """A signed JWT."""
    header = {"alg": algorithm} if kid is None else {"alg": algorithm, "kid": kid}
    return jwt.encode(header, claims, key, algorithms=[algorithm])


def without(name: str) -> dict[str, Any]:
    """The claims but one."""
    return {key: value for key, value in CLAIMS.items() if key != name}


@pytest.mark.parametrize(
    "claims",
    [
        CLAIMS,
        {**CLAIMS, "aud": ["x", "other"]},
        {**without("aud"), "client_id": "toy"},
        without("iat"),
        {**CLAIMS, "nbf": NOW},
        {**without("scope"), "scp": ["toy/admin"]},
        {**without("scope"), "scp": "toy/admin"},
    ],
)
def test_a_good_token_passes(authorizer: JwtAuthorizer, claims: dict[str, Any]) -> None:
    """Either form of audience and of scopes; times that may be absent."""
    assert isinstance(authorizer.authorize(f"Bearer {token(claims)}", SCOPES, NOW), Authorized)


@pytest.mark.parametrize(
    "claims, status",
    [
        ({**CLAIMS, "iss": "https://issuer.test/"}, 401),
        (without("iss"), 401),
        ({**CLAIMS, "aud": "foreign"}, 401),
        ({**CLAIMS, "aud": "foreign", "client_id": "toy"}, 401),
        (without("aud"), 401),
        ({**CLAIMS, "exp": NOW}, 401),
        ({**CLAIMS, "exp": "tomorrow"}, 401),
        (without("exp"), 401),
        ({**CLAIMS, "nbf": NOW + 1}, 401),
        ({**CLAIMS, "iat": NOW + 1}, 401),
        ({**CLAIMS, "scope": "toy/write"}, 403),
        ({**CLAIMS, "scope": "toy/readonly"}, 403),
        ({**CLAIMS, "scope": 7}, 403),
        (without("scope"), 403),
    ],
)
def test_a_bad_claim_is_refused(authorizer: JwtAuthorizer, claims: dict[str, Any], status: int) -> None:
    """401 for a token that does not hold, 403 for one that may not."""
    assert authorizer.authorize(f"Bearer {token(claims)}", SCOPES, NOW) == Refused(status)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer a.b.c",
        "Basic YTpi",
        f"Bearer {token(CLAIMS, NEXT_KEY)}",
        f"Bearer {token(CLAIMS, NEXT_KEY, kid='unknown')}",
        f"Bearer {token(CLAIMS, kid=None)}",
        f"Bearer {token(CLAIMS, OctKey.import_key('x' * 32), 'HS256')}",
        f"Bearer {token(CLAIMS)[:-8]}",
    ],
)
def test_a_bad_signature_is_refused(authorizer: JwtAuthorizer, header: str) -> None:
    """Nothing but a signature by a key of the issuer's, with an RSA algorithm, opens the door."""
    assert authorizer.authorize(header, SCOPES, NOW) == Refused(401)


def test_keys_are_held_and_asked_for_again_when_unknown(authorizer: JwtAuthorizer, issuer: Issuer) -> None:
    """The issuer is not asked for each token, and a new key of its is found."""
    for _ in range(3):
        authorizer.authorize(f"Bearer {token(CLAIMS)}", SCOPES, NOW)
    assert len(issuer.asked) == 2
    issuer.keys = [NEXT_KEY]
    rotated = f"Bearer {token(CLAIMS, NEXT_KEY, kid='two')}"
    assert authorizer.authorize(rotated, SCOPES, NOW + 1) == Refused(401)  # not yet asked again
    assert isinstance(authorizer.authorize(rotated, SCOPES, NOW + 30), Authorized)


def test_the_event_has_the_claims_as_strings(authorizer: JwtAuthorizer) -> None:
    """An HTTP API puts every claim in as text."""
    verdict = authorizer.authorize(f"Bearer {token({**CLAIMS, 'groups': ['a', 'b']})}", SCOPES, NOW)
    assert isinstance(verdict, Authorized)
    assert verdict.context["jwt"]["claims"]["exp"] == str(NOW + 60)
    assert verdict.context["jwt"]["claims"]["groups"] == "[a b]"
    assert verdict.context["jwt"]["scopes"] == ["toy/read", "x"]


@pytest.mark.parametrize(
    "value, text",
    [("a", "a"), (1, "1"), (True, "true"), (None, "null"), (["a", 1], "[a 1]"), ({"a": [1]}, "map[a:[1]]")],
)
def test_a_claim_has_one_form(value: Any, text: str) -> None:
    """Lists and objects as Go prints them."""
    assert claim_text(value) == text
