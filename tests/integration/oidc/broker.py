"""The broker with the certified OpenID provider as its provider, and a person's browser there."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from tests.integration.circle.broker import USER, Broker, Browser, query_of
from tests.integration.demo_provider.visitor import Form

if TYPE_CHECKING:
    import requests

    from tests.servers.openid_provider import Client, OpenIdProvider

SCOPES = ["openid", "offline_access"]


class PersonsBrowser(Browser):
    """A browser that answers the provider's page; within the provider it goes where it is sent."""

    def decide(
        self, authorize_url: str, decision: str = "allow", account: str = "ada", **rest: str
    ) -> requests.Response:
        """The provider's last answer, which sends the browser back to where it came from."""
        page = self._within(self.open(authorize_url))
        assert page.status_code == 200, page.text
        form = Form(page.text)
        data = form.fields | {"decision": decision, "account": account} | rest
        url = urljoin(page.url, form.action)
        return self._within(self.session.post(url, data=data, allow_redirects=False, timeout=30))

    def _within(self, response: requests.Response) -> requests.Response:
        """The first answer that does not lead on to a page of the same origin."""
        while response.is_redirect:
            target = urljoin(response.url, response.headers["Location"])
            if urljoin(target, "/") != urljoin(response.url, "/"):
                break
            response = self.open(target)
        return response


@dataclass(frozen=True)
class OpenIdBroker(Broker):
    """A running stack, called as the team's applications call it, and the provider beside it."""

    openid: OpenIdProvider

    @property
    def provider(self) -> str:
        """The provider's issuer."""
        return self.openid.url

    @property
    def landing(self) -> str:
        """A `return_url`; the tests read what comes back to it and open it never."""
        return "http://127.0.0.1:9/app?user=1"

    def client(self, resource_id: str, **metadata: Any) -> Client:
        """A client registered at the provider for a resource that is still to be made."""
        answer = self.call("GET", "/v1/callback-url", params={"resource_id": resource_id})
        return self.openid.register(answer.json()["callback_url"], **metadata)

    def at(self, client: Client, resource_id: str, **changes: Any) -> str:
        """A resource of that client; its id. Without scopes it has no authorization either."""
        auth_method = client.registration["token_endpoint_auth_method"]
        members = {
            "resource_id": resource_id,
            "name": "OpenID provider",
            "issuer": self.provider,
            "client_id": client.client_id,
            "client_secret": client.registration.get("client_secret"),
            # OpenID Connect Core section 11: offline access takes a consent of its own.
            "authorization": {"url": f"{self.provider}/auth", "params": {"prompt": "consent"}},
            "token": {"url": f"{self.provider}/token", "auth_method": auth_method},
            "revocation": {"url": f"{self.provider}/token/revocation"},
            "scopes": SCOPES,
        }
        members |= changes
        if not members["scopes"]:
            del members["authorization"]
        response = self.call("POST", "/v1/resources", members)
        assert response.status_code == 201, response.text
        return resource_id

    def connect(self, resource_id: str, account: str = "ada") -> str:
        """A connection asked for, consented to and confirmed; its id."""
        asked = self.ask(resource_id)
        self.finish(resource_id, asked, account)
        connection_id: str = asked["connection_id"]
        return connection_id

    def finish(self, resource_id: str, asked: dict[str, Any], account: str = "ada") -> dict[str, Any]:
        """The trip through the provider and the confirmation; the connection."""
        returned = PersonsBrowser().connect(asked["start_url"], account)
        assert returned.status_code == 303, returned.text
        response = self.confirm(resource_id, query_of(returned.headers["Location"]), USER)
        assert response.status_code == 200, response.text
        shown: dict[str, Any] = response.json()
        return shown


def an_id() -> str:
    """A resource's id that no other test has."""
    return f"openid-{secrets.token_hex(4)}"
