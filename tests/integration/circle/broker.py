"""The broker as an application sees it, over HTTP, and a browser without scripts."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qs, urljoin, urlsplit

import requests

from tests.contract.answers import check
from tests.integration.demo_provider.visitor import Form

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from local.stack import Stack

TIMEOUT = 40
SECRET = "demo-secret"
USER = "session-of-ada"
SCOPES = ["profile", "notes.read", "offline"]

Item = TypeVar("Item")
Value = TypeVar("Value")


def send(method: str, url: str, **rest: Any) -> requests.Response:
    """One request on a connection of its own; redirects are not followed."""
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, url, timeout=TIMEOUT, allow_redirects=False, **rest)


def query_of(url: str) -> dict[str, str]:
    """The parameters of a URL, each of which is there once."""
    found = parse_qs(urlsplit(url).query, keep_blank_values=True, strict_parsing=True)
    assert all(len(values) == 1 for values in found.values()), url
    return {name: values[0] for name, values in found.items()}


def place_of(resource_id: str, connection_id: str) -> tuple[str, str]:
    """The key of a connection's item: the design's, so that restored tables stay readable."""
    digit = hashlib.sha256(connection_id.encode()).hexdigest()[0]
    return f"C#{resource_id}#{digit}", connection_id


def eventually(holds: Callable[[], Value], seconds: float = 40) -> Value:
    """The first true value of `holds`; the last one when none came in time."""
    deadline = time.monotonic() + seconds
    while not (value := holds()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return value


def side_by_side(work: Callable[[Item], Value], items: Iterable[Item]) -> list[Value]:
    """`work` on every item at the same time."""
    given = list(items)
    with ThreadPoolExecutor(len(given)) as threads:
        return list(threads.map(work, given))


@dataclass
class Browser:
    """Somebody's browser: it keeps cookies and stops at every redirect."""

    session: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        self.session.trust_env = False

    def open(self, url: str, **rest: Any) -> requests.Response:
        """A page, as a person opens a link."""
        response = self.session.get(url, timeout=TIMEOUT, allow_redirects=False, **rest)
        if (path := urlsplit(url).path).startswith("/oauth/"):  # the broker's, not the provider's
            check("GET", path, response)
        return response

    def start(self, start_url: str) -> str:
        """A start link opened: the provider's address that it leads to."""
        response = self.open(start_url)
        assert response.status_code == 302, response.text
        return response.headers["Location"]

    def decide(
        self, authorize_url: str, decision: str = "allow", account: str = "ada", **rest: str
    ) -> requests.Response:
        """The provider's consent page, answered."""
        page = self.open(authorize_url)
        assert page.status_code == 200, page.text
        form = Form(page.text)
        data = form.fields | {"decision": decision, "account": account} | rest
        url = urljoin(page.url, form.action)
        return self.session.post(url, data=data, timeout=TIMEOUT, allow_redirects=False)

    def consent(self, start_url: str, decision: str = "allow", account: str = "ada") -> str:
        """From the start link through the provider: the callback that it sends this browser to."""
        response = self.decide(self.start(start_url), decision, account)
        assert response.status_code == 303, response.text
        return response.headers["Location"]

    def connect(self, start_url: str, account: str = "ada") -> requests.Response:
        """The whole trip: the broker's answer to the callback."""
        return self.open(self.consent(start_url, account=account))


@dataclass(frozen=True)
class Broker:
    """A running stack with its demo provider, called as the team's applications call it."""

    stack: Stack

    @property
    def url(self) -> str:
        """The broker's address."""
        return self.stack.url

    @property
    def provider(self) -> str:
        """The demo provider's address, which is its issuer as well."""
        return self.stack.provider_url

    @property
    def landing(self) -> str:
        """Where the application's landing page is: a `return_url`."""
        return f"{self.provider}/app?user=1"

    def call(self, method: str, path: str, body: Any = None, **rest: Any) -> requests.Response:
        """A request to the API; `body` goes as JSON."""
        given = rest if body is None else {"json": body, **rest}
        response = send(method, self.url + path, **given)
        check(method, path, response)
        return response

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """What the provider's controls answer."""
        response = send(method, f"{self.provider}/control/{path}", json=body)
        assert response.ok, response.text
        return response.json() if response.content else None

    def registration(self, **changes: Any) -> dict[str, Any]:
        """A resource at the demo provider, under an id of its own; a change to None leaves a member out."""
        members = {
            "resource_id": f"demo-{secrets.token_hex(4)}",
            "name": "Demo",
            "client_id": "demo-client",
            "client_secret": SECRET,
            "authorization": {"url": f"{self.provider}/authorize"},
            "token": {"url": f"{self.provider}/token"},
            "revocation": {"url": f"{self.provider}/revoke"},
            "scopes": SCOPES,
        } | changes
        return {name: value for name, value in members.items() if value is not None}

    def register(self, **changes: Any) -> str:
        """A resource made; its id."""
        response = self.call("POST", "/v1/resources", self.registration(**changes))
        assert response.status_code == 201, response.text
        resource_id: str = response.json()["resource_id"]
        return resource_id

    def ask(self, resource_id: str, **body: Any) -> dict[str, Any]:
        """A connection asked for, confirmation and all unless `body` has other members; the answer."""
        members = body or {"return_url": self.landing, "user": USER}
        response = self.call("POST", f"/v1/resources/{resource_id}/connections", members)
        assert response.status_code == 201, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def connect(self, resource_id: str, account: str = "ada") -> str:
        """A connection asked for, consented to and confirmed; its id."""
        asked = self.ask(resource_id)
        returned = Browser().connect(asked["start_url"], account)
        assert returned.status_code == 303, returned.text
        response = self.confirm(resource_id, query_of(returned.headers["Location"]))
        assert response.status_code == 200, response.text
        connection_id: str = asked["connection_id"]
        return connection_id

    def confirm(
        self, resource_id: str, returned: Mapping[str, str], user: str = USER, **changes: Any
    ) -> requests.Response:
        """What the application does when the browser is back with `returned` in its address."""
        path = f"/v1/resources/{resource_id}/connections/{returned['connection_id']}/confirm"
        body = {"confirmation_code": returned.get("confirmation_code"), "user": user, **changes}
        return self.call("POST", path, body)

    def connection(self, resource_id: str, connection_id: str) -> dict[str, Any]:
        """A connection as the API shows it."""
        response = self.call("GET", f"/v1/resources/{resource_id}/connections/{connection_id}")
        assert response.status_code == 200, response.text
        shown: dict[str, Any] = response.json()
        return shown

    def token(self, resource_id: str, connection_id: str, query: str = "") -> requests.Response:
        """A token read."""
        return self.call("GET", f"/v1/tokens/{resource_id}/{connection_id}{query}")

    def me(self, access_token: str) -> requests.Response:
        """The provider's API, asked with a token."""
        return send("GET", f"{self.provider}/api/me", headers={"Authorization": f"Bearer {access_token}"})

    def item(self, pk: str, sk: str) -> dict[str, Any]:
        """An item as it lies in the table."""
        key = {"pk": {"S": pk}, "sk": {"S": sk}}
        answer = self.stack.client("dynamodb").get_item(
            TableName=self.stack.table_name, Key=key, ConsistentRead=True
        )
        found: dict[str, Any] = answer["Item"]
        return found

    def set_number(self, pk: str, sk: str, name: str, number: float) -> None:
        """One number of an item changed, as time would change what it means."""
        self.item(pk, sk)
        self.stack.client("dynamodb").update_item(
            TableName=self.stack.table_name,
            Key={"pk": {"S": pk}, "sk": {"S": sk}},
            UpdateExpression="SET #name = :number",
            ExpressionAttributeNames={"#name": name},
            ExpressionAttributeValues={":number": {"N": str(int(number))}},
        )

    def calls(self, grant_type: str) -> list[dict[str, Any]]:
        """The calls of a grant type that reached the provider's token endpoints."""
        return [call for call in self.control("GET", "calls")["items"] if call["grant_type"] == grant_type]

    def families(self) -> dict[str, dict[str, Any]]:
        """What the provider has given out, by family."""
        return {family["family_id"]: family for family in self.control("GET", "families")["items"]}

    def refreshes(self, family: str) -> int:
        """How often a family's refresh tokens came to the provider."""
        return len([call for call in self.calls("refresh_token") if call["family_id"] == family])

    def events(self, connection_id: str) -> list[str]:
        """The kinds of the events that were sent about a connection."""
        return [event["DetailType"] for event in self.stack.events if connection_id in event["Detail"]]


def asking(broker: Broker, **more: Any) -> dict[str, Any]:
    """What asks for a connection of `tenants`."""
    return {
        "return_url": broker.landing,
        "user": USER,
        "scopes": ["profile"],
        "variables": {"tenant": "acme"},
        **more,
    }


def assert_problem(response: requests.Response, status: int, name: str, *pointers: str) -> None:
    """The answer is the problem `name`, whole, and its errors are at these pointers and at no other."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["Cache-Control"] == "no-store"
    body = response.json()
    assert (body["type"], body["status"]) == (f"urn:oauth-broker:{name}", status)
    assert body["title"]
    assert body["detail"]
    assert {error["pointer"] for error in body.get("errors", ())} == set(pointers), body
    assert all(error["detail"] for error in body.get("errors", ()))


def assert_page(response: requests.Response, status: int) -> None:
    """The answer is a page of ours that runs, loads, caches and leads to nothing."""
    assert response.status_code == status, response.text
    assert "Location" not in response.headers
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    policy = "default-src 'none'; frame-ancestors 'none'"
    assert response.headers["Content-Security-Policy"] == policy
