"""A token endpoint that first behaves and then does its worst, and a second host that must hear nothing."""

from __future__ import annotations

import json
import socket
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Final
from urllib.parse import parse_qs

from tests.integration.egress.servers import Server, response

MEGABYTE: Final = 1_000_000
DRIPS_FOR: Final = 8
"""Seconds: far over the deadline that the tests set."""

Misdeed = Callable[[socket.socket], None]


@dataclass
class Hostile:
    """A running one: how long (seconds) it dripped until it was left, and what refreshes it was asked for."""

    server: Server
    second_host: Server
    refreshes: list[str] = field(default_factory=list)
    dripped: list[float] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its origin."""
        return f"http://127.0.0.1:{self.server.port}"

    def answer(self, connection: socket.socket, request: bytes) -> None:
        """Give tokens for a code, and for a refresh what the path says."""
        head, _, body = request.partition(b"\r\n\r\n")
        path = head.split(b" ")[1].decode()
        if b"grant_type=refresh_token" in body:
            self.tokens.append(parse_qs(body.decode())["refresh_token"][0])
            self.refreshes.append(path)
            if path != "/good":
                self.misdeeds[path](connection)
                return
        tokens = {"access_token": "a-token", "refresh_token": f"refresh-of{path}", "expires_in": 3600}
        connection.sendall(response(json.dumps(tokens).encode(), Content_Type="application/json"))

    @cached_property
    def misdeeds(self) -> dict[str, Misdeed]:
        """What it does, by path."""
        other = f"http://127.0.0.1:{self.second_host.port}/token"
        redirects = {
            f"/{status}": sending(response(b"", status=f"{status} Elsewhere", Location=other))
            for status in (301, 302, 303, 307, 308)
        }
        huge = response(b"", Content_Type="application/json").replace(b": 0", b": 10000000")
        return {
            "/drip": self.drip,
            "/large": flooding(huge, bytes(MEGABYTE), 10),
            "/bomb": sending(response(bomb(100), Content_Encoding="gzip")),
            **redirects,
        }

    def drip(self, connection: socket.socket) -> None:
        """A byte now and then, until the other side leaves."""
        began = time.monotonic()
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        try:
            while time.monotonic() < began + DRIPS_FOR:
                connection.sendall(b"x")
                time.sleep(0.02)
        finally:
            self.dripped.append(time.monotonic() - began)


def sending(raw: bytes) -> Misdeed:
    """Send `raw`."""
    return lambda connection: connection.sendall(raw)


def flooding(head: bytes, piece: bytes, times: int) -> Misdeed:
    """Send `piece` so many times."""

    def flood(connection: socket.socket) -> None:
        connection.sendall(head)
        for _ in range(times):
            connection.sendall(piece)

    return flood


@cache
def bomb(megabytes: int) -> bytes:
    """A thousandth of that, which it becomes when it is unpacked."""
    compressor = zlib.compressobj(9, wbits=31)
    pieces = [compressor.compress(bytes(MEGABYTE)) for _ in range(megabytes)]
    return b"".join(pieces) + compressor.flush()


@contextmanager
def hostile() -> Iterator[Hostile]:
    """One, until the block ends."""
    running: list[Hostile] = []

    def answer(connection: socket.socket, request: bytes) -> None:
        running[0].answer(connection, request)

    with Server(harmless) as second_host, Server(answer) as server:
        running.append(Hostile(server, second_host))
        yield running[0]


def harmless(connection: socket.socket, _request: bytes) -> None:
    """Say that all is well."""
    connection.sendall(response())
