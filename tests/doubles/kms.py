"""KMS in memory: data keys that open under their encryption context alone."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any, Final

from botocore.exceptions import ClientError, ReadTimeoutError
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from oauth_broker.doors.sealing import Sealing
from oauth_broker.doors.signing import Signing
from oauth_broker.settings import SealingSettings

ACCOUNT: Final = "arn:aws:kms:eu-central-1:123456789012:key/"
CURVES: Final[dict[str, Any]] = {
    "ECDSA_SHA_256": ec.SECP256R1,
    "ECDSA_SHA_384": ec.SECP384R1,
    "ECDSA_SHA_512": ec.SECP521R1,
}


class MemoryKms:
    """A key that seals, and others that sign. `calls` counts the operations; while `down`, nobody answers.

    `refusal` is an error code with which every signature is refused.
    """

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.down = False
        self.refusal = ""
        self.signed: list[dict[str, Any]] = []
        self._made: dict[bytes, tuple[bytes, dict[str, str]]] = {}
        self._keys: dict[str, Any] = {}
        self._tags: dict[str, str] = {}

    def make_key(self, spec: str = "ECDSA_SHA_256", *, owner: str = "acme") -> str:
        """Make a key that signs by one SigningAlgorithm, tagged for `owner`; gives its ARN."""
        arn = f"{ACCOUNT}{len(self._keys)}"
        made: Any = ed25519.Ed25519PrivateKey.generate()
        if spec in CURVES:
            made = ec.generate_private_key(CURVES[spec]())
        elif spec.startswith("RSASSA"):
            made = rsa.generate_private_key(65537, 2048)
        self._keys[arn] = spec, made
        self._tags[arn] = owner
        return arn

    def sign(self, **arguments: Any) -> dict[str, bytes]:
        """Sign, as KMS does: ECDSA in DER."""
        self._begin("sign")
        if self.refusal:
            raise ClientError({"Error": {"Code": self.refusal}}, "Sign")
        self.signed.append(arguments)
        spec, key = self._key(arguments)
        message = arguments["Message"]
        if arguments["SigningAlgorithm"] != spec:
            raise ClientError({"Error": {"Code": "InvalidKeyUsageException"}}, "Sign")
        if spec == "ED25519_SHA_512":
            return {"Signature": key.sign(message)}
        digest: Any = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}[spec[-3:]]
        hashed = Prehashed(digest) if arguments["MessageType"] == "DIGEST" else digest
        if spec in CURVES:
            return {"Signature": key.sign(message, ec.ECDSA(hashed))}
        pss = padding.PSS(padding.MGF1(digest), padding.PSS.DIGEST_LENGTH)
        return {"Signature": key.sign(message, pss if "PSS" in spec else padding.PKCS1v15(), hashed)}

    def get_public_key(self, **arguments: Any) -> dict[str, Any]:
        """Show a key's public half."""
        self._begin("get_public_key")
        spec, key = self._key(arguments)
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return {
            "PublicKey": key.public_key().public_bytes(serialization.Encoding.DER, form),
            "SigningAlgorithms": [spec],
        }

    def list_resource_tags(self, **arguments: Any) -> dict[str, Any]:
        """Give a key's tags."""
        self._begin("list_resource_tags")
        self._key(arguments)
        tags = {"team": "a", "oauth-broker-resource": self._tags[arguments["KeyId"]]}
        return {"Tags": [{"TagKey": name, "TagValue": value} for name, value in tags.items()]}

    def _key(self, arguments: dict[str, Any]) -> Any:
        if arguments["KeyId"] not in self._keys:
            raise ClientError({"Error": {"Code": "NotFoundException"}}, "Sign")
        return self._keys[arguments["KeyId"]]

    def generate_data_key(self, **arguments: Any) -> dict[str, bytes]:
        """Make a data key: the next of a fixed sequence."""
        self._begin("generate_data_key")
        plain = hashlib.sha256(b"data key %d" % len(self._made)).digest()
        wrapped = b"wrapped:" + hashlib.sha256(plain).digest()
        self._made[wrapped] = plain, arguments["EncryptionContext"]
        return {"Plaintext": plain, "CiphertextBlob": wrapped}

    def decrypt(self, **arguments: Any) -> dict[str, bytes]:
        """Open a wrapped data key."""
        self._begin("decrypt")
        plain, context = self._made.get(arguments["CiphertextBlob"], (b"", None))
        if context != arguments["EncryptionContext"]:
            raise ClientError({"Error": {"Code": "InvalidCiphertextException"}}, "Decrypt")
        return {"Plaintext": plain}

    def refuse(self, **_: Any) -> dict[str, bytes]:
        """Answer nothing, as one operation alone may."""
        raise ReadTimeoutError(endpoint_url="memory")

    def _begin(self, operation: str) -> None:
        self.calls[operation] += 1
        if self.down:
            raise ReadTimeoutError(endpoint_url="memory")


def memory_sealing(kms: MemoryKms, *, period: int = 86_400, max_age: int = 300) -> Sealing:
    """Give the sealing of one process, on a KMS in memory."""
    sealing = Sealing(SealingSettings(key_id="key", data_key_period=period, data_key_max_age=max_age))
    sealing._kms._made = kms
    return sealing


def memory_signing(kms: MemoryKms) -> Signing:
    """Give the door to a KMS in memory that signs."""
    signing = Signing()
    signing._kms._made = kms
    return signing
