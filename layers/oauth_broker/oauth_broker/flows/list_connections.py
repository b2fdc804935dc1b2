"""Listing the connections of a resource."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from oauth_broker.connection import Status
from oauth_broker.errors import FieldProblem, InvalidError, MalformedError, SealError
from oauth_broker.flows.show_connection import connection_json, grant_dies_at
from oauth_broker.sealed import Place
from oauth_broker.timestamps import WRITTEN, epoch_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauth_broker.caller import Caller
    from oauth_broker.connection import Connection
    from oauth_broker.flows.kit import Kit
    from oauth_broker.flows.shelf import HeldResource

PAGES_LOOKED_THROUGH = 10


def list_connections(  # noqa: PLR0913 - the filters, by name
    kit: Kit,
    caller: Caller,
    resource_id: str,
    *,
    limit: int,
    cursor: Mapping[str, Any] | None,
    status: str | None,
    label: str | None,
    dies_before: str | None = None,
) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """Give a page of the connections that the caller may see, and the place to go on.

    A page may be short, with more to come: what the filters leave out counts as looked at. `dies_before`, an
    RFC 3339 time: those whose grants will die before it. Raises NotFoundError for the resource, InvalidError
    for a status or time that is none.
    """
    deadline = None if dies_before is None else _deadline(dies_before)
    if status is not None and status not in set(Status):
        raise InvalidError(FieldProblem("status", f"is one of {', '.join(Status)}"))
    held = kit.shelf.resource(resource_id)
    after = None if cursor is None else _place(kit, held, caller, cursor)
    shown: list[dict[str, Any]] = []
    for _ in range(PAGES_LOOKED_THROUGH):
        found, after = kit.store.connections.page(resource_id, limit=limit - len(shown), after=after)
        now = kit.machine.now()
        shown += [
            connection_json(connection, held, now=now)
            for connection in found
            if caller.may_see(connection.owner)
            and (label is None or label in connection.labels)
            and (status is None or connection.shown_status(now, held.destinations_ids) == status)
            and (deadline is None or _dies_before(connection, held, deadline, now=now))
        ]
        if after is None or len(shown) >= limit:
            break
    return shown, None if after is None else _cursor(kit, held, caller, after)


def _deadline(text: str) -> float:
    deadline = epoch_of(text)
    if deadline is None:
        raise InvalidError(FieldProblem("dies_before", f"is {WRITTEN}"))
    return deadline


def _dies_before(connection: Connection, held: HeldResource, deadline: float, *, now: float) -> bool:
    dies_at = grant_dies_at(connection, held, now=now)
    return dies_at is not None and dies_at < deadline


def _cursor(kit: Kit, held: HeldResource, caller: Caller, after: tuple[str, str]) -> dict[str, Any]:
    """Write the place to go on: sealed for who does not see all, since it may name another's connection."""
    place = {"p": after[0], "s": after[1]}
    if caller.admin:
        return place
    sealed = kit.sealing.seal(kit.shelf.vault_key(), json.dumps(place).encode(), _cursor_place(held))
    return {"c": base64.b64encode(sealed).decode("ascii")}


def _cursor_place(held: HeldResource) -> Place:
    return Place("cursor", held.resource.resource_id, held.row.destinations_id)


def _place(kit: Kit, held: HeldResource, caller: Caller, cursor: Mapping[str, Any]) -> tuple[str, str]:
    place = cursor if caller.admin else _unsealed(kit, held, cursor)
    digit, sort = place.get("p"), place.get("s")
    if set(place) != {"p", "s"} or not isinstance(digit, str) or not isinstance(sort, str):
        raise _not_ours()
    if len(digit) != 1 or digit not in "0123456789abcdef" or len(sort) > 64:  # noqa: PLR2004 - an id's length
        raise _not_ours()
    return digit, sort


def _unsealed(kit: Kit, held: HeldResource, cursor: Mapping[str, Any]) -> Mapping[str, Any]:
    if set(cursor) != {"c"}:
        raise _not_ours()
    try:
        blob = base64.b64decode(str(cursor["c"]), validate=True)
        place: dict[str, Any] = json.loads(kit.sealing.open(blob, _cursor_place(held), kit.machine.now()))
    except (ValueError, SealError):
        raise _not_ours() from None
    return place


def _not_ours() -> MalformedError:
    return MalformedError("The cursor is not one of ours.")
