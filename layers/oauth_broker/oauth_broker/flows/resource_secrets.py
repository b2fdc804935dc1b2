"""A resource's secrets as they are sealed: what is written of them, where it belongs, and who signs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from oauth_broker.protocol.destinations import Destinations
from oauth_broker.protocol.signing_keys import raw_signature, signer
from oauth_broker.resource import ResourceSecrets, Signer, SigningKey
from oauth_broker.sealed import Place
from oauth_broker.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from oauth_broker.doors.signing import Signing
    from oauth_broker.doors.store import ResourceRow


def secrets_place(row: ResourceRow) -> Place:
    """Say where a resource's secrets belong."""
    return Place("resource", row.resource_id, row.destinations_id)


def packed_secrets(secrets: ResourceSecrets) -> bytes:
    """Write a resource's secrets and destinations, to be sealed."""
    body = {
        "client_secret": _revealed(secrets.client_secret),
        "variables": {name: value.reveal() for name, value in secrets.variables.items()},
        "origins": sorted(secrets.destinations.origins),
        "carried": list(secrets.carried),
        "former": list(secrets.former),
        "signing_keys": [
            [key.kid, key.algorithm, _revealed(key.private_key), key.kms_key] for key in secrets.signing_keys
        ],
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def unpacked_secrets(plaintext: bytes) -> ResourceSecrets:
    """Read what `packed_secrets` wrote, also before there were signing keys."""
    body = json.loads(plaintext)
    return ResourceSecrets(
        client_secret=_hidden(body["client_secret"]),
        variables={name: Secret(value) for name, value in body["variables"].items()},
        destinations=Destinations(frozenset(body["origins"])),
        carried=tuple(body["carried"]),
        former=tuple(body["former"]),
        signing_keys=tuple(
            SigningKey(kid, algorithm, _hidden(private_key), kms_key)
            for kid, algorithm, private_key, kms_key in body.get("signing_keys", ())
        ),
    )


def signer_of(keys: tuple[SigningKey, ...], signing: Signing) -> Signer | None:
    """Give the first of a resource's keys, ready to sign; None where it has none.

    Nothing is read or asked before something is signed: many requests need no signature.
    """
    if not keys:
        return None
    return Signer(keys[0].algorithm, keys[0].kid, _sign(keys[0], signing))


def _sign(key: SigningKey, signing: Signing) -> Callable[[bytes], bytes]:
    def sign(signing_input: bytes) -> bytes:
        if key.private_key is not None:
            return signer(key.private_key, key.algorithm)(signing_input)
        return raw_signature(signing.sign(key.kms_key or "", key.algorithm, signing_input), key.algorithm)

    return sign


def _revealed(secret: Secret | None) -> str | None:
    return None if secret is None else secret.reveal()


def _hidden(value: Any) -> Secret | None:
    return None if value is None else Secret(value)
