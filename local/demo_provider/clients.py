"""Who the provider knows: the clients, the accounts, the scopes, and where a browser may be sent back to."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Collection
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from authlib.oauth2.rfc6749 import ClientMixin, scope_to_list

ACCOUNTS = {"ada": "Ada Lovelace", "alan": "Alan Turing", "grace": "Grace Hopper"}

SCOPES = {
    "profile": "See the name and address of the account",
    "notes.read": "Read its notes",
    "notes.write": "Write notes",
    "offline": "Stay connected while nobody is looking (a refresh token)",
}
DEFAULT_SCOPE = "profile offline"  # RFC 6749 section 3.3: what a request without scope asks for

GRANT_TYPES = ("authorization_code", "refresh_token", "client_credentials")
AUTH_METHODS = ["client_secret_basic", "client_secret_post"]
REDIRECT_PATH = "/oauth/"
MAX_REDIRECT_URI = 2048  # characters


@dataclass(frozen=True)
class Client(ClientMixin):
    """A registered client; the methods are those that Authlib asks it by."""

    client_id: str
    client_secret: str = field(repr=False)
    token_endpoints: tuple[str, ...]
    rotates: bool

    def get_default_redirect_uri(self) -> str:
        """None: a request has to name its redirect URI."""
        return ""

    def get_allowed_scope(self, scope: Collection[str] | str | None) -> str:
        """What of `scope` it may have: all that exists; the default where nothing is asked."""
        asked = scope_to_list(scope or DEFAULT_SCOPE) or []
        return " ".join(name for name in SCOPES if name in asked)

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """A browser may be sent there with a code."""
        return is_loopback_redirect(redirect_uri)

    def check_client_secret(self, client_secret: str) -> bool:
        """It is the client's, compared in constant time; as bytes, since str must be ASCII for that."""
        return hmac.compare_digest(self.client_secret.encode(), client_secret.encode())

    def check_endpoint_auth_method(self, method: str, _endpoint: str) -> bool:
        """It may authenticate like this."""
        return method in AUTH_METHODS

    def check_response_type(self, response_type: str) -> bool:
        """Codes only (RFC 9700 section 2.1.2)."""
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        """It may use this grant."""
        return grant_type in GRANT_TYPES


CLIENTS = {
    client.client_id: client
    for client in (
        Client("demo-client", "demo-secret", ("/token",), rotates=True),
        Client("demo-keeps", "demo-secret", ("/token",), rotates=False),
        Client("demo-get", "demo-secret", ("/token-get", "/token-json"), rotates=True),
    )
}


def is_loopback_redirect(redirect_uri: str) -> bool:
    """Whether it is http(s) to this machine, below /oauth/, and no two parsers can differ over it."""
    if len(redirect_uri) > MAX_REDIRECT_URI or not redirect_uri.isascii() or not redirect_uri.isprintable():
        return False
    if any(character in redirect_uri for character in ' "\\#'):
        return False
    try:
        parts = urlsplit(redirect_uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if parts.scheme not in {"http", "https"} or "@" in parts.netloc or host is None:
        return False
    return parts.path.startswith(REDIRECT_PATH) and is_loopback(host)


def is_loopback(host: str) -> bool:
    """Whether `host` (a name, or an address without brackets) is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
