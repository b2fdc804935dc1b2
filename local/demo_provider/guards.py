"""Which requests a browser may make here at all: what keeps foreign web pages out of a server on loopback."""

from __future__ import annotations

from collections.abc import Mapping

# What a person's browser opens by a link or a redirect from another site, and that changes nothing.
NAVIGABLE = frozenset({"/", "/app", "/authorize"})
SAFE_METHODS = frozenset({"GET", "HEAD"})


def refusal(method: str, path: str, headers: Mapping[str, str], port: int) -> tuple[int, str] | None:
    """The status and sentence with which a request is refused, None if it may pass.

    A page that rebinds its own name to 127.0.0.1 sends that name as Host, and no Origin: hence 421 (RFC 9110
    section 15.5.20). A page of another origin is told by Origin or Sec-Fetch-Site; programs send neither.
    """
    hosts = (f"127.0.0.1:{port}", f"localhost:{port}")
    if headers.get("Host", "") not in hosts:
        return 421, f"This server answers as {hosts[0]} and {hosts[1]} only."
    if method in SAFE_METHODS and path in NAVIGABLE:
        return None
    origin = headers.get("Origin")
    if origin is not None and origin not in [f"http://{host}" for host in hosts]:
        return 403, "A page of another origin may not call this."
    if headers.get("Sec-Fetch-Site", "none") not in {"same-origin", "none"}:
        return 403, "A page of another site may not call this."
    return None
