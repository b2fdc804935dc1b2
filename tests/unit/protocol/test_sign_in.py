"""What the console's page learns of an issuer, and where its policy lets it go."""

from __future__ import annotations

from typing import Any, Final

import pytest

from oauth_broker.errors import UnavailableError
from oauth_broker.protocol.sign_in import SignIn, page_policy, sign_in_of

ISSUER: Final = "https://login.example.test"
METADATA: Final[dict[str, Any]] = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "end_session_endpoint": f"{ISSUER}/logout",
}
COGNITO: Final = {
    "issuer": "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Example",
    "authorization_endpoint": "https://broker-1.auth.eu-central-1.amazoncognito.com/oauth2/authorize",
    "token_endpoint": "https://broker-1.auth.eu-central-1.amazoncognito.com/oauth2/token",
}


def read(audience: str | None = None, **members: Any) -> SignIn:
    """What is made of metadata with other members."""
    return sign_in_of({**METADATA, **members}, client_id="console", scope_prefix="broker/", audience=audience)


def test_the_page_gets_what_it_asks_with() -> None:
    """Endpoints, client, scopes with their prefix, and the API as the resource."""
    assert read(audience="https://api.example.test").as_json() == {
        "issuer": ISSUER,
        "client_id": "console",
        "authorization_endpoint": f"{ISSUER}/authorize",
        "token_endpoint": f"{ISSUER}/token",
        "end_session_endpoint": f"{ISSUER}/logout",
        "end_session_return_parameter": "post_logout_redirect_uri",
        "scopes": ["broker/read", "broker/write", "broker/admin"],
        "scope_prefix": "broker/",
        "resource": "https://api.example.test",
    }


@pytest.mark.parametrize(
    "audience, resource",
    [
        ("oauth-broker://api", "oauth-broker://api"),
        ("urn:oauth-broker:api", "urn:oauth-broker:api"),
        ("https://api.example.test/", "https://api.example.test/"),
        ("oauth-broker", None),
        ("https://api.example.test/#part", None),
        ("not a: uri", None),
        ("", None),
        (None, None),
    ],
)
def test_only_a_uri_is_asked_for_as_resource(audience: str | None, resource: str | None) -> None:
    """RFC 8707 section 2: an absolute URI without fragment; some issuers refuse the parameter otherwise."""
    assert read(audience=audience).resource == resource


def test_cognito_signs_out_in_its_own_words() -> None:
    """Its page for signing out stands beside the others, and the address back has another name."""
    found = sign_in_of(COGNITO, client_id="c", scope_prefix="broker/", audience=None)
    assert found.end_session_endpoint == "https://broker-1.auth.eu-central-1.amazoncognito.com/logout"
    assert found.end_session_return_parameter == "logout_uri"


def test_an_issuer_may_have_no_page_for_signing_out() -> None:
    """Then there is none to go to."""
    assert read(end_session_endpoint=None).end_session_endpoint is None


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint"])
@pytest.mark.parametrize(
    "value",
    [
        None,
        7,
        "",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://login.example.test/token; script-src *",
        "https://login.example.test/a,b",
        "https://login.example.test/to ken",
        "https://login.example.test/token\r\nX-Header: x",
        "https://user@login.example.test/token",
        "//login.example.test/token",
    ],
)
def test_an_endpoint_that_is_unfit_is_none(name: str, value: object) -> None:
    """What is no plain http(s) URL, or would add to the page's policy, is not used."""
    with pytest.raises(UnavailableError, match=name):
        sign_in_of({**METADATA, name: value}, client_id="console", scope_prefix="broker/", audience=None)


def test_the_policy_opens_the_token_endpoint_alone() -> None:
    """To the letter, without the query that a policy cannot have; without sign-in not even that."""
    rest = "; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    assert page_policy(None) == f"default-src 'self'; connect-src 'self'{rest}"
    asking = read(token_endpoint=f"{ISSUER}/token?tenant=a;b")
    assert page_policy(asking) == f"default-src 'self'; connect-src 'self' {ISSUER}/token{rest}"
