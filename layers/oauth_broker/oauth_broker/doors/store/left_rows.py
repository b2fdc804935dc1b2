"""What is left to revoke, as items of the table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from oauth_broker.connection import Lease, Note, SealedTokenSet
from oauth_broker.doors.store.connection_rows import lease_of, token_set_attributes, token_set_of
from oauth_broker.doors.store.keys import left_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauth_broker.doors.store.values import Item


@dataclass(frozen=True, slots=True)
class LeftToRevoke:
    """A token set whose connection is gone: to be revoked at the provider, then forgotten.

    `revocation`: how that ended, when it has and only the event is still to be sent.
    """

    resource_id: str
    sort: str
    connection_id: str
    token_set: SealedTokenSet | None
    variables: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    lease: Lease | None = None
    revocation: str | None = None


def left_item(left: LeftToRevoke, *, shard: str, refresh_at: int) -> Item:
    """Write what is left to revoke."""
    pk, sk = left_key(left.resource_id, left.sort)
    token_set = {} if left.token_set is None else token_set_attributes(left.token_set)
    return {
        "pk": pk,
        "sk": sk,
        "id": left.connection_id,
        **token_set,
        "va": dict(left.variables) or None,
        "n": [str(note) for note in left.notes] or None,
        "shard": shard,
        "refresh_at": refresh_at,
    }


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
        revocation=item.get("rv"),
    )
