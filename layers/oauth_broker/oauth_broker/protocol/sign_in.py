"""How people sign in to the console: what its page must know of the issuer.

The page is a public client (RFC 6749 section 2.1) with PKCE. Its token is for the API: `resource` (RFC 8707).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from oauth_broker.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

RIGHTS: Final = ("read", "write", "admin")
"""What the console asks for. What an issuer may refuse stands last: the page asks again without it."""

ASK_AGAIN_AFTER: Final = 10
"""Seconds after which an issuer that failed is asked again."""

# No "," or ";" before the query: in a policy they would end the source (CSP 3, section 2.3.1).
_ENDPOINT = re.compile(
    r"https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~!$&()*+=:@%/-]*)?(?:\?[\x21-\x7e]*)?"
)
_ABSOLUTE_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^#\s]+")
# Amazon Cognito Developer Guide, "The managed login sign-out endpoint": with names of its own.
_COGNITO = re.compile(r"https://cognito-idp\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?/.+")


@dataclass(frozen=True, slots=True)
class SignIn:
    """An issuer's endpoints, and what to ask there for; `resource` is the API, where it has a URI."""

    issuer: str
    client_id: str
    authorization_endpoint: str
    token_endpoint: str
    end_session_endpoint: str | None
    end_session_return_parameter: str
    scope_prefix: str
    resource: str | None

    def as_json(self) -> dict[str, Any]:
        """Give it as the page reads it. None of it is secret."""
        return {
            "issuer": self.issuer,
            "client_id": self.client_id,
            "authorization_endpoint": self.authorization_endpoint,
            "token_endpoint": self.token_endpoint,
            "end_session_endpoint": self.end_session_endpoint,
            "end_session_return_parameter": self.end_session_return_parameter,
            "scopes": [f"{self.scope_prefix}{right}" for right in RIGHTS],
            "scope_prefix": self.scope_prefix,
            "resource": self.resource,
        }


def sign_in_of(
    metadata: Mapping[str, Any], *, client_id: str, scope_prefix: str, audience: str | None
) -> SignIn:
    """Read an issuer's metadata (RFC 8414); raises UnavailableError where people cannot be signed in by it.

    `audience` is what the API's tokens are for; it is asked for where it is a URI (RFC 8707 section 2).
    """
    issuer = str(metadata["issuer"])
    authorization_endpoint = _required(metadata, "authorization_endpoint")
    end_session_endpoint = _endpoint(metadata, "end_session_endpoint")
    cognito = _COGNITO.fullmatch(issuer) is not None
    if cognito:
        parts = urlsplit(authorization_endpoint)
        end_session_endpoint = f"{parts.scheme}://{parts.netloc}/logout"
    return SignIn(
        issuer=issuer,
        client_id=client_id,
        authorization_endpoint=authorization_endpoint,
        token_endpoint=_required(metadata, "token_endpoint"),
        end_session_endpoint=end_session_endpoint,
        # OpenID Connect RP-Initiated Logout 1.0 section 2.
        end_session_return_parameter="logout_uri" if cognito else "post_logout_redirect_uri",
        scope_prefix=scope_prefix,
        resource=audience if audience and _ABSOLUTE_URI.fullmatch(audience) else None,
    )


def page_policy(sign_in: SignIn | None) -> str:
    """Give the page's Content-Security-Policy: its own origin alone, and the issuer's token endpoint."""
    token_endpoint = f" {sign_in.token_endpoint.partition('?')[0]}" if sign_in else ""
    return (
        f"default-src 'self'; connect-src 'self'{token_endpoint}; object-src 'none'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    )


def _required(metadata: Mapping[str, Any], name: str) -> str:
    endpoint = _endpoint(metadata, name)
    if endpoint is None:
        raise UnavailableError(f"The issuer's metadata has no fit {name}.", retry_after=ASK_AGAIN_AFTER)
    return endpoint


def _endpoint(metadata: Mapping[str, Any], name: str) -> str | None:
    value = metadata.get(name)
    return value if isinstance(value, str) and _ENDPOINT.fullmatch(value) else None
