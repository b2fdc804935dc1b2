"""From an HTTP API event to an answer: parse, find the handler, turn errors into problems or pages, log."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from oauth_broker import log
from oauth_broker.caller import Caller, CallerKind
from oauth_broker.errors import NotFoundError
from oauth_broker.pages import error_page
from oauth_broker.problems import problem
from oauth_broker.request import Request, cursor_text, parse_request
from oauth_broker.response import Response, empty, json_response, redirect, set_cookie

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "Caller",
    "CallerKind",
    "Request",
    "Response",
    "answer",
    "cursor_text",
    "empty",
    "json_response",
    "redirect",
    "routed",
    "set_cookie",
]


def routed(routes: Mapping[str, Callable[[Request], Response]]) -> Callable[[Request], Response]:
    """Give a handler that passes each request on by its route, such as `GET /v1/resources/{resource_id}`."""

    def handle(request: Request) -> Response:
        try:
            chosen = routes[request.route]
        except KeyError:
            raise NotFoundError("There is no such route.") from None
        return chosen(request)

    return handle


def answer(
    event: Mapping[str, Any],
    handle: Callable[[Request], Response],
    *,
    scope_prefix: str = "",
    pages: bool = False,
) -> dict[str, Any]:
    """Answer an HTTP API event (payload 2.0), whatever happens, and write exactly one log line.

    `handle` gives the answer or raises; what it raises becomes a problem, or with `pages` a page for a
    browser. `scope_prefix` stands before the scope names in JWTs; without one no JWT caller is an admin.
    """
    began = time.perf_counter()
    request: Request | None = None
    failure: Exception | None = None
    try:
        request = parse_request(event, scope_prefix=scope_prefix)
        response = handle(request)
        answered = response.as_event()
    except Exception as error:  # noqa: BLE001 - the last stop: a caller gets an answer of ours, and no trace
        failure = error
        response = error_page(error) if pages else problem(error)
        answered = response.as_event()
    _log(event, request, response, failure, milliseconds=round((time.perf_counter() - began) * 1000))
    return answered


def _log(
    event: Mapping[str, Any],
    request: Request | None,
    response: Response,
    failure: Exception | None,
    *,
    milliseconds: int,
) -> None:
    """Write the request's line: never its query, body, headers or cookies."""
    failed = response.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    members: dict[str, log.Field] = {
        "route": event.get("routeKey"),
        "status": response.status,
        "ms": milliseconds,
        "request_id": (event.get("requestContext") or {}).get("requestId"),
    }
    if request:
        members |= {
            "caller": request.caller.identity or None,
            "resource_id": request.path_parameters.get("resource_id"),
            "connection_id": request.path_parameters.get("connection_id"),
        }
    if failure:
        members |= log.fault(failure)
    log.line("request", failed=failed, **{**members, **response.logged})
