"""A request to send and an answer that came, as values. Both hide what they carry."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from oauth_broker.secret import Secret

# RFC 9110 sections 7.2, 7.6.1 and 8.6: they say where a message ends or who it is for.
TRANSPORT_HEADERS: Final = frozenset(
    [
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ]
)
"""Names, in lower case, of the headers that are egress's alone to write."""

_HOST = re.compile(r"[\w.:-]+")


@dataclass(frozen=True, slots=True)
class MaskedRequest:
    """A request as it may be shown: each secret in it, and what was made of one, is `***`."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: str | None


@dataclass(frozen=True, slots=True, repr=False)
class HttpRequest:
    """What is to be sent, complete: egress adds Host, Content-Length and User-Agent only.

    `secrets` are the secret values that stand somewhere in it, so that what a provider echoes can be masked.
    `masked` writes the same request out again without any: a name that it is given has the text that stands
    for it there. None for a request that is not shown.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    secrets: tuple[Secret, ...] = ()
    masked: Callable[[Mapping[str, str]], MaskedRequest] | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        return f"HttpRequest({self.method} {_origin_shown(self.url)})"


@dataclass(frozen=True, slots=True, repr=False)
class HttpResponse:
    """What came back: header names in lower case, the body decoded from its content encoding and whole."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def __repr__(self) -> str:
        return f"HttpResponse({self.status})"


def _origin_shown(url: str) -> str:
    """Give scheme and host, or "?" for a URL that is malformed and could have anything in their places."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return "?"
    return f"{parts.scheme}://{host}" if parts.scheme and _HOST.fullmatch(host) else "?"
