"""An HTTP request as the event that API Gateway makes of it, and a function's answer as HTTP again.

API Gateway Developer Guide, "AWS Lambda proxy integrations for HTTP APIs", payload format 2.0.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from local.intrinsics import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from local.execution_environment import Outcome
    from local.routes import Route

BODY_LIMIT = 10 * 1024 * 1024  # bytes of a request's body (API Gateway quotas, HTTP API)

# Everything else arrives as base64, form posts too.
_TEXT = re.compile(
    r"(text/[^;]+|application/([^;]+\+)?(json|xml)|application/javascript)\s*(;.*)?", re.IGNORECASE
)
_DROPPED = {"connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}


@dataclass(frozen=True)
class HttpRequest:
    """A request as it came in: `path` decoded, `query` raw, header names lower-case, repeats joined."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    peer: str
    protocol: str = "HTTP/1.1"


@dataclass(frozen=True)
class HttpResponse:
    """An answer to send."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes = b""


def message(status: int, text: str) -> HttpResponse:
    """An answer of API Gateway's own: `{"message": …}`."""
    body = json.dumps({"message": text}, separators=(",", ":")).encode()
    return HttpResponse(status, [("Content-Type", "application/json")], body)


FAILED = message(500, "Internal Server Error")


def event(  # noqa: PLR0913 - these are the six things that an event is made of
    request: HttpRequest,
    route: Route,
    path_parameters: Mapping[str, str],
    authorizer: Mapping[str, Any] | None,
    *,
    request_id: str,
    now: float,
) -> dict[str, Any]:
    """The event of a request that took `route`; `now` in seconds. Members without content are left out."""
    headers = {name: value for name, value in request.headers.items() if name != "cookie"}
    made: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route.key,
        "rawPath": request.path,
        "rawQueryString": request.query,
    }
    if "cookie" in request.headers:
        made["cookies"] = [part.strip() for part in request.headers["cookie"].split(";") if part.strip()]
    made["headers"] = headers
    if parameters := _query_parameters(request.query):
        made["queryStringParameters"] = parameters
    made["requestContext"] = _context(request, route, authorizer, request_id, now)
    if path_parameters:
        made["pathParameters"] = dict(path_parameters)
    if route.stage_variables:
        made["stageVariables"] = dict(route.stage_variables)
    if request.body:
        made["body"], made["isBase64Encoded"] = _body(request)
    else:
        made["isBase64Encoded"] = False
    return made


def response(outcome: Outcome) -> HttpResponse:
    """What the caller gets for a function's answer; 500 for a failure or an answer that is none."""
    if outcome.failed:
        return FAILED
    payload = outcome.payload
    if not isinstance(payload, dict) or "statusCode" not in payload:
        text = payload if isinstance(payload, str) else json.dumps(payload)
        return HttpResponse(200, [("Content-Type", "application/json")], text.encode())
    try:
        return _formatted(payload)
    except (TypeError, ValueError, AttributeError, binascii.Error):
        return FAILED


def _query_parameters(query: str) -> dict[str, str]:
    joined: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        joined.setdefault(name, []).append(value)
    return {name: ",".join(values) for name, values in joined.items()}


def _context(
    request: HttpRequest, route: Route, authorizer: Mapping[str, Any] | None, request_id: str, now: float
) -> dict[str, Any]:
    domain = request.headers.get("host", "")
    context: dict[str, Any] = {"accountId": ACCOUNT, "apiId": "local"}
    if authorizer is not None:
        context["authorizer"] = dict(authorizer)
    return {
        **context,
        "domainName": domain,
        "domainPrefix": domain.partition(".")[0],
        "http": {
            "method": request.method,
            "path": request.path,
            "protocol": request.protocol,
            "sourceIp": request.peer,
            "userAgent": request.headers.get("user-agent", ""),
        },
        "requestId": request_id,
        "routeKey": route.key,
        "stage": "$default",
        "time": datetime.fromtimestamp(now, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "timeEpoch": int(now * 1000),
    }


def _body(request: HttpRequest) -> tuple[str, bool]:
    if _TEXT.fullmatch(request.headers.get("content-type", "").strip()):
        try:
            return request.body.decode(), False
        except UnicodeDecodeError:
            pass  # a text type that lies arrives whole, rather than damaged
    return base64.b64encode(request.body).decode(), True


def _formatted(payload: Mapping[str, Any]) -> HttpResponse:
    status = int(payload["statusCode"])
    if not 100 <= status <= 599:  # noqa: PLR2004 - RFC 9110 section 15
        raise ValueError
    headers = [(name, _header_value(value)) for name, value in (payload.get("headers") or {}).items()]
    headers = [(name, value) for name, value in headers if name.lower() not in _DROPPED]
    headers += [("Set-Cookie", _header_value(cookie)) for cookie in payload.get("cookies") or []]
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "text/plain;charset=UTF-8"))
    body = payload.get("body") or ""
    if not isinstance(body, str):
        raise TypeError
    content = base64.b64decode(body, validate=True) if payload.get("isBase64Encoded") else body.encode()
    return HttpResponse(status, headers, content)


def _header_value(value: Any) -> str:
    if not isinstance(value, str | int | float):
        raise TypeError
    text = json.dumps(value) if not isinstance(value, str) else value
    if any(character in text for character in "\r\n\0"):
        raise ValueError
    text.encode("latin-1")
    return text
