"""Assertions and the keys that sign them."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwk, jws
from joserfc.errors import BadSignatureError

from oauth_broker.protocol.client_assertion import LIFETIME, SKEW, assertion_input, by_client_secret, signed
from oauth_broker.protocol.functions import moment_values
from oauth_broker.protocol.signing_keys import (
    ALGORITHMS,
    made,
    problem_of,
    public_jwk,
    raw_signature,
    signer,
)
from oauth_broker.secret import Secret

NOW = 1_800_000_000
KEYS = {algorithm: made(algorithm) for algorithm in ALGORITHMS if algorithm[2:] not in {"384", "512"}}
KEYS |= {algorithm: made(algorithm) for algorithm in ("ES384", "ES512")}
KEYS |= dict.fromkeys(("RS384", "RS512", "PS384", "PS512"), KEYS["RS256"])
ALL = [*ALGORITHMS, "HS256"]
pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")


def unsigned(algorithm: str, **changes: Any) -> bytes:
    """What is signed, its moment fixed."""
    said = {"key_id": "k1", "client_id": "client-1", "audience": "https://acme.example/token", **changes}
    return assertion_input(algorithm=algorithm, moment=moment_values(NOW * 1000, b"\1" * 16), **said)


def read(part: bytes) -> Any:
    """One part of a JWS."""
    return json.loads(urlsafe_b64decode(part + b"=" * (-len(part) % 4)))


def test_an_assertion_says_what_the_rfcs_ask_for() -> None:
    """Issuer and subject are the client, the audience is who it is for, and it can be used once, and soon."""
    header, claims = map(read, unsigned("ES256").split(b"."))
    assert header == {"alg": "ES256", "typ": "JWT", "kid": "k1"}
    assert claims == {
        "iss": "client-1",
        "sub": "client-1",
        "aud": "https://acme.example/token",
        "jti": "01" * 16,
        "iat": NOW - SKEW,
        "exp": NOW + LIFETIME,
    }
    assert "kid" not in read(unsigned("HS256", key_id=None).split(b".")[0])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_others_accept_what_a_key_signs(algorithm: str) -> None:
    """The public half, as it is published, checks the signature; of another text it does not."""
    assertion = signed(unsigned(algorithm), signer(KEYS[algorithm], algorithm)).reveal()
    key = jwk.import_key(public_jwk(KEYS[algorithm], algorithm))
    accepted = jws.deserialize_compact(assertion, key, algorithms=ALL)
    assert json.loads(accepted.payload)["sub"] == "client-1"
    header, payload, signature = assertion.split(".")
    with pytest.raises(BadSignatureError):
        jws.deserialize_compact(f"{header}.{payload[:-4]}AAAA.{signature}", key, algorithms=ALL)


def test_others_accept_what_the_client_secret_signs() -> None:
    """client_secret_jwt is HMAC with SHA-256."""
    secret = "a-client-secret-of-more-than-32-characters"
    assertion = signed(unsigned("HS256"), by_client_secret(Secret(secret)))
    accepted = jws.deserialize_compact(assertion.reveal(), jwk.OctKey.import_key(secret), algorithms=ALL)
    assert accepted.headers()["alg"] == "HS256"
    assert "client-1" not in repr(assertion)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_is_published_is_public(algorithm: str) -> None:
    """No member of a private key (RFC 7518, 6.2.2, 6.3.2) leaves; the id is the thumbprint unless given."""
    published = public_jwk(KEYS[algorithm], algorithm)
    assert not published.keys() & {"d", "p", "q", "dp", "dq", "qi", "k"}
    assert published["kid"] == jwk.import_key(published).thumbprint()
    assert public_jwk(KEYS[algorithm], algorithm, "mine")["kid"] == "mine"


def test_a_signature_is_the_rfcs() -> None:
    """RFC 8037 appendix A: a key's thumbprint (A.3) and what it signs (A.4); Ed25519 draws nothing."""
    members: dict[str, str | list[str]] = {
        "kty": "OKP",
        "crv": "Ed25519",
        "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    }
    pem = Secret(jwk.OKPKey.import_key(members).as_pem(private=True).decode())
    assert public_jwk(pem, "EdDSA")["kid"] == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    signing_input = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
    assert signed(signing_input, signer(pem, "EdDSA")).reveal().rpartition(".")[2] == (
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    )


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "ES512"])
def test_a_signature_of_kms_becomes_one_of_jws(algorithm: str) -> None:
    """KMS answers in DER, JWS wants r and s at their full length."""
    key = serialization.load_pem_private_key(KEYS[algorithm].reveal().encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    hashed = {"ES256": hashes.SHA256(), "ES384": hashes.SHA384(), "ES512": hashes.SHA512()}[algorithm]
    signing_input = unsigned(algorithm)
    assertion = signed(signing_input, lambda text: raw_signature(key.sign(text, ec.ECDSA(hashed)), algorithm))
    public = jwk.import_key(public_jwk(KEYS[algorithm], algorithm))
    assert jws.deserialize_compact(assertion.reveal(), public, algorithms=ALL).headers()["alg"] == algorithm


@pytest.mark.parametrize(
    "pem, algorithm, problem",
    [
        ("no key", "RS256", "PEM"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "RS256", "PEM"),
        (KEYS["RS256"].reveal(), "ES256", "for ES256"),
        (KEYS["ES256"].reveal(), "RS256", "for RS256"),
        (KEYS["ES384"].reveal(), "ES256", "takes a key on P-256"),
        (KEYS["EdDSA"].reveal(), "PS256", "for PS256"),
        (KEYS["ES256"].reveal(), "EdDSA", "for EdDSA"),
        (KEYS["ES256"].reveal(), "ES256", None),
        (KEYS["RS256"].reveal(), "PS512", None),
        (KEYS["EdDSA"].reveal(), "EdDSA", None),
    ],
)
def test_a_key_that_does_not_fit_is_refused(pem: str, algorithm: str, problem: str | None) -> None:
    """When the resource is saved, not when it is first used."""
    found = problem_of(pem, algorithm)
    assert found == problem or (problem is not None and found is not None and problem in found)
