"""DynamoDB: one table, and the few ways in which it is read and written."""

from __future__ import annotations

from typing import Self

from oauth_broker.doors.store.authorizations import AuthorizationTable, NotConsumed
from oauth_broker.doors.store.connections import ConnectionTable
from oauth_broker.doors.store.leases import Due, LeaseTable, NotTaken
from oauth_broker.doors.store.left_rows import LeftToRevoke
from oauth_broker.doors.store.resource_rows import ResourceRow
from oauth_broker.doors.store.resources import Loaded, ResourceTable
from oauth_broker.doors.store.table import Table

__all__ = ["Due", "LeftToRevoke", "Loaded", "NotConsumed", "NotTaken", "ResourceRow", "Store"]


class Store:
    """The table, by what is kept in it."""

    def __init__(self, table_name: str) -> None:
        """Name the table; no call is made."""
        self._table = table = Table(table_name)
        self.resources = ResourceTable(table)
        self.authorizations = AuthorizationTable(table)
        self.connections = ConnectionTable(table, commits=Table(table_name, hurried=True))
        self.leases = LeaseTable(table)

    def connect(self) -> Self:
        """Make the client now: a function does so while Lambda starts it, not while somebody waits."""
        self._table.client.get()
        return self
