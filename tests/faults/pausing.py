"""Refreshes that are held up at a step, while a test does something else."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from concurrent.futures import Future

    import requests

    from tests.faults.grants import Grants
    from tests.faults.stops import Stops

    Paused = dict[str, Future[requests.Response]]


@contextmanager
def pausing(stops: Stops) -> Iterator[Paused]:
    """The answers that are held up, by connection; after the block all have gone on, and are there."""
    paused: Paused = {}
    try:
        yield paused
    finally:
        for one in paused:
            stops.go_on(one)
        for answer in paused.values():
            answer.result()
        stops.clear()


def pause(grants: Grants, stops: Stops, step: str, paused: Paused) -> str:
    """A new connection, and somebody who refreshes it, paused at a step."""
    (one,) = grants.connected(1)
    pause_at(grants, stops, {one: step}, paused)
    return one


def pause_at(grants: Grants, stops: Stops, steps: Mapping[str, str], paused: Paused) -> None:
    """Somebody refreshes each connection, paused at its step."""
    for one, step in steps.items():
        stops.order(one, step, signal.SIGSTOP)
    answers = {one: grants.refresh(one) for one in steps}
    for one, answer in answers.items():
        stops.await_stopped(one)
        paused[one] = answer
