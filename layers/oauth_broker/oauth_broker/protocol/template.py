"""Templates: `{{name}}`, or a function of names, in a URL, a parameter or a header, filled with values.

Each value is encoded for the place where it stands, so that none can add a parameter, change the host,
deepen the path or split a header; and so is every literal brace, so that filling a text a second time fills
only what was kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum, auto
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, quote_plus

from oauth_broker.errors import TemplateError, UnfitValueError
from oauth_broker.protocol.expressions import Name, names_of, parsed
from oauth_broker.protocol.functions import evaluated
from oauth_broker.secret import Secret, reveal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from oauth_broker.protocol.expressions import Expression

Values = Mapping[str, str | Secret]

PLACEHOLDER: Final = re.compile(r"\{\{([^{}]*)\}\}")
NOTHING_KEPT: Final[frozenset[str]] = frozenset()

_HEADER_VALUE: Final = re.compile(r"[ \x21-\x7e]*")
_UNENCODED: Final = "!$'()*+,;:@/?=%~[]"


class Place(Enum):
    """Where a text stands, which decides how it is encoded."""

    QUERY = auto()
    """One name or value of a query: percent-encoded (RFC 3986 section 3.4)."""
    FORM = auto()
    """One name or value of a form body: percent-encoded, a space as `+` (RFC 6749 appendix B)."""
    FRAGMENT = auto()
    """One name or value of a fragment: percent-encoded (RFC 3986 section 3.5)."""
    PATH = auto()
    """Part of one path segment: percent-encoded, `/` too (RFC 3986 section 3.3)."""
    UNENCODED = auto()
    """A query value as it is; only what would end it is encoded: `&`, `#`, spaces, braces, non-ASCII."""
    HEADER = auto()
    """Part of a header value: raw, refused unless visible ASCII and spaces (RFC 9110 section 5.5)."""
    JSON_STRING = auto()
    """Raw: whoever writes the JSON escapes it."""


def names_in(text: str) -> tuple[str, ...]:
    """Give the names in the placeholders of `text`, in order. TemplateError for a `{{` that begins none."""
    return tuple(name for expression in expressions_in(text) for name in names_of(expression))


def expressions_in(text: str) -> Iterator[Expression]:
    """Give what stands in each placeholder of `text`. TemplateError for a `{{` that begins none."""
    return (expression for _, _, expression in _pieces(text) if expression is not None)


def fill(text: str, values: Values, *, keep: frozenset[str] = NOTHING_KEPT) -> str:
    """Give `text` with the values put in as they are; a placeholder with a name in `keep` stays as it is.

    For texts that are filled once: a value may itself hold `{{name}}`. Where something is kept and filled
    later, use `fill_encoded`. Raises TemplateError for a malformed template or a name without a value.
    """
    return written(text, values, keep=keep, literal=str, value=lambda _, value: reveal(value))


def fill_encoded(text: str, values: Values, place: Place, *, keep: frozenset[str] = NOTHING_KEPT) -> str:
    """Give `text` with the values put in, all encoded for `place`; a name in `keep` stays `{{name}}`.

    What comes out holds no brace but those of what is kept (HEADER and JSON_STRING excepted). Raises
    TemplateError as `fill`, UnfitValueError for a value that cannot stand there.
    """
    encode = _ENCODERS[place]
    return written(text, values, keep=keep, literal=encode, value=value_encoder(encode))


def fill_header(text: str, values: Values) -> str:
    """Give a header's value. UnfitValueError for CR, LF, NUL, anything but visible ASCII and spaces."""
    return fill_encoded(text, values, Place.HEADER)


def encoded(text: str, place: Place) -> str:
    """Give `text`, no template, as it is written in `place`. ValueError for what cannot stand there."""
    return _ENCODERS[place](text)


def _pieces(text: str) -> Iterator[tuple[int, str, Expression | None]]:
    """Give what `text` consists of: where it begins, how it is written, and what it is if a placeholder."""
    position = 0
    for match in PLACEHOLDER.finditer(text):
        yield from _literal(text, position, match.start())
        try:
            expression = parsed(match[1])
        except TemplateError as error:
            raise TemplateError(match.start(), error.detail) from None
        yield match.start(), match[0], expression
        position = match.end()
    yield from _literal(text, position, len(text))


def _literal(text: str, start: int, end: int) -> Iterator[tuple[int, str, None]]:
    # "}}" alone is common in JSON (the claims parameter of OpenID Connect); "{{" alone is a slip.
    slip = text.find("{{", start, end)
    if slip >= 0:
        raise TemplateError(slip, 'a placeholder is written {{name}}: letters, digits, "_", "-" and "."')
    yield start, text[start:end], None


def written(
    text: str,
    values: Values,
    *,
    keep: frozenset[str],
    literal: Callable[[str], str],
    value: Callable[[str, str | Secret], str],
) -> str:
    """Give `text`, its own characters as `literal` writes them, each value as `value` does, given its name.

    Raises TemplateError for a malformed template or a name without a value.
    """
    pieces = []
    for position, piece, expression in _pieces(text):
        if expression is None:
            pieces.append(literal(piece))
        elif not keep.isdisjoint(names_of(expression)):
            pieces.append(f"{{{{{expression.name}}}}}" if isinstance(expression, Name) else piece)
        else:
            pieces.append(value(next(names_of(expression), piece), _given(expression, values, position)))
    return "".join(pieces)


def _given(expression: Expression, values: Values, position: int) -> str | Secret:
    try:
        return evaluated(expression, values)
    except TemplateError as error:
        raise TemplateError(position, error.detail) from None


def percent(text: str) -> str:
    """Encode all but the unreserved characters (RFC 3986 section 2.3)."""
    return quote(text, safe="")


def _header(text: str) -> str:
    if not _HEADER_VALUE.fullmatch(text):
        message = "not visible ASCII"
        raise ValueError(message)
    return text


_ENCODERS: Final[Mapping[Place, Callable[[str], str]]] = {
    Place.QUERY: percent,
    Place.FORM: quote_plus,
    Place.FRAGMENT: percent,
    Place.PATH: percent,
    Place.UNENCODED: lambda text: quote(text, safe=_UNENCODED),
    Place.HEADER: _header,
    Place.JSON_STRING: str,
}


def value_encoder(encode: Callable[[str], str]) -> Callable[[str, str | Secret], str]:
    """Give what encodes a named value, and raises UnfitValueError where `encode` raises ValueError."""

    def value_encoded(name: str, value: str | Secret) -> str:
        try:
            return encode(reveal(value))
        except ValueError:  # also UnicodeEncodeError: half a surrogate pair, which JSON can bring
            raise UnfitValueError(name, f"the value of {name} may not hold such characters here") from None

    return value_encoded
