"""The commands on a stack that runs."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any, Final

import pytest

from local.console import Console
from local.stack import Options, Stack
from operations import command_line
from tests.integration.circle.broker import Broker, eventually, place_of
from tests.integration.operations.tables import operator
from tests.servers.programs import CHECKOUT

DEPLOYED: Final = ("--shards", "16")


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    """A running broker, its schedule once a second."""
    with Stack(Options(schedule_period=1), Console(io.StringIO())) as stack:
        yield Broker(stack)


@pytest.fixture(scope="module")
def resource_id(broker: Broker) -> str:
    """A resource with a connection that was never consented to, and three that are active and announced."""
    made = broker.register()
    broker.ask(made)
    connections = [broker.connect(made) for _ in range(3)]
    assert eventually(lambda: all(broker.events(connection_id) for connection_id in connections))
    return made


def command(broker: Broker, capsys: pytest.CaptureFixture[str], *line: str) -> tuple[int, Any]:
    """Run a command on the stack; gives its status and what it told as JSON."""
    place = ("--table", broker.stack.table_name, "--endpoint-url", broker.stack.endpoint_url, "--json")
    status = command_line.main([*line, *place], session=operator())
    told = capsys.readouterr()
    assert told.out, told.err
    return status, json.loads(told.out)


def test_a_running_stack_needs_no_repair(
    broker: Broker, resource_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is found, and everything stands in its shard."""
    status, found = command(broker, capsys, "repair", *DEPLOYED)
    assert (status, found["items"]) == (0, [])
    assert found["read"] >= len(
        broker.call("GET", f"/v1/resources/{resource_id}/connections").json()["items"]
    )
    status, found = command(broker, capsys, "reshard", *DEPLOYED)
    assert (status, found["to_move"], found["unserved"]) == (0, 0, 0)
    assert found["in_index"] >= 3


def test_a_connection_that_was_lost_is_refreshed_again(
    broker: Broker, resource_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Off the index, nobody comes to it; repaired, the worker does. Seen failing without `--apply`."""
    shown = broker.call("GET", f"/v1/resources/{resource_id}/connections?status=active").json()["items"]
    connection_id = shown[0]["connection_id"]
    pk, sk = place_of(resource_id, connection_id)
    broker.stack.client("dynamodb").update_item(
        TableName=broker.stack.table_name,
        Key={"pk": {"S": pk}, "sk": {"S": sk}},
        UpdateExpression="REMOVE #shard, refresh_at",
        ExpressionAttributeNames={"#shard": "shard"},
    )
    broker.set_number(pk, sk, "nr", time.time() - 1)
    before = broker.connection(resource_id, connection_id)["generation"]
    status, found = command(broker, capsys, "repair", *DEPLOYED)
    assert (status, found["counts"]) == (1, {"missing": 1})
    assert [(item["pk"], item["sk"]) for item in found["items"]] == [(pk, sk)]
    status, found = command(broker, capsys, "repair", "--apply", *DEPLOYED)
    assert (status, [item["outcome"] for item in found["items"]]) == (0, ["mended"])
    assert eventually(lambda: broker.connection(resource_id, connection_id)["generation"] > before)
    assert command(broker, capsys, "repair", *DEPLOYED)[0] == 0


def test_it_is_a_program() -> None:
    """`python -m operations` runs from a checkout, and finds the layer there."""
    ran = subprocess.run(
        [sys.executable, "-m", "operations", "repair", "--help"],
        cwd=CHECKOUT,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("usage: python -m operations repair")
