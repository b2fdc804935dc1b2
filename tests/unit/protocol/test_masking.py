"""What is kept of a provider's words."""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth_broker.protocol.masking import kept, masked
from oauth_broker.secret import HIDDEN, Secret

if TYPE_CHECKING:
    from collections.abc import Callable

VALUE = "s3cr+t/valué é?>~~"
AWKWARD = 's3c"r\\t/v\tal&é🔑~~'
"""What JSON escapes, and what comes of it percent-encoded again."""


FORMS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "url": lambda value: quote(value, safe=""),
    "url with slashes": quote,
    "url in lower case": lambda value: re.sub("%..", lambda code: code[0].lower(), quote(value, safe="")),
    "url, every byte": lambda value: "".join(f"%{byte:02X}" for byte in value.encode()),
    "form, every byte": lambda value: re.sub("%20", "+", FORMS["url, every byte"](value)),
    "form": quote_plus,
    "basic of the url-encoded": lambda value: b64encode(quote_plus(value).encode()).decode(),
    "base64": lambda value: b64encode(value.encode()).decode(),
    "base64 without padding": lambda value: b64encode(value.encode()).decode().rstrip("="),
    "base64 in a url": lambda value: quote_plus(b64encode(value.encode())),
    "base64url": lambda value: urlsafe_b64encode(value.encode()).decode(),
    "json": lambda value: json.dumps(value)[1:-1],
    "json, not only ASCII": lambda value: json.dumps(value, ensure_ascii=False)[1:-1],
    "json as PHP writes it": lambda value: FORMS["json"](value).replace("/", r"\/"),
    "json, escaped all over": lambda value: "".join(f"\\u{unit:04x}" for unit in units_of(value)),
    "json in a url": lambda value: quote_plus(FORMS["json as PHP writes it"](value)),
    "a url in json": lambda value: json.dumps(quote_plus(value)).strip('"').replace("%", r"\u0025"),
    "html": escape,
    "html, all that is neither letter nor digit": lambda value: "".join(
        letter if letter.isalnum() else f"&#x{ord(letter):X};" for letter in value
    ),
    "base64 of json": lambda value: b64encode(FORMS["json"](value).encode()).decode(),
    "base64 in json as PHP writes it": lambda value: b64encode(value.encode()).decode().replace("/", r"\/"),
}


def units_of(value: str) -> list[int]:
    """A text in the code units of JSON's escapes: UTF-16."""
    raw = value.encode("utf-16-be")
    return [int.from_bytes(raw[place : place + 2], "big") for place in range(0, len(raw), 2)]


@pytest.mark.parametrize("value", [VALUE, AWKWARD])
@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_masked_in_every_form(form: str, value: str) -> None:
    """Raw, in JSON, URL-encoded or Base64, it is gone; the same text without it being a secret is kept."""
    written = FORMS[form](value)
    text = f"before {written} after"
    assert masked(text, [Secret("another secret")]) == text
    found = masked(text, [Secret("another secret"), Secret(value)])
    assert written.rstrip("=") not in found
    assert re.fullmatch(r"before \*\*\*(=|%3D)* after", found)


@pytest.mark.parametrize("before", ["", "i", "id", "id:", "client:"])
@pytest.mark.parametrize("after", ["", "1", "12", "123"])
@pytest.mark.parametrize("encode", [b64encode, urlsafe_b64encode])
def test_a_secret_amid_base64_is_masked(before: str, after: str, encode: Callable[[bytes], bytes]) -> None:
    """Wherever it stands in what was encoded, its characters are gone but for those at the very edge."""
    encoded = encode((before + VALUE + after).encode()).decode()
    found = masked(encoded, [Secret(VALUE)])
    assert found != encoded
    assert len(found.replace(HIDDEN, "")) <= len(encoded) - len(VALUE.encode()) * 8 // 6 + 2


@given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=1), st.text(), st.text())
def test_no_secret_stays(secret: str, before: str, after: str) -> None:
    """Whatever surrounds it, a secret is not in what comes out, unless the mask itself spells it."""
    found = masked(before + secret + after, [Secret(secret)])
    assert HIDDEN in found
    assert secret not in found.replace(HIDDEN, " ")


@given(st.text(min_size=1), st.text(), st.booleans())
def test_no_secret_stays_in_json(secret: str, before: str, only_ascii: bool) -> None:
    """A provider that puts the request it got into a text of its answer quotes it once more."""
    echoed = json.dumps({"got": before + secret}, ensure_ascii=only_ascii)
    found = masked(echoed, [Secret(secret)])
    assert HIDDEN in found
    spelling = json.dumps(secret, ensure_ascii=only_ascii)[1:-1]
    assert not [rest for rest in found.split(HIDDEN) if spelling in rest]


def test_an_empty_secret_masks_nothing() -> None:
    """Nothing is not found everywhere."""
    assert masked("abc", [Secret("")]) == "abc"


def test_one_secret_inside_another_leaves_no_rest() -> None:
    """The longer is masked first."""
    assert masked("abcdef", [Secret("abc"), Secret("abcdef")]) == HIDDEN


def test_a_secret_at_the_limit_is_not_cut_in_half() -> None:
    """Masking comes before cutting: not even its beginning is kept."""
    text = "x" * 95 + "top-secret-value"
    assert kept(text, [Secret("none")], limit=100) == "x" * 95 + "top-s"
    assert kept(text, [Secret("top-secret-value")], limit=100) == "x" * 95 + HIDDEN


@pytest.mark.parametrize(
    "text, expected",
    [
        ("a\x00\r\n\tb", "a b"),
        ("\x1b[31mred\x1b[0m", "[31mred [0m"),
        ("a\u202eb\u2028c\x85d\x7fe", "a b c d e"),
        ("grüße 你好", "grüße 你好"),
        ("  \n", ""),
    ],
)
def test_no_control_is_kept(text: str, expected: str) -> None:
    """Controls, line separators and marks of direction become a space; letters of any script stay."""
    assert kept(text, (), limit=100) == expected


def test_what_is_kept_can_be_written() -> None:
    """Half a surrogate pair, which JSON can bring, cannot reach a UTF-8 encoder."""
    assert kept(json.loads('"a\\ud800b"'), (), limit=100).encode() == b"a b"
