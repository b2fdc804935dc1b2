"""The store on each engine: one suite, so that what is in memory stands for the real one."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, Final

import boto3
import pytest

from local.aws import AwsServer
from oauth_broker.doors.store import Store
from tests.doubles.dynamodb import MemoryDynamoDB, memory_store, tables_of
from tests.doubles.samples import resource_row

_NAMES = count()
_RUN = secrets.token_hex(4)

TABLE: Final[dict[str, Any]] = {
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "sk", "AttributeType": "S"},
        {"AttributeName": "shard", "AttributeType": "S"},
        {"AttributeName": "refresh_at", "AttributeType": "N"},
    ],
    "KeySchema": [
        {"AttributeName": "pk", "KeyType": "HASH"},
        {"AttributeName": "sk", "KeyType": "RANGE"},
    ],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "due",
            "KeySchema": [
                {"AttributeName": "shard", "KeyType": "HASH"},
                {"AttributeName": "refresh_at", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }
    ],
}


def on_client(client: Any, table_name: str) -> Store:
    """Give the store on a table that a client reaches."""
    store = Store(table_name)
    for table in tables_of(store):
        table.client._made = client
    return store


def in_memory() -> Store:
    """Give the store on the double."""
    return memory_store(MemoryDynamoDB())


@pytest.fixture(scope="session")
def moto_dynamodb() -> Iterator[Any]:
    """Moto's DynamoDB behind a port: patching botocore would empty other stacks in this process."""
    server = AwsServer(lambda _entry: None)
    yield client_of(server.url)
    server.close()


def client_of(url: str) -> Any:
    """Give a client of the DynamoDB at a URL."""
    return boto3.client(
        "dynamodb",
        endpoint_url=url,
        region_name="eu-west-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )


ENGINES: Final = ("memory", "moto", "dynamodb_local")


@pytest.fixture(scope="module", params=ENGINES)
def open_store(request: pytest.FixtureRequest) -> Callable[[], Store]:
    """Give what opens an empty store on the engine."""
    if request.param == "memory":
        return in_memory
    if request.param == "moto":
        client = request.getfixturevalue("moto_dynamodb")
    else:
        client = client_of(request.getfixturevalue("dynamodb_local"))

    def on_a_new_table() -> Store:
        name = f"table-{_RUN}-{next(_NAMES)}"
        client.create_table(TableName=name, **TABLE)
        return on_client(client, name)

    return on_a_new_table


@pytest.fixture
def store(open_store: Callable[[], Store]) -> Store:
    """An empty store that has the resource Acme."""
    made = open_store()
    made.resources.create(resource_row())
    return made
