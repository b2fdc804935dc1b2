"""Templates: `{{name}}` in a URL, a parameter or a header, filled with values.

Each value is encoded for the place where it stands, so that none can add a parameter, change the host,
deepen the path or split a header; and so is every literal brace, so that filling a text a second time fills
only what was kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote, quote_plus, unquote

from oauth_broker.errors import HostNotAllowedError, TemplateError, UnfitValueError
from oauth_broker.protocol.destinations import ascii_host, host_matches
from oauth_broker.secret import Secret, reveal

if TYPE_CHECKING:
    from collections.abc import Callable

Values = Mapping[str, str | Secret]
Hosts = Mapping[str, tuple[str, ...]]

NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
PLACEHOLDER: Final = re.compile(rf"\{{\{{ *({NAME.pattern}) *\}}\}}")
NOTHING_KEPT: Final[frozenset[str]] = frozenset()

_AFTER_ORIGIN: Final = r"(?P<path>[^?#]*)(?P<query>\?[^#]*)?(?P<fragment>#.*)?"
_URL: Final = re.compile(
    rf"(?P<scheme>https?)://(?P<authority>[^/?#]*){_AFTER_ORIGIN}", re.DOTALL | re.IGNORECASE
)
_FROM_ORIGIN: Final = re.compile(rf"(?P<host>{PLACEHOLDER.pattern})(?=[/?#]|$){_AFTER_ORIGIN}", re.DOTALL)
_AUTHORITY: Final = re.compile(r"(?P<host>\[[^\]]*\]|[^:@]*)(?P<port>:[0-9]{1,5})?")
_ORIGIN: Final = re.compile(r"https://(?P<host>[^/?#@:\[\]\\]+)/?")
_HOST: Final = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
_LONGEST_HOST: Final = 253
_IP_LITERAL: Final = re.compile(r"\[[0-9a-fA-F:.]+\]")
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
    """Give the names of the placeholders in `text`, in order. TemplateError for a `{{` that begins none."""
    return tuple(_pieces(text)[1::2])


def fill(text: str, values: Values, *, keep: frozenset[str] = NOTHING_KEPT) -> str:
    """Give `text` with the values put in as they are; a name in `keep` stays `{{name}}`.

    For texts that are filled once: a value may itself hold `{{name}}`. Where something is kept and filled
    later, use `fill_encoded`. Raises TemplateError for a malformed template or a name without a value.
    """
    return _written(text, values, keep=keep, literal=str, value=lambda _, value: reveal(value))


def fill_encoded(text: str, values: Values, place: Place, *, keep: frozenset[str] = NOTHING_KEPT) -> str:
    """Give `text` with the values put in, all encoded for `place`; a name in `keep` stays `{{name}}`.

    What comes out holds no brace but those of what is kept (HEADER and JSON_STRING excepted). Raises
    TemplateError as `fill`, UnfitValueError for a value that cannot stand there.
    """
    encode = _ENCODERS[place]
    return _written(text, values, keep=keep, literal=encode, value=_value_encoder(encode))


def fill_header(text: str, values: Values) -> str:
    """Give a header's value. UnfitValueError for CR, LF, NUL, anything but visible ASCII and spaces."""
    return fill_encoded(text, values, Place.HEADER)


def encoded(text: str, place: Place) -> str:
    """Give `text`, no template, as it is written in `place`. ValueError for what cannot stand there."""
    return _ENCODERS[place](text)


class UrlParts(NamedTuple):
    """A template of a URL cut at its delimiters, which no placeholder's name can hold.

    `scheme` is empty when `host` is one placeholder that brings the whole origin. `port`, `query` and
    `fragment` have their delimiter in front, or are empty.
    """

    scheme: str
    host: str
    port: str
    path: str
    query: str
    fragment: str


def split_url(url: str) -> UrlParts:
    """Cut `url`. TemplateError for one that is neither absolute http(s) nor begins with a placeholder."""
    if match := _FROM_ORIGIN.fullmatch(url):
        host, path, query, fragment = match.group("host", "path", "query", "fragment")
        return UrlParts("", host, "", path, query or "", fragment or "")
    match = _URL.fullmatch(url)
    if match is None:
        raise TemplateError(0, "not an absolute https URL")
    authority = _AUTHORITY.fullmatch(match["authority"])
    if authority is None or not authority["host"]:
        raise TemplateError(0, "not a host, or a host and a port, after the scheme")
    scheme, path, query, fragment = match.group("scheme", "path", "query", "fragment")
    host, port = authority.group("host", "port")
    return UrlParts(scheme.lower(), host, port or "", path, query or "", fragment or "")


def fill_url(url: str, values: Values, *, hosts: Hosts, keep: frozenset[str] = NOTHING_KEPT) -> str:
    """Give `url` with each value encoded for the place where it stands, and the host in lower case and IDNA.

    `hosts` gives, by variable name, the hosts that it may make: exact names or `*.suffix`. A URL may begin
    with one placeholder that brings the whole origin (`https://host`). Raises HostNotAllowedError for another
    host, UnfitValueError for a value that would change the path's depth or a secret in host or path,
    TemplateError for a malformed template, a URL that is not absolute http(s), or a name without a value.
    """
    parts = split_url(url)
    origin = _filled_origin(parts, values, hosts) if parts.scheme else _brought_origin(parts, values, hosts)
    path = "/".join(_filled_segment(segment, values, keep) for segment in parts.path.split("/"))
    value = _value_encoder(_percent)
    query = _written(parts.query, values, keep=keep, literal=_query_text, value=value)
    fragment = _written(parts.fragment, values, keep=keep, literal=_fragment_text, value=value)
    return origin + path + query + fragment


def host_names(url: str) -> tuple[str, ...]:
    """Give the names of the placeholders in the host of `url`, or of the one that brings the whole origin."""
    return names_in(split_url(url).host)


def path_names(url: str) -> tuple[str, ...]:
    """Give the names of the placeholders in the path of `url`."""
    return names_in(split_url(url).path)


def _pieces(text: str) -> list[str]:
    """Give literal, name, literal, name, …, literal."""
    pieces = PLACEHOLDER.split(text)
    position = 0
    for index, piece in enumerate(pieces):
        # "}}" alone is common in JSON (the claims parameter of OpenID Connect); "{{" alone is a slip.
        if index % 2 == 0 and "{{" in piece:
            position = text.find(piece, position) + piece.find("{{")
            raise TemplateError(
                position, 'a placeholder is written {{name}}: letters, digits, "_", "-" and "."'
            )
        position += len(piece)
    return pieces


def _written(
    text: str,
    values: Values,
    *,
    keep: frozenset[str],
    literal: Callable[[str], str],
    value: Callable[[str, str | Secret], str],
) -> str:
    written = []
    for index, piece in enumerate(_pieces(text)):
        if index % 2 == 0:
            written.append(literal(piece))
        elif piece in keep:
            written.append(f"{{{{{piece}}}}}")
        elif piece in values:
            written.append(value(piece, values[piece]))
        else:
            raise TemplateError(text.find(piece), f"no value for {piece}")
    return "".join(written)


def _percent(text: str) -> str:
    return quote(text, safe="")


def _header(text: str) -> str:
    if not _HEADER_VALUE.fullmatch(text):
        message = "not visible ASCII"
        raise ValueError(message)
    return text


_ENCODERS: Final[Mapping[Place, Callable[[str], str]]] = {
    Place.QUERY: _percent,
    Place.FORM: quote_plus,
    Place.FRAGMENT: _percent,
    Place.PATH: _percent,
    Place.UNENCODED: lambda text: quote(text, safe=_UNENCODED),
    Place.HEADER: _header,
    Place.JSON_STRING: str,
}


def _value_encoder(encode: Callable[[str], str]) -> Callable[[str, str | Secret], str]:
    def value_encoded(name: str, value: str | Secret) -> str:
        try:
            return encode(reveal(value))
        except ValueError:  # also UnicodeEncodeError: half a surrogate pair, which JSON can bring
            raise UnfitValueError(name, f"the value of {name} may not hold such characters here") from None

    return value_encoded


def _plain(name: str, value: str | Secret) -> str:
    """Give the value for a host or path, which end up in logs and caches everywhere."""
    if isinstance(value, Secret):
        raise UnfitValueError(name, f"{name} is a secret: it may not stand in a host or path")
    return value


def _brought_origin(parts: UrlParts, values: Values, hosts: Hosts) -> str:
    """Give the origin that the value of one variable is: an https one, on the default port."""
    (name,) = names_in(parts.host)
    if name not in values:
        raise TemplateError(0, f"no value for {name}")
    match = _ORIGIN.fullmatch(_plain(name, values[name]))
    if match is None:
        raise HostNotAllowedError(name, f"{name} must be https:// and a host")
    return "https://" + _checked_host(match["host"], (name,), hosts)


def _filled_origin(parts: UrlParts, values: Values, hosts: Hosts) -> str:
    names = names_in(parts.host)
    host = _written(parts.host, values, keep=NOTHING_KEPT, literal=str, value=_plain)
    if names or not _IP_LITERAL.fullmatch(host):
        host = _checked_host(host, names, hosts)
    return f"{parts.scheme}://{host.lower()}{parts.port}"


def _checked_host(text: str, names: tuple[str, ...], hosts: Hosts) -> str:
    """Give the host as it goes on the wire if every name in it may make it."""
    try:
        host = ascii_host(text) if len(text) <= _LONGEST_HOST else ""  # the codec is quadratic in the length
    except ValueError:
        host = ""
    if not _HOST.fullmatch(host):
        if not names:
            raise TemplateError(0, "not a host name")
        raise HostNotAllowedError(names[0], f"{names[0]} does not make a host name")
    for name in names:
        if not any(host_matches(host, pattern) for pattern in hosts.get(name, ())):
            raise HostNotAllowedError(name, f"{name} may not make this host: it is not in its hosts")
    return host


def _filled_segment(segment: str, values: Values, keep: frozenset[str]) -> str:
    encode = _value_encoder(_percent)

    def value(name: str, value: str | Secret) -> str:
        return encode(name, _plain(name, value))

    names = names_in(segment)
    filled = _written(segment, values, keep=keep, literal=_path_text, value=value)
    # Servers and proxies normalise "%2e%2e", and some decode "%2F" first, so the decoded text counts.
    if names and any(part in {"", ".", ".."} for part in re.split(r"[/\\]", unquote(filled))):
        raise UnfitValueError(names[0], f"the value of {names[0]} would change the depth of the path")
    return filled


def _path_text(text: str) -> str:
    return quote(text, safe="!$&'()*+,;=:@/%~")


def _query_text(text: str) -> str:
    return quote(text, safe="!$&'()*+,;=:@/?%~[]")


def _fragment_text(text: str) -> str:
    return quote(text, safe="#!$&'()*+,;=:@/?%~[]")
