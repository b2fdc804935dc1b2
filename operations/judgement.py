"""Is an item of the table where the due index should have it? If not: what is wrong, and what to write.

Pure. An item is given as DynamoDB's values read into Python's; `now` in epoch seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from oauth_broker.connection import Status
from oauth_broker.doors.store.connection_rows import connection_of, lease_of
from oauth_broker.doors.store.keys import ids_of
from oauth_broker.doors.store.resource_rows import resource_row
from oauth_broker.errors import SealError
from oauth_broker.schedule import next_refresh, shard_names, shard_of
from operations.wording import time_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from oauth_broker.connection import Connection
    from oauth_broker.resource import Resource

PUT_OFF: Final = 7200
"""Seconds for which nothing that is due is put off by design: backoff ends at an hour, ± half.

The worker also looks at changed destinations once an hour, and sets what it cannot handle aside for an hour.
"""

OVERDUE_PERIODS: Final = 10
LEASE_LEFT: Final = 3600
"""Seconds after its end at which a lease counts as left: no invocation lives that long."""


class Finding(StrEnum):
    """What can be wrong with an item, in the words of the report."""

    MISSING = "missing from the due index"
    UNSCHEDULED = "has no time of its next refresh"
    NEEDLESS = "in the due index, with nothing to do"
    UNSERVED = "in a shard that no worker serves"
    MISPLACED = "in another shard than its own (served, and moves at its next commit)"
    TOO_LATE = "due far later than it ought to be"
    OVERDUE = "overdue by more than ten periods (does the schedule run? is its provider down?)"
    SET_ASIDE = "set aside, since a worker could not handle it"
    LEASE_LEFT = "has a lease that was left for more than an hour"
    ORPHANED = "its resource is gone"
    UNREADABLE = "cannot be read"


NOT_MENDED: Final = frozenset({Finding.OVERDUE, Finding.ORPHANED, Finding.UNREADABLE})
"""What no write to the index could mend: a person has to look at it."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """What the deployed functions go by: how many shards they serve, and their period in seconds."""

    shards: int
    period: int = 60


@dataclass(frozen=True, slots=True)
class KnownResources:
    """The resources that there are, and those of them that can be read: by id, as what they say."""

    there: frozenset[str]
    readable: Mapping[str, Resource]


Change = Mapping[str, str | int | None]
"""Attribute → its new value; None removes it."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What is wrong with an item; no finding: nothing.

    `change` is empty where nothing is to be written. `detail` says more in a few words, `busy` that somebody
    has its lease: it is not judged then.
    """

    findings: tuple[Finding, ...] = ()
    change: Change = field(default_factory=dict)
    detail: str = ""
    busy: bool = False


FINE: Final = Judged()
BUSY: Final = Judged(busy=True)


@dataclass(frozen=True, slots=True)
class Duty:
    """What an item has to be looked at for. `at`: when; None: never. `lease_until` in epoch seconds."""

    shard: str
    at: int | None
    lease_until: float | None = None
    orphaned: bool = False
    unscheduled: int | None = None


def judge(
    item: Mapping[str, Any], *, now: int, deployed: Deployed, resources: KnownResources, draw: float
) -> Judged:
    """Judge one item of the table, whatever it is.

    `draw`: a random number in [0, 1), for the jitter of a refresh time that is missing.
    """
    read = _READERS.get(item["pk"].partition("#")[0])
    if read is None:
        stray = {"shard", "refresh_at"} & item.keys()
        return Judged((Finding.UNREADABLE,), detail="nothing of this kind is ever due") if stray else FINE
    try:
        duty = read(item, now, deployed, resources, draw)
        placed = _judged(duty, item.get("shard"), item.get("refresh_at"), now, deployed)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        # The words of other errors may hold a value of the item.
        name = type(error).__name__
        detail = f"{name} {error}" if isinstance(error, KeyError) else name
        placed = Judged((Finding.UNREADABLE,), detail=detail)
    return placed if placed.busy or "sa" not in item else _set_aside(placed, item, now, deployed.shards)


def shard_for(item: Mapping[str, Any], shards: int) -> str:
    """Give the shard to which `shards` of them put a connection, what is left of one, or a resource.

    It needs no more of an item than its key. Raises ValueError for a key that is none of theirs.
    """
    kind, _, resource_id = item["pk"].partition("#")
    match kind:
        case "R":
            return shard_of(item["sk"], "", shards)
        case "C":
            return shard_of(*ids_of((item["pk"], item["sk"])), shards)
        case "D":
            # Its sort key is the id of the connection that is gone, and a random part.
            return shard_of(resource_id, item["sk"].rpartition("#")[0], shards)
    raise ValueError("no key of what can be due")


def _connection(
    item: Mapping[str, Any], now: int, deployed: Deployed, resources: KnownResources, draw: float
) -> Duty:
    connection = connection_of(dict(item))
    shard = shard_for(item, deployed.shards)
    resource = resources.readable.get(connection.resource_id)
    unscheduled = None
    if resource is not None:
        unscheduled = _unscheduled(connection, resource, now, deployed.period, draw)
    at = connection.due_at(now)
    if unscheduled is not None:
        at = unscheduled if at is None else min(at, unscheduled)
    return Duty(
        shard=shard,
        at=at,
        lease_until=None if connection.lease is None else connection.lease.until / 1000,
        orphaned=connection.resource_id not in resources.there,
        unscheduled=unscheduled,
    )


def _unscheduled(
    connection: Connection, resource: Resource, now: int, period: int, draw: float
) -> int | None:
    """Give when to refresh a token set that should have a time for it and has none.

    Also what was committed before its resource said how long a grant may lie unused.
    """
    held = connection.token_set
    if connection.status is not Status.ACTIVE or held is None or not held.refreshable:
        return None
    if connection.next_refresh is not None:
        return None
    time = next_refresh(held, resource, period=period, draw=draw)
    return None if time is None else max(time, now)


def _left_to_revoke(
    item: Mapping[str, Any], now: int, deployed: Deployed, _resources: KnownResources, _draw: float
) -> Duty:
    """Say when to revoke: there is always something to do, until it is forgotten."""
    lease = lease_of(dict(item))
    return Duty(shard_for(item, deployed.shards), now, None if lease is None else lease.until / 1000)


def _resource(
    item: Mapping[str, Any], now: int, deployed: Deployed, _resources: KnownResources, _draw: float
) -> Duty:
    """Say when to look at a resource: while it is being deleted, and never otherwise."""
    row = resource_row(dict(item))
    return Duty(shard_for(item, deployed.shards), None if row.deleting is None else now)


_READERS: Final[Mapping[str, Callable[[Mapping[str, Any], int, Deployed, KnownResources, float], Duty]]] = {
    "C": _connection,
    "D": _left_to_revoke,
    "R": _resource,
}


def _judged(duty: Duty, shard: str | None, refresh_at: int | None, now: int, deployed: Deployed) -> Judged:
    if duty.orphaned:
        return Judged((Finding.ORPHANED,))
    if duty.lease_until is not None and duty.lease_until > now:
        return BUSY
    placed = _placed(duty, shard, refresh_at, now, deployed)
    at_hand = shard is not None and refresh_at is not None and refresh_at <= now
    if duty.lease_until is None or duty.lease_until + LEASE_LEFT > now or at_hand:
        return placed  # what is due anyway, the worker takes over
    left = replace(placed, detail=f"lease ended {time_text(duty.lease_until)}")
    return _due_now(left, Finding.LEASE_LEFT, duty.shard, refresh_at, now)


def _placed(duty: Duty, shard: str | None, refresh_at: int | None, now: int, deployed: Deployed) -> Judged:
    """Judge an item's place in the index against what it has to be looked at for."""
    if duty.unscheduled is not None:
        change: Change = {"nr": duty.unscheduled, "refresh_at": duty.at, "shard": duty.shard}
        return Judged((Finding.UNSCHEDULED,), change)
    if shard is None or refresh_at is None:
        return _absent(duty, shard, refresh_at, now)
    return _present(duty, shard, refresh_at, now, deployed)


def _absent(duty: Duty, shard: str | None, refresh_at: int | None, now: int) -> Judged:
    if duty.at is not None:
        change: Change = {"refresh_at": max(duty.at, now), "shard": duty.shard}
        return Judged((Finding.MISSING,), change, f"to be looked at {time_text(duty.at)}")
    if shard is None and refresh_at is None:
        return FINE
    return Judged((Finding.NEEDLESS,), {"refresh_at": None, "shard": None}, "half an entry")


def _present(duty: Duty, shard: str, refresh_at: int, now: int, deployed: Deployed) -> Judged:
    findings: list[Finding] = []
    change: dict[str, str | int | None] = {}
    stands = f"due {time_text(refresh_at)}, shard {shard}"
    margin = OVERDUE_PERIODS * deployed.period
    long_ago, far_off = refresh_at < now - margin, refresh_at > now + PUT_OFF
    if duty.at is None and (long_ago or far_off):
        # Nearer ones the worker takes off itself when it comes to them.
        return Judged(
            (Finding.NEEDLESS,), {"refresh_at": None, "shard": None}, f"due {time_text(refresh_at)}"
        )
    if shard != duty.shard:
        findings.append(Finding.MISPLACED if shard in shard_names(deployed.shards) else Finding.UNSERVED)
        change["shard"] = duty.shard
    if duty.at is not None and (far_off if duty.at <= now else refresh_at > duty.at + deployed.period):
        findings.append(Finding.TOO_LATE)
        change["refresh_at"] = max(duty.at, now)
    if long_ago and Finding.UNSERVED not in findings:
        findings.append(Finding.OVERDUE)
    return Judged(tuple(findings), change, stands) if findings else FINE


def _set_aside(judged: Judged, item: Mapping[str, Any], now: int, shards: int) -> Judged:
    """Bring back to due what was set aside, readable or not: whoever repairs has seen to the reason."""
    times = f"{item['sa']} times"
    aside = replace(judged, detail=f"{judged.detail}, {times}" if judged.detail else times)
    try:
        shard = shard_for(item, shards)
    except (IndexError, ValueError):
        return replace(aside, findings=(*aside.findings, Finding.SET_ASIDE))
    due = _due_now(aside, Finding.SET_ASIDE, shard, item.get("refresh_at"), now)
    # Else the worker finds it due too soon, and puts it back to the hour that it was set aside for.
    again: Change = {"nr": now} if _was_put_off_unopened(item, now) else {}
    return replace(due, change={**due.change, **again, "sa": None})


def _was_put_off_unopened(item: Mapping[str, Any], now: int) -> bool:
    """Say whether a connection's next refresh was put off since its token set could not be opened."""
    error, again_at = item.get("le"), item.get("nr")
    unopened = isinstance(error, Mapping) and error.get("c") == SealError.category
    return unopened and isinstance(again_at, int) and again_at > now


def _due_now(judged: Judged, finding: Finding, shard: str, refresh_at: Any, now: int) -> Judged:
    """Add a finding that is mended by looking at the item now, if it is not due anyway."""
    due = judged.change.get("refresh_at", refresh_at)
    now_due: Change = {} if isinstance(due, int) and due <= now else {"refresh_at": now, "shard": shard}
    return replace(judged, findings=(*judged.findings, finding), change={**judged.change, **now_due})
