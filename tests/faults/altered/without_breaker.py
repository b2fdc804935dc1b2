"""A naive build: whatever a provider answers, or does not, its other connections are tried all the same."""

from __future__ import annotations

from typing import Any

from oauth_broker.breaker import MOST_AT_ONCE
from oauth_broker.flows.circuits import Circuits


def nobody(*_: Any, **__: Any) -> None:
    """No pause is known, and none is made."""


def everybody(*_: Any, **__: Any) -> bool:
    """Any call may be made."""
    return True


def as_many_as_ever(*_: Any, **__: Any) -> int:
    """A limit narrows nothing."""
    return MOST_AT_ONCE


REPLACED = {
    "pause_of": nobody,
    "paused_until": nobody,
    "seconds_paused": nobody,
    "hear": nobody,
    "keep": nobody,
    "admits": everybody,
    "room": as_many_as_ever,
}
for name, replacement in REPLACED.items():
    if name not in vars(Circuits):
        message = f"circuits have no {name}"
        raise RuntimeError(message)
    setattr(Circuits, name, replacement)
