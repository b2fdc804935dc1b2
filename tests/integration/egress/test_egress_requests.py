"""How egress sends: as it was told, once, over a connection of its own, to the first address that answers."""

from __future__ import annotations

import errno
import socket
import threading
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from urllib3.util.connection import create_connection

from oauth_broker.doors import egress as door
from oauth_broker.doors.egress import Egress, target_of
from oauth_broker.doors.pinned_connection import DeadlineSocket
from oauth_broker.errors import NotConnectedError, OutcomeUnknownError
from oauth_broker.protocol.http import HttpRequest
from tests.integration.egress.servers import ANYWHERE, Server, dripping, response, sending

if TYPE_CHECKING:
    from tests.integration.egress.authority import Authority

ROOT = Path(__file__).parents[3]


def test_a_request_goes_out_as_it_was_told() -> None:
    """Target, headers and body arrive as they are, with Host, User-Agent, length and no wish for a coding."""
    with Server(sending(response(b"ok", X_One="1", Content_Type="text/plain"))) as server:
        url = f"http://127.0.0.1:{server.port}/a%2Fb;c/../d?x=%20+&y={{}}&z=ä#fragment"
        headers = {"Accept": "application/json", "user-agent": "theirs", "Accept-Encoding": "gzip"}
        answer = Egress(loopback=True).send(HttpRequest("POST", url, headers, b"a=b"), ANYWHERE)
    head, _, body = server.requests[0].decode().partition("\r\n\r\n")
    line, *lines = head.split("\r\n")
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert line == "POST /a%2Fb;c/../d?x=%20+&y={}&z=%C3%A4 HTTP/1.1"
    assert sorted(lines) == [
        "Accept-Encoding: identity",
        "Accept: application/json",
        "Connection: close",
        "Content-Length: 3",
        f"Host: 127.0.0.1:{server.port}",
        f"User-Agent: oauth-broker/{version}",
    ]
    assert body == "a=b"
    assert (answer.status, answer.headers["x-one"], answer.body) == (200, "1", b"ok")


@pytest.mark.parametrize(
    "path",
    [
        "//a",
        "//evil.example.com/a",
        "/%2F",
        "/%2f%7e%zz%",
        "/a/../b/./c/..",
        "/a;x;y=1/",
        "/?a=b&a=c",
        "/??a=/../%2e",
        "/a?",
        "/a?b#",
        "/[a]|{b}^`\"<>'!$*(),:@~_-.=+",
        "/http://evil.example.com/",
    ],
)
def test_a_request_line_is_the_urls_path_and_query_byte_for_byte(path: str) -> None:
    """Nothing is quoted, unquoted, resolved or sorted: a signature or an id may hang on each byte."""
    with Server(sending(response())) as server:
        url = f"http://127.0.0.1:{server.port}{path}"
        assert Egress(loopback=True).send(HttpRequest("GET", url), ANYWHERE).status == 200
    line = server.requests[0].split(b"\r\n")[0].decode()
    assert line == f"GET {path.partition('#')[0].removesuffix('?')} HTTP/1.1"


@pytest.mark.parametrize(
    "url, authority, path",
    [
        ("https://api.example.com", "api.example.com", "/"),
        ("https://api.example.com:443/a", "api.example.com", "/a"),
        ("https://api.example.com:/a", "api.example.com", "/a"),
        ("https://API.example.com:8443/a?", "api.example.com:8443", "/a"),
        ("https://bücher.example.com?a=%C3%BC", "xn--bcher-kva.example.com", "/?a=%C3%BC"),
        ("https://[2606:4700::1111]/", "[2606:4700::1111]", "/"),
        ("https://[2606:4700::1111]:8443//a", "[2606:4700::1111]:8443", "//a"),
        ("http://localhost:80/", "localhost", "/"),
        ("http://localhost:443/", "localhost:443", "/"),
    ],
)
def test_a_url_becomes_an_authority_and_a_path(url: str, authority: str, path: str) -> None:
    """The Host header has the port where it is not the scheme's own (RFC 9110 section 7.2)."""
    target = target_of(url)
    assert (target.authority, target.path) == (authority, path)


@pytest.mark.parametrize(
    "method, body, length",
    [
        ("GET", None, []),
        ("DELETE", None, []),
        ("HEAD", None, []),
        ("POST", None, ["0"]),
        ("POST", b"", ["0"]),
        ("GET", b"a=b", ["3"]),
        ("POST", bytes(100_000), ["100000"]),
    ],
)
def test_a_request_says_how_long_its_body_is(method: str, body: bytes | None, length: list[str]) -> None:
    """A POST without a body has length 0 (RFC 9110 section 8.6), the others have none; none is in chunks."""
    with Server(sending(response(b""))) as server:
        url = f"http://127.0.0.1:{server.port}"
        assert Egress(loopback=True).send(HttpRequest(method, url, {}, body), ANYWHERE).status == 200
    lines = server.requests[0].partition(b"\r\n\r\n")[0].decode().split("\r\n")
    assert lines[0] == f"{method} / HTTP/1.1"
    assert [line.split(": ")[1] for line in lines if line.startswith("Content-Length")] == length
    assert "transfer-encoding" not in "".join(lines).lower()
    assert server.requests[0].partition(b"\r\n\r\n")[2] == (body or b"")


def test_a_closed_port_is_no_connection() -> None:
    """Nobody listens: not one byte of the request was sent."""
    with Server(sending(response())) as server:
        pass
    with pytest.raises(NotConnectedError, match="ECONNREFUSED") as failed:
        Egress(loopback=True).send(HttpRequest("POST", f"http://127.0.0.1:{server.port}/"), ANYWHERE)
    assert not failed.value.timed_out


@pytest.mark.parametrize("dead", ["127.0.0.9", "::1"])
def test_the_next_address_is_tried_when_one_does_not_answer(dead: str) -> None:
    """A name with a dead address among its own, or one of an absent family, leads to the provider."""

    def resolve(_host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        return [(None, None, 6, "", (address, port)) for address in (dead, "127.0.0.1")]

    with Server(sending(response())) as server:
        egress = Egress(loopback=True, resolve=resolve)
        assert egress.send(HttpRequest("GET", f"http://localhost:{server.port}/"), ANYWHERE).status == 200


def test_a_socket_that_cannot_be_made_is_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel without IPv6, or a process out of descriptors, is not an error of another kind."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EAFNOSUPPORT, "no")

    monkeypatch.setattr(DeadlineSocket, "__init__", refuse)
    with pytest.raises(NotConnectedError, match="EAFNOSUPPORT"):
        Egress(loopback=True).send(HttpRequest("GET", "http://127.0.0.1:1/"), ANYWHERE)


def test_the_library_makes_no_connection_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the one that was checked there is none: urllib3 would connect by name."""
    asked: list[str] = []

    def getaddrinfo(host: str, *_: object) -> list[object]:
        asked.append(host)
        return []

    with Server(sending(response())) as server:
        request = HttpRequest("GET", f"http://127.0.0.1:{server.port}/")
        assert Egress(loopback=True).send(request, ANYWHERE).status == 200
        monkeypatch.setattr(door, "connected", lambda *_: None)
        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        with pytest.raises(OutcomeUnknownError):
            Egress(loopback=True).send(request, ANYWHERE)
        assert (asked, server.arrivals) == ([], 1)
        with pytest.raises(OSError, match="getaddrinfo"):
            create_connection(("127.0.0.1", server.port))
        assert asked == ["127.0.0.1"]


def test_a_connection_serves_once() -> None:
    """A kept connection may be dead without knowing: a second request makes a second one."""
    keeping = dripping(response(b"{}", Connection="keep-alive"), b"")
    with Server(keeping) as server:
        egress = Egress(loopback=True)
        for _ in range(3):
            assert (
                egress.send(HttpRequest("POST", f"http://127.0.0.1:{server.port}/"), ANYWHERE).body == b"{}"
            )
        assert server.arrivals == 3


def test_thirty_two_threads_share_one_egress(ca: Authority) -> None:
    """Each gets the answer to its own request."""
    gate = threading.Barrier(32)

    def echo(connection: socket.socket, request: bytes) -> None:
        connection.sendall(response(request.partition(b"\r\n\r\n")[2]))

    with Server(echo, context=ca.server_context("127.0.0.1")) as server:
        egress = Egress(loopback=True, ca_bundle=str(ca.bundle))

        def send(number: int) -> set[bytes]:
            gate.wait(10)
            request = HttpRequest("POST", f"https://127.0.0.1:{server.port}/", {}, b"%d" % number)
            return {egress.send(request, ANYWHERE).body for _ in range(5)}

        with ThreadPoolExecutor(32) as pool:
            assert list(pool.map(send, range(32))) == [{b"%d" % number} for number in range(32)]
        assert server.arrivals == 160
