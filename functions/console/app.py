"""The console's page, its files, what it must know of the deployment, and the API's description."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from oauth_broker import gateway
from oauth_broker.errors import NotFoundError, UnavailableError
from oauth_broker.protocol.sign_in import SignIn, page_policy
from oauth_broker.settings import ConsoleSettings
from oauth_broker.static_file import StaticFile

if TYPE_CHECKING:
    from oauth_broker.flows.sign_in import Entrance
    from oauth_broker.gateway import Request, Response

SETTINGS = ConsoleSettings.from_environment(os.environ)
FOLDER: Final = Path(__file__).parent
MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
HEADERS: Final = {
    "cache-control": "no-cache",
    # What comes back to the page by its address is nobody else's.
    "referrer-policy": "no-referrer",
    # The page keeps hold of the window of a consent, so that it sees when that is closed.
    "cross-origin-opener-policy": "same-origin-allow-popups",
}
PAGE: Final = "index.html"
# By their exact names: nothing that a path may say leads anywhere else.
NAMES: Final = frozenset(
    path.name for path in (FOLDER / "static").iterdir() if path.suffix in MEDIA_TYPES
) - {PAGE}


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer an HTTP API event."""
    return gateway.answer(event, gateway.routed(ROUTES))


@cache
def static(name: str, policy: str = "default-src 'none'") -> StaticFile:
    """Give a file of the page; a browser asks each time whether it still holds."""
    path = FOLDER / "static" / name
    return StaticFile(
        path.read_bytes(), MEDIA_TYPES[path.suffix], {**HEADERS, "content-security-policy": policy}
    )


def page(request: Request) -> Response:
    """Give the page. Its query is for itself: what a provider or the issuer sends back."""
    try:
        way_in = sign_in(request)
    except UnavailableError:
        way_in = None  # the page says so itself, when it asks for its configuration
    return static(PAGE, page_policy(way_in)).answer(request)


def file(request: Request) -> Response:
    """Give one of the page's files."""
    name = request.path_parameters["file"]
    if name not in NAMES:
        raise NotFoundError("There is no such file.")
    return static(name).answer(request)


def configuration(request: Request) -> Response:
    """Give what the page must know. Raises UnavailableError: the issuer does not answer."""
    request.only()
    way_in = sign_in(request)
    body = {
        "api_prefix": "/jwt" if SETTINGS.oidc_issuer else "",
        "public_url": SETTINGS.public_url or f"https://{request.domain}",
        "sign_in": way_in.as_json() if way_in else None,
        "demo_provider": SETTINGS.demo_provider,
    }
    return gateway.json_response(200, body, headers={"cache-control": "no-cache"})


def sign_in(request: Request) -> SignIn | None:
    """Give how people sign in, None where nobody does. Raises UnavailableError.

    The client comes with each request: the stack's own needs the API, which needs this function.
    """
    client_id = request.stage_variables.get("console_client_id")
    return entrance(SETTINGS.oidc_issuer, client_id).sign_in() if SETTINGS.oidc_issuer and client_id else None


@cache
def entrance(issuer: str, client_id: str) -> Entrance:
    """Open the way to the issuer, which is loaded where somebody signs in."""
    from oauth_broker.doors.egress import Egress  # noqa: PLC0415 - see above
    from oauth_broker.doors.machine import Machine  # noqa: PLC0415 - see above
    from oauth_broker.flows.issuers import Issuers  # noqa: PLC0415 - see above
    from oauth_broker.flows.sign_in import Entrance  # noqa: PLC0415 - see above

    machine = Machine()
    return Entrance(
        Issuers(Egress.of_settings(SETTINGS.public_url, SETTINGS.loopback), machine),
        machine,
        issuer=issuer,
        client_id=client_id,
        scope_prefix=SETTINGS.scope_prefix,
        audience=SETTINGS.oidc_audience,
    )


@cache
def openapi() -> StaticFile:
    """Give the description; a cache may keep it for a while and then ask whether it still holds."""
    content = (FOLDER / "openapi.json").read_bytes()
    return StaticFile(content, "application/json", {"cache-control": "public, max-age=300"})


def description(request: Request) -> Response:
    """Give the OpenAPI description."""
    request.only()
    return openapi().answer(request)


ROUTES: Final = {
    "GET /": page,
    "GET /console/config.json": configuration,
    "GET /console/{file}": file,
    "GET /openapi.json": description,
}
