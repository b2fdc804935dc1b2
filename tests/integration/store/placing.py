"""Connections put into a table as they are, and read back."""

from __future__ import annotations

from typing import Any

from oauth_broker.connection import Connection
from oauth_broker.doors.store import Store
from oauth_broker.doors.store.connection_rows import (
    connection_item,
    last_error_attributes,
    lease_attributes,
    proposal_attributes,
)
from oauth_broker.doors.store.keys import connection_key
from tests.doubles.samples import SHARD


def place(store: Store, connection: Connection) -> Connection:
    """Put a connection into the table, whatever state it is in."""
    item = connection_item(connection, shard=SHARD, ttl=None)
    item |= {
        "p": None if connection.proposal is None else proposal_attributes(connection.proposal),
        "l": None if connection.lease is None else lease_attributes(connection.lease),
        "uk": connection.unknown_since,
        "f": connection.failures or None,
        "le": None if connection.last_error is None else last_error_attributes(connection.last_error),
    }
    store.connections._table.put(item)
    return connection


def raw(store: Store, connection: Connection) -> dict[str, Any] | None:
    """Give a connection's item."""
    return store.connections._table.get(connection_key(connection.resource_id, connection.connection_id))


def there(store: Store, connection: Connection) -> Connection:
    """Give a connection that is in the table, as it is."""
    found = store.connections.get(connection.resource_id, connection.connection_id)
    assert found is not None
    return found
