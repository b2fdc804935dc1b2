"""Fills the table: resources as the management API makes them, connections as the store writes them.

Run as a file in the worker's environment, with how many connections, the bytes of their access tokens, and
the ports of the token endpoints: a resource for each, `provider-0` and on. The rows are sealed by the real
sealing and due a day from now; when they are there, a line tells the bytes of one. Then each line on standard
input is a number: so many of them are made due, the next ones in turn, and a line says when that is done. Two
more numbers are the epoch seconds when they are due, else a minute ago, and when their access tokens expire.
"""

from __future__ import annotations

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from oauth_broker.attempts import MOST, REFRESHED, PastAttempt, ring_with
from oauth_broker.connection import Connection, Status
from oauth_broker.doors.store.change import Change
from oauth_broker.doors.store.connection_rows import connection_item
from oauth_broker.doors.store.keys import connection_key
from oauth_broker.doors.store.values import key_of, to_item
from oauth_broker.flows.manage_resources import create_resource
from oauth_broker.flows.start_link import Addresses
from oauth_broker.flows.token_sets import sealed_token_set
from oauth_broker.protocol.token import TokenSet
from oauth_broker.secret import Secret
from oauth_broker.settings import WorkerSettings
from oauth_broker.wiring import kit_of
from tests.benchmarks.refreshes.token_endpoints import LIFETIME, access_token, refresh_token

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oauth_broker.flows.kit import Kit
    from oauth_broker.flows.shelf import HeldResource

BATCH = 25
"""BatchWriteItem's most."""

THREADS = 4
DAY = 86_400
AWS_WRAPPED_KEY_BYTES = 184
"""A data key of 32 bytes as AWS KMS wraps it; moto's are shorter."""


@dataclass
class Stock:
    """The resources, one for each port, and the connections, dealt out to them in turn."""

    kit: Kit
    table: str
    access_token_bytes: int
    resources: Sequence[HeldResource]

    def __post_init__(self) -> None:
        """Takes the vault key, which seals all of it, and a client with more patience than the store's."""
        self._key = self.kit.shelf.vault_key()
        patient = Config(read_timeout=60, retries={"total_max_attempts": 5}, max_pool_connections=THREADS)
        self._dynamodb = boto3.client("dynamodb", config=patient)
        self._next = self._connections = 0
        self._attempts = b""
        self._attempts = full_ring(self._connection(0))

    def fill(self, connections: int) -> int:
        """Writes the rows; gives the bytes of one, as DynamoDB counts them in AWS."""
        self._connections = connections
        starts = range(0, connections, BATCH)
        with ThreadPoolExecutor(THREADS) as threads:
            for _ in threads.map(
                lambda start: self._write(range(start, min(start + BATCH, connections))), starts
            ):
                pass
        return item_bytes(self._row(0)) + AWS_WRAPPED_KEY_BYTES - len(self._key.wrapped)

    def make_due(self, connections: int, due: int | None = None, expires: int | None = None) -> None:
        """Makes so many due, the next ones in turn; times in epoch seconds."""
        at = int(time.time()) - 60 if due is None else due
        times = {"nr": at, "refresh_at": at} | ({} if expires is None else {"ex": expires})
        numbers = [number % self._connections for number in range(self._next, self._next + connections)]
        self._next += connections
        with ThreadPoolExecutor(THREADS) as threads:
            for _ in threads.map(lambda number: self._set(number, times), numbers):
                pass

    def _write(self, numbers: range) -> None:
        puts: Any = [{"PutRequest": {"Item": to_item(self._row(number))}} for number in numbers]
        while puts:
            answer = self._dynamodb.batch_write_item(RequestItems={self.table: puts})
            puts = answer["UnprocessedItems"].get(self.table, [])

    def _place(self, number: int) -> tuple[HeldResource, str]:
        return self.resources[number % len(self.resources)], f"connection-{number}"

    def _row(self, number: int) -> dict[str, Any]:
        connection = self._connection(number)
        shard = self.kit.shard(connection.resource_id, connection.connection_id)
        return connection_item(connection, shard=shard, ttl=None)

    def _connection(self, number: int) -> Connection:
        held, connection_id = self._place(number)
        now = int(time.time())
        token_set = sealed_token_set(
            self.kit.sealing,
            self._key,
            TokenSet(
                access_token=Secret(access_token(0, self.access_token_bytes)),
                token_type="Bearer",
                refresh_token=Secret(refresh_token(connection_id, 0)),
                expires_at=now + DAY + LIFETIME,
                scopes=None,
                metadata={},
            ),
            resource=held.resource,
            connection_id=connection_id,
            destinations_id=held.row.destinations_id,
            token_set_id=os.urandom(12),
            asked_scopes=held.resource.scopes,
            issued_at=now,
        )
        return Connection(
            resource_id=held.resource.resource_id,
            connection_id=connection_id,
            status=Status.ACTIVE,
            created_at=now * 1000,
            token_set=token_set,
            generation=1,
            consented_at=now * 1000,
            next_refresh=now + DAY,
            refresh_at=now + DAY,
            attempts=self._attempts,
        )

    def _set(self, number: int, times: dict[str, int]) -> None:
        held, connection_id = self._place(number)
        key = key_of(connection_key(held.resource.resource_id, connection_id))
        change = Change("attribute_exists(pk)").set(times)
        self._dynamodb.update_item(TableName=self.table, Key=key, **change.arguments())


def full_ring(connection: Connection) -> bytes:
    """The attempts that a connection has after a day: as many as are kept."""
    for _ in range(MOST):
        last = PastAttempt(connection.created_at // 1000, REFRESHED, by_worker=True, duration_ms=230)
        connection = replace(connection, attempts=ring_with(connection, last))
    return connection.attempts


def item_bytes(row: dict[str, Any]) -> int:
    """The size of an item (DynamoDB Developer Guide, "Item sizes and formats"): names and values."""
    return sum(len(name) + value_bytes(value) for name, value in row.items() if value is not None)


def value_bytes(value: Any) -> int:
    """The size of a value: a number takes a byte for two digits and one more."""
    match value:
        case bool():
            return 1
        case int():
            return (len(str(abs(value)).rstrip("0")) + 1) // 2 + 1
        case str():
            return len(value.encode())
        case bytes():
            return len(value)
        case list():
            return 3 + sum(1 + value_bytes(one) for one in value)
        case dict():
            return 3 + len(value) + item_bytes(value)
    message = f"not a stored type: {type(value).__name__}"
    raise TypeError(message)


def registered(kit: Kit, name: str, port: int) -> HeldResource:
    """A resource whose token endpoint is on a port."""
    body = {
        "resource_id": name,
        "name": name,
        "client_id": "client-of-the-benchmark",
        "client_secret": "secret-of-the-benchmark",
        "authorization": {"url": f"http://127.0.0.1:{port}/authorize"},
        "token": {"url": f"http://127.0.0.1:{port}/token"},
        "scopes": ["profile", "offline"],
        "refresh_token": {"rotates": True},
    }
    create_resource(kit, Addresses("https://broker.example", lambda _origin: False), body, loopback=True)
    return kit.shelf.resource(name)


def main(connections: int, access_token_bytes: int, ports: Sequence[int]) -> None:
    """Fills the table, then makes connections due until standard input ends."""
    settings = WorkerSettings.from_environment(os.environ)
    kit = kit_of(settings)
    resources = [registered(kit, f"provider-{number}", port) for number, port in enumerate(ports)]
    stock = Stock(kit, settings.table, access_token_bytes, resources)
    print(json.dumps({"item_bytes": stock.fill(connections)}), flush=True)  # noqa: T201 - this is how it answers
    for line in sys.stdin:
        stock.make_due(*map(int, line.split()))
        print(json.dumps({}), flush=True)  # noqa: T201


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), [int(port) for port in sys.argv[3:]])
