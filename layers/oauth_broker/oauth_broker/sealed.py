"""The sealed format: AES-256-GCM under keys derived from a vault key, bound to a place.

A blob, all of it: format byte 1 · length of the wrapped vault key (2 bytes, big-endian) · the wrapped vault
key as KMS gave it · nonce (12 bytes) · ciphertext and tag. The additional authenticated data is the place,
each part with its length in front, so that a blob moved to another row, or an old one in a newer row, does
not open.

HKDF-SHA256 (RFC 5869) makes from the vault key a key for each resource and destinations id. With random
96-bit nonces a key may seal 2³² times (NIST SP 800-38D, 8.3): a vault key of at most 30 days keeps a
resource under that up to 1,600 seals a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from oauth_broker.errors import SealError

FORMAT: Final = 1
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
KEY_STARTS: Final = 3
KEY_LABEL: Final = b"oauth-broker/seal/1"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed thing belongs. `purpose` says what it is: `token-set`, `resource` or `cursor`."""

    purpose: str
    resource_id: str
    destinations_id: str
    connection_id: str = ""
    token_set_id: bytes = b""

    def additional_data(self) -> bytes:
        """Give the additional authenticated data: no two places share one."""
        return _prefixed(
            self.purpose.encode(),
            self.resource_id.encode(),
            self.destinations_id.encode(),
            self.connection_id.encode(),
            self.token_set_id,
            bytes([FORMAT]),
        )


@dataclass(frozen=True, slots=True, repr=False)
class VaultKey:
    """An open vault key and its wrapped form, as KMS gave both."""

    plain: bytes
    wrapped: bytes

    def seal(self, plaintext: bytes, place: Place, *, nonce: bytes) -> bytes:
        """Give the blob of `plaintext` for `place`; `nonce` is 12 random bytes, never used twice."""
        ciphertext = AESGCM(self._key(place)).encrypt(nonce, plaintext, place.additional_data())
        return bytes([FORMAT]) + len(self.wrapped).to_bytes(2, "big") + self.wrapped + nonce + ciphertext

    def open(self, blob: bytes, place: Place) -> bytes:
        """Give the plaintext of a blob that was sealed under this vault key for `place`. Raises SealError."""
        _, nonce, ciphertext = parts_of(blob)
        try:
            return AESGCM(self._key(place)).decrypt(nonce, ciphertext, place.additional_data())
        except InvalidTag:
            message = "what is stored does not open in this place"
            raise SealError(message) from None

    def _key(self, place: Place) -> bytes:
        info = _prefixed(KEY_LABEL, place.resource_id.encode(), place.destinations_id.encode())
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(self.plain)


def parts_of(blob: bytes) -> tuple[bytes, bytes, bytes]:
    """Give (wrapped vault key, nonce, ciphertext with tag) of a blob. Raises SealError for another format."""
    start = KEY_STARTS + int.from_bytes(blob[1:KEY_STARTS], "big")
    if start == KEY_STARTS or len(blob) < start + NONCE_BYTES + TAG_BYTES or blob[0] != FORMAT:
        message = "what is stored is not sealed in a known format"
        raise SealError(message)
    return blob[KEY_STARTS:start], blob[start : start + NONCE_BYTES], blob[start + NONCE_BYTES :]


def _prefixed(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)
