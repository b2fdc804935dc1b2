"""Listing the connections of a resource."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oauth_broker.connection import Status
from oauth_broker.errors import FieldProblem, InvalidError, MalformedError
from oauth_broker.flows.show_connection import connection_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauth_broker.caller import Caller
    from oauth_broker.flows.kit import Kit

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
) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """Give a page of the connections that the caller may see, and the place to go on.

    A page may be short, with more to come: what the filters leave out counts as looked at. Raises
    NotFoundError for the resource, InvalidError for a status that is none.
    """
    if status is not None and status not in set(Status):
        raise InvalidError(FieldProblem("status", f"is one of {', '.join(Status)}"))
    held = kit.shelf.resource(resource_id)
    after = None if cursor is None else _place(cursor)
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
        ]
        if after is None or len(shown) >= limit:
            break
    return shown, None if after is None else {"p": after[0], "s": after[1]}


def _place(cursor: Mapping[str, Any]) -> tuple[str, str]:
    digit, sort = cursor.get("p"), cursor.get("s")
    if set(cursor) != {"p", "s"} or not isinstance(digit, str) or not isinstance(sort, str):
        message = "The cursor is not one of ours."
        raise MalformedError(message)
    if len(digit) != 1 or digit not in "0123456789abcdef" or len(sort) > 64:  # noqa: PLR2004 - an id's length
        message = "The cursor is not one of ours."
        raise MalformedError(message)
    return digit, sort
