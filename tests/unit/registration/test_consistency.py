"""What the members of a registration must be to each other."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.registration.samples import (
    API_KEY,
    CLIENT_SECRET,
    EVERYTHING,
    LEAST,
    details_at,
    parsed,
    without,
)

BY_CLIENT = without(LEAST, "authorization") | {"grant_type": "client_credentials"}
SECRET = {"client_secret": CLIENT_SECRET}
INSTALLS = {"provider_initiated": True, "install_return_url": "https://app.test/installed"}

CONTRADICTIONS: list[tuple[dict[str, Any], str, str]] = [
    (without(LEAST, "authorization"), "/authorization", "is required"),
    (BY_CLIENT | SECRET | {"authorization": LEAST["authorization"]}, "/authorization", "leave it out"),
    (BY_CLIENT, "/client_secret", "RFC 6749 section 4.4"),
    (LEAST | {"jwks_uri": "https://acme.test/keys"}, "/jwks_uri", "only with an issuer"),
    (LEAST | {"id_token_signed_response_algs": ["ES256"]}, "/id_token_signed_response_algs", "issuer"),
    (
        LEAST | {"authorization_response_iss_parameter_supported": True},
        "/authorization_response_iss_parameter_supported",
        "only with an issuer",
    ),
    (
        LEAST | {"token": LEAST["token"] | {"auth_method": "client_secret_post"}},
        "/client_secret",
        "client_secret_post",
    ),
    (LEAST | {"refresh": {"auth_method": "client_secret_basic"}}, "/client_secret", "/refresh/auth_method"),
    (
        LEAST | {"revocation": {"url": "https://acme.test/r", "auth_method": "client_secret_basic_raw"}},
        "/client_secret",
        "/revocation/auth_method",
    ),
    (
        LEAST | {"token": LEAST["token"] | {"headers": {"X": "{{client_secret}}"}}},
        "/client_secret",
        "/token/headers/X has {{client_secret}}",
    ),
    (LEAST | {"variables": {"client_id": "x"}}, "/variables/client_id", "standard"),
    (LEAST | {"secret_variables": {"client_secret": "x"}}, "/secret_variables/client_secret", "standard"),
    (LEAST | {"connection_variables": {"scope": {}}}, "/connection_variables/scope", "standard"),
    (LEAST | {"callback_variables": ["iss"]}, "/callback_variables/0", "standard"),
    (LEAST | {"metadata": ["refresh_token"]}, "/metadata/0", "standard"),
    (LEAST | {"metadata": ["authed_user.access_token"]}, "/metadata/0", "never shown"),
    (LEAST | {"metadata": ["bot.bot_access_token"]}, "/metadata/0", "never shown"),
    (LEAST | {"metadata": ["userToken"]}, "/metadata/0", "never shown"),
    (LEAST | {"metadata": ["webhook_secret"]}, "/metadata/0", "never shown"),
    (LEAST | {"metadata": ["apiKey"]}, "/metadata/0", "never shown"),
    (
        LEAST | {"variables": {"a": "x"}, "secret_variables": {"a": "y"}},
        "/secret_variables/a",
        "variables already",
    ),
    (
        LEAST | {"variables": {"a": "x"}, "connection_variables": {"a": {}}},
        "/connection_variables/a",
        "already",
    ),
    (LEAST | {"variables": {"a": "x"}, "callback_variables": ["a"]}, "/callback_variables/0", "already"),
    (LEAST | {"callback_variables": ["a"], "metadata": ["a"]}, "/metadata/0", "already"),
    (LEAST | {"refresh": {"params": {"a": [1]}}}, "/refresh/params/a", "unless the body is json"),
    (
        LEAST | {"token": LEAST["token"] | {"method": "GET", "body": "json", "params": {"a": {}}}},
        "/token/params/a",
        "unless the body is json",
    ),
    (LEAST | {"scope_separator": ",", "scopes": ["a", "b,c"]}, "/scopes/1", "separator"),
    (LEAST | {"callback_params": {"code": "x", "state": "x"}}, "/callback_params", "called x"),
    (LEAST | {"install_return_url": "https://app.test/"}, "/install_return_url", "only with"),
    (LEAST | {"provider_initiated": True}, "/install_return_url", "is required"),
    (LEAST | INSTALLS | {"callback": "shared"}, "/provider_initiated", "own callback"),
    (LEAST | INSTALLS | {"require_confirmation": False}, "/require_confirmation", "may not be false"),
    (BY_CLIENT | SECRET | INSTALLS, "/provider_initiated", "somebody consents"),
    (
        LEAST | {"connection_variables": {"t": {"pattern": "a+", "default": "b"}}},
        "/connection_variables/t/default",
        "must match a+",
    ),
    (
        LEAST | {"variables": {"v": ".."}, "token": {"url": "https://acme.test/{{v}}/token"}},
        "/variables/v",
        "depth of the path",
    ),
    (
        LEAST | {"variables": {"v": "é"}, "token": LEAST["token"] | {"headers": {"X": "{{v}}"}}},
        "/variables/v",
        "such characters",
    ),
    (
        LEAST
        | {
            "connection_variables": {"t": {"hosts": ["*.acme.test"], "default": "evil.test/"}},
            "token": {"url": "https://{{t}}.acme.test/token"},
        },
        "/connection_variables/t/default",
        "host name",
    ),
    (
        LEAST | SECRET | {"variables": {"v": f"x{CLIENT_SECRET}"}},
        "/variables/v",
        "write {{client_secret}} for it",
    ),
    (
        LEAST | {"secret_variables": {"k": API_KEY}, "token": LEAST["token"] | {"headers": {"X": API_KEY}}},
        "/token/headers/X",
        "write {{k}} for it",
    ),
    (
        LEAST | SECRET | {"authorization": {"url": f"https://acme.test/?x={CLIENT_SECRET}"}},
        "/authorization/url",
        "write {{client_secret}} for it",
    ),
    (
        LEAST | {"token": LEAST["token"] | {"params": {"client_secret": "typed in"}}},
        "/token/params/client_secret",
        "stored as it stands",
    ),
    (
        LEAST | {"token": {"url": "https://acme.test/token?client_secret=typed"}},
        "/token/url",
        "stored as it stands",
    ),
]


@pytest.mark.parametrize(
    "body,pointer,words", CONTRADICTIONS, ids=[f"{row[1]}-{row[2]}" for row in CONTRADICTIONS]
)
def test_a_contradiction_is_refused(body: dict[str, Any], pointer: str, words: str) -> None:
    """Members that do not fit together are refused at the one that is to be changed."""
    assert words in details_at(pointer, body)


def test_no_message_holds_a_secret() -> None:
    """A problem names the secret that stands somewhere, and does not show it; it does stand there."""
    body = LEAST | SECRET | {"variables": {"v": f"x{CLIENT_SECRET}"}}
    assert CLIENT_SECRET in body["variables"]["v"]
    assert "client_secret" in details_at("/variables/v", body)
    assert CLIENT_SECRET not in details_at("/variables/v", body)


FITTING: list[dict[str, Any]] = [
    LEAST,
    BY_CLIENT | SECRET,
    BY_CLIENT | {"secret_variables": {"k": API_KEY}, "token": LEAST["token"] | {"auth_method": "none"}},
    LEAST | {"connection_variables": {"a": {}}, "callback_variables": ["a"]},
    LEAST | {"connection_variables": {"a": {}}, "metadata": ["a"]},
    LEAST | {"metadata": ["x_token_lifetime", "token_owner.id", "secretary", "key"]},
    LEAST | {"token": LEAST["token"] | {"body": "json"}, "refresh": {"params": {"a": [1]}}},
    LEAST
    | SECRET
    | {"token": LEAST["token"] | {"params": {"client_secret": None, "secret": "{{client_secret}}"}}},
    EVERYTHING,
]


@pytest.mark.parametrize("body", FITTING)
def test_what_fits_together_is_taken(body: dict[str, Any]) -> None:
    """The rules above refuse nothing that makes sense."""
    assert parsed(body).resource.client_id == "client-1"


def test_a_faulty_member_is_not_missed_as_well() -> None:
    """One fault gets one problem: an authorization that cannot be read is not said to be missing."""
    assert details_at("/authorization", LEAST | {"authorization": 7}) == "must be an object"
    assert details_at("/client_secret", BY_CLIENT | {"client_secret": 7}) == "must be a string"
