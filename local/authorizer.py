"""The JWT authorizer of an HTTP API, as API Gateway does it, against an issuer of the person's own.

API Gateway Developer Guide, "Control access to HTTP APIs with JWT authorizers": RSA signatures by a key of
the issuer's jwks_uri; iss equal; aud, or where there is none client_id, in the audience; exp, nbf, iat; one
of the route's scopes in scope or scp.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import requests
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from local.routes import Authorized, Refused

_ALGORITHMS = ["RS256", "RS384", "RS512"]
_KEYS_HELD = 2 * 3600  # seconds, as API Gateway
_ASK_AGAIN = 10  # seconds before an unknown key makes the keys be fetched once more
_REGISTRY = jws.JWSRegistry(algorithms=_ALGORITHMS)

Fetch = Callable[[str], Any]


def fetch_json(url: str) -> Any:
    """The JSON document at a URL. Raises requests.RequestException, also when it is not JSON."""
    answer = requests.get(url, timeout=5, allow_redirects=False)
    answer.raise_for_status()
    return answer.json()


class JwtAuthorizer:
    """Checks tokens of one issuer. `fetch` gets the JSON document at a URL; keys are held two hours."""

    def __init__(self, issuer: str, audience: Collection[str], fetch: Fetch = fetch_json) -> None:
        self._issuer = issuer
        self._audience = audience
        self._fetch = fetch
        self._lock = threading.Lock()
        self._keys: KeySet | None = None
        self._fetched = 0.0

    def authorize(self, header: str, scopes: Sequence[str], now: float | None = None) -> Authorized | Refused:
        """The verdict on an Authorization header for a route that names `scopes`; `now` in seconds."""
        now = time.time() if now is None else now
        scheme, _, rest = header.partition(" ")
        token = rest.strip() if scheme.lower() == "bearer" else header
        try:
            claims = self._signed_claims(token, now)
        except (JoseError, ValueError, TypeError, KeyError, requests.RequestException):
            return Refused(401)
        if not _valid(claims, self._issuer, self._audience, now):
            return Refused(401)
        granted = _scopes(claims)
        if scopes and not set(scopes) & set(granted):
            return Refused(403)
        texts = {name: claim_text(value) for name, value in claims.items()}
        return Authorized({"jwt": {"claims": texts, "scopes": granted if scopes else None}})

    def _signed_claims(self, token: str, now: float) -> Mapping[str, Any]:
        signature = jws.extract_compact(token.encode())
        algorithm, key_id = signature.headers().get("alg"), signature.headers().get("kid")
        if algorithm not in _ALGORITHMS or not isinstance(key_id, str):
            raise ValueError(algorithm)
        if not jws.validate_compact(signature, self._key_set(key_id, now), registry=_REGISTRY):
            raise ValueError(key_id)
        claims = json.loads(signature.payload)
        if not isinstance(claims, dict):
            raise TypeError
        return claims

    def _key_set(self, key_id: str, now: float) -> KeySet:
        with self._lock:
            age = now - self._fetched
            known = self._keys is not None and any(key.kid == key_id for key in self._keys.keys)
            if self._keys is None or age > _KEYS_HELD or (not known and age > _ASK_AGAIN):
                discovery = self._fetch(self._issuer.rstrip("/") + "/.well-known/openid-configuration")
                self._keys = KeySet.import_key_set(self._fetch(discovery["jwks_uri"]))
                self._fetched = now
            return self._keys


def claim_text(value: Any) -> str:
    """A claim as HTTP APIs put it into an event: always a string, a list as "[a b]"."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "[" + " ".join(claim_text(item) for item in value) + "]"
    if isinstance(value, dict):
        return "map[" + " ".join(f"{name}:{claim_text(item)}" for name, item in value.items()) + "]"
    return json.dumps(value)


def _valid(claims: Mapping[str, Any], issuer: str, audience: Collection[str], now: float) -> bool:
    named = claims.get("aud", claims.get("client_id"))
    names = named if isinstance(named, list) else [named]
    checks = (
        claims.get("iss") == issuer,
        any(name in audience for name in names if isinstance(name, str)),
        _moment(claims, "exp", missing=0) > now,
        _moment(claims, "nbf", missing=0) <= now,
        _moment(claims, "iat", missing=0) <= now,
    )
    return all(checks)


def _moment(claims: Mapping[str, Any], name: str, missing: float) -> float:
    value = claims.get(name, missing)
    # A time that is no number satisfies no comparison.
    return value if isinstance(value, int | float) and not isinstance(value, bool) else float("nan")


def _scopes(claims: Mapping[str, Any]) -> list[str]:
    value = claims.get("scope", claims.get("scp"))
    if isinstance(value, str):
        return value.split()
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
