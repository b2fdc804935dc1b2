"""The signing keys that a registration wants: kept, read, made, or looked up in KMS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from oauth_broker.errors import FieldProblem, InvalidError, SigningRefusedError
from oauth_broker.protocol.signing_keys import made, public_jwk, public_jwk_of_kms
from oauth_broker.registration.signing_keys import same_kid
from oauth_broker.resource import SigningKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from oauth_broker.doors.signing import Signing
    from oauth_broker.registration.signing_keys import WantedKey

Jwk = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SettledKeys:
    """A resource's keys, the one that signs first, and in the same order what is published of them."""

    keys: tuple[SigningKey, ...] = ()
    public: tuple[Mapping[str, Any], ...] = ()


def settled_keys(
    signing: Signing, resource_id: str, wanted: Iterable[WantedKey], held: SettledKeys
) -> SettledKeys:
    """Give the keys that a resource has from now on; `held` are those it has so far.

    Raises InvalidError for a key in KMS that cannot sign for the resource and for two keys of one id, and
    SigningUnavailableError.
    """
    there = {key.kid: (key, jwk) for key, jwk in zip(held.keys, held.public, strict=True)}
    settled: dict[str, tuple[SigningKey, Mapping[str, Any]]] = {}
    for index, one in enumerate(wanted):
        key, jwk = _settled(signing, resource_id, one, there, pointer=f"/signing_keys/{index}")
        if key.kid in settled:
            raise InvalidError(same_kid(index))
        settled[key.kid] = key, jwk
    return SettledKeys(tuple(key for key, _ in settled.values()), tuple(jwk for _, jwk in settled.values()))


def _settled(
    signing: Signing,
    resource_id: str,
    one: WantedKey,
    there: Mapping[str, tuple[SigningKey, Mapping[str, Any]]],
    *,
    pointer: str,
) -> tuple[SigningKey, Mapping[str, Any]]:
    algorithm = one.algorithm
    if one.kms_key is not None:
        jwk = _in_kms(signing, resource_id, one.kms_key, one, pointer=f"{pointer}/kms_key")
        return SigningKey(jwk["kid"], algorithm, kms_key=one.kms_key), jwk
    private_key = made(algorithm) if one.generate else one.private_key
    if private_key is None:
        return there[one.kid or ""]
    jwk = public_jwk(private_key, algorithm, one.kid)
    return SigningKey(jwk["kid"], algorithm, private_key), jwk


def _in_kms(signing: Signing, resource_id: str, kms_key: str, one: WantedKey, *, pointer: str) -> Jwk:
    """Look a key up: its owner lets it sign for this resource, and it can.

    Whoever may change one resource could else name a key that is another's.
    """
    try:
        if resource_id not in signing.resources_of(kms_key):
            detail = f"its owner has not tagged it for this resource: oauth-broker-resource={resource_id}"
            raise InvalidError(FieldProblem(pointer, detail))
        found = signing.public_key(kms_key)
    except SigningRefusedError as error:
        detail = f"{error.detail}. The key, its policy and the stack's SigningKeyArns must allow its use"
        raise InvalidError(FieldProblem(pointer, detail)) from None
    if one.algorithm not in found.algorithms:
        raise InvalidError(FieldProblem(pointer, f"is no key in KMS that signs {one.algorithm}"))
    try:
        return public_jwk_of_kms(found.der, one.algorithm, one.kid)
    except ValueError as error:
        raise InvalidError(FieldProblem(pointer, str(error))) from None
