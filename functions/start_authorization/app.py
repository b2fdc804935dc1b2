"""GET /oauth/start: a browser opens a start link."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from oauth_broker import gateway
from oauth_broker.doors.machine import Machine
from oauth_broker.doors.store import Store
from oauth_broker.flows.browser import COOKIE_LIFETIME
from oauth_broker.flows.start_authorization import start_authorization
from oauth_broker.pages import Page, result_page
from oauth_broker.settings import StartSettings

if TYPE_CHECKING:
    from oauth_broker.gateway import Request, Response

SETTINGS = StartSettings.from_environment(os.environ)
STORE = Store(SETTINGS.table).connect()
MACHINE = Machine()
SECURE = not (SETTINGS.public_url or "").startswith("http://")


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer an HTTP API event."""
    return gateway.answer(event, start, pages=True)


def start(request: Request) -> Response:
    """Send the browser to the provider, with our cookie; what only looks ahead begins nothing."""
    if "prefetch" in request.headers.get("sec-purpose", ""):
        return result_page(Page.PREFETCHED)
    started = start_authorization(
        STORE, MACHINE, ticket=request.query.get("ticket", ""), cookies=request.cookies, secure=SECURE
    )
    cookie = gateway.set_cookie(
        started.cookie.name, started.cookie.value, max_age=COOKIE_LIFETIME, secure=SECURE
    )
    return gateway.redirect(302, started.url, cookies=(cookie,))
