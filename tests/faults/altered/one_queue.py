"""A naive build: every thread takes what comes next, whosever it is."""

from __future__ import annotations

from oauth_broker.flows.lanes import Lane, Lanes


def whichever(self: Lanes) -> Lane | None:
    """The oldest item, in no order among those of the same second."""
    waiting = [lane for lane in self._lanes.values() if lane.waiting]
    return min(
        waiting, key=lambda lane: (lane.waiting[0][1].refresh_at, hash(lane.waiting[0][1])), default=None
    )


if "_best" not in vars(Lanes):
    message = "what is taken next is decided elsewhere"
    raise RuntimeError(message)
Lanes._best = whichever  # type: ignore[method-assign]  # the one place where that is decided
