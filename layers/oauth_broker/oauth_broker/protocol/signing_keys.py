"""The asymmetric keys with which the broker authenticates itself as a client: made, read, published, used.

Their public halves are what `/oauth/{resource_id}/jwks.json` shows (RFC 7517). `joserfc` is imported where a
key is used: few resources have one, and no cold start should wait for it.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm

from oauth_broker.secret import Secret

Sign = Callable[[bytes], bytes]

LEAST_RSA_BITS: Final = 2048
ALGORITHMS: Final[Mapping[str, tuple[str, str]]] = {
    "RS256": ("RSA", ""),
    "RS384": ("RSA", ""),
    "RS512": ("RSA", ""),
    "PS256": ("RSA", ""),
    "PS384": ("RSA", ""),
    "PS512": ("RSA", ""),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),
}
"""JWS algorithms (RFC 7518 section 3.1, RFC 8037, RFC 9864) → a key's type and curve in JWK."""


def made(algorithm: str) -> Secret:
    """Make a private key for an algorithm, in PEM."""
    from joserfc import jwk  # noqa: PLC0415 - see above

    kind, curve = ALGORITHMS[algorithm]
    size: int | str = curve or LEAST_RSA_BITS
    key: Any = jwk.JWKRegistry.generate_key(kind, size, private=True)
    return Secret(key.as_pem(private=True).decode("ascii"))


def problem_of(pem: str, algorithm: str) -> str | None:
    """Say why a PEM text is no private key for the algorithm, or None."""
    try:
        key = _key(pem, algorithm)
    except ValueError as error:
        return str(error)
    return public_problem(key, algorithm)


def public_problem(key: Any, algorithm: str) -> str | None:
    """Say why a key does not fit an algorithm, or None."""
    kind, curve = ALGORITHMS[algorithm]
    if kind == "RSA":
        bits = key.raw_value.key_size
        return None if bits >= LEAST_RSA_BITS else f"must have {LEAST_RSA_BITS} bits or more"
    try:
        found = key.as_dict(private=False)["crv"]
    except KeyError:  # a curve that JWK has no name for
        found = "another curve"
    return None if found == curve else f"{algorithm} takes a key on {curve}, not on {found}"


def public_jwk(pem: Secret, algorithm: str, key_id: str | None = None) -> dict[str, Any]:
    """Give a private key's public half; `kid` is its thumbprint (RFC 7638) where none is given."""
    return jwk_of(_key(pem.reveal(), algorithm), algorithm, key_id)


def public_jwk_of_kms(der: bytes, algorithm: str, key_id: str | None = None) -> dict[str, Any]:
    """Give the public half that KMS shows of a key (DER, RFC 5280's SubjectPublicKeyInfo), as `public_jwk`.

    Raises ValueError, saying why, for a key that does not fit the algorithm.
    """
    text = b64encode(der).decode("ascii")
    key = _imported(f"-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n", algorithm)
    if key is None:
        raise ValueError(f"is no key for {algorithm}")
    if problem := public_problem(key, algorithm):
        raise ValueError(problem)
    return jwk_of(key, algorithm, key_id)


def jwk_of(key: Any, algorithm: str, key_id: str | None = None) -> dict[str, Any]:
    """Give a key's public half as a JWK for one algorithm."""
    public = key.as_dict(private=False)
    return {**public, "kid": key_id or key.thumbprint(), "alg": algorithm, "use": "sig"}


def signer(pem: Secret, algorithm: str) -> Sign:
    """Sign with a private key, as JWS has it. Raises ValueError for a key that is none."""
    from joserfc import jws  # noqa: PLC0415 - see above

    key = _key(pem.reveal(), algorithm)
    model = jws.JWSRegistry.algorithms[algorithm]
    return lambda signing_input: model.sign(signing_input, key)


def raw_signature(signature: bytes, algorithm: str) -> bytes:
    """Give a signature of KMS as JWS has it: ECDSA's r and s side by side (RFC 7518 section 3.4).

    Those of RSA and Ed25519 are so already.
    """
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature  # noqa: PLC0415

    size = {"ES256": 32, "ES384": 48, "ES512": 66}.get(algorithm)
    if size is None:
        return signature
    return b"".join(number.to_bytes(size, "big") for number in decode_dss_signature(signature))


def _key(pem: str, algorithm: str) -> Any:
    if "PRIVATE KEY-----" not in pem:
        raise ValueError("must be an unencrypted private key in PEM")
    key = _imported(pem, algorithm)
    if key is None or not key.is_private:
        raise ValueError(f"is no unencrypted private key in PEM for {algorithm}")
    return key


def _imported(pem: str, algorithm: str) -> Any:
    from joserfc import jwk  # noqa: PLC0415 - see above
    from joserfc.errors import JoseError  # noqa: PLC0415 - see above

    try:
        return jwk.JWKRegistry.import_key(pem, ALGORITHMS[algorithm][0])
    except (ValueError, TypeError, JoseError, UnsupportedAlgorithm):
        return None
