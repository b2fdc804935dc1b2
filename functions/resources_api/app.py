"""The management API: resources, connections, callback addresses, and /health."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Final

from oauth_broker import gateway
from oauth_broker.connection import Status
from oauth_broker.doors.catalogue import Catalogue
from oauth_broker.errors import FieldProblem, InvalidError, MalformedError, NotFoundError
from oauth_broker.flows import manage_resources as manage
from oauth_broker.flows.ask import ask_for_connection, reauthorize
from oauth_broker.flows.confirm import confirm
from oauth_broker.flows.delete_resource import delete_resource
from oauth_broker.flows.disconnect import disconnect
from oauth_broker.flows.health import Health
from oauth_broker.flows.import_connections import import_connection, import_lines
from oauth_broker.flows.list_connections import list_connections
from oauth_broker.flows.show_connection import connection_json, find_connection
from oauth_broker.flows.start_link import Addresses, callback_url
from oauth_broker.problems import problem_json
from oauth_broker.registration.prefill import entry_named_in
from oauth_broker.settings import ResourcesApiSettings
from oauth_broker.wiring import kit_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauth_broker.flows.import_connections import Imported
    from oauth_broker.gateway import Request, Response

SETTINGS = ResourcesApiSettings.from_environment(os.environ)
KIT = kit_of(SETTINGS)
CATALOGUE = Catalogue()
HEALTH = Health(KIT.store, KIT.machine)
LOOPBACK: Final = SETTINGS.loopback.allowed
RESOURCES: Final = "/v1/resources"
RESOURCE: Final = f"{RESOURCES}/{{resource_id}}"
CONNECTIONS: Final = f"{RESOURCE}/connections"
CONNECTION: Final = f"{CONNECTIONS}/{{connection_id}}"
RESOURCE_ID: Final = re.compile(r"[a-z0-9-]{1,64}")


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer an HTTP API event."""
    return gateway.answer(event, gateway.routed(ROUTES), scope_prefix=SETTINGS.scope_prefix)


def addresses(request: Request) -> Addresses:
    """Give the broker's address and where browsers may return to."""
    return Addresses.of(SETTINGS.public_url, request.domain, SETTINGS.return_url_origins.allows)


def health(_request: Request) -> Response:
    """Say whether the store answers."""
    HEALTH.check()
    return gateway.json_response(200, {"status": "ok"})


def callback_address(request: Request) -> Response:
    """Give the address to register at the provider: also of a resource that is still to be made."""
    request.only("resource_id")
    resource_id = request.query.get("resource_id")
    if resource_id is None:
        return gateway.json_response(200, {"callback_url": callback_url(addresses(request).base, None)})
    if not RESOURCE_ID.fullmatch(resource_id):
        raise InvalidError(FieldProblem("resource_id", "is 1 to 64 of a-z, 0-9 and -"))
    try:
        address = addresses(request).callback(KIT.shelf.resource(resource_id).resource)
    except NotFoundError:
        address = callback_url(addresses(request).base, resource_id)
    return gateway.json_response(200, {"callback_url": address})


def create(request: Request) -> Response:
    """Register a resource."""
    request.only()
    body = request.json()
    created = manage.create_resource(
        KIT, addresses(request), body, loopback=LOOPBACK, entry=entry_named_in(body, CATALOGUE)
    )
    return _shown(201, created)


def resources(request: Request) -> Response:
    """List resources."""
    request.only("limit", "cursor")
    cursor = request.cursor()
    after = None if cursor is None else cursor.get("after")
    if cursor is not None and not (isinstance(after, str) and RESOURCE_ID.fullmatch(after)):
        message = "The cursor is not one of ours."
        raise MalformedError(message)
    items, last = manage.list_resources(KIT, addresses(request).base, limit=request.limit(), after=after)
    return _listed(items, None if last is None else {"after": last})


def show(request: Request) -> Response:
    """Show a resource."""
    request.only()
    return _shown(
        200, manage.show_resource(KIT, addresses(request).base, request.path_parameters["resource_id"])
    )


def replace(request: Request) -> Response:
    """Replace a resource."""
    request.only()
    body = request.json()
    changed = manage.replace_resource(
        KIT,
        addresses(request),
        request.path_parameters["resource_id"],
        body,
        if_match=request.if_match(),
        loopback=LOOPBACK,
        entry=entry_named_in(body, CATALOGUE),
    )
    return _shown(200, changed)


def patch(request: Request) -> Response:
    """Change members of a resource."""
    request.only()
    body = request.json()
    changed = manage.patch_resource(
        KIT,
        addresses(request),
        request.path_parameters["resource_id"],
        body,
        if_match=request.if_match(),
        loopback=LOOPBACK,
        entry=entry_named_in(body, CATALOGUE),
    )
    return _shown(200, changed)


def delete(request: Request) -> Response:
    """Delete a resource."""
    request.only("connections")
    connections = request.query.get("connections")
    if connections not in {None, "revoke"}:
        raise InvalidError(FieldProblem("connections", "is `revoke` or left out"))
    gone = delete_resource(
        KIT,
        request.path_parameters["resource_id"],
        revoke=connections == "revoke",
        if_match=request.if_match(),
    )
    return gateway.empty(204) if gone else gateway.empty(202)


def rebind(request: Request) -> Response:
    """Carry a resource's connections over to its new destinations."""
    request.only()
    resource_id = request.path_parameters["resource_id"]
    return _shown(200, manage.rebind(KIT, addresses(request).base, resource_id, if_match=request.if_match()))


def ask(request: Request) -> Response:
    """Ask for a connection."""
    request.only()
    resource_id = request.path_parameters["resource_id"]
    body = ask_for_connection(KIT, request.caller, addresses(request), resource_id, request.json())
    return gateway.json_response(201, body)


def imports(request: Request) -> Response:
    """Import a connection, or with JSON Lines many."""
    request.only()
    resource_id = request.path_parameters["resource_id"]
    lines = request.json_lines()
    if lines is None:
        made = import_connection(KIT, request.caller, resource_id, request.json())
        return gateway.json_response(201, {"connection_id": made, "status": str(Status.ACTIVE)})
    items = [_imported(one) for one in import_lines(KIT, request.caller, resource_id, lines)]
    refused = sum(item["problem"] is not None for item in items)
    return gateway.json_response(200, {"items": items}).noting(lines=len(items), refused=refused)


def _imported(one: Imported) -> dict[str, Any]:
    return {
        "line": one.line,
        "connection_id": one.connection_id,
        "status": str(Status.ACTIVE) if one.error is None else None,
        "problem": None if one.error is None else problem_json(one.error),
    }


def ask_again(request: Request) -> Response:
    """Ask for a new consent to a connection."""
    request.only()
    body = reauthorize(
        KIT, request.caller, addresses(request), **request.path_parameters, body=request.json()
    )
    return gateway.json_response(201, body)


def connections(request: Request) -> Response:
    """List connections."""
    request.only("limit", "cursor", "status", "label", "dies_before")
    items, after = list_connections(
        KIT,
        request.caller,
        request.path_parameters["resource_id"],
        limit=request.limit(),
        cursor=request.cursor(),
        status=request.query.get("status"),
        label=request.query.get("label"),
        dies_before=request.query.get("dies_before"),
    )
    return _listed(items, after)


def connection(request: Request) -> Response:
    """Show a connection."""
    request.only()
    held, found = find_connection(KIT, request.caller, **request.path_parameters)
    return gateway.json_response(200, connection_json(found, held, now=KIT.machine.now()))


def confirmed(request: Request) -> Response:
    """Confirm who it was that consented."""
    request.only()
    body = confirm(KIT, request.caller, **request.path_parameters, body=request.json())
    return gateway.json_response(200, body)


def disconnected(request: Request) -> Response:
    """Disconnect."""
    request.only()
    _, found = find_connection(KIT, request.caller, **request.path_parameters)
    disconnect(KIT, found)
    return gateway.empty(204)


def _shown(status: int, shown: manage.Shown) -> Response:
    return gateway.json_response(status, shown.body, headers={"etag": f'"{shown.etag}"'})


def _listed(items: list[dict[str, Any]], after: Mapping[str, Any] | None) -> Response:
    next_cursor = None if after is None else gateway.cursor_text(after)
    return gateway.json_response(200, {"items": items, "next_cursor": next_cursor})


ROUTES: Final = {
    "GET /health": health,
    "GET /v1/callback-url": callback_address,
    f"POST {RESOURCES}": create,
    f"GET {RESOURCES}": resources,
    f"GET {RESOURCE}": show,
    f"PUT {RESOURCE}": replace,
    f"PATCH {RESOURCE}": patch,
    f"DELETE {RESOURCE}": delete,
    "POST /v1/rebind/{resource_id}": rebind,
    f"POST {CONNECTIONS}": ask,
    f"POST {RESOURCE}/imports": imports,
    f"GET {CONNECTIONS}": connections,
    f"GET {CONNECTION}": connection,
    f"DELETE {CONNECTION}": disconnected,
    f"POST {CONNECTION}/confirm": confirmed,
    f"POST {CONNECTION}/reauthorize": ask_again,
}
