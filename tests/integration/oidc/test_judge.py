"""The judge itself: what it does to those who spend a refresh token twice. A positive control of storms."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.integration.circle.broker import query_of
from tests.integration.oidc.broker import SCOPES, PersonsBrowser
from tests.servers.openid_provider import Client, OpenIdProvider

REDIRECT_URI = "http://127.0.0.1:9/back"
# RFC 7636 appendix B.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.fixture
def client(openid_provider: OpenIdProvider) -> Client:
    """A client of its own for each test."""
    return openid_provider.register(REDIRECT_URI)


def connected(client: Client) -> dict[str, Any]:
    """The token answer of a whole authorization, made by hand."""
    authorization = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": REDIRECT_URI,
        "scope": " ".join(SCOPES),
        "prompt": "consent",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    browser = PersonsBrowser()
    start = browser.open(f"{client.provider.url}/auth", params=authorization)
    back = browser.decide(f"{client.provider.url}{start.headers['Location']}")
    exchange = {"redirect_uri": REDIRECT_URI, "code_verifier": VERIFIER, "grant_type": "authorization_code"}
    response = client.post("/token", code=query_of(back.headers["Location"])["code"], **exchange)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def refreshed(client: Client, refresh_token: str) -> dict[str, Any]:
    """What the token endpoint says to a refresh."""
    answer: dict[str, Any] = client.post(
        "/token", grant_type="refresh_token", refresh_token=refresh_token
    ).json()
    return answer


def test_a_rotated_token_used_again_ends_the_family(client: Client) -> None:
    """The newest refresh token and access token are dead with it, and the journal tells.

    Fails when `rotateRefreshToken` is off.
    """
    first = connected(client)
    second = refreshed(client, first["refresh_token"])
    assert second["refresh_token"] != first["refresh_token"]
    assert client.is_active(second["access_token"])
    assert client.revocations() == []
    assert refreshed(client, first["refresh_token"])["error"] == "invalid_grant"
    assert not client.is_active(second["access_token"])
    assert not client.is_active(second["refresh_token"])
    assert refreshed(client, second["refresh_token"])["error"] == "invalid_grant"
    [ended] = client.revocations()
    assert (ended["by"], {call["grant_id"] for call in client.calls("refresh_token")[:2]}) == (
        "token",
        {ended["grant_id"]},
    )
    details = [call["error_detail"] for call in client.calls("refresh_token")]
    assert details == [None, "refresh token already used", "refresh token not found"]


def test_refreshes_side_by_side_end_the_family(client: Client) -> None:
    """What a broker without a lease would do to its connections: at most one answer, and that one dead."""
    first = connected(client)
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(refreshed, [client] * 4, [first["refresh_token"]] * 4))
    won = [answer for answer in answers if "access_token" in answer]
    assert len(won) == 1
    assert not client.is_active(won[0]["access_token"])
    assert {one["by"] for one in client.revocations()} == {"token"}


def test_a_revoked_refresh_token_takes_its_grant_along(client: Client) -> None:
    """RFC 7009 section 2.1; the journal tells it from abuse."""
    tokens = connected(client)
    assert client.is_active(tokens["access_token"])
    assert client.post("/token/revocation", token=tokens["refresh_token"]).status_code == 200
    assert not client.is_active(tokens["access_token"])
    assert [one["by"] for one in client.revocations()] == ["revocation"]


def test_a_client_sees_no_other_clients_tokens(client: Client, openid_provider: OpenIdProvider) -> None:
    """So that `is_active` cannot be right for the wrong reason."""
    tokens = connected(client)
    assert client.is_active(tokens["access_token"])
    assert not openid_provider.register(REDIRECT_URI).is_active(tokens["access_token"])


def test_a_spent_token_is_known_after_thousands_of_others(client: Client) -> None:
    """Or a storm would look harmless. Fails with oidc-provider's own memory, which forgets by 2,000 items."""
    first, other = connected(client), connected(client)
    second = refreshed(client, first["refresh_token"])
    with requests.Session() as session:
        session.trust_env = False
        session.auth = (client.client_id, client.secret)
        for _ in range(1050):  # each makes two
            form = {"grant_type": "refresh_token", "refresh_token": other["refresh_token"]}
            other = session.post(f"{client.provider.url}/token", data=form, timeout=30).json()
    assert client.is_active(other["access_token"])
    assert client.is_active(second["access_token"])
    assert refreshed(client, first["refresh_token"])["error"] == "invalid_grant"
    assert client.calls("refresh_token")[-1]["error_detail"] == "refresh token already used"
