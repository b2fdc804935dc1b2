"""Each period: ask every shard for one due key, and nudge the worker of each that has one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from oauth_broker.doors.queues import Nudge
from oauth_broker.schedule import shard_names

if TYPE_CHECKING:
    from oauth_broker.doors.machine import Machine
    from oauth_broker.doors.queues import WorkQueue
    from oauth_broker.doors.store import Store
    from oauth_broker.settings import Schedule

THREADS: Final = 16


def dispatch(store: Store, queue: WorkQueue, machine: Machine, schedule: Schedule) -> int:
    """Nudge; gives how many shards were.

    A shard that cannot be asked or nudged now raises, the others done.
    """
    now = int(machine.now())
    period_number = now // schedule.period

    def nudge(shard: str) -> int:
        due, _ = store.leases.due(shard, now=now, limit=1)
        if due:
            queue.send(Nudge(shard, period_number))
        return len(due)

    with ThreadPoolExecutor(THREADS) as threads:
        asked = [threads.submit(nudge, shard) for shard in shard_names(schedule.shards)]
    return sum(one.result() for one in asked)
