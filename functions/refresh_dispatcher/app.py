"""EventBridge Scheduler, every period: which shards have connections due."""

from __future__ import annotations

import os

from oauth_broker import log
from oauth_broker.doors.machine import Machine
from oauth_broker.doors.queues import WorkQueue
from oauth_broker.doors.store import Store
from oauth_broker.flows.dispatch import dispatch
from oauth_broker.settings import DispatcherSettings

SETTINGS = DispatcherSettings.from_environment(os.environ)
STORE = Store(SETTINGS.table).connect()
QUEUE = WorkQueue(SETTINGS.work_queue_url)


def handler(_event: object, _context: object) -> None:
    """Nudge the worker of each shard that has something due."""
    nudged = dispatch(STORE, QUEUE, Machine(), SETTINGS.schedule)
    if nudged:
        log.line("dispatched", nudged=nudged)
