"""A certified OpenID provider (npm oidc-provider), the judge of every storm: the fixture `openid_provider`.

It requires PKCE, gives clocks no tolerance, rotates refresh tokens, and ends the whole family of one that
comes twice. `oidc_provider/server.mjs` sets it up.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import requests

from tests.servers.node import find_node, install_locked
from tests.servers.programs import MissingProgramError, start_on_a_free_port, unavailable

ACCESS_TOKEN_LIFETIME: Final = 8
"""Seconds."""

_FOLDER: Final = Path(__file__).parent / "oidc_provider"
_TIMEOUT: Final = 30


@dataclass(frozen=True)
class Client:
    """A client as the provider registered it (RFC 7591): `registration` is its answer."""

    provider: OpenIdProvider
    registration: dict[str, Any]

    @property
    def client_id(self) -> str:
        """The id that the provider gave it."""
        return str(self.registration["client_id"])

    @property
    def secret(self) -> str:
        """The secret that the provider gave it."""
        return str(self.registration["client_secret"])

    def post(self, path: str, **fields: str) -> requests.Response:
        """A form sent to an endpoint, authenticated as this client registered to."""
        if self.registration["token_endpoint_auth_method"] == "client_secret_post":
            return self.provider.call(
                "POST", path, data={**fields, "client_id": self.client_id, "client_secret": self.secret}
            )
        return self.provider.call("POST", path, data=fields, auth=(self.client_id, self.secret))

    def is_active(self, token: str) -> bool:
        """Whether a token of this client lives (RFC 7662)."""
        response = self.post("/token/introspection", token=token)
        assert response.status_code == 200, response.text
        return bool(response.json()["active"])

    def token_for(self, resource: str, *scopes: str) -> str:
        """A JWT of its own for a resource (RFC 8707, RFC 9068): its subject is the client."""
        fields = {"grant_type": "client_credentials", "resource": resource, "scope": " ".join(scopes)}
        response = self.post("/token", **fields)
        assert response.status_code == 200, response.text
        return str(response.json()["access_token"])

    def calls(self, grant_type: str) -> list[dict[str, Any]]:
        """What this client asked the token endpoint for.

        Of each: at, auth_method, kid (of an assertion), grant_id, account_id, error, error_detail.
        """
        return [
            call
            for call in self.provider.journal()["calls"]
            if call["client_id"] == self.client_id and call["grant_type"] == grant_type
        ]

    def asked_to_revoke(self) -> list[str | None]:
        """The grant of each token that this client asked to revoke; None: the provider did not know it."""
        asked = self.provider.journal()["revocations"]
        return [one["grant_id"] for one in asked if one["client_id"] == self.client_id]

    def revocations(self) -> list[dict[str, Any]]:
        """The grants of this client that ended; `by` the route `revocation` if asked, `token` if abused."""
        return [one for one in self.provider.journal()["revoked"] if one["client_id"] == self.client_id]


@dataclass(frozen=True)
class OpenIdProvider:
    """A running provider; `url` is its issuer."""

    url: str

    def call(self, method: str, path: str, **rest: Any) -> requests.Response:
        """One request on a connection of its own; redirects are not followed."""
        with requests.Session() as session:
            session.trust_env = False
            return session.request(method, self.url + path, timeout=_TIMEOUT, allow_redirects=False, **rest)

    def register(self, *redirect_uris: str, **metadata: Any) -> Client:
        """A confidential client (Basic) for these redirect URIs; without any, for client_credentials."""
        given: dict[str, Any] = {
            "redirect_uris": redirect_uris,
            "token_endpoint_auth_method": "client_secret_basic",
        }
        if redirect_uris:
            given |= {"grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"]}
        else:
            given |= {"grant_types": ["client_credentials"], "response_types": []}
        response = self.call("POST", "/reg", json=given | metadata)
        assert response.status_code == 201, response.text
        return Client(self, response.json())

    def journal(self) -> dict[str, list[dict[str, Any]]]:
        """`calls` of the token endpoint, `revocations` asked for, and grants `revoked`, oldest first."""
        journal: dict[str, list[dict[str, Any]]] = self.call("GET", "/journal").json()
        return journal

    def withdraw(self, grant_id: str) -> None:
        """End a grant, as a person does on the provider's page of connected applications."""
        assert self.call("DELETE", f"/grants/{grant_id}").status_code == 204

    def userinfo(self, access_token: str) -> requests.Response:
        """The userinfo endpoint, asked with a token."""
        return self.call("GET", "/me", headers={"Authorization": f"Bearer {access_token}"})


@pytest.fixture(scope="session")
def openid_provider() -> Iterator[OpenIdProvider]:
    """A provider for this test run; each test registers clients of its own."""
    with ExitStack() as opened:
        try:
            provider = opened.enter_context(serving())
        except MissingProgramError as error:
            unavailable(error)
        yield provider


@contextmanager
def serving(access_token_lifetime: int = ACCESS_TOKEN_LIFETIME) -> Iterator[OpenIdProvider]:
    """Run a provider until the block ends. Raises MissingProgramError, NotStartedError."""
    node = find_node()
    install_locked(_FOLDER)

    def command(port: int) -> list[str]:
        return [node, "server.mjs", str(port), str(access_token_lifetime)]

    with start_on_a_free_port(command, _FOLDER) as port:
        yield OpenIdProvider(f"http://127.0.0.1:{port}")
