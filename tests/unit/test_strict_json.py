"""What counts as a JSON object, and what is refused before anybody looks into it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oauth_broker.errors import MalformedError
from oauth_broker.strict_json import MAX_DEPTH, parse_json_object


def nested(levels: int, opening: str = "[", closing: str = "]") -> bytes:
    """Write an object whose member holds that many levels of lists or objects."""
    return f'{{"a":{opening * levels}{closing * levels}}}'.encode()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)  # a busy machine is no failure
@given(st.dictionaries(st.text(), VALUES, max_size=4))
def test_what_json_writes_is_read(value: dict[str, Any]) -> None:
    """Every object that can be written as JSON comes back as it was."""
    assert parse_json_object(json.dumps(value, ensure_ascii=False).encode(), "It") == value


@pytest.mark.parametrize(
    "raw,because",
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b"{} {}", "is not JSON"),
        (b"{'a': 1}", "is not JSON"),
        (b'{"a": 01}', "is not JSON"),
        (b'{"a": 1,}', "is not JSON"),
        (b'{"a": "\n"}', "is not JSON"),
        (b'\xef\xbb\xbf{"a": 1}', "is not JSON"),
        ('{"a": 1}'.encode("utf-16"), "is not JSON"),
        (b'{"a": "\xff"}', "is not JSON"),
        (b'{"a": "\xed\xa0\x80"}', "is not JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "is not a JSON object"),
        (b'"text"', "is not a JSON object"),
        (b"1", "is not a JSON object"),
        (b"null", "is not a JSON object"),
        (b'{"a": 1, "a": 1}', "has a member twice"),
        (b'{"b": [{"a": 1, "\\u0061": 2}]}', "has a member twice"),
        (b'{"a": NaN}', "has NaN or Infinity"),
        (b'{"a": -Infinity}', "has NaN or Infinity"),
        (b'{"a": 1e999}', "has a number that is too large"),
        (b'{"a": "\\ud800"}', "has half a character"),
        (b'{"\\udfff": 1}', "has half a character"),
        (b'{"a": [["\\ud800 "]]}', "has half a character"),
        (nested(MAX_DEPTH), "levels"),
        (nested(MAX_DEPTH, '{"a":', "}").replace(b":}", b":1}"), "levels"),
    ],
)
def test_what_is_not_strict_json_is_malformed(raw: bytes, because: str) -> None:
    """A body that two parsers could read differently, or that exhausts one, is refused with the reason."""
    with pytest.raises(MalformedError, match=because):
        parse_json_object(raw, "It")


def test_what_is_nested_just_deep_enough_is_read() -> None:
    """The object itself and 31 levels below it are 32."""
    assert parse_json_object(nested(MAX_DEPTH - 1), "It")


def test_a_whole_character_of_two_halves_is_read() -> None:
    """A surrogate pair is one character."""
    assert parse_json_object(b'{"a": "\\ud83d\\ude00"}', "It") == {"a": "😀"}


def test_the_reason_never_quotes_what_was_sent() -> None:
    """A secret in a broken body does not come back in the message."""
    with pytest.raises(MalformedError) as raised:
        parse_json_object(b'{"client_secret": "hunter2" "', "The body")
    assert "hunter2" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__
