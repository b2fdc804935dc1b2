"""An issuer alone makes a resource, and no issuer makes one that is against the rules."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from tests.integration.circle.broker import USER, assert_page, assert_problem, eventually, query_of
from tests.integration.oidc.broker import SCOPES, OpenIdBroker, PersonsBrowser, an_id
from tests.integration.oidc.forging_issuer import ForgingIssuer, Published
from tests.servers.openid_provider import Client

CONSENT = {"params": {"prompt": "consent"}}


def short(broker: OpenIdBroker, client: Client, resource_id: str) -> dict[str, Any]:
    """A registration that names its issuer; offline access takes a consent of its own."""
    return {
        "resource_id": resource_id,
        "name": "OpenID provider",
        "issuer": broker.provider,
        "client_id": client.client_id,
        "client_secret": client.secret,
        "authorization": CONSENT,
        "scopes": SCOPES,
    }


@pytest.fixture
def registered(broker: OpenIdBroker) -> tuple[Client, str]:
    """A client of the provider, and its resource by issuer alone."""
    client = broker.client(resource_id := an_id())
    answer = broker.call("POST", "/v1/resources", short(broker, client, resource_id))
    assert answer.status_code == 201, answer.text
    return client, resource_id


def test_an_issuer_alone_is_enough(broker: OpenIdBroker, registered: tuple[Client, str]) -> None:
    """Connect with a validated ID token, read, be refreshed, and be revoked where metadata said.

    Fails when the metadata is not laid under the registration, or when its keys are not those of the tokens.
    """
    client, resource_id = registered
    shown = broker.call("GET", f"/v1/resources/{resource_id}").json()
    provider = broker.provider
    assert shown["authorization"] == {"url": f"{provider}/auth", **CONSENT}
    assert shown["token"]["url"] == f"{provider}/token"
    assert shown["revocation"]["url"] == f"{provider}/token/revocation"
    assert shown["jwks_uri"] == f"{provider}/jwks"
    assert shown["authorization_response_iss_parameter_supported"] is True
    connection_id = broker.connect(resource_id)
    first = broker.token(resource_id, connection_id).json()["access_token"]
    assert broker.openid.userinfo(first).status_code == 200
    path = f"/v1/resources/{resource_id}/connections/{connection_id}"
    assert broker.call("POST", f"{path}/refresh").json()["generation"] >= 2
    assert [call["error"] for call in client.calls("authorization_code")] == [None]
    assert broker.call("DELETE", path).status_code == 204
    assert eventually(client.revocations)


def test_what_get_shows_can_be_put_back(broker: OpenIdBroker, registered: tuple[Client, str]) -> None:
    """And the short registration again; neither changes anything."""
    client, resource_id = registered
    path = f"/v1/resources/{resource_id}"
    before = broker.call("GET", path).json()
    for body in (before, short(broker, client, resource_id)):
        after = broker.call("PUT", path, body)
        assert after.status_code == 200, after.text
        assert {**after.json(), "updated_at": before["updated_at"]} == before


def test_the_issuer_must_be_named_in_the_callback(
    broker: OpenIdBroker, registered: tuple[Client, str]
) -> None:
    """A callback without `iss` is refused and uses nothing up: the whole one still connects.

    Fails when `iss` is compared only where it comes.
    """
    client, resource_id = registered
    browser = PersonsBrowser()
    callback = browser.consent(broker.ask(resource_id)["start_url"])
    fields = query_of(callback)
    assert fields.pop("iss") == broker.provider
    address = urlsplit(callback)._replace(query=urlencode(fields)).geturl()
    assert_page(browser.open(address), 400)
    assert client.calls("authorization_code") == []
    assert browser.open(callback).status_code == 303


def test_discovery_shows_what_would_be_registered(
    broker: OpenIdBroker, registered: tuple[Client, str]
) -> None:
    """The same members, and the scopes to choose from."""
    _, resource_id = registered
    shown = broker.call("POST", "/v1/discovery", {"issuer": broker.provider})
    assert shown.status_code == 200, shown.text
    members = shown.json()
    assert set(members.pop("scopes_supported")) >= set(SCOPES)
    members["authorization"] |= CONSENT
    assert members.items() <= broker.call("GET", f"/v1/resources/{resource_id}").json().items()


BAD: list[tuple[str, Callable[[ForgingIssuer], str], str]] = [
    ("another issuer", lambda it: it.publishing(issuer="https://login.acme.test"), "says that the issuer is"),
    (
        "a redirect",
        lambda it: it.answering(
            Published(302, headers={"Location": f"{it.new()}/.well-known/openid-configuration"})
        ),
        "they answer 302",
    ),
    (
        "huge",
        lambda it: it.answering(Published(body=b" " * 1_000_001)),
        "over 1000000 bytes",
    ),
    ("larger than metadata is", lambda it: it.publishing(x="x" * 300_000), "they answer 200"),
    ("no JSON", lambda it: it.answering(Published(body=b"<html>")), "they answer 200"),
    ("nowhere", lambda it: f"{it.url.rpartition(':')[0]}:9", "cannot be fetched"),
    (
        "a private address",
        lambda it: it.publishing(token_endpoint="https://10.0.0.1/token"),
        "token_endpoint",
    ),
    ("link-local", lambda it: it.publishing(jwks_uri="https://169.254.169.254/keys"), "jwks_uri"),
    ("not https", lambda it: it.publishing(revocation_endpoint="http://acme.test/r"), "must be https"),
    (
        "a placeholder",
        lambda it: it.publishing(token_endpoint=f"{it.url}/t?x={{{{client_secret}}}}"),
        "placeholder",
    ),
    ("no token endpoint", lambda it: it.publishing(token_endpoint=None), "has no token_endpoint"),
]


@pytest.mark.parametrize("case", BAD, ids=[name for name, _, _ in BAD])
def test_metadata_that_may_not_be_makes_no_resource(
    broker: OpenIdBroker, forging: ForgingIssuer, case: tuple[str, Callable[[ForgingIssuer], str], str]
) -> None:
    """A 422 at the issuer which says why; there is no such resource. A good issuer there makes one."""
    _, make, words = case
    body = {
        "resource_id": an_id(),
        "name": "Forged",
        "client_id": "client-1",
        "client_secret": "not-a-secret",
    }
    answer = broker.call("POST", "/v1/resources", body | {"issuer": make(forging)})
    assert_problem(answer, 422, "invalid", "/issuer")
    assert words in json.dumps(answer.json()["errors"])
    path = f"/v1/resources/{body['resource_id']}"
    assert_problem(broker.call("GET", path), 404, "not-found")
    assert broker.call("POST", "/v1/resources", body | {"issuer": forging.new()}).status_code == 201


def test_metadata_that_drips_is_given_up(broker: OpenIdBroker, forging: ForgingIssuer) -> None:
    """Ten seconds for all of it, however often a byte comes."""
    issuer = forging.answering(Published(slow=True))
    began = time.monotonic()
    answer = broker.call("POST", "/v1/discovery", {"issuer": issuer})
    assert_problem(answer, 422, "invalid", "/issuer")
    assert time.monotonic() - began < 20
    assert forging.calls[issuer] == 1


@pytest.mark.parametrize("changes", [{"name": None}, {"scopess": []}, {"issuer": "https://10.0.0.1"}])
def test_what_is_wrong_in_itself_asks_no_issuer(
    broker: OpenIdBroker, forging: ForgingIssuer, changes: dict[str, Any]
) -> None:
    """It is refused before anything is sent."""
    issuer = forging.new()
    body = {"resource_id": an_id(), "name": "Forged", "client_id": "client-1", "issuer": issuer}
    answer = broker.call("POST", "/v1/resources", body | changes)
    assert answer.status_code == 422
    assert forging.calls[issuer] == 0


def test_an_issuer_is_asked_once_a_minute(broker: OpenIdBroker, forging: ForgingIssuer) -> None:
    """By each process: ten questions are fewer requests."""
    issuer = forging.new()
    for _ in range(10):
        assert broker.call("POST", "/v1/discovery", {"issuer": issuer}).status_code == 200
    assert forging.calls[issuer] < 10


def test_the_brokers_own_ports_are_no_issuer(broker: OpenIdBroker) -> None:
    """Not even on one machine with it."""
    answer = broker.call("POST", "/v1/discovery", {"issuer": broker.url})
    assert_problem(answer, 422, "invalid", "/issuer")
    assert "own" in answer.json()["errors"][0]["detail"]


@pytest.mark.parametrize("body", [{}, {"issuer": 1}, {"issuer": "https://a.test", "x": 1}, {"issuer": "a"}])
def test_what_cannot_be_discovered_is_refused(broker: OpenIdBroker, body: dict[str, Any]) -> None:
    """At its pointer."""
    pointer = "/x" if "x" in body else "/issuer"
    assert_problem(broker.call("POST", "/v1/discovery", body), 422, "invalid", pointer)


def test_a_person_who_says_no_is_believed(broker: OpenIdBroker, registered: tuple[Client, str]) -> None:
    """The provider names itself in errors, too: so they reach the application."""
    _, resource_id = registered
    asked = broker.ask(resource_id, connection_id="ada", return_url=broker.landing, user=USER)
    browser = PersonsBrowser()
    callback = browser.consent(asked["start_url"], decision="deny")
    assert query_of(browser.open(callback).headers["Location"])["error"] == "access_denied"
