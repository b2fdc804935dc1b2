"""Importing connections whose tokens were obtained elsewhere: active at once, nobody asks the provider."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from oauth_broker.asking import id_problems
from oauth_broker.connection import Connection, Note, Status
from oauth_broker.errors import BrokerError, ConflictError, TooLargeError
from oauth_broker.flows.commit_refreshed import TOKEN_SET_ID_BYTES
from oauth_broker.flows.token_sets import sealed_token_set
from oauth_broker.importing import parse_import
from oauth_broker.resource import GrantType
from oauth_broker.schedule import imported_refresh
from oauth_broker.strict_json import parse_json_object

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from oauth_broker.caller import Caller
    from oauth_broker.flows.kit import Kit
    from oauth_broker.flows.shelf import HeldResource

MOST_LINES: Final = 200
"""Lines of one request, as many as a list has items: each is a write, and there are 29 seconds."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a line: the connection that was made, or why there is none."""

    line: int
    connection_id: str | None
    error: BrokerError | None = None


def import_connection(kit: Kit, caller: Caller, resource_id: str, body: Mapping[str, Any]) -> str:
    """Keep a connection with the token set that `body` brings, active at once; gives its id.

    Raises InvalidError, NotFoundError, IdInUseError, and ConflictError for client_credentials, which get
    their tokens by themselves.
    """
    return _import(kit, caller, _held(kit, resource_id), body)


def import_lines(
    kit: Kit, caller: Caller, resource_id: str, lines: Sequence[tuple[int, bytes]]
) -> list[Imported]:
    """Import many, each line a JSON object as `import_connection` takes it; what fails costs its line alone.

    Once the table takes no write, or KMS gives no key, the lines after that are not tried. Raises
    NotFoundError, ConflictError as `import_connection`, and TooLargeError for more than 200 lines.
    """
    if len(lines) > MOST_LINES:
        message = f"more than {MOST_LINES} lines"
        raise TooLargeError(message)
    return list(_imported(kit, caller, _held(kit, resource_id), lines))


def _imported(
    kit: Kit, caller: Caller, held: HeldResource, lines: Sequence[tuple[int, bytes]]
) -> Iterator[Imported]:
    outage: BrokerError | None = None
    for number, line in lines:
        connection_id = None
        try:
            body = parse_json_object(line, "The line")
            connection_id = None if any(id_problems(body)) else body.get("connection_id")
            if outage is not None:
                raise outage
            yield Imported(number, _import(kit, caller, held, body))
        except BrokerError as error:
            outage = error if error.retryable else outage
            yield Imported(number, connection_id, error)


def _held(kit: Kit, resource_id: str) -> HeldResource:
    held = kit.shelf.resource(resource_id)
    if held.resource.grant_type is GrantType.CLIENT_CREDENTIALS:
        message = "a client_credentials connection gets its tokens by itself: ask for one"
        raise ConflictError(message)
    return held


def _import(kit: Kit, caller: Caller, held: HeldResource, body: Mapping[str, Any]) -> str:
    now, now_ms = int(kit.machine.now()), int(kit.machine.now() * 1000)
    resource = held.resource
    importing = parse_import(body, resource, now=now)
    connection_id = importing.connection_id or urlsafe_b64encode(kit.machine.random(15)).decode("ascii")
    token_set = sealed_token_set(
        kit.sealing,
        kit.shelf.vault_key(),
        importing.token_set,
        resource=resource,
        connection_id=connection_id,
        destinations_id=held.row.destinations_id,
        token_set_id=kit.machine.random(TOKEN_SET_ID_BYTES),
        asked_scopes=resource.scopes,
        issued_at=now,
    )
    connection = Connection(
        resource_id=resource.resource_id,
        connection_id=connection_id,
        status=Status.ACTIVE,
        created_at=now_ms,
        owner=caller.owner,
        labels=importing.labels,
        variables=importing.variables,
        token_set=token_set,
        generation=1,
        consented_at=now_ms if importing.consented_at is None else importing.consented_at * 1000,
        next_refresh=imported_refresh(
            token_set,
            resource,
            period=kit.schedule.period,
            draw=kit.machine.draw(),
            tells_expiry=importing.tells_expiry,
        ),
        refresh_at=now,
        notes=(Note.CONNECTED,),
    )
    shard = kit.shard(resource.resource_id, connection_id)
    kit.store.connections.create(connection, None, shard=shard, ttl=None)
    return connection_id
