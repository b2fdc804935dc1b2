"""ID tokens end to end: what an issuer signs is held against its keys, its client and this very browser."""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from tests.integration.circle.broker import Browser, assert_page, assert_problem, place_of
from tests.integration.oidc.broker import OpenIdBroker, an_id
from tests.integration.oidc.forging_issuer import KEY, Forge, ForgingIssuer, signed


def part(value: Any) -> str:
    """A part of a JWS, made by hand."""
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def with_the_public_key(claims: dict[str, Any]) -> str:
    """HS256, with what the issuer publishes as the secret."""
    signing_input = f"{part({'alg': 'HS256', 'kid': 'one'})}.{part(claims)}"
    mac = hmac.digest(KEY.as_pem(private=False), signing_input.encode(), "sha256")
    return f"{signing_input}.{urlsafe_b64encode(mac).rstrip(b'=').decode()}"


BAD: list[tuple[str, Forge, str]] = [
    ("another key", lambda claims: signed(claims, RSAKey.generate_key(2048)), "by no key"),
    ("another kid", lambda claims: signed(claims, kid="two"), "its key is none"),
    ("alg none", lambda claims: f"{part({'alg': 'none'})}.{part(claims)}.", "alg is none of those"),
    ("HS256 with the public key", with_the_public_key, "alg is none of those"),
    ("another nonce", lambda claims: signed(claims | {"nonce": "another"}), "nonce"),
    ("another client", lambda claims: signed(claims | {"aud": "client-2"}), "aud"),
    ("another issuer", lambda claims: signed(claims | {"iss": "https://login.acme.test"}), "iss"),
    ("expired", lambda claims: signed(claims | {"exp": 1}), "exp"),
    ("missing", lambda _: None, "has none"),
]


@pytest.fixture
def registered(broker: OpenIdBroker, forging: ForgingIssuer) -> Callable[[Forge], str]:
    """Makes a resource of an issuer that forges so; its id."""

    def made(forge: Forge) -> str:
        body = {
            "resource_id": an_id(),
            "name": "Forged",
            "issuer": forging.new(forge=forge),
            "client_id": "client-1",
            "client_secret": "not-a-secret",
            "scopes": ["openid"],
            "require_confirmation": False,
        }
        answer = broker.call("POST", "/v1/resources", body)
        assert answer.status_code == 201, answer.text
        return str(body["resource_id"])

    return made


def trip(broker: OpenIdBroker, resource_id: str) -> Any:
    """The broker's answer to the callback."""
    asked = broker.ask(resource_id, connection_id="ada")
    browser = Browser()
    consented = browser.open(browser.start(asked["start_url"]))
    return browser.open(consented.headers["Location"])


def test_a_good_id_token_connects(broker: OpenIdBroker, registered: Callable[[Forge], str]) -> None:
    """A positive control of what follows."""
    resource_id = registered(signed)
    assert_page(trip(broker, resource_id), 200)
    assert broker.token(resource_id, "ada").status_code == 200
    assert "ts" in broker.item(*place_of(resource_id, "ada"))


@pytest.mark.parametrize("case", BAD, ids=[name for name, _, _ in BAD])
def test_a_bad_id_token_stores_nothing(
    broker: OpenIdBroker, registered: Callable[[Forge], str], case: tuple[str, Forge, str]
) -> None:
    """The consent fails, the connection says why, and no token set lies in the table.

    Fails without the check: the connection is then active, as the good one is.
    """
    _, forge, words = case
    resource_id = registered(forge)
    assert_page(trip(broker, resource_id), 502)
    shown = broker.connection(resource_id, "ada")
    assert (shown["status"], shown["generation"]) == ("pending", 0)
    assert shown["last_error"]["category"] == "id_token_refused"
    assert words in shown["last_error"]["error_description"]
    assert "ts" not in broker.item(*place_of(resource_id, "ada"))
    assert_problem(broker.token(resource_id, "ada"), 409, "connection-not-ready")
