"""The origins that a resource's secrets may be sent to."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

DEFAULT_PORTS = {"https": 443, "http": 80}


def origin_of(url: str) -> str:
    """Give `scheme://host:port` of an absolute URL, host in lower case and IDNA, port always written.

    Raises ValueError for a URL without a scheme of ours or a host.
    """
    parts = urlsplit(url)
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        message = "not an absolute http(s) URL"
        raise ValueError(message)
    host = ascii_host(parts.hostname)
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}:{parts.port or DEFAULT_PORTS[parts.scheme]}"


def ascii_host(host: str) -> str:
    """Give a host name as it goes on the wire: lower case, IDNA A-labels (RFC 5891). Raises ValueError."""
    lowered = host.lower()
    return lowered if lowered.isascii() else lowered.encode("idna").decode("ascii")


def host_matches(host: str, pattern: str) -> bool:
    """Say whether `host`, as `ascii_host` gives it, is `pattern` or, for `*.suffix`, below the suffix."""
    try:
        wanted = ascii_host(pattern)
    except ValueError:
        return False
    return host.endswith(wanted[1:]) and host != wanted[1:] if wanted.startswith("*.") else host == wanted


@dataclass(frozen=True, slots=True)
class Destinations:
    """Origins as `origin_of` writes them; a host may be `*.suffix`: any name below the suffix."""

    origins: frozenset[str]

    def allows(self, url: str) -> bool:
        """Say whether a request to `url` stays within them."""
        try:
            origin = origin_of(url)
        except ValueError:
            return False
        if origin in self.origins:
            return True
        scheme, _, rest = origin.partition("://")
        labels = rest.split(".")
        return any(f"{scheme}://*.{'.'.join(labels[i:])}" in self.origins for i in range(1, len(labels)))

    def covers(self, other: Destinations) -> bool:
        """Say whether every origin of `other` is one of these, as written."""
        return other.origins <= self.origins
