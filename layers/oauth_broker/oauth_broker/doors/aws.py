"""The AWS clients' one botocore session, its timeouts and its retries."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.config import Config

if TYPE_CHECKING:
    from botocore.client import BaseClient


@cache
def _session() -> botocore.session.Session:
    return botocore.session.get_session()


def client(service: str, *, read_timeout: float = 2.0, attempts: int = 3, pool: int = 40) -> Any:
    """Make a client. Our own deadlines are short, so its timeouts are: `attempts` includes the first."""
    config = Config(
        connect_timeout=1.0,
        read_timeout=read_timeout,
        retries={"total_max_attempts": attempts, "mode": "standard"},
        max_pool_connections=pool,
    )
    made: BaseClient = _session().create_client(service, config=config)
    return made
