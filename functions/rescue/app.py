"""SQS: commits token sets that could not be committed when the provider gave them."""

from __future__ import annotations

import os
import time
from typing import Any

from oauth_broker import log
from oauth_broker.doors.queues import commit_of
from oauth_broker.doors.store import Store
from oauth_broker.flows.commit import settled
from oauth_broker.settings import RescueSettings

SETTINGS = RescueSettings.from_environment(os.environ)
STORE = Store(SETTINGS.table).connect()


def handler(event: dict[str, Any], _context: object) -> dict[str, list[dict[str, str]]]:
    """Commit each; one that the table does not take now is given back to the queue."""
    failed: list[dict[str, str]] = []
    for record in event["Records"]:
        try:
            commit = commit_of(record["body"])
            outcome = settled(STORE, commit, now=int(time.time()))
            log.line(
                "rescued",
                outcome=type(outcome).__name__.lower(),
                resource_id=commit.resource_id,
                connection_id=commit.connection_id,
            )
        except Exception as error:  # noqa: BLE001 - SQS must learn which message failed
            log.line("rescue failed", failed=True, **log.fault(error))
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}
