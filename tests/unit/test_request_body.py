"""The body of a request: its size, its encoding, its media type."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from oauth_broker.errors import MalformedError, TooLargeError, UnsupportedMediaTypeError
from oauth_broker.request import MAX_BODY
from tests.unit.http_events import request_of

JSON = {"content-type": "application/json"}


def test_a_body_is_bytes() -> None:
    """A body that API Gateway encoded comes back as it was sent."""
    raw = '{"name": "Bücher"}'.encode()
    encoded = base64.b64encode(raw).decode()
    assert request_of(headers=JSON, body=encoded, isBase64Encoded=True).json() == {"name": "Bücher"}
    assert request_of(headers=JSON, body=raw.decode()).json() == {"name": "Bücher"}
    assert request_of(body=None).body == b""


@pytest.mark.parametrize("encoded", [False, True])
def test_a_body_has_a_limit(encoded: bool) -> None:
    """256 KB pass, one byte more is too large, however it is transported."""

    def body(size: int) -> dict[str, Any]:
        raw = b"a" * size
        return {
            "body": base64.b64encode(raw).decode() if encoded else raw.decode(),
            "isBase64Encoded": encoded,
        }

    assert len(request_of(**body(MAX_BODY)).body) == 262_144
    with pytest.raises(TooLargeError):
        request_of(**body(MAX_BODY + 1))


def test_a_body_is_measured_in_bytes() -> None:
    """Characters of two bytes count twice."""
    with pytest.raises(TooLargeError):
        request_of(body="ä" * (MAX_BODY // 2 + 1))


def test_a_body_that_is_not_base64_is_malformed() -> None:
    """An event that says base64 and holds something else is refused."""
    with pytest.raises(MalformedError):
        request_of(body="***", isBase64Encoded=True)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        'application/json;charset="UTF-8"',
        "application/json; profile=x",
    ],
)
def test_json_may_say_that_it_is_utf_8(content_type: str) -> None:
    """The media type counts in any case, with parameters, as long as the charset is UTF-8."""
    assert request_of(headers={"Content-Type": content_type}, body='{"a": 1}').json() == {"a": 1}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": ""},
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "application/jsonp"},
        {"content-type": "application/json, text/plain"},
        {"content-type": "application/merge-patch+json"},
        {"content-type": "application/json; charset=iso-8859-1"},
        {"content-type": "application/json; charset=utf-8; charset=utf-16"},
    ],
)
def test_another_media_type_is_not_read(headers: dict[str, str]) -> None:
    """A body that a web page could send without being asked is never taken for JSON."""
    with pytest.raises(UnsupportedMediaTypeError):
        request_of(headers=headers, body='{"a": 1}').json()


def test_a_body_that_is_not_json_is_malformed() -> None:
    """The right content type does not make JSON of it."""
    with pytest.raises(MalformedError, match="The body is not JSON"):
        request_of(headers=JSON, body="a=1").json()
