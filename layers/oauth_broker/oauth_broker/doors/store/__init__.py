"""DynamoDB: one table, and the few ways in which it is read and written."""

from __future__ import annotations

from typing import Self

from oauth_broker.doors.aws import LONGEST_CALL
from oauth_broker.doors.store.authorizations import AuthorizationTable, NotConsumed
from oauth_broker.doors.store.connections import ConnectionTable
from oauth_broker.doors.store.due import Due
from oauth_broker.doors.store.leases import LeaseTable, NotTaken
from oauth_broker.doors.store.left_rows import EndedRevocation, LeftToRevoke
from oauth_broker.doors.store.resource_rows import ResourceRow
from oauth_broker.doors.store.resources import Loaded, ResourceTable
from oauth_broker.doors.store.revocations import RevocationTable
from oauth_broker.doors.store.table import Table

__all__ = [
    "LONGEST_CALL",
    "Due",
    "EndedRevocation",
    "LeftToRevoke",
    "Loaded",
    "NotConsumed",
    "NotTaken",
    "ResourceRow",
    "Store",
]


class Store:
    """The table, by what is kept in it."""

    def __init__(self, table_name: str) -> None:
        """Name the table; no call is made."""
        self._table = table = Table(table_name)
        hurried = Table(table_name, hurried=True)
        self.resources = ResourceTable(table, pauses=hurried)
        self.authorizations = AuthorizationTable(table)
        self.connections = ConnectionTable(table, commits=hurried)
        self.leases = LeaseTable(table)
        self.revocations = RevocationTable(table)

    def connect(self) -> Self:
        """Make the client now: a function does so while Lambda starts it, not while somebody waits."""
        self._table.client.get()
        return self
