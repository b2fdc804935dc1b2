"""What we answer, as a value, and how API Gateway takes it (HTTP API payload 2.0)."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauth_broker.secret import Secret

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})

# Nothing of ours is worth a cache, and much of it is a token or a link.
_EVERY_ANSWER: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}

# A page of ours runs nothing, loads nothing, stands in no frame; its address may hold a code: no referrer.
_EVERY_PAGE: Final = {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
}


@dataclass(frozen=True, slots=True, repr=False)
class Response:
    """An answer. `compressed` stands for `body` in the coding that `headers` name.

    `cookies` are whole Set-Cookie values; `logged` goes into the log line and nowhere else.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    cookies: tuple[str, ...] = ()
    logged: Mapping[str, str | int | None] = field(default_factory=dict)
    compressed: bytes = b""

    def __repr__(self) -> str:
        return f"Response({self.status})"

    def noting(self, **logged: str | int | None) -> Response:
        """Give the same answer with more for the log line: ids and outcomes, no secret, no foreign text."""
        return replace(self, logged={**self.logged, **logged})

    def as_event(self) -> dict[str, Any]:
        """Give what a function returns to API Gateway."""
        event: dict[str, Any] = {
            "statusCode": int(self.status),
            "headers": {**_EVERY_ANSWER, **self.headers},
            "body": base64.b64encode(self.compressed).decode() or self.body,
            "isBase64Encoded": bool(self.compressed),
        }
        if self.cookies:
            event["cookies"] = list(self.cookies)
        return event


def json_response(
    status: int,
    body: Mapping[str, Any],
    *,
    headers: Mapping[str, str] = _NOTHING,
    media_type: str = "application/json",
) -> Response:
    """Answer with a JSON object. A Secret in it is a TypeError: what is to be shown is revealed by name."""
    text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(status, {"content-type": media_type, **headers}, text)


def page(
    status: int,
    html: str,
    *,
    headers: Mapping[str, str] = _NOTHING,
    cookies: tuple[str, ...] = (),
) -> Response:
    """Answer a browser with a page of `pages.py`."""
    return Response(status, {**_EVERY_PAGE, **headers}, html, cookies)


def redirect(status: int, location: str, *, cookies: tuple[str, ...] = ()) -> Response:
    """Send a browser on: 302 to the provider, 303 after a callback; raises ValueError for another status.

    No referrer: the address that is left holds a ticket or a code.
    """
    if status not in {HTTPStatus.FOUND, HTTPStatus.SEE_OTHER}:
        raise ValueError(f"{status} is not a redirect of ours")
    return Response(status, {"location": location, "referrer-policy": "no-referrer"}, "", cookies)


def empty(status: int = HTTPStatus.NO_CONTENT) -> Response:
    """Answer without a body."""
    return Response(status)


def set_cookie(name: str, value: Secret, *, max_age: int, secure: bool) -> str:
    """Give a Set-Cookie value for a cookie that neither scripts nor cross-site posts get (RFC 6265bis).

    `max_age` is in seconds; `secure` is False on plain-http loopback alone, where some browsers drop the
    cookie otherwise.
    """
    attributes = f"Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax"
    return f"{name}={value.reveal()}; {attributes}{'; Secure' if secure else ''}"
