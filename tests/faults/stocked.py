"""A broker whose table is full of connections at strict endpoints, as if they had all been consented to."""

from __future__ import annotations

import io
import json
import os
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from local.stack import Options, Stack
from oauth_broker.schedule import shard_names, shard_of
from tests.benchmarks.refreshes import stock
from tests.benchmarks.refreshes.measured import Program, program
from tests.faults.strict_endpoints import StrictEndpoint, serving
from tests.integration.circle.broker import Broker, place_of
from tests.integration.watched.run import Listener
from tests.servers.programs import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

WORKER: Final = "RefreshWorkerFunction"
LAYER: Final = CHECKOUT / "layers" / "oauth_broker"


def nudge(shard: str) -> dict[str, Any]:
    """The event of a nudge of the shard, as SQS gives it."""
    body = {"shard": shard, "period_number": int(time.time()), "number": 0, "after": None}
    record = {"messageId": str(uuid.uuid4()), "body": json.dumps(body), "eventSource": "aws:sqs"}
    return {"Records": [record]}


@dataclass(frozen=True)
class Stocked:
    """The broker, the endpoints, and the connections, dealt out to the resources in turn.

    `resources` says of each resource, `provider-0` and on, whose it is.
    """

    broker: Broker
    console: Listener
    resources: Sequence[StrictEndpoint]
    connections: int
    shards: Sequence[str]
    _stock: Program

    @property
    def stack(self) -> Stack:
        """The stack it runs in."""
        return self.broker.stack

    def place(self, number: int) -> tuple[str, str]:
        """The resource and the id of a connection."""
        return f"provider-{number % len(self.resources)}", f"connection-{number}"

    def make_due(self, count: int, *, due: float, expires: float) -> None:
        """The next so many are due at a time, and their access tokens expire at another (epoch seconds)."""
        self._stock.ask(f"{count} {int(due)} {int(expires)}")

    def work(self) -> None:
        """Each shard is worked once, as after a nudge."""
        for shard in self.shards:
            answer = self.stack.invoke(WORKER, nudge(shard))
            assert answer == {"batchItemFailures": []}, self.console.printed.getvalue()

    def items(self) -> list[dict[str, Any]]:
        """The connections as they lie in the table."""
        pages = self.stack.client("dynamodb").get_paginator("scan")
        found = pages.paginate(
            TableName=self.stack.table_name,
            FilterExpression="begins_with(pk, :of)",
            ExpressionAttributeValues={":of": {"S": "C#"}},
            ConsistentRead=True,
        )
        return [item for page in found for item in page["Items"]]

    def item(self, number: int) -> dict[str, Any]:
        """A connection as it lies in the table."""
        return self.broker.item(*place_of(*self.place(number)))

    def generations(self) -> dict[str, int]:
        """The generation of each connection, all of which are active."""
        items = self.items()
        assert {item["st"]["S"] for item in items} == {"a"}
        return {item["sk"]["S"]: int(item["g"]["N"]) for item in items}

    def said(self, message: str) -> list[str]:
        """The lines of functions that have these words."""
        return [line for _, line in list(self.console.lines) if message in line]


@contextmanager
def stocked(
    dynamodb: str,
    resources: Sequence[StrictEndpoint],
    connections: int,
    *,
    numbers: Mapping[str, str],
    function_env: Mapping[str, Mapping[str, str]] | None = None,
    schedule: bool = False,
) -> Iterator[Stocked]:
    """A broker whose table holds so many connections, due a day from now.

    One endpoint may stand for several resources. `numbers` go to all functions, SHARDS among them.
    `schedule`: it turns once a second.
    """
    console = Listener(io.StringIO())
    options = Options(
        demo=False,
        schedule=schedule,
        schedule_period=1,
        extra_env=numbers,
        function_env=function_env or {},
        dynamodb_endpoint=dynamodb,
    )
    with serving(list({id(one): one for one in resources}.values())), Stack(options, console) as stack:
        environment = {
            **stack._pools[WORKER]._environment,
            "PYTHONPATH": os.pathsep.join(map(str, (LAYER, CHECKOUT))),
        }
        ports = [str(one.port) for one in resources]
        filling = ["-P", str(stock.__file__), str(connections), "200", *ports]
        with program(filling, environment) as filled:
            filled.told()
            yield Stocked(
                Broker(stack), console, resources, connections, shard_names(int(numbers["SHARDS"])), filled
            )


def shard_of_stock(resources: int, shards: int) -> Callable[[str], str]:
    """The shard of a connection by its id, among connections that are dealt out to so many resources."""

    def shard(connection_id: str) -> str:
        number = int(connection_id.removeprefix("connection-"))
        return shard_of(f"provider-{number % resources}", connection_id, shards)

    return shard
