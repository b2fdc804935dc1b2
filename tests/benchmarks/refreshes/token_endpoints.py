"""Token endpoints that answer a refresh after a while, each on a port of its own.

Run as a file with their number, the milliseconds that an answer takes, and the bytes of an access token;
prints the ports. A refresh token is `<connection>.<number>`, padded, and rotates: what is not the newest of
its connection is refused and counted. A line on standard input is answered with the counts, `refreshed` and
`refused`; its end ends the program.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from http import HTTPStatus
from urllib.parse import parse_qs

REFRESH_TOKEN_BYTES = 100
LIFETIME = 3600

counts = Counter(refreshed=0, refused=0)
newest: dict[str, int] = {}


def refresh_token(connection: str, number: int) -> str:
    """The refresh token with which a connection is refreshed for the `number`-th time, from 0 on."""
    return f"{connection}.{number}.".ljust(REFRESH_TOKEN_BYTES, "r")


def access_token(number: int, size: int) -> str:
    """An access token of so many bytes."""
    return f"{number}.".ljust(size, "a")


def answer(body: bytes, size: int) -> tuple[HTTPStatus, dict[str, str | int]]:
    """What a refresh request is answered (RFC 6749 sections 5.1 and 5.2)."""
    form = parse_qs(body.decode())
    connection, number, _ = form["refresh_token"][0].rsplit(".", 2)
    spent = int(number)
    if spent != newest.get(connection, 0):
        counts["refused"] += 1
        return HTTPStatus.BAD_REQUEST, {"error": "invalid_grant"}
    counts["refreshed"] += 1
    newest[connection] = spent + 1
    return HTTPStatus.OK, {
        "access_token": access_token(spent + 1, size),
        "refresh_token": refresh_token(connection, spent + 1),
        "token_type": "Bearer",
        "expires_in": LIFETIME,
    }


class TokenEndpoint(asyncio.Protocol):
    """One request a connection, as the broker makes them."""

    def __init__(self, delay: float, size: int) -> None:
        self._delay = delay
        self._size = size
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer later, once the request is whole."""
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0] or 0)
        if end and len(body) >= length:
            asyncio.get_running_loop().call_later(self._delay, self._answer, bytes(body))

    def _answer(self, body: bytes) -> None:
        assert self._transport is not None
        status, told = answer(body, self._size)
        content = json.dumps(told).encode()
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
        self._transport.write(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
        self._transport.close()


async def main(endpoints: int, delay: float, size: int) -> None:
    """Serves until standard input ends."""
    loop = asyncio.get_running_loop()
    servers = [
        await loop.create_server(lambda: TokenEndpoint(delay, size), "127.0.0.1", 0, backlog=1024)
        for _ in range(endpoints)
    ]
    print(json.dumps([server.sockets[0].getsockname()[1] for server in servers]), flush=True)  # noqa: T201
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(counts), flush=True)  # noqa: T201 - this is how it answers


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]) / 1000, int(sys.argv[3])))
