"""Who may talk to the local stack: nothing but this machine, and no foreign web page in its browser.

`/v1` needs no sign-in here, so a page that the person happens to read must not reach it: neither by a
cross-site request (Origin, Sec-Fetch-Site) nor by DNS rebinding, where only Host tells the truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Caller:
    """What a request says of its origin. `headers` has lower-case names."""

    peer: str
    method: str
    path: str
    headers: Mapping[str, str]


def caller_of(environ: Mapping[str, Any]) -> Caller:
    """What a WSGI request says of its origin."""
    headers = {
        key.removeprefix("HTTP_").lower().replace("_", "-"): value
        for key, value in environ.items()
        if key.startswith("HTTP_")
    }
    path = decoded_path(environ["REQUEST_URI"])
    return Caller(environ["REMOTE_ADDR"], environ["REQUEST_METHOD"], path, headers)


def decoded_path(target: str) -> str:
    """The path of a request target as API Gateway sees it: decoded once, and cut where that brings a "?".

    HTTP APIs do so (seen in captures of live events); REST APIs and function URLs do not.
    """
    if not target.startswith("/"):  # absolute form, RFC 9112 section 3.2.2
        target = "/" + target.partition("://")[2].partition("/")[2]
    return unquote(target.partition("?")[0]).partition("?")[0]


def api_refusal(caller: Caller, port: int) -> HTTPStatus | None:
    """The status with which the HTTP API on `port` refuses a caller, or None. `caller.path` is decoded."""
    if (refusal := _foreign_machine(caller, port)) is not None:
        return refusal
    if caller.path.startswith("/oauth/") or (caller.method == "GET" and caller.path == "/"):
        return None  # a provider's site sends the browser here, by GET or by form_post
    origin = caller.headers.get("origin")
    if origin is not None and origin != f"http://{caller.headers['host']}":
        return HTTPStatus.FORBIDDEN
    if caller.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return HTTPStatus.FORBIDDEN
    return None


def aws_refusal(caller: Caller, port: int) -> HTTPStatus | None:
    """The status with which the AWS endpoint on `port` refuses a caller, or None.

    Only SDKs call it: they sign (which a page cannot do without asking first, and asking brings Origin) and
    send nothing that a browser adds by itself.
    """
    if (refusal := _foreign_machine(caller, port)) is not None:
        return refusal
    if "origin" in caller.headers or "sec-fetch-site" in caller.headers:
        return HTTPStatus.FORBIDDEN
    if not caller.headers.get("authorization", "").startswith("AWS4-HMAC-SHA256 "):
        return HTTPStatus.FORBIDDEN
    return None


def _foreign_machine(caller: Caller, port: int) -> HTTPStatus | None:
    try:
        loopback = ip_address(caller.peer).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        return HTTPStatus.FORBIDDEN
    if caller.headers.get("host", "").lower() not in (f"127.0.0.1:{port}", f"localhost:{port}"):
        return HTTPStatus.MISDIRECTED_REQUEST
    return None
