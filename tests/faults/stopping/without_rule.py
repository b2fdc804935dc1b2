"""Rules of the refresh engine, and builds without them: an experiment must see the difference."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from oauth_broker import attempt
from oauth_broker.connection import Connection, Lease

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def simply_taken(_connection: Connection, lease: Lease, *_: object, **__: object) -> attempt.Take:
    """What ran out has no holder, so the next one takes it."""
    return attempt.Take(over=lease, spent=True)


def anything_goes(condition: str) -> str:
    """A condition that nothing fails, whose values are used all the same."""
    return f"({condition} OR attribute_exists(pk) OR attribute_not_exists(pk))"


def replaced(module: str, name: str, replacement: Callable[[Any], Any]) -> None:
    """Put something in the place of what a module has by that name. Raises KeyError where it has nothing."""
    there = vars(importlib.import_module(module))
    there[name] = replacement(there[name])


def lapsed_lease() -> None:
    """A lease that ran out is taken, whatever its holder may have sent."""
    replaced("oauth_broker.attempt", "_after_attempt", lambda _: simply_taken)


def spent_set() -> None:
    """A refresh commits whatever it brought over whatever is there."""
    replaced("oauth_broker.doors.store.connections", "THE_SPENT_SET_SERVES", anything_goes)


def late_commit() -> None:
    """A refresh commits only while its lease is there."""
    module = "oauth_broker.doors.store.connections"
    replaced(module, "THE_SPENT_SET_SERVES", lambda clause: f"{clause} AND attribute_exists(l)")


def used_up_once() -> None:
    """A callback that is opened again exchanges its code again."""
    module = "oauth_broker.doors.store.authorizations"
    replaced(
        module, "MAY_BE_CONSUMED", lambda clause: clause.replace("attribute_not_exists(ua)", "cu > :now")
    )


def going_on() -> None:
    """What a worker does not reach waits for the next turn of the schedule."""
    worker = importlib.import_module("oauth_broker.flows.work_shard").Worker
    worker._go_on = lambda *_: None


RULES: Final[Mapping[str, Callable[[], None]]] = {
    "lapsed lease": lapsed_lease,
    "spent set": spent_set,
    "late commit": late_commit,
    "used up once": used_up_once,
    "going on": going_on,
}


def take_out(rule: str) -> None:
    """Take a rule out of this process. Raises KeyError for one that is not known."""
    RULES[rule]()
