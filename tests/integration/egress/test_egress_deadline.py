"""The deadline is over the whole request: whatever drips, hangs or goes round in circles ends with it."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from oauth_broker.doors.egress import Egress
from oauth_broker.doors.pinned_connection import connected, secured, tls_context
from oauth_broker.errors import NotConnectedError, OutcomeUnknownError
from oauth_broker.protocol.http import HttpRequest
from tests.integration.egress.servers import ANYWHERE, Server, dripping, silent

if TYPE_CHECKING:
    from tests.integration.egress.authority import Authority
    from tests.integration.egress.servers import Script

OK = b"HTTP/1.1 200 OK\r\n"
SHORT = 0.3
# With TLS: the handshake must be over before, also on a busy machine.
SHORT_WITH_TLS = 1.5
# Far below the 8 seconds for which the servers go on.
BOUND = 4.0


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize(
    "script",
    [
        silent,
        dripping(b"", b"H"),
        dripping(OK, b"X: y\r\n"),
        dripping(OK + b"X: ", b"y"),
        dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        dripping(OK + b"Content-Length: 100000\r\n\r\n", b"x"),
        dripping(OK + b"\r\n", b"x"),
        dripping(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        dripping(OK + b"Transfer-Encoding: chunked\r\n\r\n1;", b"x"),
        dripping(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n"),
        dripping(OK + b"Content-Encoding: gzip\r\n\r\n\x1f\x8b\x08", b"\0"),
    ],
)
def test_a_drip_does_not_hold_a_request(script: Script, tls: bool, ca: Authority) -> None:
    """Each byte comes in time, all of them never: the outcome is unknown once the deadline is over."""
    context = ca.server_context("127.0.0.1") if tls else None
    with Server(script, context=context) as server:
        egress = Egress(loopback=True, deadline=SHORT_WITH_TLS if tls else SHORT, ca_bundle=str(ca.bundle))
        url = f"{'https' if tls else 'http'}://127.0.0.1:{server.port}/"
        began = time.monotonic()
        with pytest.raises(OutcomeUnknownError) as late:
            egress.send(HttpRequest("POST", url, {}, b"x"), ANYWHERE)
        assert late.value.timed_out
        assert time.monotonic() - began < BOUND
        assert len(server.requests) == 1


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("sips", [0, 20])
def test_a_provider_that_hardly_reads_does_not_hold_a_request(tls: bool, sips: int, ca: Authority) -> None:
    """A body larger than all buffers ends with the deadline, also where a little of it is taken at a time."""
    over = threading.Event()

    def hardly_read(connection: socket.socket, _request: bytes) -> None:
        until = time.monotonic() + 8
        while time.monotonic() < until and not over.wait(0.05):
            for _ in range(sips):
                connection.recv(16_384)

    context = ca.server_context("127.0.0.1") if tls else None
    with Server(hardly_read, context=context, reads=False) as server:
        egress = Egress(loopback=True, deadline=SHORT_WITH_TLS if tls else SHORT, ca_bundle=str(ca.bundle))
        url = f"{'https' if tls else 'http'}://127.0.0.1:{server.port}/"
        began = time.monotonic()
        with pytest.raises(OutcomeUnknownError, match="too slow") as late:
            egress.send(HttpRequest("POST", url, {}, bytes(50_000_000)), ANYWHERE)
        assert late.value.timed_out
        assert time.monotonic() - began < BOUND
        over.set()


@pytest.mark.parametrize("tls", [False, True])
def test_sending_ends_with_the_deadline_whatever_connecting_was_given(tls: bool, ca: Authority) -> None:
    """The wait that connecting or the handshake was allowed bounds nothing else."""
    over = threading.Event()

    def deaf(_connection: socket.socket, _request: bytes) -> None:
        over.wait(8)

    context = ca.server_context("127.0.0.1") if tls else None
    with Server(deaf, context=context, reads=False) as server:
        plain = connected(["127.0.0.1"], server.port, time.monotonic() + 2 * BOUND)
        sender = secured(plain, "127.0.0.1", tls_context(str(ca.bundle))) if tls else plain
        began = time.monotonic()
        sender.deadline = began + SHORT
        with sender, pytest.raises(TimeoutError):
            sender.sendall(bytes(50_000_000))
        assert SHORT / 2 < time.monotonic() - began < BOUND
        over.set()


@pytest.mark.parametrize(
    "script", [silent, dripping(b"", b"\x16\x03\x03"), dripping(b"\x16\x03\x03\x40\0", b"\2")]
)
def test_a_handshake_that_hangs_or_drips_is_no_connection(script: Script) -> None:
    """Not one byte of the request was sent."""
    with Server(script, reads=False) as server:
        began = time.monotonic()
        request = HttpRequest("POST", f"https://127.0.0.1:{server.port}/", {}, b"x")
        with pytest.raises(NotConnectedError, match="TLS") as late:
            Egress(loopback=True, deadline=SHORT).send(request, ANYWHERE)
        assert late.value.timed_out
        assert time.monotonic() - began < BOUND


def test_a_lookup_that_hangs_is_no_connection() -> None:
    """The C library's resolver may take half a minute: nobody waits for it."""
    answered = threading.Event()

    def resolve(*_: object, **__: object) -> list[tuple[object, ...]]:
        answered.wait(8)
        return []

    began = time.monotonic()
    with pytest.raises(NotConnectedError, match="not resolved in time") as late:
        Egress(resolve=resolve, deadline=SHORT).send(HttpRequest("GET", "https://api.example.com/"), ANYWHERE)
    assert late.value.timed_out
    assert time.monotonic() - began < BOUND
    answered.set()


@pytest.mark.parametrize("failure", [socket.gaierror(-2, "no"), OSError(5, "io"), UnicodeError("idna")])
def test_a_lookup_that_fails_is_no_connection(failure: Exception) -> None:
    """Whatever the resolver says is not what a caller sees."""

    def resolve(*_: object, **__: object) -> list[tuple[object, ...]]:
        raise failure

    with pytest.raises(NotConnectedError, match="does not resolve") as failed:
        Egress(resolve=resolve).send(HttpRequest("GET", "https://api.example.com/"), ANYWHERE)
    assert not failed.value.timed_out


def test_no_time_left_is_no_connection() -> None:
    """A request that comes too late is not sent; a deadline of its own counts instead of the usual one."""
    with Server(dripping(b"HTTP/1.1 200 OK\r\n\r\n", b"")) as server:
        request = HttpRequest("GET", f"http://127.0.0.1:{server.port}/")
        with pytest.raises(NotConnectedError):
            Egress(loopback=True).send(request, ANYWHERE, deadline=0)
        with pytest.raises(NotConnectedError):
            Egress(loopback=True).send(request, ANYWHERE, deadline=-1)
        with pytest.raises(NotConnectedError):  # as of a process that was paused since
            Egress(loopback=True).send(request, ANYWHERE, deadline=9, since=time.time() - 10)
        assert server.arrivals == 0
        with pytest.raises(OutcomeUnknownError):
            Egress(loopback=True, deadline=60).send(request, ANYWHERE, deadline=SHORT, since=time.time())
        assert server.arrivals == 1


@pytest.mark.parametrize("tls", [False, True])
def test_who_comes_late_to_an_answer_reads_what_lies_there(tls: bool, ca: Authority) -> None:
    """A process paused until its deadline was over loses no token set; it waits for nothing more, though."""
    answered = threading.Event()

    def answer(connection: socket.socket, _request: bytes) -> None:
        connection.sendall(b"an answer")
        answered.set()
        silent(connection, b"")

    context = ca.server_context("127.0.0.1") if tls else None
    with Server(answer, context=context, reads=False) as server:
        plain = connected(["127.0.0.1"], server.port, time.monotonic() + BOUND)
        receiver = secured(plain, "127.0.0.1", tls_context(str(ca.bundle))) if tls else plain
        with receiver:
            assert answered.wait(BOUND)
            receiver.deadline = began = time.monotonic()
            buffer = bytearray(100)
            assert receiver.recv_into(buffer) == len(b"an answer")
            for _ in range(2):
                with pytest.raises(TimeoutError):
                    receiver.recv_into(buffer)
            assert time.monotonic() - began < BOUND


def test_dead_addresses_share_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that swallows packets leaves time for the next: each gets its share of what is left."""
    waits: list[float] = []

    def connect(connection: socket.socket, _: tuple[str, int]) -> None:
        waits.append(connection.gettimeout() or 0)
        raise TimeoutError

    monkeypatch.setattr(socket.socket, "connect", connect)

    def resolve(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(None, None, 6, "", (f"8.8.8.{n}", 443)) for n in range(3)]

    with pytest.raises(NotConnectedError, match="too slow") as late:
        Egress(resolve=resolve, deadline=120).send(HttpRequest("GET", "https://api.example.com/"), ANYWHERE)
    assert [round(wait, -1) for wait in waits] == [40, 60, 120]
    assert late.value.timed_out
