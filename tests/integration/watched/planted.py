"""Values that must stay secret, and the search for them in whatever encoding something may have kept them."""

from __future__ import annotations

import json
import secrets
from base64 import b64encode
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final
from urllib.parse import quote, quote_plus

PIECE: Final = 16
"""Bytes of a value's beginning and end that count as the value: what was cut short is found."""

GRAM: Final = 8
"""Bytes by which most that is not there is told quickly."""

KINDS: Final = frozenset(
    {
        "access token",
        "authorization code",
        "bearer token",
        "client assertion",
        "client secret",
        "code verifier",
        "confirmation code",
        "cookie",
        "nonce",
        "private key",
        "refresh token",
        "secret variable",
        "state bits",
        "ticket bits",
        "user",
        "vault key",
    }
)


@dataclass(frozen=True)
class Kept:
    """Something that somebody keeps: where it lies, and its bytes."""

    where: str
    content: bytes


@dataclass
class Planted:
    """The values of a run, by kind."""

    values: dict[str, set[bytes]] = field(default_factory=lambda: defaultdict(set))

    def new(self, kind: str) -> str:
        """A new value whose middle each encoding writes otherwise; `kind` is one of KINDS."""
        value = f"{secrets.token_hex(12)}\"\\/+%=~&'<{secrets.token_hex(12)}"
        self.add(kind, value)
        return value

    def add(self, kind: str, value: str | bytes) -> None:
        """A value that somebody else made."""
        assert kind in KINDS
        self.values[kind].add(value.encode() if isinstance(value, str) else value)

    def found_in(self, kept: Iterable[Kept]) -> list[str]:
        """A sentence for each value in each place that holds it; it does not repeat the value."""
        places = list(kept)
        grams = {
            content[start : start + GRAM]
            for content in {place.content for place in places}
            for start in range(len(content))
        }
        return [
            f"{place.where} holds a {kind} ({form})"
            for kind, values in self.values.items()
            for value in values
            for form, needle in needles(kind, value)
            if needle[:GRAM] in grams
            for place in places
            if needle in place.content
        ]


def needles(kind: str, value: bytes) -> Iterator[tuple[str, bytes]]:
    """What shows that a value is there: the whole and its two ends in every form.

    A JWT begins as every other of its issuer does; its signature is its end.
    """
    is_jwt = kind in {"bearer token", "client assertion"}
    ends = {value[-PIECE:]} if is_jwt else {value[:PIECE], value[-PIECE:]}
    yield from (
        (name, form) for part in {value, *ends} for name, forms in FORMS.items() for form in forms(part)
    )


def _raw(value: bytes) -> Iterator[bytes]:
    yield value


def _base64(value: bytes, *, before: int) -> Iterator[bytes]:
    """As part of something longer: the characters at the edges depend on the neighbours and are left out."""
    after = -(before + len(value)) % 3
    encoded = b64encode(bytes(before) + value + bytes(after))
    yield encoded[(before * 8 + 5) // 6 : len(encoded) - (after * 8 + 5) // 6]


def _base64url(value: bytes, *, before: int) -> Iterator[bytes]:
    yield from (form.translate(bytes.maketrans(b"+/", b"-_")) for form in _base64(value, before=before))


def _hexadecimal(value: bytes) -> Iterator[bytes]:
    yield from (value.hex().encode(), value.hex().upper().encode())


def _text(write: Callable[[str], Iterable[str]], value: bytes) -> Iterator[bytes]:
    """A form that only text has."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return
    yield from (form.encode() for form in write(text))


def _url(text: str) -> Iterator[str]:
    yield from (quote(text), quote(text, safe=""), quote_plus(text))


def _url_in_small_letters(text: str) -> Iterator[str]:
    for form in _url(text):
        head, *rest = form.split("%")
        yield "%".join([head, *(part[:2].lower() + part[2:] for part in rest)])


def _json(text: str) -> Iterator[str]:
    once = json.dumps(text)[1:-1]
    yield from (once, json.dumps(once)[1:-1])


def _repr(text: str) -> Iterator[str]:
    yield from (repr(text)[1:-1], repr(text.encode())[2:-1])


FORMS: Final[Mapping[str, Callable[[bytes], Iterable[bytes]]]] = {
    "raw": _raw,
    "url": partial(_text, _url),
    "url, small letters": partial(_text, _url_in_small_letters),
    "json": partial(_text, _json),
    "python": partial(_text, _repr),
    "hex": _hexadecimal,
    **{f"base64 at {before}": partial(_base64, before=before) for before in range(3)},
    **{f"base64url at {before}": partial(_base64url, before=before) for before in range(3)},
}
