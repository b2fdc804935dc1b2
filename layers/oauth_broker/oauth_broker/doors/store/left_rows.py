"""What is left to revoke, and how that ended, as items of the table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from oauth_broker.connection import Lease, Note, SealedTokenSet
from oauth_broker.doors.store.connection_rows import lease_of, token_set_attributes, token_set_of
from oauth_broker.doors.store.keys import ended_key, left_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauth_broker.doors.store.values import Item

RECORD_KEPT_FOR: Final = 30 * 86_400
"""Seconds that it is kept how a revocation ended: as long as somebody may ask what became of a grant."""


@dataclass(frozen=True, slots=True)
class LeftToRevoke:
    """A token set whose connection is gone: to be revoked at the provider, then forgotten.

    `attempts` so far, the first at `first_tried`, the next not before `next_try` (epoch seconds). `revoked`:
    how it ended for the kinds of token that are through. `notes`: what is still to be told. `outcome` and
    `category`: how all of it ended, where only the event is still to be sent; there is no token set then.
    Until then, `category` says what went wrong last.
    """

    resource_id: str
    sort: str
    connection_id: str
    token_set: SealedTokenSet | None
    variables: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    lease: Lease | None = None
    attempts: int = 0
    first_tried: int | None = None
    next_try: int | None = None
    revoked: Mapping[str, str] = field(default_factory=dict)
    outcome: str | None = None
    category: str | None = None


@dataclass(frozen=True, slots=True)
class EndedRevocation:
    """How a revocation ended, `at` (epoch seconds); `category` says why it failed."""

    resource_id: str
    connection_id: str
    outcome: str
    category: str | None
    attempts: int
    at: int


def left_item(left: LeftToRevoke, *, shard: str, refresh_at: int) -> Item:
    """Write what is left to revoke, before its first try."""
    pk, sk = left_key(left.resource_id, left.sort)
    token_set = {} if left.token_set is None else token_set_attributes(left.token_set)
    return {
        "pk": pk,
        "sk": sk,
        "id": left.connection_id,
        **token_set,
        "va": dict(left.variables) or None,
        "n": note_values(left.notes),
        "shard": shard,
        "refresh_at": refresh_at,
    }


def note_values(notes: tuple[Note, ...]) -> list[str] | None:
    """Write notes; None where there are none."""
    return [str(note) for note in notes] or None


def left_of(item: Item) -> LeftToRevoke:
    """Read what is left to revoke."""
    return LeftToRevoke(
        resource_id=item["pk"].removeprefix("D#"),
        sort=item["sk"],
        connection_id=item["id"],
        token_set=token_set_of(item),
        variables=item.get("va", {}),
        notes=tuple(Note(note) for note in item.get("n", ())),
        lease=lease_of(item),
        attempts=item.get("f", 0),
        first_tried=item.get("fa"),
        next_try=item.get("nr"),
        revoked=item.get("rd", {}),
        outcome=item.get("rv"),
        category=item.get("ct"),
    )


def ended_item(left: LeftToRevoke, *, at: int) -> Item:
    """Write how it ended, for 30 days; nothing secret is in it."""
    pk, sk = ended_key(left.resource_id, at, left.sort)
    return {
        "pk": pk,
        "sk": sk,
        "id": left.connection_id,
        "rv": left.outcome,
        "ct": left.category,
        "f": left.attempts,
        "at": at,
        "ttl": at + RECORD_KEPT_FOR,
    }


def ended_of(item: Item) -> EndedRevocation:
    """Read how it ended."""
    return EndedRevocation(
        resource_id=item["pk"].removeprefix("E#"),
        connection_id=item["id"],
        outcome=item["rv"],
        category=item.get("ct"),
        attempts=item["f"],
        at=item["at"],
    )
