"""What binds a transaction to the browser that began it: derived from the browser's cookie, stored nowhere.

A cookie of ours holds 256 random bits. HKDF-SHA256 (RFC 5869) makes from them, with the authorization's id as
salt, the state's bits, the PKCE verifier, the OpenID nonce and the confirmation code: another browser has
none of them, and no provider learns the cookie. Tickets and `state` are both written `<authorization id>.<256
bits>`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from oauth_broker.secret import Secret, reveal

if TYPE_CHECKING:
    from collections.abc import Sequence

BITS_LENGTH: Final = 32
"""Bytes in a cookie, in a ticket's bits and in everything derived: 256 bits."""

MAX_COOKIES: Final = 20
"""How many cookies of ours one request may bring before the rest is ignored."""

MAX_STATE_LENGTH: Final = 256
"""Characters that a ticket or a `state` may have."""

# 32 bytes are 43 characters, and the last of them carries 4 bits only: one spelling for each value.
_BITS: Final = r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]"
_COOKIE: Final = re.compile(_BITS, re.ASCII)
_STATE: Final = re.compile(rf"([A-Za-z0-9_-]{{1,64}})\.({_BITS})", re.ASCII)

_INFO: Final = "oauth-broker 1 {purpose}"


@dataclass(frozen=True, slots=True)
class Derived:
    """The secrets of one transaction in one browser; each is 256 bits as base64url, 43 characters."""

    state_bits: Secret
    code_verifier: Secret
    nonce: Secret
    confirmation_code: Secret


def encoded(random: bytes) -> Secret:
    """Write 32 random bytes as a cookie's value or a ticket's bits: base64url without padding, 43 characters.

    Raises ValueError for any other length.
    """
    if len(random) != BITS_LENGTH:
        raise ValueError(f"{BITS_LENGTH} bytes are needed")
    return Secret(_base64url(random))


def is_cookie(text: str) -> bool:
    """Say whether `text` can be the value of a cookie of ours."""
    return _COOKIE.fullmatch(text) is not None


def derive(cookie: Secret, authorization_id: str) -> Derived:
    """Derive what one transaction needs from the cookie's value and the authorization's id (RFC 5869).

    Raises ValueError for a cookie that is not 32 bytes as base64url without padding.
    """
    if not is_cookie(cookie.reveal()):
        raise ValueError("not a cookie of ours")
    key = hmac.digest(authorization_id.encode(), urlsafe_b64decode(cookie.reveal() + "="), "sha256")
    return Derived(
        state_bits=_expanded(key, "state"),
        code_verifier=_expanded(key, "code_verifier"),
        nonce=_expanded(key, "nonce"),
        confirmation_code=_expanded(key, "confirmation_code"),
    )


def matching_cookie(cookies: Sequence[Secret], authorization_id: str, bits: Secret) -> Derived | None:
    """Give what derives from the cookie whose state bits are `bits`; None: this is a foreign browser.

    Every one of the first `MAX_COOKIES` is tried, in constant time; what cannot be a cookie of ours is passed
    over.
    """
    found = None
    for cookie in cookies[:MAX_COOKIES]:
        if is_cookie(cookie.reveal()):
            derived = derive(cookie, authorization_id)
            if derived.state_bits == bits:
                found = derived
    return found


def hash_of(secret: Secret | str) -> bytes:
    """Give the SHA-256 (32 bytes) of a text: what the table holds instead of it."""
    return hashlib.sha256(reveal(secret).encode()).digest()


def join_state(authorization_id: str, bits: Secret) -> str:
    """Write the `state` parameter: `<authorization id>.<bits>`."""
    return f"{authorization_id}.{bits.reveal()}"


def split_state(text: str) -> tuple[str, Secret] | None:
    """Read a `state`: the authorization's id and the bits; None for what `join_state` cannot have written."""
    if (match := _STATE.fullmatch(text)) is None:
        return None
    return match[1], Secret(match[2])


def join_ticket(authorization_id: str, bits: Secret) -> str:
    """Write a start link's ticket, which has the form of a `state`."""
    return join_state(authorization_id, bits)


def split_ticket(text: str) -> tuple[str, Secret] | None:
    """Read a start link's ticket: the authorization's id and the bits; None for anything else."""
    return split_state(text)


def _expanded(key: bytes, purpose: str) -> Secret:
    # HKDF-Expand of one block (RFC 5869 section 2.3): 32 bytes are exactly SHA-256's, so T(1) is all of it.
    return Secret(_base64url(hmac.digest(key, _INFO.format(purpose=purpose).encode() + b"\x01", "sha256")))


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
