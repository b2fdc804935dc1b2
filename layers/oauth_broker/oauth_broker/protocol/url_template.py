"""URLs with placeholders: cut at their delimiters first, so that a value can change none of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote, unquote

from oauth_broker.errors import HostNotAllowedError, TemplateError, UnfitValueError
from oauth_broker.protocol.destinations import ascii_host, host_matches
from oauth_broker.protocol.expressions import NAME
from oauth_broker.protocol.template import NOTHING_KEPT, Values, names_in, percent, value_encoder, written
from oauth_broker.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    Hosts = Mapping[str, tuple[str, ...]]

_AFTER_ORIGIN: Final = r"(?P<path>[^?#]*)(?P<query>\?[^#]*)?(?P<fragment>#.*)?"
_URL: Final = re.compile(
    rf"(?P<scheme>https?)://(?P<authority>[^/?#]*){_AFTER_ORIGIN}", re.DOTALL | re.IGNORECASE
)
_FROM_ORIGIN: Final = re.compile(
    rf"(?P<host>\{{\{{ *{NAME.pattern} *\}}\}})(?=[/?#]|$){_AFTER_ORIGIN}", re.DOTALL
)
_AUTHORITY: Final = re.compile(r"(?P<host>\[[^\]]*\]|[^:@]*)(?P<port>:[0-9]{1,5})?")
_ORIGIN: Final = re.compile(r"https://(?P<host>[^/?#@:\[\]\\]+)/?")
_HOST: Final = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
_LONGEST_HOST: Final = 253
_IP_LITERAL: Final = re.compile(r"\[[0-9a-fA-F:.]+\]")


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
    value = value_encoder(percent)
    query = written(parts.query, values, keep=keep, literal=_query_text, value=value)
    fragment = written(parts.fragment, values, keep=keep, literal=_fragment_text, value=value)
    return origin + path + query + fragment


def host_names(url: str) -> tuple[str, ...]:
    """Give the names of the placeholders in the host of `url`, or of the one that brings the whole origin."""
    return names_in(split_url(url).host)


def path_names(url: str) -> tuple[str, ...]:
    """Give the names of the placeholders in the path of `url`."""
    return names_in(split_url(url).path)


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
    host = written(parts.host, values, keep=NOTHING_KEPT, literal=str, value=_plain)
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
    encode = value_encoder(percent)

    def value(name: str, value: str | Secret) -> str:
        return encode(name, _plain(name, value))

    names = names_in(segment)
    filled = written(segment, values, keep=keep, literal=_path_text, value=value)
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
