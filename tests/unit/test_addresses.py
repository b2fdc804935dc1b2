"""Which addresses and hosts are forbidden, by their rules, at the edges of every network."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth_broker.protocol.addresses import LOOPBACK, forbidden_address, forbidden_host

# Network by network: the first and the last address, the rule, and the public neighbours outside.
EDGES = [
    ("0.0.0.0", "0.255.255.255", "unspecified", ["1.0.0.0"]),  # noqa: S104 - nothing binds to it
    ("10.0.0.0", "10.255.255.255", "private", ["9.255.255.255", "11.0.0.0"]),
    ("100.64.0.0", "100.127.255.255", "cgnat", ["100.63.255.255", "100.128.0.0"]),
    ("127.0.0.0", "127.255.255.255", "loopback", ["126.255.255.255", "128.0.0.0"]),
    ("169.254.0.0", "169.254.255.255", "link-local", ["169.253.255.255", "169.255.0.0"]),
    ("172.16.0.0", "172.31.255.255", "private", ["172.15.255.255", "172.32.0.0"]),
    ("192.0.0.0", "192.0.0.255", "reserved", ["191.255.255.255", "192.0.1.0"]),
    ("192.0.2.0", "192.0.2.255", "documentation", ["192.0.1.255", "192.0.3.0"]),
    ("192.31.196.0", "192.31.196.255", "reserved", ["192.31.195.255", "192.31.197.0"]),
    ("192.52.193.0", "192.52.193.255", "reserved", ["192.52.192.255", "192.52.194.0"]),
    ("192.88.99.0", "192.88.99.255", "reserved", ["192.88.98.255", "192.88.100.0"]),
    ("192.168.0.0", "192.168.255.255", "private", ["192.167.255.255", "192.169.0.0"]),
    ("192.175.48.0", "192.175.48.255", "reserved", ["192.175.47.255", "192.175.49.0"]),
    ("198.18.0.0", "198.19.255.255", "benchmarking", ["198.17.255.255", "198.20.0.0"]),
    ("198.51.100.0", "198.51.100.255", "documentation", ["198.51.99.255", "198.51.101.0"]),
    ("203.0.113.0", "203.0.113.255", "documentation", ["203.0.112.255", "203.0.114.0"]),
    ("224.0.0.0", "239.255.255.255", "multicast", ["223.255.255.255"]),
    ("240.0.0.0", "255.255.255.254", "reserved", []),
    ("255.255.255.255", "255.255.255.255", "broadcast", []),
    ("::", "::", "unspecified", []),
    ("::1", "::1", "loopback", []),
    ("::2", "::ffff:ffff", "IPv4-compatible", []),
    ("::ffff:0.0.0.0", "::ffff:255.255.255.255", "IPv4-mapped", []),
    ("::ffff:0:0.0.0.0", "::ffff:0:255.255.255.255", "IPv4-translated", []),
    ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "local NAT64", []),
    ("100::", "100::ffff:ffff:ffff:ffff", "discard-only", []),
    ("2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff", "Teredo", []),
    ("2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff", "benchmarking", []),
    ("2001:3::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "reserved", ["2001:200::"]),
    (
        "2001:db8::",
        "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
        "documentation",
        ["2001:db7:ffff::1", "2001:db9::"],
    ),
    ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "6to4", ["2003::"]),
    ("2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff", "reserved", ["2620:4f:8001::"]),
    ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "documentation", ["3ffe::", "3fff:1000::"]),
    ("4000::", "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "reserved", ["3fff:ffff::"]),
    ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "private", []),
    ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "link-local", []),
    ("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "site-local", []),
    ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "multicast", []),
    ("2000::5efe:0:0", "2000::5efe:ffff:ffff", "ISATAP", ["2000::5efd:ffff:ffff", "2000::5eff:0:0"]),
    ("2000::200:5efe:0:0", "2000::200:5efe:ffff:ffff", "ISATAP", ["2000::201:5efe:0:0"]),
    (
        "64:ff9b::10.0.0.0",
        "64:ff9b::10.255.255.255",
        "NAT64, private",
        ["64:ff9b::9.255.255.255", "64:ff9b::b00:0"],
    ),
]
PUBLIC_HOSTS = [
    "accounts.google.com",
    "ACCOUNTS.Google.COM",
    "a.b.c.d.e.example.com",
    "xn--bcher-kva.example.com",
    "bücher.example.com",
    "a_b.example.com",
    "1password.com",
    "127.0.0.1.example.com",
    "localhost.example.com",
    "internal.example.com",
    "example.locals",
    "0x7f.example.com",
    "8.8.8.8",
    "2606:4700::1111",
    "[2606:4700::1111]",
    "[2606:4700:0:0:0:0:0:1111]",
    f"{'a' * 63}.example.com",
]


@pytest.mark.parametrize("first, last, rule, outside", EDGES)
def test_a_network_is_forbidden_from_its_first_address_to_its_last(
    first: str, last: str, rule: str, outside: list[str]
) -> None:
    """Both ends and the middle are named by the rule; the neighbours are public."""
    ends = int(ip_address(first)), int(ip_address(last))
    kind = type(ip_address(first))
    for number in (*ends, sum(ends) // 2):
        assert rule in (forbidden_address(str(kind(number))) or "")
    assert [forbidden_address(address) for address in outside] == [None] * len(outside)


@given(st.ip_addresses())
def test_what_the_standard_library_calls_not_global_is_forbidden(address: IPv4Address | IPv6Address) -> None:
    """A second opinion on the same registries: ours is never the milder one."""
    if not address.is_global or address.is_multicast:
        assert forbidden_address(str(address))
    if forbidden_address(str(address)) is None:
        assert forbidden_host(str(address)) is None


@given(st.ip_addresses(v=4))
def test_an_embedded_address_is_no_way_round(address: IPv4Address) -> None:
    """Every IPv6 form of an IPv4 address is forbidden; that of NAT64 exactly when the address is."""
    number = int(address)
    for prefix in ("::", "::ffff:0:0", "::ffff:0:0:0", "64:ff9b:1::", "2a00::5efe:0:0", "2a00::200:5efe:0:0"):
        assert forbidden_address(str(IPv6Address(int(IPv6Address(prefix)) + number)))
    assert forbidden_address(str(IPv6Address(0x2002 << 112 | number << 80)))
    assert forbidden_address(str(IPv6Address(0x2001 << 112 | number << 64)))
    nat64 = str(IPv6Address(int(IPv6Address("64:ff9b::")) + number))
    assert bool(forbidden_address(nat64)) == bool(forbidden_address(str(address)))


def number_spelled(number: int, base: int, zeros: int) -> str:
    """Write a number in base 10, 8 or 16, with leading zeros where those change nothing."""
    if base == 10:
        return str(number)
    return ("0" * (zeros + 1) + f"{number:o}") if base == 8 else ("0x" + "0" * zeros + f"{number:x}")


@given(
    st.ip_addresses(v=4),
    st.integers(1, 4),
    st.lists(st.tuples(st.sampled_from([8, 10, 16]), st.integers(0, 4)), min_size=4, max_size=4),
)
def test_an_ipv4_address_is_recognized_in_every_spelling(
    address: IPv4Address, parts: int, spelling: list[tuple[int, int]]
) -> None:
    """Only plain dotted decimal may pass; all else is forbidden, by the address's own rule if it has one."""
    packed = address.packed
    numbers = [*packed[: parts - 1], int.from_bytes(packed[parts - 1 :], "big")]
    host = ".".join(number_spelled(number, *how) for number, how in zip(numbers, spelling, strict=False))
    rule = forbidden_address(str(address))
    if host == str(address):
        assert forbidden_host(host) == rule
    else:
        assert (rule or "unusual notation") in (forbidden_host(host) or "")
        assert forbidden_host(host) != LOOPBACK
    assert forbidden_host(host + ".")
    assert forbidden_host("".join(chr(ord("０") + int(c)) if c.isdigit() else c for c in host))  # noqa: RUF001


@given(st.text(max_size=300))
def test_any_text_is_judged(text: str) -> None:
    """No host name raises, whatever a caller writes."""
    for judge in (forbidden_host, forbidden_address):
        assert judge(text) is None or isinstance(judge(text), str)
    assert forbidden_host(f"[{text}.]")


@pytest.mark.parametrize("host", PUBLIC_HOSTS)
def test_a_public_host_is_left_to_dns(host: str) -> None:
    """International names and public literals pass."""
    assert forbidden_host(host) is None


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.8.8.8",
        "::1",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "localhost",
        "LocalHost",
        "app.localhost",
    ],
)
def test_plain_loopback_is_called_loopback(host: str) -> None:
    """Exactly: this is what a setting may allow."""
    assert forbidden_host(host) == LOOPBACK


@pytest.mark.parametrize(
    "host",
    [
        "127.1",
        "2130706433",
        "127.0.0.1.",
        "localhost.",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "::1%lo",
        "[127.0.0.1]",
        "127\u30020.0.1",
        "\u24dbocalhost",
    ],
)
def test_odd_loopback_is_not_called_loopback(host: str) -> None:
    """Forbidden, but not by the rule that a setting may lift."""
    assert forbidden_host(host) not in {None, LOOPBACK}


@pytest.mark.parametrize(
    "address, rule",
    [
        ("", "not an IP address"),
        ("localhost", "not an IP address"),
        ("127.1", "not an IP address"),
        ("0177.0.0.1", "not an IP address"),
        ("8.8.8.8%1", "zone id"),
        ("2606:4700::1111%eth0", "zone id"),
        ("fe80::1%eth0", "link-local"),
    ],
)
def test_an_address_that_is_none_is_forbidden(address: str, rule: str) -> None:
    """Only what a resolver writes is an address."""
    assert rule in (forbidden_address(address) or "")
