"""The console's lines are whole, short, and cannot be abused."""

from __future__ import annotations

import io

import pytest

from local.console import Console
from local.http_api import Served
from local.walk import walk


def test_a_request_is_one_line() -> None:
    """Method, path, status, milliseconds and function."""
    out = io.StringIO()
    Console(out).request(Served("GET", "/v1/resources", 200, 12.4, "ResourcesApiFunction"))
    assert out.getvalue().split()[1:] == ["GET", "/v1/resources", "200", "12", "ms", "ResourcesApiFunction"]
    assert out.getvalue().count("\n") == 1


def test_a_path_cannot_write_to_the_terminal_as_it_likes() -> None:
    """Control characters of a request are replaced; printable ones stay."""
    out = io.StringIO()
    Console(out).request(Served("GET", "/\x1b[2J\nfake é", 200, 1, "F"))
    assert "\x1b" not in out.getvalue()
    assert out.getvalue().count("\n") == 1
    assert "fake é" in out.getvalue()


@pytest.mark.parametrize(
    "line, shown",
    [
        ("plain", "plain"),
        (
            '{"level":"INFO","message":"dispatched","service":"s","timestamp":"t","nudged":2}',
            "dispatched nudged=2",
        ),
        ('{"level":"ERROR","message":"failed","why":"x"}', "ERROR failed why=x"),
        ('{"level":"INFO","message":"request","status":409,"error":"E"}', "request status=409 error=E"),
        ('{"level":"ERROR","message":"request","status":500}', "ERROR request status=500"),
        ('{"a": 1}', '{"a": 1}'),
        ("[1]", "[1]"),
        ('{"message": {"a": 1}}', '{"a": 1}'),
    ],
)
def test_a_structured_log_line_is_shown_as_words(line: str, shown: str) -> None:
    """Level where it matters, message, members; everything else as it was printed."""
    out = io.StringIO()
    Console(out).log("ActFunction", line)
    assert out.getvalue()[9:] == f"Act    {shown}\n"


def test_a_request_without_error_is_not_told_twice() -> None:
    """The function's own line about it adds nothing; the next line is shown (the control)."""
    out = io.StringIO()
    console = Console(out)
    console.log("ActFunction", '{"level":"INFO","message":"request","status":200}')
    assert not out.getvalue()
    console.log("ActFunction", '{"level":"INFO","message":"worked"}')
    assert out.getvalue().endswith("Act    worked\n")


def test_an_event_is_one_line() -> None:
    """Source, type and detail of an EventBridge entry."""
    out = io.StringIO()
    entry = {"Source": "oauth-broker", "DetailType": "Connection Connected", "Detail": '{"a":\n 1}'}
    Console(out).event(entry)
    assert 'oauth-broker: Connection Connected {"a": 1}' in out.getvalue()
    assert out.getvalue().count("\n") == 1


def test_the_walk_has_the_addresses_it_is_given() -> None:
    """Every command can be copied as it stands."""
    text = walk("http://127.0.0.1:9000", "http://127.0.0.1:9001")
    assert "curl -sS http://127.0.0.1:9000/v1/resources" in text
    assert '"authorization": {"url": "http://127.0.0.1:9001/authorize"}' in text
    assert "8000" not in text
