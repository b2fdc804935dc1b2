"""GET /openapi.json: the API's description, for whoever writes a client. It needs no right and no setting."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from oauth_broker import gateway

if TYPE_CHECKING:
    from oauth_broker.gateway import Request, Response

DESCRIPTION: Final = Path(__file__).with_name("openapi.json").read_text("utf-8")
ETAG: Final = f'"{hashlib.sha256(DESCRIPTION.encode()).hexdigest()[:16]}"'
# The same for everybody, and no secret: a cache may keep it for a while and then ask whether it still holds.
HEADERS: Final = {"etag": ETAG, "cache-control": "public, max-age=300"}


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer an HTTP API event."""
    return gateway.answer(event, gateway.routed(ROUTES))


def description(request: Request) -> Response:
    """Give the OpenAPI description, or 304 to who has it (RFC 9110 section 13.1.2: compared weakly)."""
    request.only()
    known = request.headers.get("if-none-match", "")
    if {"*", ETAG} & {tag.strip().removeprefix("W/") for tag in known.split(",")}:
        return gateway.Response(304, HEADERS)
    return gateway.Response(200, {"content-type": "application/json", **HEADERS}, DESCRIPTION)


ROUTES: Final = {"GET /openapi.json": description}
