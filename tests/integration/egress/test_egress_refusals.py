"""What egress refuses: no internal address in any form, nothing sent, the rule named."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

from oauth_broker.doors import egress as door
from oauth_broker.doors.egress import Egress
from oauth_broker.errors import EgressRefusedError, NotConnectedError
from oauth_broker.protocol.destinations import Destinations, origin_of
from oauth_broker.protocol.http import HttpRequest
from tests.integration.egress.internal_hosts import INTERNAL_HOSTS, REACHING_LOOPBACK
from tests.integration.egress.servers import ANYWHERE, Server, response, sending

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@pytest.fixture
def canary() -> Iterator[Server]:
    """A listener on loopback that nothing should reach."""
    with Server(sending(response())) as server:
        yield server


class Asked:
    """A resolver that counts; each question gets the next of its answers, the last one for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.times = 0

    def __call__(self, host: str, port: int, **_: object) -> list[tuple[Any, ...]]:
        """Answer as `socket.getaddrinfo` does."""
        self.times += 1
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, host, (address, port)) for address in addresses]


def refusal(url: str, egress: Egress, destinations: Destinations = ANYWHERE) -> str:
    """Send a request that must be refused, and give the rule."""
    with pytest.raises(EgressRefusedError) as refused:
        egress.send(HttpRequest("POST", url, body=b"client_secret=hush"), destinations)
    return refused.value.detail


def test_the_table_of_internal_hosts_is_long_enough() -> None:
    """At least 60 forms are tried, of at least 15 rules."""
    assert len(INTERNAL_HOSTS) >= 60
    assert len(set(INTERNAL_HOSTS.values())) >= 15


@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize("host, rule", INTERNAL_HOSTS.items())
def test_an_internal_host_is_refused_in_every_form(canary: Server, scheme: str, host: str, rule: str) -> None:
    """The rule is named, the resolver is not even asked, and the canary hears nothing."""
    asked = Asked(["127.0.0.1"])
    detail = refusal(f"{scheme}://{host}:{canary.port}/token", Egress(resolve=asked))
    assert rule in detail
    assert (asked.times, canary.arrivals) == (0, 0)


@pytest.mark.parametrize("host", REACHING_LOOPBACK)
def test_the_canary_hears_these_forms_without_the_wall(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    """The positive control: with the two rules taken out, the same request arrives."""
    with Server(sending(b"not TLS"), reads=False) as canary:
        request = HttpRequest("POST", f"https://{host}:{canary.port}/token")
        assert "loopback" in refusal(request.url, Egress())
        assert canary.arrivals == 0
        monkeypatch.setattr(door, "forbidden_host", lambda _: None)
        monkeypatch.setattr(door, "forbidden_address", lambda _: None)
        with pytest.raises(NotConnectedError, match="TLS"):
            Egress().send(request, ANYWHERE)
        assert canary.arrivals == 1


@pytest.mark.parametrize(
    "url, rule",
    [
        ("https://api.example.com@127.0.0.1:{port}/", "userinfo"),
        ("https://user:hush@api.example.com/", "userinfo"),
        ("https://@api.example.com/", "userinfo"),
        ("https://127.0.0.1:{port}@api.example.com/", "userinfo"),
        ("https://api.example.com\\@127.0.0.1:{port}/", "malformed"),
        ("https://127.0.0.1:{port}\\@api.example.com/", "malformed"),
        ("https:\\\\127.0.0.1:{port}/", "malformed"),
        ("https://127.0.0.1:{port}\t/", "malformed"),
        ("https://api.example.com\r\nHost: 127.0.0.1/", "malformed"),
        (" https://127.0.0.1:{port}/", "malformed"),
        ("https://api.example.com /", "malformed"),
        ("https://[::1/", "malformed"),
        ("https://[api.example.com]/", "malformed"),
        ("https://api.example.com:0/", "malformed"),
        ("https://api.example.com:65536/", "malformed"),
        ("https://api.example.com:-1/", "malformed"),
        ("https://api.example.com:4 4/", "malformed"),
        ("https://api.example.com\uff1a443/", "malformed"),
        ("https:///token", "malformed"),
        ("https:127.0.0.1:{port}/", "malformed"),
        ("//127.0.0.1:{port}/", "malformed"),
        ("127.0.0.1:{port}", "malformed"),
        ("", "malformed"),
        ("file:///etc/passwd", "malformed"),
        ("ftp://127.0.0.1:{port}/", "malformed"),
        ("gopher://127.0.0.1:{port}/_", "malformed"),
        ("unix:///var/run/docker.sock", "malformed"),
        ("https://api.example.com/\ud800", "malformed"),
        ("http://api.example.com/", "not https"),
        ("HTTP://api.example.com/", "not https"),
    ],
)
def test_a_url_that_parsers_read_differently_is_refused(canary: Server, url: str, rule: str) -> None:
    """Userinfo, backslashes, controls, odd ports and schemes: named, no lookup, nothing at the canary."""
    asked = Asked(["127.0.0.1"])
    assert rule in refusal(url.format(port=canary.port), Egress(resolve=asked))
    assert (asked.times, canary.arrivals) == (0, 0)


@pytest.mark.parametrize(
    "addresses, rule",
    [
        (["127.0.0.1"], "loopback"),
        (["8.8.8.8", "127.0.0.1"], "loopback"),
        (["127.0.0.1", "8.8.8.8"], "loopback"),
        (["8.8.8.8", "2606:4700::1111", "10.1.2.3"], "private"),
        (["169.254.169.254"], "link-local"),
        (["::1"], "loopback"),
        (["::ffff:127.0.0.1"], "IPv4-mapped"),
        (["64:ff9b::7f00:1"], "NAT64, loopback"),
        (["fe80::1%eth0"], "link-local"),
        (["2606:4700::1111%eth0"], "zone id"),
        (["0x7f.1"], "not an IP address"),
        (["localhost"], "not an IP address"),
    ],
)
def test_every_address_of_a_name_is_checked(canary: Server, addresses: list[str], rule: str) -> None:
    """One forbidden address among public ones is enough, wherever it stands, loopback setting or not."""
    url = f"https://rebind.example.com:{canary.port}/token"
    assert rule in refusal(url, Egress(resolve=Asked(addresses)))
    assert rule in refusal(url, Egress(resolve=Asked(addresses), loopback=True))
    assert canary.arrivals == 0


def test_a_name_is_looked_up_once_and_the_checked_address_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver that says a public address first and loopback later is asked once: its first word counts."""
    connections: list[tuple[str, int]] = []

    def connect(_: socket.socket, address: tuple[str, int]) -> None:
        connections.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", connect)
    asked = Asked(["8.8.8.8", "2606:4700::1111"], ["127.0.0.1"])
    with pytest.raises(NotConnectedError):
        Egress(resolve=asked).send(HttpRequest("GET", "https://rebind.example.com/"), ANYWHERE)
    assert asked.times == 1
    assert connections == [("8.8.8.8", 443), ("2606:4700::1111", 443)]


@pytest.mark.parametrize(
    "destinations, url",
    [
        ([], "https://api.example.com/token"),
        (["https://api.example.com:443"], "https://api.example.com:8443/token"),
        (["https://api.example.com:443"], "https://api.example.com.evil.example/token"),
        (["https://api.example.com:443"], "https://evil.example/api.example.com"),
        (["https://*.example.com:443"], "https://example.com/"),
        (["https://*.example.com:443"], "https://evilexample.com/"),
    ],
)
def test_an_origin_that_is_none_of_the_destinations_is_refused(destinations: list[str], url: str) -> None:
    """Nothing is looked up for an origin that the secrets were not entered for."""
    asked = Asked(["8.8.8.8"])
    assert "destinations" in refusal(url, Egress(resolve=asked), Destinations(frozenset(destinations)))
    assert asked.times == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_loopback_setting_allows_loopback_alone(canary: Server, host: str) -> None:
    """With it a plain loopback host is reached over http; odd spellings, other hosts and ports are not."""
    egress = Egress(loopback=True, forbidden_ports=frozenset({1}))
    request = HttpRequest("GET", f"http://{host}:{canary.port}/token")
    assert egress.send(request, Destinations(frozenset({origin_of(request.url)}))).status == 200
    for other in (
        "127.1",
        "2130706433",
        "127\u30020.0.1",
        "[::ffff:127.0.0.1]",
        "0",
        "10.0.0.1",
        "169.254.169.254",
    ):
        assert "forbidden" in refusal(f"http://{other}:{canary.port}/", egress)
    assert "not https" in refusal("http://api.example.com/", egress)
    assert "broker's own" in refusal(f"http://{host}:1/", egress)
    assert canary.arrivals == 1


@pytest.mark.parametrize(
    "addresses", [["8.8.8.8"], ["127.0.0.1", "8.8.8.8"], ["10.0.0.1"], ["::ffff:127.0.0.1"]]
)
def test_a_loopback_name_leads_to_loopback_alone(canary: Server, addresses: list[str]) -> None:
    """`localhost`, which may be spoken to in the clear, is refused where the resolver has it elsewhere."""
    egress = Egress(loopback=True, resolve=Asked(addresses))
    assert "forbidden address" in refusal(f"http://localhost:{canary.port}/", egress)
    assert canary.arrivals == 0


@pytest.mark.parametrize("own", ["broker.example.com", "Broker.Example.com"])
@pytest.mark.parametrize("authority", ["broker.example.com", "BROKER.example.com", "broker.example.com:8443"])
def test_the_brokers_own_host_is_refused(own: str, authority: str) -> None:
    """No request of ours comes back to us; another host goes on to the lookup."""
    asked = Asked(["10.0.0.1"])
    egress = Egress(own_host=own, resolve=asked)
    assert "broker's own" in refusal(f"https://{authority}/v1/tokens", egress)
    assert asked.times == 0
    assert "private" in refusal("https://api.example.com/", egress)


def test_the_brokers_own_host_with_a_port_is_that_port_alone(canary: Server) -> None:
    """On one machine the broker and a provider share a host."""
    egress = Egress(loopback=True, own_host="127.0.0.1:1")
    assert "broker's own" in refusal("http://127.0.0.1:1/", egress)
    assert egress.send(HttpRequest("GET", f"http://127.0.0.1:{canary.port}/"), ANYWHERE).status == 200


@pytest.mark.parametrize(
    "method, headers",
    [
        ("TRACE", {}),
        ("CONNECT", {}),
        ("GET / HTTP/1.1\r\nX:", {}),
        ("get", {}),
        ("POST", {"Host": "internal.example.com"}),
        ("POST", {"content-length": "3"}),
        ("POST", {"Transfer-Encoding": "chunked"}),
        ("POST", {"Connection": "keep-alive"}),
        ("POST", {"X": "a\r\nY: b"}),
        ("POST", {"X": "a\nb"}),
        ("POST", {"X": "a\0"}),
        ("POST", {"X": "ä"}),
        ("POST", {"X Y": "a"}),
        ("POST", {"X:": "a"}),
        ("POST", {"": "a"}),
        ("POST", {"Authorization": "a", "authorization": "b"}),
    ],
)
def test_what_would_write_more_than_a_header_is_refused(
    canary: Server, method: str, headers: dict[str, str]
) -> None:
    """Splitting, smuggling and doubled headers stop before the connection."""
    egress = Egress(loopback=True)
    url = f"http://127.0.0.1:{canary.port}/"
    with pytest.raises(EgressRefusedError, match=r"header|method"):
        egress.send(HttpRequest(method, url, headers, b"abc"), ANYWHERE)
    assert canary.arrivals == 0
    assert egress.send(HttpRequest("POST", url, {"X": "a b\tc"}, b"abc"), ANYWHERE).status == 200
