"""Every outgoing request: what may go where, one deadline, and answers of bounded size.

Nothing is followed, sent again, kept alive or read from the environment. An error says which rule was broken
and whether the provider may have seen the request; no URL, header or body.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import quote, urlsplit

from oauth_broker.doors.pinned_connection import (
    Resolve,
    addresses_of,
    connected,
    secured,
    tls_context,
)
from oauth_broker.errors import EgressRefusedError
from oauth_broker.protocol.addresses import LOOPBACK, forbidden_address, forbidden_host
from oauth_broker.protocol.destinations import DEFAULT_PORTS, ascii_host
from oauth_broker.protocol.http import TRANSPORT_HEADERS, HttpRequest, HttpResponse

if TYPE_CHECKING:
    import ssl

    from oauth_broker.protocol.destinations import Destinations
    from oauth_broker.settings import Loopback

VERSION: Final = "0.1.0"
USER_AGENT: Final = f"oauth-broker/{VERSION}"

_VISIBLE: Final = "".join(map(chr, range(0x21, 0x7F)))
_MALFORMED_URL: Final = re.compile(r"[\x00-\x20\x7f\\]")
_METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e]*")
# Ours stands instead of what the caller asks for: we read no other coding, and say who we are.
_REPLACED_HEADERS: Final = frozenset({"accept-encoding", "user-agent"})


class Egress:
    """The way out. Safe to share between threads.

    `deadline`: seconds for a whole request, from lookup to the answer's last byte. `max_body`: bytes of an
    answer, decoded or not. `loopback`: plain loopback hosts too, also over http, but for `forbidden_ports`.
    `own_host`: the broker's own, as `host` or `host:port`. `ca_bundle`: a PEM file with further authorities.
    `resolve`: as `socket.getaddrinfo`.
    """

    def __init__(  # noqa: PLR0913 - the settings of one thing, each by name
        self,
        *,
        deadline: float = 15.0,
        max_body: int = 1_000_000,
        loopback: bool = False,
        forbidden_ports: frozenset[int] = frozenset(),
        own_host: str | None = None,
        ca_bundle: str | None = None,
        resolve: Resolve = socket.getaddrinfo,
    ) -> None:
        self._deadline = deadline
        self._max_body = max_body
        self._loopback = loopback
        self._forbidden_ports = forbidden_ports
        self._own_host = own_host and own_host.lower()
        self._ca_bundle = ca_bundle
        self._resolve = resolve
        self._context: ssl.SSLContext | None = None
        self._making_context = threading.Lock()

    @classmethod
    def of_settings(cls, public_url: str | None, loopback: Loopback, *, deadline: float = 15.0) -> Self:
        """Give a function's way out, as its settings allow."""
        return cls(
            deadline=deadline,
            loopback=loopback.allowed,
            forbidden_ports=loopback.forbidden_ports,
            # on one machine the broker's ports tell it from its providers, not its host
            own_host=None if loopback.allowed else urlsplit(public_url or "").hostname,
        )

    def send(
        self,
        request: HttpRequest,
        destinations: Destinations,
        *,
        deadline: float | None = None,
        since: float | None = None,
    ) -> HttpResponse:
        """Send `request`, within `deadline` seconds instead of the usual ones, and give what was answered.

        They count from `since` (epoch seconds), where that is given: nothing is sent when they are over.

        A redirect is an answer like any other. Raises EgressRefusedError (a rule forbids it, nothing sent),
        NotConnectedError (not one byte of it was sent), OutcomeUnknownError (the provider may have acted).
        """
        until = time.monotonic() + (self._deadline if deadline is None else deadline)
        if since is not None:
            until -= max(0.0, time.time() - since)
        if not destinations.allows(request.url):
            raise EgressRefusedError("the URL is none of the resource's destinations")
        target = target_of(request.url)
        loopback = self._is_loopback(target)
        headers = headers_of(request, target)
        addresses = addresses_of(target.host, target.port, self._resolve, until)
        for rule in map(forbidden_address, addresses):
            if rule != (LOOPBACK if loopback else None):
                raise EgressRefusedError(f"the name leads to a forbidden address: {rule or 'not loopback'}")
        # `requests` is slow to import: only where something is sent.
        from oauth_broker.doors.answer import exchange  # noqa: PLC0415 - see above

        context = self._tls() if target.scheme == "https" else None
        plain = connected(addresses, target.port, until)
        connection = plain if context is None else secured(plain, target.host, context)
        return exchange(connection, request, target.path, headers, self._max_body)

    def _is_loopback(self, target: Target) -> bool:
        """Say whether `target` is a loopback provider; raises EgressRefusedError where a rule forbids it."""
        rule = forbidden_host(target.written_host)
        loopback = self._loopback and rule == LOOPBACK
        if rule is not None and not loopback:
            raise EgressRefusedError(f"the host is forbidden: {rule}")
        if target.scheme != "https" and not loopback:
            raise EgressRefusedError("the URL is not https")
        if loopback and target.port in self._forbidden_ports:
            raise EgressRefusedError("the port is one of the broker's own")
        if self._own_host in {target.host, target.authority}:
            raise EgressRefusedError("the host is the broker's own")
        return loopback

    def _tls(self) -> ssl.SSLContext:
        with self._making_context:
            if self._context is None:
                self._context = tls_context(self._ca_bundle)
            return self._context


@dataclass(frozen=True, slots=True, repr=False)
class Target:
    """Where a request goes: `written_host` as the URL has it, `host` in A-labels, `path` with the query."""

    scheme: str
    written_host: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Give the value of the Host header (RFC 9110 section 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def target_of(url: str) -> Target:
    """Take an absolute URL apart; a fragment is never sent. Raises EgressRefusedError for a malformed one."""
    target = None if _MALFORMED_URL.search(url) else _parsed(url)
    if target is None:
        raise EgressRefusedError("the URL is malformed")
    return target


def _parsed(url: str) -> Target | None:
    try:
        parts = urlsplit(url)
        written_host = parts.hostname or ""
        host = ascii_host(written_host)
        port = parts.port
        path, query = (quote(part, safe=_VISIBLE) for part in (parts.path or "/", parts.query))
    except ValueError:
        return None
    if "@" in parts.netloc:
        raise EgressRefusedError("the URL has userinfo")
    if parts.scheme not in DEFAULT_PORTS or not path.startswith("/") or port == 0:
        return None
    return Target(
        parts.scheme,
        written_host,
        host,
        port or DEFAULT_PORTS[parts.scheme],
        f"{path}?{query}" if query else path,
    )


def headers_of(request: HttpRequest, target: Target) -> dict[str, str]:
    """Give all headers but Content-Length. Raises EgressRefusedError for one that is malformed or ours."""
    if request.method not in _METHODS:
        raise EgressRefusedError("the method is not one of HTTP's that name a resource")
    if len({name.lower() for name in request.headers}) != len(request.headers):
        raise EgressRefusedError("a header stands twice")
    headers = {}
    for name, value in request.headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise EgressRefusedError("a header is malformed")
        if name.lower() in TRANSPORT_HEADERS:
            raise EgressRefusedError(f"the header {name.lower()} is egress's own")
        if name.lower() not in _REPLACED_HEADERS:
            headers[name] = value
    return headers | {
        "Host": target.authority,
        "User-Agent": USER_AGENT,
        "Accept-Encoding": "identity",
        "Connection": "close",
    }
