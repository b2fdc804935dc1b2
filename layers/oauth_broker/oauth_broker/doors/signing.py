"""KMS, where private keys lie that never leave it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from oauth_broker.doors.aws import AwsClient
from oauth_broker.errors import SigningRefusedError, SigningUnavailableError

OWNER_TAG: Final = "oauth-broker-resource"
"""The tag with which the owner of a key says which resources it may sign for."""

SPECS: Final = {
    "RS256": "RSASSA_PKCS1_V1_5_SHA_256",
    "RS384": "RSASSA_PKCS1_V1_5_SHA_384",
    "RS512": "RSASSA_PKCS1_V1_5_SHA_512",
    "PS256": "RSASSA_PSS_SHA_256",
    "PS384": "RSASSA_PSS_SHA_384",
    "PS512": "RSASSA_PSS_SHA_512",
    "ES256": "ECDSA_SHA_256",
    "ES384": "ECDSA_SHA_384",
    "ES512": "ECDSA_SHA_512",
    "EdDSA": "ED25519_SHA_512",
    "Ed25519": "ED25519_SHA_512",
}
"""JWS algorithm (RFC 7518 section 3.1, RFC 9864) → KMS's SigningAlgorithm."""

_LONGEST_RAW: Final = 4096
_MOST_TAGS: Final = 50
# What another try does not mend (KMS API reference, errors of Sign and GetPublicKey).
_FOR_GOOD: Final = frozenset(
    {
        "AccessDeniedException",
        "DisabledException",
        "InvalidArnException",
        "InvalidKeyUsageException",
        "KMSInvalidStateException",
        "NotFoundException",
        "UnsupportedOperationException",
        "ValidationException",
    }
)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """What KMS shows of a key: its public half in DER, and the JWS algorithms that it signs."""

    der: bytes
    algorithms: frozenset[str]


class Signing:
    """Asymmetric KMS keys by their ARN. Safe to share between threads.

    Raises SigningUnavailableError where KMS is not there for now, SigningRefusedError where it says no.
    """

    def __init__(self) -> None:
        """Make no call yet."""
        self._kms = AwsClient("kms", read_timeout=1.5, attempts=2)

    def sign(self, key: str, algorithm: str, signing_input: bytes) -> bytes:
        """Sign for a JWS algorithm (Sign): one call. An ECDSA signature is in DER, as KMS gives it."""
        message, kind = signing_input, "RAW"
        if len(message) > _LONGEST_RAW and SPECS[algorithm] != "ED25519_SHA_512":
            message, kind = hashlib.new(f"sha{algorithm[2:]}", message).digest(), "DIGEST"
        answer = self._call(
            "sign", KeyId=key, Message=message, MessageType=kind, SigningAlgorithm=SPECS[algorithm]
        )
        return bytes(answer["Signature"])

    def public_key(self, key: str) -> PublicKey:
        """Give the public half (GetPublicKey)."""
        answer = self._call("get_public_key", KeyId=key)
        specs = answer.get("SigningAlgorithms") or ()
        return PublicKey(
            bytes(answer["PublicKey"]), frozenset(name for name, spec in SPECS.items() if spec in specs)
        )

    def resources_of(self, key: str) -> frozenset[str]:
        """Give the ids of the resources that its owner lets it sign for (ListResourceTags).

        They stand in the tag OWNER_TAG, separated by spaces.
        """
        answer = self._call("list_resource_tags", KeyId=key, Limit=_MOST_TAGS)
        tags = {tag["TagKey"]: tag["TagValue"] for tag in answer["Tags"]}
        return frozenset(tags.get(OWNER_TAG, "").split())

    def _call(self, operation: str, **arguments: object) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(self._kms.get(), operation)(**arguments)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            message = f"KMS refused: {code}"
            raise (SigningRefusedError if code in _FOR_GOOD else SigningUnavailableError)(message) from None
        except BotoCoreError as error:
            message = f"KMS cannot be reached: {type(error).__name__}"
            raise SigningUnavailableError(message) from None
        return answer
