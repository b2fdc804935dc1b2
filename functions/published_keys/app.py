"""GET /oauth/{resource_id}/jwks.json: the public keys with which the broker authenticates as a client."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from oauth_broker import gateway
from oauth_broker.doors.store import Store
from oauth_broker.errors import NotFoundError
from oauth_broker.settings import PublishedKeysSettings

if TYPE_CHECKING:
    from oauth_broker.gateway import Request, Response

STORE = Store(PublishedKeysSettings.from_environment(os.environ).table).connect()
# As application/json: RFC 7517 has a media type of its own, which some readers of key sets refuse.
HEADERS: Final = {"cache-control": "public, max-age=300"}


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer an HTTP API event."""
    return gateway.answer(event, gateway.routed(ROUTES))


def key_set(request: Request) -> Response:
    """Give a resource's keys, also while it is being deleted: its revocations are signed until the last."""
    request.only()
    row = STORE.resources.load(resource_id=request.path_parameters["resource_id"]).resource
    if row is None or not row.public_keys:
        raise NotFoundError("There is no such resource, or it has no signing keys.")
    return gateway.json_response(200, {"keys": list(row.public_keys)}, headers=HEADERS)


ROUTES: Final = {"GET /oauth/{resource_id}/jwks.json": key_set}
