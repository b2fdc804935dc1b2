"""The cookie that binds an authorization to a browser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from oauth_broker.protocol.state import BITS_LENGTH, MAX_COOKIES, encoded, is_cookie

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oauth_broker.doors.machine import Machine
    from oauth_broker.secret import Secret

COOKIE_LIFETIME: Final = 3600
_NAME: Final = "oauth-broker-"
_HOST_PREFIX: Final = "__Host-"


@dataclass(frozen=True, slots=True)
class BrowserCookie:
    """A cookie of ours; its value is 256 random bits."""

    name: str
    value: Secret


def cookies_of_ours(cookies: Sequence[tuple[str, Secret]], *, secure: bool) -> list[BrowserCookie]:
    """Give the cookies of ours among those a browser brought: at most 20.

    On https their names have the prefix `__Host-` (RFC 6265bis), so that no other host could have set them.
    """
    prefix = f"{_HOST_PREFIX}{_NAME}" if secure else _NAME
    ours = [
        BrowserCookie(name, value)
        for name, value in cookies
        if name.startswith(prefix) and is_cookie(value.reveal())
    ]
    return ours[:MAX_COOKIES]


def cookie_for(cookies: Sequence[tuple[str, Secret]], machine: Machine, *, secure: bool) -> BrowserCookie:
    """Give the browser's cookie, or a new one under a new name: tabs opened side by side keep one each."""
    ours = cookies_of_ours(cookies, secure=secure)
    if ours:
        return ours[0]
    prefix = f"{_HOST_PREFIX}{_NAME}" if secure else _NAME
    return BrowserCookie(f"{prefix}{machine.random(4).hex()}", encoded(machine.random(BITS_LENGTH)))
