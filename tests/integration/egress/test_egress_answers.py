"""What egress makes of answers: redirects, codings, sizes, broken ones. None is asked for twice."""

from __future__ import annotations

import gzip
import socket
import tracemalloc
import zlib
from functools import partial
from typing import TYPE_CHECKING

import pytest

from oauth_broker.doors.egress import Egress
from oauth_broker.errors import OutcomeUnknownError
from oauth_broker.protocol.http import HttpRequest, HttpResponse
from tests.integration.egress.servers import ANYWHERE, Server, reset, response, sending

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.egress.servers import Script

BODY = b'{"access_token": "fake"}' * 20
LIMIT = 1_000_000

# Its bytes are part of test ids, which must be the same in every process: without the time of packing.
gzipped = partial(gzip.compress, mtime=0)


def deflated(body: bytes, window_bits: int) -> bytes:
    """Compress without (-15) or with (15) zlib's wrapper."""
    compressor = zlib.compressobj(wbits=window_bits)
    return compressor.compress(body) + compressor.flush()


def exchange(script: Script, method: str = "POST") -> HttpResponse:
    """Send a request to a provider with this script, once; it must have arrived exactly once."""
    with Server(script) as server:
        request = HttpRequest(
            method, f"http://127.0.0.1:{server.port}/token", {}, b"grant_type=refresh_token"
        )
        try:
            return Egress(loopback=True, deadline=5).send(request, ANYWHERE)
        finally:
            assert (server.arrivals, len(server.requests)) == (1, 1)


def unknown(script: Script) -> str:
    """Send a request whose outcome must be unknown, and give the reason."""
    with pytest.raises(OutcomeUnknownError) as failed:
        exchange(script)
    return failed.value.detail


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """300 kB of gzip that are 300 MB of zeros."""
    compressor = zlib.compressobj(9, wbits=31)
    piece = bytes(1_000_000)
    packed = b"".join(compressor.compress(piece) for _ in range(300)) + compressor.flush()
    assert len(packed) < 310_000
    return packed


@pytest.fixture
def measured() -> Iterator[None]:
    """Memory is traced."""
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.parametrize("status", ["301 M", "302 F", "303 S", "307 T", "308 P", "300 C", "304 N", "399 X"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_redirect_is_an_answer_and_not_followed(status: str, method: str) -> None:
    """Status and Location come back; whoever they point at hears nothing."""
    with Server(sending(response())) as canary:
        location = f"http://127.0.0.1:{canary.port}/?stolen"
        redirect = response(b"", status=status, Location=location, Refresh=f"0;{location}")
        answer = exchange(sending(redirect), method)
        assert (answer.status, answer.headers["location"]) == (int(status[:3]), location)
        assert canary.arrivals == 0
        assert Egress(loopback=True).send(HttpRequest("GET", location), ANYWHERE).status == 200
        assert canary.arrivals == 1


def test_a_redirect_to_itself_is_asked_for_once() -> None:
    """A loop has no second round."""

    def again(connection: socket.socket, _request: bytes) -> None:
        port = connection.getsockname()[1]
        connection.sendall(response(b"", status="307 T", Location=f"http://127.0.0.1:{port}/token"))

    assert exchange(again).status == 307


@pytest.mark.parametrize("status", ["302 F", "307 T"])
def test_the_body_of_a_redirect_is_read_no_further_than_any_other(status: str) -> None:
    """One without end is over the limit, and is dropped there: the provider cannot send on."""
    sent: list[int] = []

    def endless(connection: socket.socket, _request: bytes) -> None:
        connection.sendall(f"HTTP/1.1 {status}\r\nLocation: /\r\n\r\n".encode())
        while True:
            sent.append(connection.send(bytes(65_536)))

    assert "over 1000000 bytes" in unknown(endless)
    assert LIMIT < sum(sent) < 50 * LIMIT


@pytest.mark.parametrize("status", [200, 201, 204, 400, 401, 404, 429, 500, 503, 599])
def test_every_final_status_is_an_answer(status: int) -> None:
    """What an answer means is not egress's to judge."""
    assert exchange(sending(response(b"", status=f"{status} Said"))).status == status


@pytest.mark.parametrize(
    "coding, body",
    [
        ("identity", BODY),
        ("", BODY),
        ("gzip", gzipped(BODY)),
        ("GZIP", gzipped(BODY)),
        ("x-gzip", gzipped(BODY)),
        ("deflate", deflated(BODY, 15)),
        ("deflate", deflated(BODY, -15)),
    ],
)
def test_a_known_coding_is_undone(coding: str, body: bytes) -> None:
    """Also where we asked for none."""
    assert exchange(sending(response(body, Content_Encoding=coding))).body == BODY
    assert exchange(sending(response(b"", Content_Encoding=coding))).body == b""


@pytest.mark.parametrize(
    "coding, body, reason",
    [
        ("br", BODY, "unknown content coding"),
        ("zstd", BODY, "unknown content coding"),
        ("compress", BODY, "unknown content coding"),
        ("gzip, gzip", gzipped(gzipped(BODY)), "unknown content coding"),
        ("gzip", BODY, "does not decode"),
        ("deflate", b"\xff" * 40, "does not decode"),
        ("gzip", gzipped(BODY)[:-9], "does not decode"),
        ("gzip", gzipped(BODY)[:-8] + bytes(8), "does not decode"),
        ("gzip", gzipped(BODY) + b"more", "does not decode"),
        ("deflate", deflated(BODY, 15)[:-3], "does not decode"),
        ("deflate", deflated(BODY, -15)[:-3], "does not decode"),
    ],
)
def test_an_answer_that_does_not_decode_is_an_unknown_outcome(coding: str, body: bytes, reason: str) -> None:
    """Neither an unknown coding, nor half a token of a cut one, is taken for an answer."""
    assert reason in unknown(sending(response(body, Content_Encoding=coding)))


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n",
    ],
)
def test_a_body_may_have_the_limit_and_no_byte_more(head: bytes) -> None:
    """1 MB passes, however its length is told; one byte more does not, nor do 10 MB."""
    for size in (LIMIT, LIMIT + 1, 10 * LIMIT):
        end = b"\r\n0\r\n\r\n" if b"chunked" in head else b""
        script = sending((head % size if b"%" in head else head) + b"x" * size + end)
        if size == LIMIT:
            assert len(exchange(script).body) == size
        else:
            assert "over 1000000 bytes" in unknown(script)


@pytest.mark.usefixtures("measured")
def test_a_bomb_takes_no_memory(bomb: bytes) -> None:
    """300 kB that decode to 300 MB end at the limit in under 20 MB of memory; 30 MB decoded take more."""
    assert "over 1000000 bytes" in unknown(sending(response(bomb, Content_Encoding="gzip")))
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    zlib.decompressobj(31).decompress(bomb, 30_000_000)
    assert tracemalloc.get_traced_memory()[1] > 20_000_000


def test_a_decoded_body_may_have_the_limit_and_no_byte_more() -> None:
    """The cap counts decoded bytes."""
    packed = gzip.compress(bytes(LIMIT))
    assert len(exchange(sending(response(packed, Content_Encoding="gzip"))).body) == LIMIT
    packed = gzip.compress(bytes(LIMIT + 1))
    assert "over 1000000 bytes" in unknown(sending(response(packed, Content_Encoding="gzip")))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 20\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 101 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\naccess_tok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\naccess_tok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabcde\r\n0\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    ],
)
def test_a_broken_answer_is_an_unknown_outcome_and_nothing_is_sent_again(raw: bytes) -> None:
    """The provider had the request: only a whole answer says what it made of it."""
    if raw.endswith(b"10\r\n\r\naccess_tok"):
        assert exchange(sending(raw)).body == b"access_tok"
    else:
        assert unknown(sending(raw))


def test_a_reset_after_the_request_is_an_unknown_outcome() -> None:
    """The provider may have acted; the request is not sent again."""
    with pytest.raises(OutcomeUnknownError, match="ECONNRESET") as failed:
        exchange(reset)
    assert not failed.value.timed_out


def test_a_provider_that_takes_half_a_request_is_an_unknown_outcome() -> None:
    """Sending broke off: some of it arrived, and it is not sent again."""

    def take_little(connection: socket.socket, request: bytes) -> None:
        connection.recv(1_000)
        reset(connection, request)

    with Server(take_little, reads=False) as server:
        request = HttpRequest("POST", f"http://127.0.0.1:{server.port}/", {}, bytes(20_000_000))
        with pytest.raises(OutcomeUnknownError) as failed:
            Egress(loopback=True, deadline=5).send(request, ANYWHERE)
        assert server.arrivals == 1
    assert not failed.value.timed_out


def test_a_whole_answer_counts_though_the_request_was_not_read_whole() -> None:
    """A provider may refuse early and hang up (RFC 9112 section 9.5): what it said is what it did."""

    def refuse(connection: socket.socket, _request: bytes) -> None:
        connection.recv(1_000)
        connection.sendall(response(BODY, status="413 Content Too Large"))
        connection.shutdown(socket.SHUT_RDWR)

    with Server(refuse, reads=False) as server:
        request = HttpRequest("POST", f"http://127.0.0.1:{server.port}/", {}, bytes(20_000_000))
        answer = Egress(loopback=True, deadline=5).send(request, ANYWHERE)
        assert (answer.status, answer.body) == (413, BODY)
        assert server.arrivals == 1


def test_a_reset_inside_the_answer_is_an_unknown_outcome() -> None:
    """Half an answer is none."""

    def half(connection: socket.socket, request: bytes) -> None:
        connection.sendall(response(BODY)[:-10])
        reset(connection, request)

    assert unknown(half)


def test_repeated_headers_are_joined_and_folded_ones_unfolded() -> None:
    """RFC 9110 section 5.3 and RFC 9112 section 5.2."""
    raw = b"HTTP/1.1 200 OK\r\nA: 1\r\na: 2\r\nB: 3\r\n  4\r\nContent-Length: 0\r\n\r\n"
    answer = exchange(sending(raw))
    assert (answer.headers["a"], answer.headers["b"]) == ("1, 2", "3 4")
