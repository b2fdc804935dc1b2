"""Stopping a function's process at a step: how a test orders it, and the stack whose functions obey."""

from __future__ import annotations

import io
import json
import os
import signal
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from local.console import Console
from local.stack import Options, Stack
from tests.integration.circle.broker import eventually
from tests.servers.programs import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KILLS: Final = int(os.environ.get("KILLS") or 10)
"""How many processes die at each step."""

_AT_ONCE: Final = 10
BATCHES: Final = [min(_AT_ONCE, KILLS - begun) for begun in range(0, KILLS, _AT_ONCE)]
"""How many of them at a time."""

STOPPING: Final = Path(__file__).with_name("stopping")
FOLDERS: Final = {
    "AccessFunction": "access",
    "CallbackFunction": "callback",
    "RefreshWorkerFunction": "refresh_worker",
    "ResourcesApiFunction": "resources_api",
}
SHARDS: Final = 64
LEASE: Final = 6
"""Seconds; the rest in proportion, as far as whole seconds and a busy machine let it."""

NUMBERS: Final = {
    "LEASE_SECONDS": str(LEASE),
    "PROVIDER_DEADLINE": "3",
    "COMMIT_DEADLINE": "2",
    "SEND_MARGIN": "1",
    "ATTEMPT_MARGIN": "5",
    "READER_WAIT": "2",
}
SETTLED_AFTER: Final = 4
HELD_FOR: Final = 2
SHORTENED: Final = {
    "oauth_broker.attempt": {"RESCUE_TURN": 2},
    "oauth_broker.flows.finish_authorization": {"SETTLED_AFTER": SETTLED_AFTER},
    "oauth_broker.flows.shelf": {"HELD_FOR": HELD_FOR},
}
VISIBILITY: Final = "5"


@dataclass(frozen=True)
class Stops:
    """A folder of orders to the processes of one stack."""

    folder: Path

    def order(self, whom: str, step: str, how: signal.Signals) -> None:
        """Have the process stop that comes to `step` for `whom`: a connection's or an authorization's id."""
        written = self.folder / f".{whom}"
        written.write_text(f"{step}\n{how.name}")
        written.rename(self.folder / whom)

    def stopped(self, whom: str) -> int | None:
        """The process that carried the order out."""
        done = list(self.folder.glob(f"{whom}.*"))
        return int(done[0].suffix[1:]) if done else None

    def await_stopped(self, whom: str, seconds: float = 30) -> int:
        """The process that carried the order out, once it has."""
        pid = eventually(lambda: self.stopped(whom), seconds)
        assert pid is not None, f"no process came to the step ordered for {whom}"
        return pid

    def go_on(self, whom: str) -> None:
        """Let a process that was paused for `whom` go on."""
        os.kill(self.await_stopped(whom), signal.SIGCONT)

    def clear(self) -> None:
        """Forget all orders, and who carried them out."""
        for path in self.folder.iterdir():
            path.unlink()


@contextmanager
def stoppable(
    folder: Path,
    dynamodb: str,
    *,
    without: str | None = None,
    worker_env: Mapping[str, str] | None = None,
    shards: int = SHARDS,
    console: io.StringIO | None = None,
) -> Iterator[Stack]:
    """A stack whose functions obey the orders in `folder`; `without`: the rule that they do not know.

    `worker_env` goes to the worker; `console` gets what all of them log.

    Nothing is scheduled: a test dispatches when it wants. The demo provider's tokens live an hour.
    """
    function_env = {name: _environment(name, folder, without) for name in FOLDERS}
    function_env["RefreshWorkerFunction"] |= worker_env or {}
    options = Options(
        schedule=False,
        schedule_period=1,
        extra_env={**NUMBERS, "SHARDS": str(shards)},
        function_env=function_env,
        demo_options=["--controls", "--access-token-lifetime", "3600"],
        dynamodb_endpoint=dynamodb,
    )
    with Stack(options, Console(console or io.StringIO())) as stack:
        stack.client("sqs").set_queue_attributes(
            QueueUrl=stack.attributes["WorkQueue"]["Ref"], Attributes={"VisibilityTimeout": VISIBILITY}
        )
        yield stack


def _environment(function: str, folder: Path, without: str | None) -> dict[str, str]:
    path = [CHECKOUT / "functions" / FOLDERS[function], STOPPING, CHECKOUT / "layers" / "oauth_broker"]
    environment = {
        "_HANDLER": "stopping.handler",
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "STOPS": str(folder),
        "SHORTENED": json.dumps(SHORTENED),
    }
    return environment if without is None else {**environment, "WITHOUT": without}
