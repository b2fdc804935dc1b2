"""Who asks, by what API Gateway's authorizer found before a function ran."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from oauth_broker.errors import BrokerError, MalformedError

if TYPE_CHECKING:
    from collections.abc import Mapping

JWT_PREFIX: Final = "/jwt"
IAM_PREFIX: Final = "/v1"


class CallerKind(StrEnum):
    """Which authorizer let the caller in; `public` is a route without one."""

    IAM = "iam"
    JWT = "jwt"
    PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `identity`, an IAM ARN or a JWT's subject, is for the log.

    `owner` (32 bytes) marks what a JWT caller makes; a public caller has neither.
    """

    kind: CallerKind
    identity: str = ""
    owner: bytes | None = None
    admin: bool = False

    def may_see(self, owner: bytes | None) -> bool:
        """Say whether a thing of that owner (None: made under IAM) exists for this caller; else: 404."""
        return self.admin or (owner is not None and owner == self.owner)


def caller_of(template: str, authorizer: Mapping[str, Any], *, scope_prefix: str) -> Caller:
    """Say who asks for a route, by what API Gateway's authorizer for it found.

    Raises BrokerError where a route of ours came without its authorizer: a fault of the deployment, which
    must not open the route.
    """
    if template.startswith(f"{JWT_PREFIX}/"):
        return _jwt_caller(authorizer.get("jwt") or {}, scope_prefix)
    if template.startswith(f"{IAM_PREFIX}/"):
        arn = (authorizer.get("iam") or {}).get("userArn")
        if not arn:
            raise BrokerError("This route has no IAM authorizer.")
        return Caller(CallerKind.IAM, identity=arn, admin=True)
    return Caller(CallerKind.PUBLIC)


def _jwt_caller(jwt: Mapping[str, Any], scope_prefix: str) -> Caller:
    claims = jwt.get("claims")
    if not claims:
        raise BrokerError("This route has no JWT authorizer.")
    issuer, subject = claims.get("iss", ""), claims.get("sub", "")
    if not issuer or not subject:
        raise MalformedError("The access token does not say whose it is (iss and sub, RFC 9068).")
    admin = bool(scope_prefix) and f"{scope_prefix}admin" in _token_scopes(claims)
    return Caller(CallerKind.JWT, identity=subject, owner=_owner(issuer, subject), admin=admin)


def _token_scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    """Give the scopes of the token itself: claims `scope` and `scp`; a list arrives as `[a b]`.

    The authorizer's own member `scopes` is not asked: nothing promises that it is not the route's.
    """
    return frozenset(
        word for name in ("scope", "scp") for word in str(claims.get(name, "")).strip("[]").split()
    )


def _owner(issuer: str, subject: str) -> bytes:
    """Hash a person's name; lengths in front, so that no two pairs run together to one text."""
    parts = (part.encode() for part in (issuer, subject))
    return hashlib.sha256(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).digest()
