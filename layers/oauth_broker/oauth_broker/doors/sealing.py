"""KMS, and the vault keys a process holds open."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from oauth_broker.doors.aws import AwsClient
from oauth_broker.errors import SealError, SealingUnavailableError
from oauth_broker.sealed import NONCE_BYTES, Place, VaultKey, parts_of

if TYPE_CHECKING:
    from oauth_broker.settings import SealingSettings

MOST_HELD: Final = 64
CONTEXT: Final = {"oauth-broker": "vault-key"}
NOT_OURS: Final = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})


class Sealing:
    """One vault key seals for every process during a period; any other is opened when something needs it.

    An open key is held for `data_key_max_age` seconds (0: not at all). Safe to share between threads.
    """

    def __init__(self, settings: SealingSettings) -> None:
        """Hold nothing yet: the first event opens what it needs, so that no key lies in a snapshot."""
        self._settings = settings
        self._forget()
        os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._kms = AwsClient("kms", read_timeout=1.5, attempts=2)
        self._current: tuple[int, bytes] | None = None
        self._held: dict[bytes, tuple[VaultKey, float]] = {}
        self._failures = 0

    def period(self, now: float) -> int:
        """Give the number of the period to which `now` belongs."""
        return int(now) // self._settings.data_key_period

    def period_end(self, now: float) -> int:
        """Give when the period to which `now` belongs is over, in epoch seconds."""
        return (self.period(now) + 1) * self._settings.data_key_period

    def current(self, now: float) -> VaultKey | None:
        """Give the vault key of this period, open; None where the table must be asked which it is."""
        current = self._current
        if current is None or current[0] != self.period(now):
            return None
        return self.opened(current[1], now)

    def knows_current(self, now: float) -> bool:
        """Say whether the table need not be asked for the vault key of this period."""
        return self._current is not None and self._current[0] == self.period(now)

    def remember(self, wrapped: bytes, now: float) -> None:
        """Take what the table holds for this period as the current vault key; sealing opens it."""
        self._current = (self.period(now), wrapped)

    def adopt(self, wrapped: bytes, now: float) -> VaultKey:
        """Take what the table holds for this period as the current vault key, and open it."""
        key = self.opened(wrapped, now)
        self.remember(wrapped, now)
        return key

    def make(self, now: float) -> VaultKey:
        """Make a vault key (GenerateDataKey).

        It is not current before the table took it and it was adopted.
        """
        answer = self._call("generate_data_key", KeyId=self._settings.key_id, KeySpec="AES_256")
        key = VaultKey(plain=bytes(answer["Plaintext"]), wrapped=bytes(answer["CiphertextBlob"]))
        with self._lock:
            self._hold(key, now)
        return key

    def opened(self, wrapped: bytes, now: float) -> VaultKey:
        """Open a wrapped vault key, with one KMS call unless it is held.

        Raises SealError for one that is not ours.
        """
        failures = self._failures
        with self._lock:
            held = self._held.get(wrapped)
            if held is not None and now - held[1] < self._settings.data_key_max_age:
                return held[0]
            self._held.pop(wrapped, None)
            # It failed while we waited for our turn: no queue at a KMS that hangs.
            if self._failures != failures:
                raise SealingUnavailableError("KMS has just failed")
            key = VaultKey(plain=self._decrypted(wrapped), wrapped=wrapped)
            self._hold(key, now)
            return key

    def _decrypted(self, wrapped: bytes) -> bytes:
        try:
            answer = self._call("decrypt", CiphertextBlob=wrapped, KeyId=self._settings.key_id)
        except SealingUnavailableError:
            self._failures += 1
            raise
        return bytes(answer["Plaintext"])

    def open(self, blob: bytes, place: Place, now: float) -> bytes:
        """Open what was sealed for `place`.

        Raises SealError where it was not, SealingUnavailableError without KMS.
        """
        wrapped, _, _ = parts_of(blob)
        return self.opened(wrapped, now).open(blob, place)

    @staticmethod
    def seal(key: VaultKey, plaintext: bytes, place: Place) -> bytes:
        """Seal under an open vault key with a fresh random nonce: no call, so nothing about it can fail."""
        return key.seal(plaintext, place, nonce=os.urandom(NONCE_BYTES))

    def _hold(self, key: VaultKey, now: float) -> None:
        if self._settings.data_key_max_age <= 0:
            return
        if len(self._held) >= MOST_HELD:
            del self._held[min(self._held, key=lambda wrapped: self._held[wrapped][1])]
        self._held[key.wrapped] = (key, now)

    def _call(self, operation: str, **arguments: object) -> dict[str, Any]:
        try:
            call = getattr(self._kms.get(), operation)
            answer: dict[str, Any] = call(EncryptionContext=CONTEXT, **arguments)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in NOT_OURS:
                message = "the vault key it was sealed under is not ours"
                raise SealError(message) from None
            message = f"KMS refused: {code}"
            raise SealingUnavailableError(message) from None
        except BotoCoreError as error:
            message = f"KMS cannot be reached: {type(error).__name__}"
            raise SealingUnavailableError(message) from None
        return answer
