"""SQS: refreshes what is due in a shard, sends events, revokes what was disconnected."""

from __future__ import annotations

import os
from typing import Any, Protocol

from oauth_broker import log
from oauth_broker.doors.announcements import Announcements
from oauth_broker.doors.queues import WorkQueue, nudge_of
from oauth_broker.flows.work_shard import Worker
from oauth_broker.settings import WorkerSettings
from oauth_broker.wiring import kit_of

SETTINGS = WorkerSettings.from_environment(os.environ)
WORKER = Worker(
    kit=kit_of(SETTINGS),
    announcements=Announcements(SETTINGS.event_bus_name),
    queue=WorkQueue(SETTINGS.work_queue_url),
    provider_concurrency=SETTINGS.provider_concurrency,
)


class Context(Protocol):
    """What Lambda says of an invocation."""

    def get_remaining_time_in_millis(self) -> int:
        """Give the milliseconds that are left."""
        ...


def handler(event: dict[str, Any], context: Context) -> dict[str, list[dict[str, str]]]:
    """Work each nudge's shard; one that fails is given back to the queue."""
    failed: list[dict[str, str]] = []
    for record in event["Records"]:
        try:
            nudge = nudge_of(record["body"])
            counts = WORKER.work(nudge, remaining=lambda: context.get_remaining_time_in_millis() / 1000)
            log.line("worked", failed=False, shard=nudge.shard, number=nudge.number, **counts)
        except Exception as error:  # noqa: BLE001 - SQS must learn which message failed
            log.line("work failed", failed=True, **log.fault(error))
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}
