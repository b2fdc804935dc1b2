"""Who may call the demo provider, as a table."""

from __future__ import annotations

import pytest

from local.demo_provider.guards import refusal

HOST = {"Host": "127.0.0.1:8001"}


@pytest.mark.parametrize(
    "method, path, headers, status",
    [
        ("GET", "/", HOST, None),
        ("GET", "/", {"Host": "localhost:8001"}, None),
        ("GET", "/", {}, 421),
        ("GET", "/", {"Host": "127.0.0.1"}, 421),
        ("GET", "/", {"Host": "127.0.0.1:8000"}, 421),
        ("GET", "/", {"Host": "rebound.example:8001"}, 421),
        ("GET", "/", {"Host": "127.0.0.1:8001, 127.0.0.1:8001"}, 421),
        ("POST", "/token", HOST, None),
        ("POST", "/token", HOST | {"Origin": "http://127.0.0.1:8001"}, None),
        ("POST", "/token", HOST | {"Origin": "http://localhost:8001"}, None),
        ("POST", "/token", HOST | {"Origin": "http://127.0.0.1:8000"}, 403),
        ("POST", "/token", HOST | {"Origin": "https://127.0.0.1:8001"}, 403),
        ("POST", "/token", HOST | {"Origin": "null"}, 403),
        ("POST", "/token", HOST | {"Sec-Fetch-Site": "same-site"}, 403),
        ("GET", "/api/me", HOST | {"Sec-Fetch-Site": "cross-site"}, 403),
        ("GET", "/token-get", HOST | {"Sec-Fetch-Site": "cross-site"}, 403),
        ("GET", "/authorize", HOST | {"Sec-Fetch-Site": "cross-site"}, None),
        ("GET", "/app", HOST | {"Sec-Fetch-Site": "same-site"}, None),
        ("POST", "/authorize", HOST | {"Sec-Fetch-Site": "same-site"}, 403),
        ("POST", "/authorize", HOST | {"Origin": "https://example.com"}, 403),
        (
            "POST",
            "/authorize",
            HOST | {"Origin": "http://127.0.0.1:8001", "Sec-Fetch-Site": "same-origin"},
            None,
        ),
    ],
)
def test_refusal(method: str, path: str, headers: dict[str, str], status: int | None) -> None:
    """Another name for the server is 421; a foreign page gets 403 on all but what it may link to."""
    refused = refusal(method, path, headers, 8001)
    assert (refused and refused[0]) == status
