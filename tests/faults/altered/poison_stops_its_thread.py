"""A naive build: what attending to an item raises, its thread raises."""

from __future__ import annotations

from oauth_broker.flows.work_shard import Worker

if "_one" not in vars(Worker):
    message = "an item is attended to elsewhere"
    raise RuntimeError(message)
Worker._one = Worker._attended  # type: ignore[method-assign]  # what stands around it is left out
