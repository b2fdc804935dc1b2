"""What requests and answers show of themselves."""

from __future__ import annotations

import pytest

from oauth_broker.protocol.http import HttpRequest, HttpResponse


@pytest.mark.parametrize(
    "url, shown",
    [
        ("https://api.example.com/hush?k=hush#hush", "https://api.example.com"),
        ("https://hush:hush@api.example.com:8443/", "https://api.example.com"),
        ("https://bücher.example.com/", "https://bücher.example.com"),
        ("http://[::1]:8001/hush", "http://::1"),
        ("https://[hush]/", "?"),
        ("https://[::1/hush", "?"),
        ("https://api.example.com\\hush/", "?"),
        ("https://api.example.com hush/", "?"),
        ("https://hush\u2100.example.com/", "?"),
        ("https:hush", "?"),
        ("//hush/", "?"),
        ("hush", "?"),
        ("", "?"),
    ],
)
def test_a_request_shows_its_method_and_origin_alone(url: str, shown: str) -> None:
    """Whatever is in it, and however malformed its URL is."""
    assert repr(HttpRequest("GET", url, {"A": "hush"}, b"hush")) == f"HttpRequest(GET {shown})"


def test_an_answer_shows_its_status_alone() -> None:
    """Headers and body may hold tokens."""
    assert repr(HttpResponse(200, {"a": "hush"}, b"hush")) == "HttpResponse(200)"
