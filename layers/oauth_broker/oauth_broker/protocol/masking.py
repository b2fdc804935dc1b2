"""What a provider says, made fit to be kept: without our secrets, without control characters, and short."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from oauth_broker.secret import HIDDEN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from oauth_broker.secret import Secret

# Fewer characters of Base64 stand in any text by chance.
_SHORTEST_INNER_BASE64: Final = 6
# RFC 8259 section 7. A character beyond U+FFFF is a pair of \u escapes, so that runs are read as one.
_JSON_ESCAPE: Final = re.compile(r'((?:\\u[0-9A-Fa-f]{4})+)|\\(["\\/bfnrt])')
_CONTROLS: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
# C0, DEL and C1 controls, line and paragraph separators, and what turns the direction of writing.
_UNPRINTABLE: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]+"
)


def masked(text: str, secrets: Iterable[Secret]) -> str:
    r"""Give `text` with each of `secrets` as `***`: raw or as JSON, URL-encoded, Base64 or base64url.

    Also amid more. Text that holds one in an unusual spelling (`%2e`, `\u002e` or `&#46;` for a dot) comes
    out decoded.
    """
    forms = {form for secret in secrets if secret for form in _forms(secret.reveal())}
    longest_first = sorted(forms, key=len, reverse=True)
    text = _without(text, longest_first)
    for decode in (_unescaped, _from_html, unquote, unquote_plus):
        decoded = decode(text)
        found = _without(decoded, longest_first)
        text = text if found == decoded else found
    return text


def kept(text: str, secrets: Iterable[Secret], *, limit: int) -> str:
    """Give what may be kept of a provider's words: masked, controls as a space, at most `limit` characters.

    Masking comes first: a secret cut in half would no longer be found.
    """
    return _UNPRINTABLE.sub(" ", masked(text, secrets)).strip()[:limit]


def _without(text: str, forms: Iterable[str]) -> str:
    for form in forms:
        text = text.replace(form, HIDDEN)
    return text


def _forms(value: str) -> Iterator[str]:
    in_json = {json.dumps(value, ensure_ascii=only_ascii)[1:-1] for only_ascii in (True, False)}
    plain = {value, *in_json, *(one.replace("/", r"\/") for one in in_json)}
    spellings = plain | {form for one in plain for form in (quote(one, safe=""), quote(one), quote_plus(one))}
    yield from spellings
    for spelling in spellings:  # Basic carries a URL-encoded one (RFC 6749 section 2.3.1)
        for encoded in _base64_forms(spelling.encode()):
            yield encoded
            yield encoded.replace("+", "-").replace("/", "_")


def _unescaped(text: str) -> str:
    """Read escapes of JSON wherever they stand."""
    return _JSON_ESCAPE.sub(_unescaped_one, text)


def _from_html(text: str) -> str:
    """Read character references: an error's words are often made for a page."""
    if "&" not in text:
        return text
    from html import unescape  # noqa: PLC0415 - 2,231 names that few texts need: cold start

    return unescape(text)


def _unescaped_one(found: re.Match[str]) -> str:
    units, character = found.groups()
    if units is None:
        return _CONTROLS.get(character, character)
    return bytes.fromhex(units.replace("\\u", "")).decode("utf-16-be", "surrogatepass")


def _base64_forms(value: bytes) -> Iterator[str]:
    whole = b64encode(value).decode("ascii")
    yield whole
    yield whole.rstrip("=")
    # As part of something longer (`Basic` of id and secret), a value starts at one of three places in a group
    # of four characters; the characters at its edges depend on the neighbours, those between do not.
    for before in range(3):
        after = -(before + len(value)) % 3
        encoded = b64encode(bytes(before) + value + bytes(after)).decode("ascii")
        inner = encoded[(before * 8 + 5) // 6 : len(encoded) - (after * 8 + 5) // 6]
        if len(inner) >= _SHORTEST_INNER_BASE64:
            yield inner
