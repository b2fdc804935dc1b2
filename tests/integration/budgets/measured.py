"""Functions started alone, given events, and what each of them cost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from local.http_api import LOCAL_IDENTITY
from local.http_event import HttpRequest, event
from local.routes import Authorization, match

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.integration.circle.broker import Broker

PROGRAM = Path(__file__).with_name("counted_function.py")


@dataclass(frozen=True)
class Cost:
    """What one event cost: AWS requests, requests to providers, and the handler's milliseconds."""

    answer: Any
    aws: tuple[str, ...]
    egress: tuple[str, ...]
    milliseconds: int

    @property
    def operations(self) -> list[str]:
        """The AWS operations, in order."""
        return [name.partition(".")[2] for name in self.aws]


@dataclass
class Ledger:
    """The rows of the table that is printed."""

    rows: list[tuple[str, str, Cost]] = field(default_factory=list)

    def table(self) -> str:
        """What was counted, aligned."""
        lines = [
            f"{what:<34} {state:<5} {len(cost.aws):>3} {len(cost.egress):>8}   {', '.join(cost.operations)}"
            for what, state, cost in self.rows
        ]
        return "\n".join([f"{'story':<34} {'':<5} {'AWS':>3} {'provider':>8}   AWS operations", *lines])


@dataclass(frozen=True)
class Function:
    """A function in an interpreter of its own: the first event finds it cold."""

    process: subprocess.Popen[str]

    def run(self, given: Mapping[str, Any]) -> Cost:
        """The cost of an event."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps(given), file=self.process.stdin, flush=True)
        told = json.loads(self.process.stdout.readline())
        return Cost(told["answer"], tuple(told["aws"]), tuple(told["egress"]), told["milliseconds"])


@dataclass(frozen=True)
class Measuring:
    """The broker, and its functions to be started alone."""

    broker: Broker
    ledger: Ledger

    @contextmanager
    def function(self, name: str) -> Iterator[Function]:
        """A function, cold, in the environment that the template gives it."""
        pool = self.broker.stack._pools[name]
        process = subprocess.Popen(
            [sys.executable, "-P", str(PROGRAM)],
            env=dict(pool._environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            yield Function(process)
        finally:
            process.communicate(timeout=20)

    def note(self, what: str, state: str, cost: Cost) -> Cost:
        """The cost, kept for the table."""
        self.ledger.rows.append((what, state, cost))
        return cost

    def request(
        self, method: str, url: str, *, cookies: Mapping[str, str] | None = None, body: Any = None
    ) -> dict[str, Any]:
        """The event of a request, as the local API makes it."""
        parts = urlsplit(url)
        found = match(self.broker.stack.routes, method, parts.path)
        assert found is not None, url
        route, path_parameters = found
        headers = {"host": urlsplit(self.broker.url).netloc, "content-type": "application/json"}
        if cookies:
            headers["cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        content = b"" if body is None else json.dumps(body).encode()
        made = HttpRequest(method, parts.path, parts.query, headers, content, peer="127.0.0.1")
        authorizer = LOCAL_IDENTITY if route.authorization is Authorization.IAM else None
        return event(made, route, path_parameters, authorizer, request_id=str(uuid.uuid4()), now=time.time())


def nudge(shard: str) -> dict[str, Any]:
    """The work queue's event for a shard."""
    sample = json.loads((Path(__file__).parents[3] / "events" / "refresh_worker.json").read_text("utf-8"))
    body = {"shard": shard, "period_number": 1, "number": 0, "after": None}
    sample["Records"][0]["body"] = json.dumps(body)
    return {**sample, "Records": [{**sample["Records"][0], "messageId": os.urandom(8).hex()}]}
