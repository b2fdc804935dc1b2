"""Only this machine's own callers reach the local stack, and no foreign page."""

from __future__ import annotations

import pytest

from local.guards import Caller, api_refusal, aws_refusal, decoded_path

PORT = 8000
OWN = {"host": "127.0.0.1:8000"}
SIGNED = {**OWN, "authorization": "AWS4-HMAC-SHA256 Credential=local/…"}


@pytest.mark.parametrize(
    "peer, method, path, headers, status",
    [
        ("127.0.0.1", "GET", "/v1/resources", {"host": "127.0.0.1:8000"}, None),
        ("127.0.0.1", "GET", "/v1/resources", {"host": "localhost:8000"}, None),
        ("127.0.0.1", "GET", "/v1/resources", {"host": "LocalHost:8000"}, None),
        ("127.9.9.9", "GET", "/v1/resources", OWN, None),
        ("::1", "GET", "/v1/resources", OWN, None),
        ("10.0.0.5", "GET", "/v1/resources", OWN, 403),
        ("10.0.0.5", "GET", "/oauth/start", OWN, 403),
        ("::ffff:10.0.0.5", "GET", "/v1/resources", OWN, 403),
        ("", "GET", "/v1/resources", OWN, 403),
        ("127.0.0.1", "GET", "/v1/resources", {}, 421),
        ("127.0.0.1", "GET", "/v1/resources", {"host": "evil.example:8000"}, 421),
        ("127.0.0.1", "GET", "/oauth/start", {"host": "evil.example:8000"}, 421),
        ("127.0.0.1", "GET", "/", {"host": "evil.example:8000"}, 421),
        ("127.0.0.1", "GET", "/v1/resources", {"host": "127.0.0.1"}, 421),
        ("127.0.0.1", "GET", "/v1/resources", {"host": "127.0.0.1:8001"}, 421),
        ("127.0.0.1", "GET", "/v1/resources", {"host": "127.0.0.1:8000, evil.example"}, 421),
        ("127.0.0.1", "POST", "/v1/resources", {**OWN, "origin": "http://127.0.0.1:8000"}, None),
        ("127.0.0.1", "POST", "/v1/resources", {**OWN, "origin": "http://127.0.0.1:8001"}, 403),
        ("127.0.0.1", "POST", "/v1/resources", {**OWN, "origin": "http://localhost:8000"}, 403),
        ("127.0.0.1", "POST", "/v1/resources", {**OWN, "origin": "https://127.0.0.1:8000"}, 403),
        ("127.0.0.1", "POST", "/v1/resources", {**OWN, "origin": "null"}, 403),
        ("127.0.0.1", "GET", "/v1/resources", {**OWN, "sec-fetch-site": "same-origin"}, None),
        ("127.0.0.1", "GET", "/v1/resources", {**OWN, "sec-fetch-site": "none"}, None),
        ("127.0.0.1", "GET", "/v1/resources", {**OWN, "sec-fetch-site": "same-site"}, 403),
        ("127.0.0.1", "GET", "/v1/resources", {**OWN, "sec-fetch-site": "cross-site"}, 403),
        ("127.0.0.1", "GET", "/health", {**OWN, "sec-fetch-site": "cross-site"}, 403),
        ("127.0.0.1", "GET", "/", {**OWN, "sec-fetch-site": "cross-site"}, None),
        ("127.0.0.1", "POST", "/", {**OWN, "sec-fetch-site": "cross-site"}, 403),
        ("127.0.0.1", "GET", "/oauth/start", {**OWN, "sec-fetch-site": "cross-site"}, None),
        ("127.0.0.1", "POST", "/oauth/demo/callback", {**OWN, "origin": "https://provider.example"}, None),
        ("127.0.0.1", "GET", "/oauthx", {**OWN, "sec-fetch-site": "cross-site"}, 403),
    ],
)
def test_the_api_refuses_strangers(
    peer: str, method: str, path: str, headers: dict[str, str], status: int | None
) -> None:
    """Loopback peers that name the right host pass; a foreign page reaches only / and /oauth/."""
    assert api_refusal(Caller(peer, method, path, headers), PORT) == status


@pytest.mark.parametrize(
    "peer, headers, status",
    [
        ("127.0.0.1", SIGNED, None),
        ("127.0.0.1", {**SIGNED, "host": "localhost:8000"}, None),
        ("10.0.0.5", SIGNED, 403),
        ("127.0.0.1", {**SIGNED, "host": "evil.example:8000"}, 421),
        ("127.0.0.1", {**SIGNED, "origin": "http://127.0.0.1:8000"}, 403),
        ("127.0.0.1", {**SIGNED, "sec-fetch-site": "same-origin"}, 403),
        ("127.0.0.1", OWN, 403),
        ("127.0.0.1", {**OWN, "authorization": "Bearer x"}, 403),
    ],
)
def test_the_aws_endpoint_answers_sdks_alone(peer: str, headers: dict[str, str], status: int | None) -> None:
    """Whatever a browser adds by itself is refused, and so is what is not signed."""
    assert aws_refusal(Caller(peer, "POST", "/", headers), PORT) == status


@pytest.mark.parametrize(
    "target, path",
    [
        ("/v1/a?b=c", "/v1/a"),
        ("/v1/a%20b", "/v1/a b"),
        ("/v1/%61", "/v1/a"),
        ("/v1/a%2Fb", "/v1/a/b"),
        ("/v1/a%3Fb=c", "/v1/a"),
        ("/v1/%2561", "/v1/%61"),
        ("/v1/%C3%A9", "/v1/é"),
        ("/v1/a+b", "/v1/a+b"),
        ("http://127.0.0.1:8000/v1/a?b", "/v1/a"),
        ("*", "/"),
    ],
)
def test_a_path_is_decoded_once_and_cut(target: str, path: str) -> None:
    """An HTTP API hands a path over decoded, and drops what follows a "?" that this brings."""
    assert decoded_path(target) == path
