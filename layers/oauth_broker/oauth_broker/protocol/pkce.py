"""Proof Key for Code Exchange (RFC 7636)."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from oauth_broker.secret import Secret

S256: Final = "S256"
"""The only method we send: `plain` shows the verifier to whoever sees the request."""


def code_challenge(verifier: Secret) -> str:
    """Give the S256 challenge of a verifier: its SHA-256 as base64url without padding (RFC 7636, 4.2)."""
    digest = hashlib.sha256(verifier.reveal().encode("ascii")).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
