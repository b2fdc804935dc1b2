"""The AWS clients' one botocore session, its timeouts and its retries."""

from __future__ import annotations

import threading
from functools import cache
from typing import Any, Final

import botocore.session
from botocore.config import Config

USER_AGENT: Final = "oauth-broker"

LONGEST_CALL: Final = 9
"""Seconds that a call may take with the timeouts below: three tries of two, three between them at most."""


@cache
def _session() -> botocore.session.Session:
    return botocore.session.get_session()


class AwsClient:
    """One client, made when it is first needed, by one thread, whoever asks at the same time.

    Our own deadlines are short, so its timeouts are (seconds): `attempts` includes the first.

    Two things that botocore does for each call anew are left out, a sixth of what a call costs: to check the
    arguments, which are ours and which AWS checks, and to put its own long User-Agent together.
    """

    def __init__(self, service: str, *, read_timeout: float = 2.0, attempts: int = 3) -> None:
        self._service = service
        self._config = Config(
            connect_timeout=1.0,
            read_timeout=read_timeout,
            retries={"total_max_attempts": attempts, "mode": "standard"},
            max_pool_connections=40,
            parameter_validation=False,
            user_agent=USER_AGENT,
        )
        self._making = threading.Lock()
        self._made: Any = None

    def get(self) -> Any:
        """Give the client; botocore makes its methods at run time."""
        if self._made is None:
            with self._making:
                if self._made is None:
                    self._made = _session().create_client(self._service, config=self._config)
        return self._made
