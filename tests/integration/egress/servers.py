"""Providers of bytes on loopback: each answers as its script says, and remembers what arrived."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from typing import Self

from oauth_broker.protocol.destinations import Destinations

# What a server does with a connection and the request that it read from it.
Script = Callable[[socket.socket, bytes], None]


class Anywhere(Destinations):
    """Destinations that allow all, so that the rest of the wall stands alone."""

    def allows(self, url: str) -> bool:
        """Say yes."""
        return url is not None


ANYWHERE = Anywhere(frozenset())


class Server:
    """A listener on loopback. `requests` are those read whole, `arrivals` counts the connections.

    With `reads` False the script is run before anything is read.
    """

    def __init__(self, script: Script, *, context: ssl.SSLContext | None = None, reads: bool = True) -> None:
        self.requests: list[bytes] = []
        self.arrivals = 0
        self._script, self._context, self._reads = script, context, reads
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.arrivals += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(10)
        # A peer that turns away, in the handshake or later, is what many tests are about.
        with contextlib.suppress(OSError), contextlib.closing(connection):
            if self._context is None:
                self._speak(connection)
            else:
                with self._context.wrap_socket(connection, server_side=True) as tls:
                    self._speak(tls)

    def _speak(self, connection: socket.socket) -> None:
        request = b""
        if self._reads:
            request = read_request(connection)
            self.requests.append(request)
        self._script(connection, request)


def read_request(connection: socket.socket) -> bytes:
    """Read one request, head and body by Content-Length."""
    request = b""
    while b"\r\n\r\n" not in request:
        if not (piece := connection.recv(65_536)):
            return request
        request += piece
    head, _, body = request.partition(b"\r\n\r\n")
    lengths = [
        line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
    ]
    while lengths and len(body) < int(lengths[0]) and (piece := connection.recv(65_536)):
        body += piece
    return head + b"\r\n\r\n" + body


def response(body: bytes = b"{}", *, status: str = "200 OK", **headers: str) -> bytes:
    """Write an answer with its length; underscores of header names stand for hyphens."""
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


def sending(raw: bytes) -> Script:
    """Send `raw` and close."""
    return lambda connection, _: connection.sendall(raw)


def dripping(start: bytes, piece: bytes) -> Script:
    """Send `start`, then `piece` again and again for 8 seconds."""

    def drip(connection: socket.socket, _request: bytes) -> None:
        connection.sendall(start)
        until = time.monotonic() + 8
        while time.monotonic() < until:
            connection.sendall(piece)
            time.sleep(0.02)

    return drip


def reset(connection: socket.socket, _request: bytes) -> None:
    """Break the connection off with a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def silent(connection: socket.socket, _request: bytes) -> None:
    """Say nothing for 8 seconds, or until the peer is gone."""
    connection.settimeout(8)
    while connection.recv(65_536):
        pass
