"""Resources as items of the table."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from oauth_broker.doors.store.keys import resource_key
from oauth_broker.pause import Pause

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauth_broker.doors.store.values import Item


@dataclass(frozen=True, slots=True)
class ResourceRow:
    """A resource as it lies in the table.

    `public_keys`: its signing keys as `jwks.json` shows them (RFC 7517). `deleting`: None, `if_empty`, or
    `revoke` (its connections with it). `pause` is no part of what a client
    registered: it has no part in the etag, and a row that is written anew is without.
    """

    resource_id: str
    document: Mapping[str, Any]
    sealed: bytes
    destinations_id: str
    carried: tuple[str, ...]
    etag: str
    created_at: int
    updated_at: int
    deleting: str | None = None
    public_keys: tuple[Mapping[str, Any], ...] = ()
    pause: Pause | None = None


def resource_row(item: Item) -> ResourceRow:
    """Read a resource."""
    return ResourceRow(
        resource_id=item["sk"],
        document=json.loads(item["doc"]),
        sealed=item["s"],
        destinations_id=item["di"],
        carried=tuple(item.get("cd", ())),
        etag=item["e"],
        created_at=item["cr"],
        updated_at=item["ud"],
        deleting=item.get("dg"),
        public_keys=tuple(json.loads(item.get("jk", "[]"))),
        pause=_pause_of(item.get("pa")),
    )


def pause_attributes(pause: Pause) -> Item:
    """Write a pause as a map."""
    return {
        "s": pause.since,
        "u": pause.until,
        "n": pause.times,
        "c": pause.category,
        "e": pause.error,
        "d": pause.error_description,
        "h": pause.http_status,
        "p": pause.probed or None,
    }


def _pause_of(item: Item | None) -> Pause | None:
    if item is None:
        return None
    return Pause(
        since=item["s"],
        until=item["u"],
        times=item["n"],
        category=item["c"],
        error=item.get("e"),
        error_description=item.get("d"),
        http_status=item.get("h"),
        probed="p" in item,
    )


def resource_item(row: ResourceRow) -> Item:
    """Write a resource anew, its pause ended."""
    pk, sk = resource_key(row.resource_id)
    return {
        "pk": pk,
        "sk": sk,
        "doc": _json(row.document),
        "jk": _json(row.public_keys) if row.public_keys else None,
        "s": row.sealed,
        "di": row.destinations_id,
        "cd": list(row.carried) or None,
        "e": row.etag,
        "cr": row.created_at,
        "ud": row.updated_at,
        "dg": row.deleting,
    }


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
