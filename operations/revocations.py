"""`revocations`: what is still to be revoked of a resource's connections that are gone, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from oauth_broker.doors.aws import AwsClient
from oauth_broker.doors.store.left_rows import left_of
from oauth_broker.doors.store.revocations import RevocationTable
from oauth_broker.doors.store.table import Table
from oauth_broker.doors.store.values import from_item
from operations.wording import time_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from oauth_broker.doors.store.left_rows import EndedRevocation, LeftToRevoke
    from operations.table import OperatedTable

PAGE: Final = 100


@dataclass(frozen=True)
class Revocations:
    """A resource's revocations: those under way, and how those of the last 30 days ended, oldest first."""

    resource_id: str
    open: tuple[LeftToRevoke, ...]
    ended: tuple[EndedRevocation, ...]

    @property
    def status(self) -> int:
        """0: it is a list, whatever is in it."""
        return 0

    def lines(self) -> Iterator[str]:
        """Give one line a revocation."""
        under_way, ended_since = len(self.open), len(self.ended)
        yield f"{self.resource_id}: {under_way:,} under way, {ended_since:,} ended in the last 30 days"
        for left in self.open:
            told = f"{left.outcome}, to be told" if left.outcome else _next(left)
            yield f"    {left.connection_id}   {told}{_because(left.category, left.attempts)}"
        for ended in self.ended:
            because = _because(ended.category, ended.attempts)
            yield f"    {ended.connection_id}   {ended.outcome} {time_text(ended.at)}{because}"

    def members(self) -> Mapping[str, object]:
        """Give everything that is no secret."""
        return {
            "resource_id": self.resource_id,
            "open": [
                {
                    "connection_id": left.connection_id,
                    "outcome": left.outcome,
                    "category": left.category,
                    "attempts": left.attempts,
                    "next_try": None if left.next_try is None else time_text(left.next_try),
                }
                for left in self.open
            ],
            "ended": [
                {
                    "connection_id": ended.connection_id,
                    "outcome": ended.outcome,
                    "category": ended.category,
                    "attempts": ended.attempts,
                    "at": time_text(ended.at),
                }
                for ended in self.ended
            ],
        }


def list_revocations(client: Any, table: OperatedTable, resource_id: str, *, now: int) -> Revocations:
    """Read a resource's revocations through a DynamoDB client; `now` in epoch seconds."""
    left = tuple(left_of(from_item(stored)) for stored in table.items_of(f"D#{resource_id}"))
    store = RevocationTable(_on_client(client, table.name))
    ended, after = store.page(resource_id, now=now, limit=PAGE)
    while after is not None:
        more, after = store.page(resource_id, now=now, limit=PAGE, after=after)
        ended += more
    return Revocations(resource_id, left, tuple(ended))


class _GivenClient(AwsClient):
    """The operator's client, in the place of a function's own."""

    def __init__(self, client: Any) -> None:
        super().__init__("dynamodb")
        self._made = client


def _on_client(client: Any, name: str) -> Table:
    table = Table(name)
    table.client = _GivenClient(client)
    return table


def _next(left: LeftToRevoke) -> str:
    return "due" if left.next_try is None else f"next try {time_text(left.next_try)}"


def _because(category: str | None, attempts: int) -> str:
    tries = f" after {attempts:,} attempt{'' if attempts == 1 else 's'}" if attempts else ""
    return tries + (f": {category}" if category else "")
