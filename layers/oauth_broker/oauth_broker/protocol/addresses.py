"""Which addresses and host names no request of ours may go to, decided without DNS.

Sources: the IANA special-purpose registries for IPv4 and IPv6 (RFC 6890 and what updated it), RFC 6761 for
names, RFC 6052 for NAT64, RFC 5214 for ISATAP. What is refused is named, for a message that says so.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from oauth_broker.protocol.destinations import ascii_host

# The one rule that a setting may lift: only plain spellings are called exactly this.
LOOPBACK: Final = "loopback"

_IPV4: Final = tuple(
    (IPv4Network(network), rule)
    for network, rule in (
        ("0.0.0.0/8", "unspecified"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "cgnat"),
        ("127.0.0.0/8", LOOPBACK),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "documentation"),
        ("192.31.196.0/24", "reserved"),
        ("192.52.193.0/24", "reserved"),
        ("192.88.99.0/24", "reserved"),
        ("192.168.0.0/16", "private"),
        ("192.175.48.0/24", "reserved"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("255.255.255.255/32", "broadcast"),
        ("240.0.0.0/4", "reserved"),
    )
)

# Only 2000::/3 is global unicast: what is named here outside of it is named for the message alone.
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
_IPV6: Final = tuple(
    (IPv6Network(network), rule)
    for network, rule in (
        ("::/128", "unspecified"),
        ("::1/128", LOOPBACK),
        ("::/96", "embeds an IPv4 address (IPv4-compatible)"),
        ("::ffff:0:0/96", "embeds an IPv4 address (IPv4-mapped)"),
        ("::ffff:0:0:0/96", "embeds an IPv4 address (IPv4-translated)"),
        ("64:ff9b:1::/48", "embeds an IPv4 address (local NAT64)"),
        ("100::/64", "discard-only"),
        ("2001::/32", "embeds an IPv4 address (Teredo)"),
        ("2001:2::/48", "benchmarking"),
        ("2001::/23", "reserved"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "embeds an IPv4 address (6to4)"),
        ("2620:4f:8000::/48", "reserved"),
        ("3fff::/20", "documentation"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "private (site-local)"),
        ("ff00::/8", "multicast"),
    )
)
# A network with DNS64 gives this form to every IPv4 address, to public ones too: what it embeds is judged.
_NAT64: Final = IPv6Network("64:ff9b::/96")
# Bits 32 to 63 of an ISATAP address; 0x02000000 says "globally unique" and may be set or not.
_ISATAP: Final = 0x00005EFE
_ISATAP_UNIVERSAL: Final = 0x02000000

_NAMES: Final = {
    "localhost": LOOPBACK,
    "local": "mDNS name",
    "internal": "internal name",
    "localdomain": "internal name",
    "intranet": "internal name",
    "corp": "internal name",
    "home": "internal name",
    "lan": "internal name",
    "private": "internal name",
    "home.arpa": "internal name",
}
_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LONGEST_NAME: Final = 253
_IPV4_PARTS: Final = 4
_LARGEST_BYTE: Final = 255


def forbidden_address(address: str) -> str | None:
    """Name the rule that forbids a connection to `address`, or None when it is a public one.

    `address` is as `socket.getaddrinfo` gives it: dotted decimal, or RFC 4291 text with or without a zone.
    """
    plain, percent, _zone = address.partition("%")
    try:
        rule = _rule_of(ip_address(plain))
    except ValueError:
        return "not an IP address"
    return _qualified(rule, "with a zone id") if percent else rule


def forbidden_host(host: str) -> str | None:
    """Name the rule that forbids `host` (of a URL, with or without brackets), or None where DNS must decide.

    Literals are understood in every spelling that some resolver takes (`2130706433`, `0x7f.1`,
    `0177.0.0.1`, full-width digits), but only plain ones of public addresses pass: resolvers disagree about
    the others. `LOOPBACK` as it is comes back for plain loopback literals and `localhost` (RFC 6761) alone.
    """
    bracketed = host.startswith("[") and host.endswith("]")
    bare = host[1:-1] if bracketed else host
    if bracketed or ":" in bare:
        rule = forbidden_address(bare)
        return "malformed address" if rule == "not an IP address" or ":" not in bare else rule
    try:
        name = ascii_host(bare)
    except ValueError:
        return "malformed host"
    labels = name.removesuffix(".").split(".")
    literal = _NUMBER.fullmatch(labels[-1]) is not None
    rule = _forbidden_ipv4(labels) if literal else _forbidden_name(labels)
    if name.endswith("."):
        return _qualified(rule, "with a trailing dot")
    if name != bare.lower() and (literal or rule):
        return _qualified(rule, "in an unusual spelling")
    return rule


def _qualified(rule: str | None, circumstance: str) -> str:
    return f"{rule}, {circumstance}" if rule else f"host {circumstance}"


def _rule_of(address: IPv4Address | IPv6Address) -> str | None:
    if isinstance(address, IPv4Address):
        return next((rule for network, rule in _IPV4 if address in network), None)
    if address in _NAT64:
        embedded = _rule_of(IPv4Address(int(address) & 0xFFFFFFFF))
        return embedded and f"embeds an IPv4 address (NAT64, {embedded})"
    named = next((rule for network, rule in _IPV6 if address in network), None)
    if named is not None:
        return named
    if address not in _GLOBAL_UNICAST:
        return "reserved"
    if (int(address) >> 32 & 0xFFFFFFFF) | _ISATAP_UNIVERSAL == _ISATAP | _ISATAP_UNIVERSAL:
        return "embeds an IPv4 address (ISATAP)"
    return None


def _forbidden_ipv4(labels: list[str]) -> str | None:
    address = _ipv4_of(labels)
    if address is None:
        return "malformed address"
    rule = _rule_of(address)
    return rule if str(address) == ".".join(labels) else _qualified(rule, "in an unusual notation")


def _ipv4_of(labels: list[str]) -> IPv4Address | None:
    """Read one to four decimal, octal or hexadecimal numbers as `inet_aton` does: the last fills the rest."""
    if len(labels) > _IPV4_PARTS or not all(_NUMBER.fullmatch(label) for label in labels):
        return None
    try:
        *heads, last = (_number(label) for label in labels)
    except ValueError:
        return None
    if any(head > _LARGEST_BYTE for head in heads) or last >= 256 ** (_IPV4_PARTS - len(heads)):
        return None
    return IPv4Address(last + sum(head << 8 * (3 - place) for place, head in enumerate(heads)))


def _number(label: str) -> int:
    if label.startswith("0x"):
        return int(label[2:] or "0", 16)
    return int(label, 8 if label.startswith("0") else 10)


def _forbidden_name(labels: list[str]) -> str | None:
    for suffix, rule in _NAMES.items():
        ending = suffix.split(".")
        if labels[-len(ending) :] == ending:
            return rule
    if len(".".join(labels)) > _LONGEST_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        return "malformed host"
    return "single-label name" if len(labels) == 1 else None
