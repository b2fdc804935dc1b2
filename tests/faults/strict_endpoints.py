"""Token endpoints, each on a port of its own, that forgive nothing, hang, refuse or limit, and remember all.

They serve the connections that `tests/benchmarks/refreshes/stock.py` writes: refresh tokens rotate, and one
that comes twice ends its grant (RFC 9700 section 4.14.2).
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs

from tests.benchmarks.refreshes.token_endpoints import access_token, refresh_token

LIFETIME: Final = 3600
TOKEN_BYTES: Final = 200


@dataclass(frozen=True)
class Refusal:
    """An answer without tokens, made before the refresh token was looked at."""

    status: HTTPStatus
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, str] = field(default_factory=dict)


Rule = Callable[[float], Refusal | None]
"""Whether a call that arrives at that time (epoch seconds) is refused."""


@dataclass(frozen=True)
class Call:
    """A refresh that arrived. `status` is what it was answered with, None where it was left to wait."""

    at: float
    connection_id: str
    status: HTTPStatus | None


@dataclass
class StrictEndpoint:
    """One provider's. `delay`: seconds that an answer takes. `hangs`: none comes at all.

    `most` is how many calls were under way at once at most, of each shard by its name, and of all by "".
    """

    shard: Callable[[str], str]
    delay: float = 0
    hangs: bool = False
    rule: Rule | None = None
    port: int = 0
    calls: list[Call] = field(default_factory=list, repr=False)
    ended: set[str] = field(default_factory=set)
    most: Counter[str] = field(default_factory=Counter)
    _newest: dict[str, int] = field(default_factory=dict, repr=False)
    _under_way: Counter[str] = field(default_factory=Counter)

    def granted(self) -> list[Call]:
        """The calls that brought tokens."""
        return [call for call in list(self.calls) if call.status is HTTPStatus.OK]

    def begin(self, connection_id: str) -> None:
        """A call is under way."""
        for name in ("", self.shard(connection_id)):
            self._under_way[name] += 1
            self.most[name] = max(self.most[name], self._under_way[name])

    def end(self, connection_id: str) -> None:
        """It is no longer."""
        self._under_way.subtract(("", self.shard(connection_id)))

    def answer(
        self, connection_id: str, spent: int
    ) -> tuple[HTTPStatus, Mapping[str, str], Mapping[str, Any]]:
        """The answer to a refresh, and what it makes of the grant."""
        at = time.time()
        refusal = None if self.rule is None else self.rule(at)
        if refusal is None:
            status, headers, body = self._judged(connection_id, spent)
        else:
            status, headers, body = refusal.status, refusal.headers, refusal.body
        self.calls.append(Call(at, connection_id, status))
        return status, headers, body

    def _judged(
        self, connection_id: str, spent: int
    ) -> tuple[HTTPStatus, Mapping[str, str], Mapping[str, Any]]:
        if spent != self._newest.get(connection_id, 0):
            self.ended.add(connection_id)
        if connection_id in self.ended:
            return HTTPStatus.BAD_REQUEST, {}, {"error": "invalid_grant"}
        self._newest[connection_id] = spent + 1
        tokens = {
            "access_token": access_token(spent + 1, TOKEN_BYTES),
            "refresh_token": refresh_token(connection_id, spent + 1),
            "token_type": "Bearer",
            "expires_in": LIFETIME,
        }
        return HTTPStatus.OK, {}, tokens


class _Request(asyncio.Protocol):
    """One request a connection, as the broker makes them."""

    def __init__(self, endpoint: StrictEndpoint) -> None:
        self._endpoint = endpoint
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None
        self._of: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0] or 0)
        if not end or len(body) < length or self._of is not None:
            return
        connection_id, number, _ = parse_qs(body.decode())["refresh_token"][0].rsplit(".", 2)
        self._of = connection_id
        self._endpoint.begin(connection_id)
        if self._endpoint.hangs:
            self._endpoint.calls.append(Call(time.time(), connection_id, None))
            return
        answer = self._endpoint.answer(connection_id, int(number))
        asyncio.get_running_loop().call_later(self._endpoint.delay, self._send, *answer)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio gives it
        self._over()

    def _send(self, status: HTTPStatus, headers: Mapping[str, str], body: Mapping[str, Any]) -> None:
        assert self._transport is not None
        self._over()
        content = json.dumps(body).encode()
        told = {"Content-Type": "application/json", "Content-Length": str(len(content)), **headers}
        lines = [
            f"HTTP/1.1 {status.value} {status.phrase}",
            *(f"{name}: {text}" for name, text in told.items()),
        ]
        self._transport.write("\r\n".join([*lines, "", ""]).encode() + content)
        self._transport.close()

    def _over(self) -> None:
        """Once, and before the broker can know of the end: its next call must not seem to overlap."""
        if self._of is not None:
            self._endpoint.end(self._of)
            self._of = None


@contextmanager
def serving(endpoints: Sequence[StrictEndpoint]) -> Iterator[None]:
    """The endpoints answer, each at the port that it is given, until the block ends."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> list[asyncio.Server]:
        servers = []
        for endpoint in endpoints:
            server = await loop.create_server(partial(_Request, endpoint), "127.0.0.1", 0, backlog=1024)
            endpoint.port = server.sockets[0].getsockname()[1]
            servers.append(server)
        return servers

    async def stop(servers: Sequence[asyncio.Server]) -> None:
        for server in servers:
            server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    servers = asyncio.run_coroutine_threadsafe(start(), loop).result(30)
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(stop(servers), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        with suppress(RuntimeError):
            loop.close()
