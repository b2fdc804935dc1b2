"""GET /v1/providers, the catalogue of known providers; POST /v1/discovery and /v1/preview.

No AWS call, no right.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from oauth_broker import gateway
from oauth_broker.doors.catalogue import Catalogue
from oauth_broker.doors.egress import Egress
from oauth_broker.doors.machine import Machine
from oauth_broker.errors import MalformedError, NotFoundError
from oauth_broker.flows.issuers import Issuers
from oauth_broker.settings import CatalogueSettings

if TYPE_CHECKING:
    from oauth_broker.gateway import Request, Response

SETTINGS = CatalogueSettings.from_environment(os.environ)
CATALOGUE = Catalogue()
MACHINE = Machine()
ISSUERS = Issuers(Egress.of_settings(SETTINGS.public_url, SETTINGS.loopback), MACHINE)
PROVIDERS: Final = "/v1/providers"
PROVIDER: Final = f"{PROVIDERS}/{{provider}}"
# What nobody has found out is null, as everywhere.
FACTS: Final = ("needs", "revoking_ends_the_grant", "sends_iss", "enforces_pkce")


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer an HTTP API event."""
    return gateway.answer(event, gateway.routed(ROUTES))


def providers(request: Request) -> Response:
    """List providers by title."""
    request.only("limit", "cursor")
    after, limit = _place(request), request.limit()
    found = sorted(map(_shown, CATALOGUE.providers), key=_order)
    rest = [entry for entry in found if after is None or _order(entry) > after]
    page = rest[:limit]
    next_cursor = gateway.cursor_text({"after": _order(page[-1])}) if len(rest) > limit else None
    return gateway.json_response(200, {"items": [_item(entry) for entry in page], "next_cursor": next_cursor})


def provider(request: Request) -> Response:
    """Show a provider."""
    request.only()
    name = request.path_parameters["provider"]
    if CATALOGUE.entry(name) is None:
        raise NotFoundError("There is no such provider in the catalogue.")
    return gateway.json_response(200, _shown(name))


def discovery(request: Request) -> Response:
    """Say what an issuer's metadata says, as members of a registration."""
    # Loaded by those that discover alone: the list is asked for more often.
    from oauth_broker.registration.discovered import asked_issuer, discovery_json  # noqa: PLC0415 - see above

    request.only()
    loopback = SETTINGS.loopback.allowed
    issuer = asked_issuer(request.json(), loopback=loopback)
    return gateway.json_response(200, discovery_json(ISSUERS.metadata(issuer), loopback=loopback))


def preview(request: Request) -> Response:
    """Show the requests that a registration would make; nothing is stored."""
    # Loaded by those that preview alone, as above.
    from oauth_broker.flows.preview_registration import preview_registration  # noqa: PLC0415
    from oauth_broker.protocol.functions import moment_values  # noqa: PLC0415
    from oauth_broker.registration.prefill import entry_named_in  # noqa: PLC0415

    request.only()
    body = request.json()
    shown = preview_registration(
        ISSUERS,
        SETTINGS.public_url or f"https://{request.domain}",
        body,
        moment=moment_values(int(MACHINE.now() * 1000), MACHINE.random(16)),
        loopback=SETTINGS.loopback.allowed,
        entry=entry_named_in(body, CATALOGUE),
        entries=[CATALOGUE.entry(name) or {} for name in CATALOGUE.providers],
    )
    return gateway.json_response(200, shown)


def _shown(name: str) -> dict[str, Any]:
    entry = CATALOGUE.entry(name) or {}
    return {"variables": {}, "api_headers": {}, "notes": [], **dict.fromkeys(FACTS), **entry}


def _item(entry: dict[str, Any]) -> dict[str, Any]:
    """What a list of providers shows: enough to choose one and to know what to ask for."""
    return {
        **{name: entry[name] for name in ("provider", "title", "documentation", "variables")},
        "connection_variables": entry["registration"].get("connection_variables", {}),
    }


def _order(entry: dict[str, Any]) -> list[str]:
    return [entry["title"].casefold(), entry["provider"]]


def _place(request: Request) -> list[str] | None:
    cursor = request.cursor()
    if cursor is None:
        return None
    match cursor.get("after"):
        case [str(title), str(name)]:
            return [title, name]
        case _:
            raise MalformedError("The cursor is not one of ours.")


ROUTES: Final = {
    f"GET {PROVIDERS}": providers,
    f"GET {PROVIDER}": provider,
    "POST /v1/discovery": discovery,
    "POST /v1/preview": preview,
}
