"""The hot paths: GET /v1/tokens/{resource_id}/{connection_id}, and refreshing now."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

from oauth_broker import gateway
from oauth_broker.flows.read_token import read_token, refresh_now
from oauth_broker.settings import AccessSettings
from oauth_broker.wiring import kit_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from oauth_broker.gateway import Request, Response

SETTINGS = AccessSettings.from_environment(os.environ)
KIT = kit_of(SETTINGS)
DEFAULT_MIN_TTL: Final = 60
CONNECTION: Final = "/v1/resources/{resource_id}/connections/{connection_id}"


class Context(Protocol):
    """What Lambda says of an invocation."""

    def get_remaining_time_in_millis(self) -> int:
        """Give the milliseconds that are left."""
        ...


def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """Answer an HTTP API event."""

    def remaining() -> float:
        return context.get_remaining_time_in_millis() / 1000

    routes = {route: partial(handle, remaining) for route, handle in ROUTES.items()}
    return gateway.answer(event, gateway.routed(routes), scope_prefix=SETTINGS.scope_prefix)


def token(remaining: Callable[[], float], request: Request) -> Response:
    """Hand out an access token."""
    request.only("min_ttl", "name")
    body = read_token(
        KIT,
        request.caller,
        **request.path_parameters,
        min_ttl=request.number("min_ttl", default=DEFAULT_MIN_TTL, low=0),
        name=request.query.get("name"),
        remaining=remaining,
    )
    return gateway.json_response(200, body)


def refresh(remaining: Callable[[], float], request: Request) -> Response:
    """Refresh now."""
    request.only()
    body = refresh_now(KIT, request.caller, **request.path_parameters, remaining=remaining)
    return gateway.json_response(200, body)


ROUTES: Final = {
    "GET /v1/tokens/{resource_id}/{connection_id}": token,
    f"POST {CONNECTION}/refresh": refresh,
}
