"""KMS in memory: data keys that open under their encryption context alone."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError

from oauth_broker.doors.sealing import Sealing
from oauth_broker.settings import SealingSettings


class MemoryKms:
    """One key. `calls` counts the operations; while `down`, nobody answers."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.down = False
        self._made: dict[bytes, tuple[bytes, dict[str, str]]] = {}

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
