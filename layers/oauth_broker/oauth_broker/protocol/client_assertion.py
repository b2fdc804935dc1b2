"""Authentication by a signed assertion (RFC 7523 sections 2.2 and 3, OpenID Connect Core section 9)."""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Any, Final

from oauth_broker.protocol.expressions import NOW, RANDOM
from oauth_broker.secret import Secret, reveal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauth_broker.protocol.functions import Values
    from oauth_broker.protocol.signing_keys import Sign

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LIFETIME: Final = 120
"""Seconds: an attempt ends long before; some providers refuse more than five minutes."""

SKEW: Final = 30
"""Seconds that the assertion is older than it is: a provider whose clock is behind refuses a future one."""


def assertion_input(
    *, algorithm: str, key_id: str | None, client_id: str, audience: str, moment: Values
) -> bytes:
    """Give what is signed: header and claims, `jti` and times from the request's moment (`moment_values`)."""
    header = {"alg": algorithm, "typ": "JWT"} | ({} if key_id is None else {"kid": key_id})
    now = int(reveal(moment[NOW])) // 1000
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "jti": reveal(moment[RANDOM]),
        "iat": now - SKEW,
        "exp": now + LIFETIME,
    }
    return b".".join(_part(part) for part in (header, claims))


def signed(signing_input: bytes, sign: Sign) -> Secret:
    """Give the JWS in its compact form (RFC 7515 section 3.1). It authenticates the client: a secret."""
    return Secret((signing_input + b"." + _base64url(sign(signing_input))).decode("ascii"))


def by_client_secret(client_secret: Secret) -> Sign:
    """Sign as `client_secret_jwt` does: HMAC with SHA-256 (RFC 7518 section 3.2)."""
    return lambda signing_input: hmac.digest(client_secret.reveal().encode(), signing_input, "sha256")


def _part(value: Mapping[str, Any]) -> bytes:
    return _base64url(json.dumps(value, separators=(",", ":")).encode())


def _base64url(raw: bytes) -> bytes:
    return urlsafe_b64encode(raw).rstrip(b"=")
