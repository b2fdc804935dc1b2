"""A KMS that fails while many threads want a key."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest
from botocore.exceptions import ReadTimeoutError

from oauth_broker.errors import SealingUnavailableError
from tests.doubles.kms import MemoryKms, memory_sealing
from tests.doubles.samples import NOW

THREADS: Final = 32
HANGING: Final = 0.1


class HangingKms(MemoryKms):
    """Lets everybody wait before it fails, while it `hangs`."""

    def __init__(self) -> None:
        super().__init__()
        self.hangs = True

    def decrypt(self, **arguments: Any) -> dict[str, bytes]:
        """Open a wrapped data key, or time out."""
        if self.hangs:
            self.calls["decrypt"] += 1
            time.sleep(HANGING)
            raise ReadTimeoutError(endpoint_url="memory")
        return super().decrypt(**arguments)


def test_threads_do_not_queue_at_a_kms_that_hangs() -> None:
    """One after the other they would wait for 3 seconds: who waited for a failed call fails with it."""
    kms = HangingKms()
    wrapped = memory_sealing(kms).make(NOW).wrapped
    sealing = memory_sealing(kms)
    waited: list[float] = []

    def open_key() -> None:
        began = time.monotonic()
        try:
            sealing.opened(wrapped, NOW)
        except SealingUnavailableError:
            waited.append(time.monotonic() - began)

    with ThreadPoolExecutor(THREADS) as threads:
        for one in [threads.submit(open_key) for _ in range(THREADS)]:
            one.result()
    assert len(waited) == THREADS
    assert kms.calls["decrypt"] <= THREADS // 4
    assert max(waited) < THREADS * HANGING / 2


def test_a_failure_is_not_remembered() -> None:
    """Who comes after it asks anew, and one call serves all threads."""
    kms = HangingKms()
    made = memory_sealing(kms).make(NOW)
    sealing = memory_sealing(kms)
    with pytest.raises(SealingUnavailableError):
        sealing.opened(made.wrapped, NOW)
    kms.hangs = False
    kms.calls.clear()
    with ThreadPoolExecutor(THREADS) as threads:
        opened = list(threads.map(lambda _: sealing.opened(made.wrapped, NOW), range(THREADS)))
    assert opened == [made] * THREADS
    assert kms.calls["decrypt"] == 1
