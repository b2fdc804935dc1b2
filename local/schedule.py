"""EventBridge Scheduler: invokes a function again and again, with the event that the service sends."""

from __future__ import annotations

import json
import threading
import time
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from local.execution_environment import Log
from local.functions import BusyError, FunctionPool
from local.intrinsics import ACCOUNT, REGION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.template import Schedule


def schedule_event(schedule: Schedule, now: float, execution_id: str) -> Any:
    """What the target gets: the schedule's own input with its context attributes, else the service's event.

    `now` in seconds. EventBridge Scheduler User Guide, "Adding context attributes".
    """
    moment = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    arn = f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/{schedule.name}"
    if schedule.input is not None:
        attributes: Mapping[str, str] = {
            "<aws.scheduler.schedule-arn>": arn,
            "<aws.scheduler.scheduled-time>": moment,
            "<aws.scheduler.execution-id>": execution_id,
            "<aws.scheduler.attempt-number>": "1",
        }
        text = schedule.input
        for name, value in attributes.items():
            text = text.replace(name, value)
        return json.loads(text)
    return {
        "version": "0",
        "id": execution_id,
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": ACCOUNT,
        "time": moment,
        "region": REGION,
        "resources": [arn],
        "detail": "{}",
    }


class Clock:
    """Invokes the function of one schedule every `period` seconds, until closed.

    Each turn has a thread of its own, as the service invokes asynchronously: a slow turn delays no other.
    A failed turn is only logged; the service would try again after a minute, later than the next turn here.
    """

    def __init__(self, schedule: Schedule, period: float, pool: FunctionPool, log: Log) -> None:
        self._schedule = schedule
        self._period = period
        self._pool = pool
        self._log = log
        self._closed = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def close(self) -> None:
        """No further turn begins."""
        self._closed.set()

    def _run(self) -> None:
        while not self._closed.wait(self._period):
            threading.Thread(target=self._turn, daemon=True).start()

    def _turn(self) -> None:
        made = schedule_event(self._schedule, time.time(), str(uuid.uuid4()))
        try:
            outcome = self._pool.invoke(made, wait=self._period)
        except BusyError as busy:
            if not self._closed.is_set():
                self._log("schedule", str(busy))
            return
        if outcome.failed and not self._closed.is_set():
            self._log("schedule", f"{self._schedule.function} failed: {outcome.payload['errorMessage']}")
