"""Requests that meet between Authlib's check and its save, where only the provider's lock parts them."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from authlib.common.security import generate_token

from local.demo_provider.provider import Provider
from local.demo_provider.server import create_app
from local.demo_provider.tokens import AuthorizationCode, Family
from tests.integration.demo_provider.visitor import BASIC, CHALLENGE, REDIRECT_URI, VERIFIER

AT_ONCE = 8


def slow_token(length: int) -> str:
    """A token that takes its time: Authlib makes it after its check and before its save."""
    time.sleep(0.02)
    return generate_token(length)


@pytest.fixture
def provider() -> Provider:
    """A provider that has given out one refresh token and one code."""
    provider = Provider("http://127.0.0.1:8001", "http://127.0.0.1:8000")
    now = provider.clock()
    family = Family("f", "demo-client", "ada", "profile offline", rotates=True)
    provider.store.open_family(family, "one-refresh-token", now, provider.rules)
    provider.store.add_code(
        AuthorizationCode(
            "one-code", "demo-client", "ada", "profile offline", REDIRECT_URI, CHALLENGE, "S256", now + 60
        )
    )
    return provider


@pytest.mark.parametrize(
    "fields",
    [
        {"grant_type": "refresh_token", "refresh_token": "one-refresh-token"},
        {
            "grant_type": "authorization_code",
            "code": "one-code",
            "redirect_uri": REDIRECT_URI,
            "code_verifier": VERIFIER,
        },
    ],
)
def test_exactly_one_winner(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, fields: dict[str, str]
) -> None:
    """However long the server thinks between check and save, one request gets tokens and the others none."""
    monkeypatch.setattr("local.demo_provider.authorization.generate_token", slow_token)
    app = create_app(provider, 8001, controls=False)

    def ask(_number: int) -> int:
        with app.test_client() as client:
            return client.post(
                "/token", base_url="http://127.0.0.1:8001", data=fields, auth=BASIC
            ).status_code

    with ThreadPoolExecutor(AT_ONCE) as pool:
        statuses = list(pool.map(ask, range(AT_ONCE)))
    assert sorted(statuses) == [200] + [400] * (AT_ONCE - 1)
