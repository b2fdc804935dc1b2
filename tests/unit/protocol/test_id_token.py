"""ID tokens: a good one is taken, and each way of being bad is refused by its own rule."""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwk, jws

from oauth_broker.protocol.id_token import LONGEST, SKEW, UnknownKeyError, id_token_problem
from oauth_broker.secret import Secret

NOW = 1_800_000_000
ISSUER, CLIENT = "https://login.acme.example", "client-1"
RSA = jwk.RSAKey.generate_key(2048, {"kid": "rsa"})
OTHER_RSA = jwk.RSAKey.generate_key(2048, {"kid": "rsa"})
EC = jwk.ECKey.generate_key("P-256", {"kid": "ec"})
KEYS = {"keys": [RSA.as_dict(private=False), EC.as_dict(private=False)]}
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "sub": "person-1",
    "aud": CLIENT,
    "exp": NOW + 600,
    "iat": NOW - 1,
    "nonce": "nonce-1",
}
AGREED = ("RS256", "ES256")


def token(
    claims: Any = None, *, key: Any = RSA, algorithm: str = "RS256", key_id: str | None = "rsa", **header: Any
) -> str:
    """An ID token, signed."""
    protected = {"alg": algorithm, **({} if key_id is None else {"kid": key_id}), **header}
    signing_input = f"{part(protected)}.{part(CLAIMS if claims is None else claims)}"
    signature = jws.JWSRegistry.algorithms[algorithm].sign(signing_input.encode(), key)
    return f"{signing_input}.{base64url(signature)}"


def problem(given_token: object, keys: dict[str, Any] = KEYS, **changes: Any) -> str | None:
    """The rule that a token breaks."""
    held_against = {"issuer": ISSUER, "client_id": CLIENT, "nonce": Secret("nonce-1"), "algorithms": AGREED}
    return id_token_problem(given_token, keys, **{**held_against, "now": NOW, **changes})


def part(value: Any) -> str:
    """A part of a JWS, made by hand."""
    return base64url(json.dumps(value).encode())


def base64url(raw: bytes) -> str:
    """Bytes as JWS has them."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def unsigned() -> str:
    """`alg: none`, which a library may be talked into."""
    return f"{part({'alg': 'none'})}.{part(CLAIMS)}."


def signed_with_the_public_key() -> str:
    """HS256 with the issuer's public key as the secret: the confusion of RFC 8725 section 2.1."""
    signing_input = f"{part({'alg': 'HS256', 'kid': 'rsa'})}.{part(CLAIMS)}"
    mac = hmac.digest(RSA.as_pem(private=False), signing_input.encode(), "sha256")
    return f"{signing_input}.{base64url(mac)}"


@pytest.mark.parametrize(
    "good",
    [
        token(),
        token(key=EC, algorithm="ES256", key_id="ec"),
        token(key_id=None),
        token(CLAIMS | {"aud": [CLIENT]}),
        token(CLAIMS | {"aud": [CLIENT, "other"], "azp": CLIENT}),
        token(CLAIMS | {"exp": NOW - SKEW + 1}),
        token(CLAIMS | {"iat": NOW + SKEW}),
        token(jku="https://evil.example/keys", x5u="https://evil.example/cert"),
        token(typ="JWT"),
        token(**{"pi.atm": "1"}),
    ],
)
def test_a_good_token_is_taken(good: str) -> None:
    """By each key of the issuer; what the header says of other keys is not even looked at."""
    assert problem(good) is None


MUTATIONS: list[tuple[str, Callable[[], object], str]] = [
    ("alg none", unsigned, "alg is none of those"),
    ("HS256 with the public key", signed_with_the_public_key, "alg is none of those"),
    ("an algorithm not agreed on", lambda: token(algorithm="PS256"), "alg is none of those"),
    ("another's key under the same kid", lambda: token(key=OTHER_RSA), "by no key"),
    ("the kid of another key", lambda: token(key_id="ec"), "by no key"),
    (
        "another's key in the header",
        lambda: token(key=OTHER_RSA, jwk=OTHER_RSA.as_dict(private=False)),
        "by no key",
    ),
    ("another's key by jku", lambda: token(key=OTHER_RSA, jku="https://evil.example/keys"), "by no key"),
    (
        "claims changed",
        lambda: ".".join([token().split(".")[0], part({**CLAIMS, "sub": "x"}), token().split(".")[2]]),
        "by no key",
    ),
    ("no signature", lambda: token().rpartition(".")[0] + ".", "by no key"),
    ("crit", lambda: token(crit=["exp"], exp=1), "crit"),
    ("another issuer", lambda: token(CLAIMS | {"iss": "https://evil.example"}), "iss"),
    ("the issuer with a slash", lambda: token(CLAIMS | {"iss": ISSUER + "/"}), "iss"),
    ("no issuer", lambda: token({n: v for n, v in CLAIMS.items() if n != "iss"}), "iss"),
    ("for another client", lambda: token(CLAIMS | {"aud": "client-2"}), "aud"),
    ("for nobody", lambda: token(CLAIMS | {"aud": []}), "aud"),
    ("for part of the name", lambda: token(CLAIMS | {"aud": "client-11"}), "aud"),
    ("for several without azp", lambda: token(CLAIMS | {"aud": [CLIENT, "other"]}), "azp"),
    ("azp is another", lambda: token(CLAIMS | {"azp": "other"}), "azp"),
    ("expired", lambda: token(CLAIMS | {"exp": NOW - SKEW}), "exp"),
    ("no expiry", lambda: token({n: v for n, v in CLAIMS.items() if n != "exp"}), "exp"),
    ("expiry is text", lambda: token(CLAIMS | {"exp": str(NOW + 600)}), "exp"),
    ("expiry is true", lambda: token(CLAIMS | {"exp": True}), "exp"),
    ("issued in the future", lambda: token(CLAIMS | {"iat": NOW + SKEW + 1}), "iat"),
    ("not said when issued", lambda: token({n: v for n, v in CLAIMS.items() if n != "iat"}), "iat"),
    ("another nonce", lambda: token(CLAIMS | {"nonce": "nonce-2"}), "nonce"),
    ("no nonce", lambda: token({n: v for n, v in CLAIMS.items() if n != "nonce"}), "nonce"),
    ("nonce is a list", lambda: token(CLAIMS | {"nonce": ["nonce-1"]}), "nonce"),
    ("no subject", lambda: token({n: v for n, v in CLAIMS.items() if n != "sub"}), "sub"),
    ("claims are a list", lambda: token([1]), "no object"),
    ("not a JWS", lambda: "a.b.c", "no JWS"),
    ("not ASCII", lambda: "ä.ä.ä", "no JWS"),
    ("too long", lambda: token() + "A" * LONGEST, "is no ID token"),
    ("not text", lambda: {"sub": "x"}, "is no ID token"),
    ("empty", lambda: "", "is no ID token"),
]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[name for name, _, _ in MUTATIONS])
def test_each_mutation_is_refused_by_its_rule(mutation: tuple[str, Callable[[], object], str]) -> None:
    """One thing is wrong with each, and that is what is said."""
    _, make, rule = mutation
    found = problem(make())
    assert found is not None
    assert rule in found


def test_a_key_that_is_not_there_may_be_new() -> None:
    """An issuer that changes its keys names one that was not fetched yet: that is no forgery for sure."""
    with pytest.raises(UnknownKeyError):
        problem(token(key_id="next"))


@pytest.mark.parametrize(
    "keys", [{}, {"keys": None}, {"keys": [7, {}, {"kty": "RSA"}, {"kty": "oct", "k": "eA"}]}]
)
def test_a_set_without_a_usable_key_signs_nothing(keys: dict[str, Any]) -> None:
    """Nor does one that cannot be read make the verdict fail."""
    assert problem(token(key_id=None), keys) == "its signature is by no key of the issuer"


@pytest.mark.parametrize("members", [{"use": "enc"}, {"alg": "RS512"}])
def test_a_key_for_something_else_does_not_count(members: dict[str, str]) -> None:
    """A key for encryption, or for another algorithm, signs no ID token (RFC 7517 section 4)."""
    keys = {"keys": [{**RSA.as_dict(private=False), **members}]}
    assert problem(token(), keys) == "its signature is by no key of the issuer"


@given(st.text(max_size=200) | st.none() | st.integers())
def test_nothing_else_makes_the_verdict_raise(given_token: object) -> None:
    """Whatever an answer brings as its id_token."""
    assert problem(given_token) is not None


@pytest.mark.parametrize(
    "members",
    [{"crv": "P-256K"}, {"crv": []}, {"kty": ["EC"]}, {"kid": ["ec"]}, {"alg": ["ES256"]}, {"use": {}}],
    ids=str,
)
def test_an_odd_key_among_the_issuers_costs_no_consent(members: dict[str, Any]) -> None:
    """The code is spent by then: a key that we cannot read is passed over, and the next one counts."""
    odd = {**EC.as_dict(private=False), **members}
    good = token(key=EC, algorithm="ES256", key_id=None)
    assert problem(good, {"keys": [odd, EC.as_dict(private=False)]}) is None


@pytest.mark.parametrize("key_id", [["rsa"], {"rsa": 1}], ids=str)
def test_a_key_id_that_is_no_text_names_no_key(key_id: Any) -> None:
    """It has no hash either, which must not end the function."""
    with pytest.raises(UnknownKeyError):
        problem(token(kid=key_id))


def test_half_a_character_is_no_nonce() -> None:
    """JSON can bring it, UTF-8 cannot."""
    assert problem(token(CLAIMS | {"nonce": "nonce-1\ud800"})) == "nonce is another"
