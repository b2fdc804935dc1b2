"""TLS: the certificate is checked against the name before a byte of the request is sent."""

from __future__ import annotations

import datetime as dt
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from oauth_broker.doors import egress as door
from oauth_broker.doors.egress import Egress
from oauth_broker.doors.pinned_connection import tls_context
from oauth_broker.errors import NotConnectedError
from oauth_broker.protocol.http import HttpRequest
from tests.integration.egress.servers import ANYWHERE, Server, reset, response, sending

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.egress.authority import Authority
    from tests.integration.egress.servers import Script


@pytest.mark.parametrize(
    "certified, host",
    [("localhost", "localhost"), ("127.0.0.1", "127.0.0.1"), ("*.api.localhost", "eu1.api.localhost")],
)
def test_a_certificate_for_the_name_is_accepted(ca: Authority, certified: str, host: str) -> None:
    """The name goes out as SNI (an address does not, RFC 6066 section 3), and the request arrives."""
    context = ca.server_context(certified)
    indicated: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: indicated.append(name)

    def resolve(_host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        return [(None, None, 6, "", ("127.0.0.1", port))]

    with Server(sending(response(b"ok")), context=context) as server:
        egress = Egress(loopback=True, ca_bundle=str(ca.bundle), resolve=resolve)
        request = HttpRequest("POST", f"https://{host}:{server.port}/token", {}, b"a=b")
        assert egress.send(request, ANYWHERE).body == b"ok"
        assert f"Host: {host}:{server.port}".encode() in server.requests[0]
    assert indicated == [None if host[0].isdigit() else host]


@pytest.mark.parametrize(
    "certified, host, reason",
    [
        ("other.example.com", "localhost", "Hostname mismatch"),
        ("127.0.0.1", "localhost", "Hostname mismatch"),
        ("localhost", "127.0.0.1", "IP address mismatch"),
        ("*.localhost", "localhost", "Hostname mismatch"),
        ("expired", "localhost", "expired"),
    ],
)
def test_a_certificate_for_another_name_is_refused(
    ca: Authority, certified: str, host: str, reason: str
) -> None:
    """The connection ends in the handshake: no byte of the request is sent."""
    if certified == "expired":
        context = ca.server_context("localhost", lifetime=-dt.timedelta(days=1))
    else:
        context = ca.server_context(certified)
    with Server(sending(response()), context=context) as server:
        egress = Egress(loopback=True, ca_bundle=str(ca.bundle))
        with pytest.raises(NotConnectedError, match=reason):
            egress.send(HttpRequest("POST", f"https://{host}:{server.port}/", {}, b"secret"), ANYWHERE)
        assert (server.arrivals, server.requests) == (1, [])


def test_an_unknown_authority_is_refused(ca: Authority) -> None:
    """Without the bundle that names it, its certificates are worth nothing."""
    with Server(sending(response()), context=ca.server_context("localhost")) as server:
        request = HttpRequest("POST", f"https://localhost:{server.port}/", {}, b"secret")
        with pytest.raises(NotConnectedError, match="certificate refused"):
            Egress(loopback=True).send(request, ANYWHERE)
        assert server.requests == []
        assert Egress(loopback=True, ca_bundle=str(ca.bundle)).send(request, ANYWHERE).status == 200


@pytest.mark.parametrize("script", [reset, sending(b"HTTP/1.1 400 Bad Request\r\n\r\n"), sending(b"")])
def test_a_peer_without_tls_is_no_connection(script: Script) -> None:
    """A reset, plain HTTP or nothing instead of a handshake: no byte of the request was sent."""
    with Server(script, reads=False) as server:
        request = HttpRequest("POST", f"https://127.0.0.1:{server.port}/", {}, b"secret")
        with pytest.raises(NotConnectedError, match=r"no (TLS )?connection") as failed:
            Egress(loopback=True).send(request, ANYWHERE)
        assert not failed.value.timed_out
        assert server.arrivals == 1


def test_the_context_checks_and_takes_nothing_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """TLS 1.2 at least, certificate and name checked, no session keys written where a variable says."""
    keys = tmp_path / "keys"
    monkeypatch.setenv("SSLKEYLOGFILE", str(keys))
    assert ssl.create_default_context().keylog_filename == str(keys)
    context = tls_context(None)
    assert not context.keylog_filename
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.cert_store_stats()["x509_ca"] > 50


def test_all_threads_share_one_context(ca: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is made with the first request that needs it, once."""
    made: list[ssl.SSLContext] = []

    def make(ca_bundle: str | None) -> ssl.SSLContext:
        time.sleep(0.1)  # so that the others come while it is being made
        made.append(tls_context(ca_bundle))
        return made[-1]

    monkeypatch.setattr(door, "tls_context", make)
    with Server(sending(response()), context=ca.server_context("127.0.0.1")) as server:
        egress = Egress(loopback=True, ca_bundle=str(ca.bundle))
        request = HttpRequest("GET", f"https://127.0.0.1:{server.port}/")
        assert made == []
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: egress.send(request, ANYWHERE).status, range(16)))
    assert answers == [200] * 16
    assert len(made) == 1
