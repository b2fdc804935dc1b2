"""A connection as a caller sees it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from oauth_broker.attempts import attempts_of
from oauth_broker.connection import Status
from oauth_broker.errors import NotFoundError
from oauth_broker.forecast import dies_at

if TYPE_CHECKING:
    from oauth_broker.attempts import PastAttempt
    from oauth_broker.caller import Caller
    from oauth_broker.connection import Connection, LastError
    from oauth_broker.flows.kit import Kit
    from oauth_broker.flows.shelf import HeldResource


def find_connection(
    kit: Kit, caller: Caller, resource_id: str, connection_id: str
) -> tuple[HeldResource, Connection]:
    """Give a connection and its resource: one call.

    Raises NotFoundError where it is not there, or not this caller's.
    """
    held, connection = kit.shelf.connection(resource_id, connection_id)
    if connection is None or not caller.may_see(connection.owner):
        message = "there is no such connection"
        raise NotFoundError(message)
    return held, connection


def connection_json(connection: Connection, held: HeldResource, *, now: float) -> dict[str, Any]:
    """Write a connection as the HTTP contract says: never a token, nor a start link."""
    token_set = connection.token_set
    return {
        "connection_id": connection.connection_id,
        "resource_id": connection.resource_id,
        "status": str(connection.shown_status(now, held.destinations_ids)),
        "created_at": time_text(connection.created_at // 1000),
        "expires_at": None if token_set is None else time_text(token_set.expires_at),
        "next_refresh_at": time_text(connection.next_refresh),
        "dies_at": time_text(grant_dies_at(connection, held, now=now)),
        "scopes": [] if token_set is None else list(token_set.scopes),
        "generation": connection.generation,
        "metadata": {} if token_set is None else dict(token_set.metadata),
        "labels": list(connection.labels),
        "last_error": _error_json(connection.last_error),
        "attempts": [_attempt_json(attempt) for attempt in attempts_of(connection)],
    }


def grant_dies_at(connection: Connection, held: HeldResource, *, now: float) -> int | None:
    """Give when the grant will die if nothing is done (epoch seconds); None where unknown, or it is gone."""
    status = connection.shown_status(now, held.destinations_ids)
    return dies_at(connection, held.resource) if status is Status.ACTIVE else None


def time_text(epoch: int | None) -> str | None:
    """Write epoch seconds as RFC 3339 in UTC."""
    return None if epoch is None else datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _error_json(error: LastError | None) -> dict[str, Any] | None:
    if error is None:
        return None
    return {
        "at": time_text(error.at),
        "category": error.category,
        "error": error.error,
        "error_description": error.error_description,
        "http_status": error.http_status,
        "request": error.request,
    }


def _attempt_json(attempt: PastAttempt) -> dict[str, Any]:
    return {
        "at": time_text(attempt.at),
        "outcome": attempt.outcome,
        "by": "schedule" if attempt.by_worker else "request",
        "duration_ms": attempt.duration_ms,
    }
