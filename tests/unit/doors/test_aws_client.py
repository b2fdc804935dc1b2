"""The AWS clients of a process."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

from oauth_broker.doors import aws
from oauth_broker.doors.aws import AwsClient

if TYPE_CHECKING:
    import pytest

THREADS: Final = 32


class CountingSession:
    """Makes clients slowly enough for all threads to come."""

    def __init__(self) -> None:
        self.made: list[tuple[str, Any]] = []
        self.all_there = threading.Barrier(THREADS)

    def create_client(self, service: str, *, config: Any) -> object:
        """Make a client."""
        self.made.append((service, config))
        time.sleep(0.02)
        return object()


def test_many_threads_make_one_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """Making one is not safe beside another on the same session, and takes a tenth of a second."""
    session = CountingSession()
    monkeypatch.setattr(aws, "_session", lambda: session)
    client = AwsClient("kms", read_timeout=1.5, attempts=2)
    assert session.made == []

    def get(_: int) -> Any:
        session.all_there.wait()
        return client.get()

    with ThreadPoolExecutor(THREADS) as threads:
        got = set(map(id, threads.map(get, range(THREADS))))
    assert len(got) == 1
    [(service, config)] = session.made
    assert service == "kms"
    assert (config.read_timeout, config.retries["total_max_attempts"]) == (1.5, 2)
