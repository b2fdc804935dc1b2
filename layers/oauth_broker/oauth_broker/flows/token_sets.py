"""Token sets, sealed and opened for their place."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from oauth_broker.connection import SealedTokenSet
from oauth_broker.protocol.token_set import NamedTokenSet
from oauth_broker.protocol.variables import checked_values
from oauth_broker.resource import GrantType
from oauth_broker.sealed import Place
from oauth_broker.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oauth_broker.doors.sealing import Sealing
    from oauth_broker.protocol.token import TokenSet
    from oauth_broker.resource import Resource
    from oauth_broker.sealed import VaultKey


@dataclass(frozen=True, slots=True)
class Tokens:
    """What is inside a sealed token set; `named` are the further tokens, by name."""

    access_token: Secret
    refresh_token: Secret | None
    token_type: str
    named: Mapping[str, NamedTokenSet] = field(default_factory=dict)

    @property
    def access_tokens(self) -> tuple[Secret, ...]:
        """Give the access token and the further ones."""
        return (self.access_token, *(one.access_token for one in self.named.values()))


def place_of(resource_id: str, connection_id: str, destinations_id: str, token_set_id: bytes) -> Place:
    """Say where a token set belongs."""
    return Place("token-set", resource_id, destinations_id, connection_id, token_set_id)


def sealed_token_set(  # noqa: PLR0913 - what binds it to its place
    sealing: Sealing,
    key: VaultKey,
    token_set: TokenSet,
    *,
    resource: Resource,
    connection_id: str,
    destinations_id: str,
    token_set_id: bytes,
    asked_scopes: Sequence[str],
    issued_at: int,
    refresh_issued_at: int | None = None,
) -> SealedTokenSet:
    """Seal what the token endpoint answered.

    An answer that names no scope granted what was asked (RFC 6749 section 5.1). `refresh_issued_at` differs
    from `issued_at` (None: it does not) where a refresh token of the same expiry came before.
    """
    refresh_token = token_set.refresh_token
    body: dict[str, Any] = {"a": token_set.access_token.reveal(), "y": token_set.token_type}
    if refresh_token is not None:
        body["r"] = refresh_token.reveal()
    if token_set.named:
        body["n"] = {name: _packed(one) for name, one in token_set.named.items()}
    refresh_expires_at = None if refresh_token is None else token_set.refresh_expires_at
    first_issued_at = issued_at if refresh_issued_at is None else refresh_issued_at
    plaintext = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    place = place_of(resource.resource_id, connection_id, destinations_id, token_set_id)
    return SealedTokenSet(
        token_set_id=token_set_id,
        sealed=sealing.seal(key, plaintext, place),
        issued_at=issued_at,
        expires_at=token_set.expires_at,
        scopes=tuple(asked_scopes) if token_set.scopes is None else token_set.scopes,
        metadata=token_set.metadata,
        destinations_id=destinations_id,
        refreshable=refresh_token is not None or resource.grant_type is GrantType.CLIENT_CREDENTIALS,
        refresh_expires_at=refresh_expires_at,
        refresh_issued_at=None if refresh_expires_at is None else first_issued_at,
    )


def opened(
    sealing: Sealing, held: SealedTokenSet, *, resource_id: str, connection_id: str, now: float
) -> Tokens:
    """Open a token set. Raises SealError, SealingUnavailableError."""
    place = place_of(resource_id, connection_id, held.destinations_id, held.token_set_id)
    body = json.loads(sealing.open(held.sealed, place, now))
    return Tokens(
        access_token=Secret(body["a"]),
        refresh_token=Secret(body["r"]) if "r" in body else None,
        token_type=body["y"],
        named={name: _unpacked(packed) for name, packed in body.get("n", {}).items()},
    )


def _packed(one: NamedTokenSet) -> dict[str, Any]:
    packed = {
        "a": one.access_token.reveal(),
        "y": one.token_type,
        "i": one.issued_at,
        "x": one.expires_at,
        "s": one.scopes,
        "k": one.kept or None,
    }
    return {name: value for name, value in packed.items() if value is not None}


def _unpacked(packed: Mapping[str, Any]) -> NamedTokenSet:
    return NamedTokenSet(
        access_token=Secret(packed["a"]),
        token_type=packed["y"],
        issued_at=packed["i"],
        expires_at=packed.get("x"),
        scopes=tuple(packed["s"]) if "s" in packed else None,
        kept="k" in packed,
    )


def values_of(resource: Resource, variables: Mapping[str, str], held: SealedTokenSet) -> dict[str, str]:
    """Give the values that templates may use: the connection's own, and over them what the token answer told.

    Raises UnfitValueError for one that does not fit the resource as it is now.
    """
    return {**variables, **checked_values(resource, held.metadata, known=variables)}
