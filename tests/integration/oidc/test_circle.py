"""The main job against a provider that nobody here wrote, and that forgives nothing."""

from __future__ import annotations

import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from oauth_broker.protocol.pkce import code_challenge
from oauth_broker.secret import Secret
from tests.integration.circle.broker import USER, assert_page, assert_problem, eventually, query_of
from tests.integration.oidc.broker import SCOPES, OpenIdBroker, PersonsBrowser, an_id
from tests.servers.openid_provider import ACCESS_TOKEN_LIFETIME

PAST_EXPIRY = 4 * ACCESS_TOKEN_LIFETIME


@pytest.mark.parametrize("auth_method", ["client_secret_basic", "client_secret_post"])
def test_the_circle(broker: OpenIdBroker, auth_method: str) -> None:
    """Connect, confirm, be refreshed past expiry by the schedule alone; disconnecting revokes.

    Fails without the schedule (the generation stays 1), with another client authentication than the one that
    was registered, when a refresh is sent twice (the family ends), and without the revocation.
    """
    client = broker.client(resource_id := an_id(), token_endpoint_auth_method=auth_method)
    broker.at(client, resource_id)
    asked = broker.ask(resource_id, connection_id="ada", return_url=broker.landing, user=USER)
    browser = PersonsBrowser()
    authorization = query_of(browser.start(asked["start_url"]))
    assert authorization["code_challenge_method"] == "S256"
    callback = browser.consent(asked["start_url"])
    assert query_of(callback)["iss"] == broker.provider
    returned = browser.open(callback)
    assert returned.status_code == 303, returned.text
    confirmed = broker.confirm(resource_id, query_of(returned.headers["Location"]))
    assert confirmed.status_code == 200, confirmed.text
    assert (confirmed.json()["status"], confirmed.json()["scopes"]) == ("active", SCOPES)

    first = broker.token(resource_id, "ada").json()["access_token"]
    assert broker.openid.userinfo(first).json()["sub"] == "ada"
    assert eventually(lambda: broker.openid.userinfo(first).status_code == 401, PAST_EXPIRY)
    grown = eventually(lambda: broker.connection(resource_id, "ada")["generation"] >= 2, PAST_EXPIRY)
    assert grown, broker.connection(resource_id, "ada")
    later = broker.token(resource_id, "ada").json()
    assert broker.openid.userinfo(later["access_token"]).json()["sub"] == "ada"
    assert client.is_active(later["access_token"])
    refreshes = client.calls("refresh_token")
    assert [call["error"] for call in refreshes] == [None] * len(refreshes)
    assert len(refreshes) >= later["generation"] - 1
    [exchange] = client.calls("authorization_code")
    assert {call["auth_method"] for call in [exchange, *refreshes]} == {auth_method}
    assert client.revocations() == []

    gone = broker.call("DELETE", f"/v1/resources/{resource_id}/connections/ada")
    assert gone.status_code == 204
    assert_problem(broker.token(resource_id, "ada"), 404, "not-found")
    ended = eventually(client.revocations)
    assert [(one["by"], one["grant_id"]) for one in ended] == [("revocation", refreshes[0]["grant_id"])]
    assert not client.is_active(later["access_token"])


def test_a_storm_of_readers_spends_each_token_once(broker: OpenIdBroker) -> None:
    """Readers, refreshes and the schedule at once: as many calls as generations, and the family lives.

    Fails when the lease's condition is left out: two spend one refresh token, which ends the family.
    """
    client = broker.client(resource_id := an_id())
    connection_id = broker.connect(broker.at(client, resource_id))
    path = f"/v1/resources/{resource_id}/connections/{connection_id}/refresh"
    with ThreadPoolExecutor(12) as threads:
        for _ in range(3):
            reads = [threads.submit(broker.token, resource_id, connection_id, "?min_ttl=6") for _ in range(6)]
            asks = [threads.submit(broker.call, "POST", path) for _ in range(6)]
            assert [one.result().status_code for one in reads + asks] == [200] * 12
    shown = broker.connection(resource_id, connection_id)
    refreshes = client.calls("refresh_token")
    assert shown["status"] == "active"
    assert [call["error"] for call in refreshes] == [None] * len(refreshes)
    assert shown["generation"] >= 4
    assert client.revocations() == []
    token = broker.token(resource_id, connection_id).json()["access_token"]
    assert broker.openid.userinfo(token).status_code == 200


def test_a_client_of_its_own_account(broker: OpenIdBroker) -> None:
    """client_credentials: active at once, refreshed by the schedule with the secret alone.

    Fails when such a connection is not made due (the generation stays 1).
    """
    client = broker.openid.register()
    resource_id = broker.at(client, an_id(), grant_type="client_credentials", scopes=[])
    answer = broker.call("POST", f"/v1/resources/{resource_id}/connections", {"connection_id": "own"})
    assert (answer.status_code, answer.json()["status"]) == (201, "active")
    first = broker.token(resource_id, "own").json()["access_token"]
    assert client.is_active(first)
    assert eventually(lambda: broker.connection(resource_id, "own")["generation"] >= 2, PAST_EXPIRY)
    later = broker.token(resource_id, "own").json()["access_token"]
    assert later != first
    assert client.is_active(later)


def test_a_wrong_secret_of_a_client_of_its_own_account(broker: OpenIdBroker) -> None:
    """502, and nothing is stored. Fails when the connection is stored before its token is there."""
    client = broker.openid.register()
    wrong = {"client_secret": f"{client.secret}x", "scopes": []}
    resource_id = broker.at(client, an_id(), grant_type="client_credentials", **wrong)
    answer = broker.call("POST", f"/v1/resources/{resource_id}/connections", {"connection_id": "own"})
    assert_problem(answer, 502, "exchange-failed")
    assert client.secret not in answer.text
    path = f"/v1/resources/{resource_id}/connections/own"
    assert_problem(broker.call("GET", path), 404, "not-found")


def test_a_wrong_secret_fails_the_exchange(broker: OpenIdBroker) -> None:
    """The browser is told no more than that; the application sees which error the provider gave.

    Fails when `last_error` is not kept.
    """
    client = broker.client(resource_id := an_id())
    broker.at(client, resource_id, client_secret=f"{client.secret}x")
    asked = broker.ask(resource_id, connection_id="ada", return_url=broker.landing, user=USER)
    returned = PersonsBrowser().connect(asked["start_url"])
    assert returned.status_code == 303, returned.text
    assert query_of(returned.headers["Location"])["error"] == "exchange_failed"
    shown = broker.connection(resource_id, "ada")
    assert shown["status"] == "pending"
    assert shown["last_error"]["error"] == "invalid_client"
    [call] = [one for one in broker.openid.journal()["calls"] if one["client_id"] == client.client_id]
    assert (call["grant_type"], call["error"]) == ("authorization_code", "invalid_client")


def test_a_refused_consent_comes_back_as_it_is(broker: OpenIdBroker) -> None:
    """`access_denied` reaches the application, nothing the token endpoint; the connection stays pending.

    Fails when the callback exchanges before it looks at `error`, or answers with a page.
    """
    client = broker.client(resource_id := an_id())
    broker.at(client, resource_id)
    asked = broker.ask(resource_id, connection_id="ada", return_url=broker.landing, user=USER)
    browser = PersonsBrowser()
    callback = browser.consent(asked["start_url"], decision="deny")
    assert query_of(callback)["iss"] == broker.provider
    returned = query_of(browser.open(callback).headers["Location"])
    assert (returned["connection_id"], returned["error"]) == ("ada", "access_denied")
    shown = broker.connection(resource_id, "ada")
    assert (shown["status"], shown["last_error"]["error"]) == ("pending", "access_denied")
    assert client.calls("authorization_code") == []


def test_the_issuer_is_compared_as_a_string(broker: OpenIdBroker) -> None:
    """RFC 9207 section 2.4: one slash more, and the answer is another issuer's. Nothing is exchanged.

    Fails when `iss` is not compared, or compared as a URL.
    """
    client = broker.client(resource_id := an_id())
    broker.at(client, resource_id, issuer=f"{broker.provider}/")
    browser = PersonsBrowser()
    callback = browser.consent(broker.ask(resource_id)["start_url"])
    assert parse_qs(urlsplit(callback).query)["iss"] == [broker.provider]
    assert_page(browser.open(callback), 400)
    assert client.calls("authorization_code") == []


def test_without_pkce_the_provider_refuses(broker: OpenIdBroker) -> None:
    """A positive control: that the trips above succeed shows that each carried its challenge."""
    client = broker.client(resource_id := an_id())
    broker.at(client, resource_id, code_challenge_method=None)
    browser = PersonsBrowser()
    response = browser.open(browser.start(broker.ask(resource_id)["start_url"]))
    assert query_of(response.headers["Location"])["error"] == "invalid_request"
    returned = browser.open(response.headers["Location"])
    assert query_of(returned.headers["Location"])["error"] == "invalid_request"


def test_a_withdrawn_consent_is_asked_for_once_and_can_be_given_anew(broker: OpenIdBroker) -> None:
    """invalid_grant: needs_reauthorization, one event, no more calls; a new consent goes on where it was.

    Fails when what the provider refused for good is tried again, and when a reauthorization starts at 1.
    """
    client = broker.client(resource_id := an_id())
    connection_id = broker.connect(broker.at(client, resource_id))
    [exchange] = client.calls("authorization_code")
    broker.openid.withdraw(exchange["grant_id"])
    path = f"/v1/resources/{resource_id}/connections/{connection_id}"

    def ended() -> bool:
        return bool(broker.connection(resource_id, connection_id)["status"] == "needs_reauthorization")

    assert eventually(ended, PAST_EXPIRY)
    assert_problem(broker.token(resource_id, connection_id), 409, "needs-reauthorization")
    assert broker.call("POST", f"{path}/refresh").json()["status"] == "needs_reauthorization"
    assert [call["error"] for call in client.calls("refresh_token")][-1] == "invalid_grant"
    refused = [call for call in client.calls("refresh_token") if call["error"]]
    assert len(refused) == 1
    event = "connection needs reauthorization"
    assert eventually(lambda: broker.events(connection_id).count(event) == 1)

    before = broker.connection(resource_id, connection_id)["generation"]
    again = broker.call("POST", f"{path}/reauthorize", {"return_url": broker.landing, "user": USER})
    assert again.status_code == 201, again.text
    shown = broker.finish(resource_id, again.json())
    assert (shown["status"], shown["generation"]) == ("active", before + 1)
    token = broker.token(resource_id, connection_id).json()["access_token"]
    assert broker.openid.userinfo(token).status_code == 200
    assert broker.events(connection_id).count(event) == 1


def test_what_was_connected_elsewhere_can_be_imported(broker: OpenIdBroker) -> None:
    """A team moves in with the tokens that it has: nobody is asked again, and the schedule goes on with them.

    Fails when the import calls the provider, or the first refresh does not come by itself.
    """
    elsewhere = "http://127.0.0.1:9/elsewhere"
    client = broker.openid.register(elsewhere)
    verifier = secrets.token_urlsafe(32)
    query = {
        "client_id": client.client_id,
        "response_type": "code",
        "redirect_uri": elsewhere,
        "scope": " ".join(SCOPES),
        "prompt": "consent",
        "state": "s",
        "code_challenge": code_challenge(Secret(verifier)),
        "code_challenge_method": "S256",
    }
    answer = PersonsBrowser().decide(f"{broker.provider}/auth?{urlencode(query)}")
    code = query_of(answer.headers["Location"])["code"]
    grant = {"grant_type": "authorization_code", "redirect_uri": elsewhere, "code_verifier": verifier}
    tokens = client.post("/token", code=code, **grant).json()

    resource_id = broker.at(client, an_id())
    given = {name: tokens[name] for name in ("access_token", "refresh_token", "scope")}
    ends = datetime.fromtimestamp(time.time() + tokens["expires_in"], UTC).isoformat()
    body = {"connection_id": "ada", "token_set": {**given, "expires_at": ends}}
    made = broker.call("POST", f"/v1/resources/{resource_id}/imports", body)
    assert (made.status_code, made.json()["status"]) == (201, "active")
    assert client.calls("refresh_token") == []
    first = broker.token(resource_id, "ada").json()["access_token"]
    assert first == tokens["access_token"]
    assert eventually(lambda: broker.connection(resource_id, "ada")["generation"] >= 2, 15 * PAST_EXPIRY)
    later = broker.token(resource_id, "ada").json()["access_token"]
    assert later != first
    assert broker.openid.userinfo(later).json()["sub"] == "ada"
    assert {call["error"] for call in client.calls("refresh_token")} == {None}
