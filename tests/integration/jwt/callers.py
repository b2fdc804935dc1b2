"""Those who call /jwt: clients of the OpenID provider, with tokens of their own for the broker's API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.integration.oidc.broker import OpenIdBroker

if TYPE_CHECKING:
    import requests

AUDIENCE = "urn:oauth-broker:api"
RIGHTS = ("read", "write", "token", "proxy")


@dataclass(frozen=True)
class JwtCaller(OpenIdBroker):
    """The broker as somebody with an access token calls it."""

    access_token: str

    def call(self, method: str, path: str, body: Any = None, **rest: Any) -> requests.Response:
        """A request to the same route under /jwt."""
        headers = {"Authorization": f"Bearer {self.access_token}"}
        return super().call(method, f"/jwt{path}", body, headers=headers, **rest)


def subject(broker: OpenIdBroker, *scopes: str, audience: str = AUDIENCE) -> JwtCaller:
    """A new subject with a token that has these scopes."""
    token = broker.openid.register().token_for(audience, *(f"broker/{scope}" for scope in scopes))
    return JwtCaller(broker.stack, broker.openid, token)
