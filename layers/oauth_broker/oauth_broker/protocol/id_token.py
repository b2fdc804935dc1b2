"""The verdict on an ID token (OpenID Connect Core 1.0 section 3.1.3.7): before anything is stored.

Only the keys that the issuer publishes at the address pinned with the resource count: what the token itself
says of keys (`jku`, `jwk`, `x5u`, `x5c`) is ignored.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from hmac import compare_digest
from typing import TYPE_CHECKING, Any, Final

from oauth_broker.protocol import token_answer
from oauth_broker.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oauth_broker.protocol.http import HttpResponse

SKEW: Final = 300
"""Seconds that the provider's clock may be off."""

LONGEST: Final = 65_536
MOST_KEYS: Final = 100


LONGEST_KEYS: Final = 262_144


class UnknownKeyError(Exception):
    """The token names a key that is not among those given: the issuer may have new ones."""


def id_token_problem(  # noqa: PLR0913 - what it is held against
    token: object,
    keys: Mapping[str, Any],
    *,
    issuer: str,
    client_id: str,
    nonce: Secret,
    algorithms: Sequence[str],
    now: int,
) -> str | None:
    """Say which rule an ID token breaks, or None; `keys` is the issuer's JWK set, `now` in epoch seconds.

    Raises UnknownKeyError where a newer set may have the key.
    """
    if not isinstance(token, str) or not token or len(token) > LONGEST:
        return "is no ID token"
    claims = _signed_claims(token, keys, algorithms)
    if isinstance(claims, str):
        return claims
    rules = {
        "iss is another": claims.get("iss") == issuer,
        "aud does not name this client": client_id in _audiences(claims),
        "azp is another client": _authorized(claims, client_id),
        "exp is over": _number(claims.get("exp"), -1) > now - SKEW,
        "iat is missing, or to come": 0 < _number(claims.get("iat"), 0) <= now + SKEW,
        "nonce is another": _is(claims.get("nonce"), nonce),
        "sub is missing": isinstance(claims.get("sub"), str) and 0 < len(claims["sub"]) <= 255,  # noqa: PLR2004 - section 2
    }
    return next((rule for rule, holds in rules.items() if not holds), None)


def keys_verdict(response: HttpResponse) -> Mapping[str, Any] | None:
    """Read an issuer's JWK set (RFC 7517 section 5); None for another status than 200, or what is none."""
    if response.status != 200 or len(response.body) > LONGEST_KEYS:  # noqa: PLR2004 - RFC 9110 section 15.3.1
        return None
    keys = token_answer.parsed(response.body)
    return keys if isinstance(keys, dict) and isinstance(keys.get("keys"), list) else None


def _signed_claims(token: str, keys: Mapping[str, Any], algorithms: Sequence[str]) -> Mapping[str, Any] | str:
    """Give the claims that a key of the issuer signed, or which rule is broken."""
    from joserfc import jws  # noqa: PLC0415 - few resources have an issuer: cold start
    from joserfc.errors import JoseError  # noqa: PLC0415 - as above

    header = _header(token)
    if header is None:
        return "is no JWS"
    algorithm, key_id = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in algorithms:
        return "alg is none of those that were agreed on"
    if "crit" in header:
        return "crit names what is not understood"  # RFC 7515 section 4.1.11
    # Some providers put members of their own into the header, which is no reason to refuse it.
    registry = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    for key in _candidates(keys, algorithm, key_id):
        try:
            payload = jws.deserialize_compact(token, key, registry=registry).payload
            claims = json.loads(payload)
        except (ValueError, JoseError, RecursionError):
            continue
        return claims if isinstance(claims, dict) else "its claims are no object"
    if key_id is not None and not any(one.get("kid") == key_id for one in _members(keys)):
        raise UnknownKeyError
    return "its signature is by no key of the issuer"


def _header(token: str) -> Mapping[str, Any] | None:
    first = token.partition(".")[0]
    try:
        header = json.loads(urlsafe_b64decode(first + "=" * (-len(first) % 4)))
    except (ValueError, RecursionError):
        return None
    return header if isinstance(header, dict) else None


def _candidates(keys: Mapping[str, Any], algorithm: str, key_id: object) -> list[Any]:
    """Give the issuer's keys that may have signed: by id where the token names one, and by their use."""
    from joserfc import jwk  # noqa: PLC0415 - as above
    from joserfc.errors import JoseError  # noqa: PLC0415 - as above

    found = []
    for members in _members(keys):
        # Tuples, not sets: what stands in a JWK may be of any type, so it may have no hash.
        named = key_id is None or members.get("kid") in (None, key_id)
        fits = members.get("alg") in (None, algorithm) and members.get("use") in (None, "sig")
        if named and fits and members.get("kty") in ("RSA", "EC", "OKP"):
            try:
                found.append(jwk.import_key({**members}))
            except (ValueError, TypeError, KeyError, JoseError):  # KeyError: a curve without a name
                continue
    return found


def _members(keys: Mapping[str, Any]) -> list[dict[str, Any]]:
    listed = keys.get("keys")
    return [one for one in listed if isinstance(one, dict)][:MOST_KEYS] if isinstance(listed, list) else []


def _audiences(claims: Mapping[str, Any]) -> list[object]:
    audience = claims.get("aud")
    return audience if isinstance(audience, list) else [audience]


def _authorized(claims: Mapping[str, Any], client_id: str) -> bool:
    """With several audiences `azp` must be there (rule 4), and wherever it is, it is this client (rule 5)."""
    if "azp" in claims:
        return bool(claims["azp"] == client_id)
    return len(_audiences(claims)) == 1


def _is(value: object, nonce: Secret) -> bool:
    # JSON can bring half a surrogate pair, which is no nonce of ours and no UTF-8.
    return isinstance(value, str) and compare_digest(value.encode(errors="replace"), nonce.reveal().encode())


def _number(value: object, otherwise: int) -> float:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else otherwise
