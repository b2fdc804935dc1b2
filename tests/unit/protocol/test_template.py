"""Templates: each value stays where it was put, whatever it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import pytest

from oauth_broker.errors import HostNotAllowedError, TemplateError, UnfitValueError
from oauth_broker.protocol.template import Place, encoded, fill, fill_encoded, fill_header, names_in
from oauth_broker.protocol.url_template import fill_url, host_names, path_names
from oauth_broker.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

HOSTS = {"tenant": ("*.acme.test", "acme.example"), "origin": ("*.acme.test",)}


@pytest.mark.parametrize(
    "text,names",
    [
        ("", ()),
        ("no placeholder", ()),
        ("{{a}}", ("a",)),
        ("{{ a }}", ("a",)),
        ("x{{a}}y{{b}}{{a}}", ("a", "b", "a")),
        ("{{accounts-server}}", ("accounts-server",)),
        ("{{authed_user.id}}", ("authed_user.id",)),
        ("{{{a}}}", ("a",)),
        ('{"a":{"b":1}}', ()),
        ("{a}", ()),
    ],
)
def test_the_names_of_a_template_in_order(text: str, names: tuple[str, ...]) -> None:
    """A placeholder is a name in two braces; single braces, and closing ones alone, are text."""
    assert names_in(text) == names


@pytest.mark.parametrize(
    "text,position",
    [
        ("{{", 0),
        ("a {{b c}}", 2),
        ("{{}}", 0),
        ("{{a}} {{b", 6),
        ("{{1a}}", 0),
        ("{{a\n}}", 0),
        ("{{f(a)}}", 0),
    ],
)
def test_a_malformed_placeholder_is_refused_where_it_stands(text: str, position: int) -> None:
    """Two opening braces that begin no placeholder are a slip, never text."""
    with pytest.raises(TemplateError) as caught:
        names_in(text)
    assert caught.value.position == position


def test_values_are_put_in_as_they_are() -> None:
    """`fill` encodes nothing: whoever writes the parameter does, once."""
    assert fill("{{a}}:{{b}}&", {"a": "x y", "b": Secret("&")}) == "x y:&&"


def test_a_name_without_a_value_is_refused() -> None:
    """Nothing goes out with a hole in it."""
    with pytest.raises(TemplateError, match="no value for b"):
        fill("{{a}}{{b}}", {"a": "x"})


def test_what_is_kept_stays_as_it_is() -> None:
    """A kept name is written `{{name}}`, blanks or not, for the second pass."""
    assert fill("{{a}} {{ state }}", {"a": "x"}, keep=frozenset({"state"})) == "x {{state}}"


@pytest.mark.parametrize(
    "place,written",
    [
        (Place.QUERY, "a%20%26%2F%7B%7Bb%7D%7D%C3%A9~"),
        (Place.FORM, "a+%26%2F%7B%7Bb%7D%7D%C3%A9~"),
        (Place.FRAGMENT, "a%20%26%2F%7B%7Bb%7D%7D%C3%A9~"),
        (Place.PATH, "a%20%26%2F%7B%7Bb%7D%7D%C3%A9~"),
        (Place.UNENCODED, "a%20%26/%7B%7Bb%7D%7D%C3%A9~"),
        (Place.JSON_STRING, "a &/{{b}}é~"),
    ],
)
def test_a_value_is_encoded_for_its_place(place: Place, written: str) -> None:
    """The same value reads differently in each place, and means the same (RFC 3986, RFC 6749 appendix B)."""
    assert fill_encoded("{{a}}", {"a": "a &/{{b}}é~"}, place) == written
    assert encoded("a &/{{b}}é~", place) == written


@pytest.mark.parametrize("place", Place)
def test_half_a_character_is_refused_or_raw(place: Place) -> None:
    """JSON can bring half of a surrogate pair, which no URL can carry: an error of ours, not Python's."""
    if place is Place.JSON_STRING:
        assert fill_encoded("{{a}}", {"a": "\ud83d"}, place) == "\ud83d"
    else:
        with pytest.raises(UnfitValueError) as caught:
            fill_encoded("{{a}}", {"a": "\ud83d"}, place)
        assert caught.value.name == "a"


def test_unencoded_goes_out_as_it_is() -> None:
    """`a+b` and what is encoded already stay; only what would end the value does not."""
    assert fill_encoded("a+b:c/%20{{x}}", {"x": "d&e#f"}, Place.UNENCODED) == "a+b:c/%20d%26e%23f"


@pytest.mark.parametrize("value", ["a\r\nb", "a\nb", "a\x00", "é", "\x7f", "a\tb"])
def test_a_header_takes_visible_ascii_alone(value: str) -> None:
    """No value ends a header, and the message does not show it."""
    with pytest.raises(UnfitValueError) as caught:
        fill_header("Key {{k}}", {"k": Secret(value)})
    assert caught.value.name == "k"
    assert value not in caught.value.detail
    assert fill_header("Key {{k}}", {"k": Secret("a b~")}) == "Key a b~"


URLS: list[tuple[str, Mapping[str, str | Secret], str]] = [
    ("https://acme.test", {}, "https://acme.test"),
    ("HTTPS://ACME.test/Path?A=B#C", {}, "https://acme.test/Path?A=B#C"),
    ("https://bücher.test/ü", {}, "https://xn--bcher-kva.test/%C3%BC"),
    ("https://[2001:DB8::1]:8443/x", {}, "https://[2001:db8::1]:8443/x"),
    ("https://{{tenant}}.acme.test:8443/x", {"tenant": "a"}, "https://a.acme.test:8443/x"),
    ("https://{{tenant}}.acme.test/", {"tenant": "A.B"}, "https://a.b.acme.test/"),
    ("https://{{tenant}}.acme.test/", {"tenant": "Bücher"}, "https://xn--bcher-kva.acme.test/"),
    ("https://{{tenant}}/x", {"tenant": "acme.example"}, "https://acme.example/x"),
    ("https://acme.test/a/{{p}}.json", {"p": "x y/z?#"}, "https://acme.test/a/x%20y%2Fz%3F%23.json"),
    (
        "https://acme.test/?q={{q}}&s",
        {"q": Secret("a&b=c#d e+")},
        "https://acme.test/?q=a%26b%3Dc%23d%20e%2B&s",
    ),
    ("https://acme.test/#/a?q={{q}}&{x}", {"q": "a&b#c"}, "https://acme.test/#/a?q=a%26b%23c&%7Bx%7D"),
    ("https://acme.test/{x}?{y}={z}[]", {}, "https://acme.test/%7Bx%7D?%7By%7D=%7Bz%7D[]"),
    ("https://acme.test/%7Bx%7D?a=%20+", {}, "https://acme.test/%7Bx%7D?a=%20+"),
    ("{{origin}}/a?b#c", {"origin": "https://Eu.acme.test/"}, "https://eu.acme.test/a?b#c"),
    ("{{origin}}", {"origin": "https://eu.acme.test"}, "https://eu.acme.test"),
]


@pytest.mark.parametrize("url,values,filled", URLS)
def test_a_url_is_filled_by_place(url: str, values: Mapping[str, str | Secret], filled: str) -> None:
    """Host, path, query and fragment each have their own encoding; the template's own text is kept."""
    assert fill_url(url, values, hosts=HOSTS) == filled
    assert fill_url(filled, {}, hosts={}) == filled


BAD_HOSTS = [
    "evil.test/",
    "evil.test#",
    "evil.test?",
    "evil.test\\",
    "x@evil.test",
    "x:80",
    "evil.test\uff0f",
    "evil\u3002test\uff0f",
    "℀",
    "a%2eb",
    "",
    ".",
    "a..b",
    ".a",
    "a b",
    "a\x00",
    "a\n",
    "x" * 300,
    "é" * 80,
    "[::1]",
    "*",
]


@pytest.mark.parametrize("value", BAD_HOSTS)
def test_a_value_that_makes_no_host_is_refused(value: str) -> None:
    """What would end the host, or is no part of one, is refused; the message does not show it."""
    with pytest.raises(HostNotAllowedError) as caught:
        fill_url("https://{{tenant}}.acme.test/x", {"tenant": value}, hosts=HOSTS)
    assert caught.value.name == "tenant"
    assert len(value) < 2 or value not in caught.value.detail


@pytest.mark.parametrize(
    "url,values",
    [
        ("https://{{tenant}}/", {"tenant": "evil.test"}),
        ("https://{{tenant}}/", {"tenant": "acme.test"}),
        ("https://{{tenant}}/", {"tenant": "evilacme.test"}),
        ("https://{{tenant}}/", {"tenant": "a.acme.test.evil.test"}),
        ("https://{{tenant}}.evil.test/", {"tenant": "a"}),
        ("https://{{other}}.acme.test/", {"other": "a"}),
        ("https://{{tenant}}.{{other}}/", {"tenant": "a", "other": "acme.test"}),
        ("{{origin}}/x", {"origin": "https://evil.test"}),
        ("{{origin}}/x", {"origin": "http://eu.acme.test"}),
        ("{{origin}}/x", {"origin": "https://eu.acme.test:8443"}),
        ("{{origin}}/x", {"origin": "https://eu.acme.test/path"}),
        ("{{origin}}/x", {"origin": "https://u@eu.acme.test"}),
        ("{{origin}}/x", {"origin": "eu.acme.test"}),
        ("{{origin}}/x", {"origin": "https://evil.test\\.acme.test"}),
    ],
)
def test_only_declared_hosts_are_made(url: str, values: dict[str, str]) -> None:
    """Every variable in a host must have been declared with it."""
    with pytest.raises(HostNotAllowedError):
        fill_url(url, values, hosts=HOSTS)


@pytest.mark.parametrize(
    "value", ["", ".", "..", "/", "a/../b", "../a", "a/", "/a", "a\\..\\b", "a/./b", "\\"]
)
def test_a_value_does_not_climb_in_the_path(value: str) -> None:
    """Dot segments and empty ones would be normalised away by somebody, encoded or not."""
    with pytest.raises(UnfitValueError, match="depth of the path"):
        fill_url("https://acme.test/a/{{p}}/token", {"p": value}, hosts={})


def test_parts_of_a_segment_count_together() -> None:
    """Two harmless values do not make a dot segment."""
    with pytest.raises(UnfitValueError):
        fill_url("https://acme.test/{{a}}{{b}}", {"a": ".", "b": "."}, hosts={})
    assert fill_url("https://acme.test/{{a}}{{b}}", {"a": ".", "b": "b"}, hosts={}) == "https://acme.test/.b"


@pytest.mark.parametrize("url", ["https://acme.test/{{s}}", "https://{{s}}.acme.test/", "{{s}}/x"])
def test_a_secret_stands_in_no_host_or_path(url: str) -> None:
    """Hosts and paths end up in logs; a query of a token request may have to carry one."""
    with pytest.raises(UnfitValueError, match="secret"):
        fill_url(url, {"s": Secret("https://eu.acme.test")}, hosts={"s": ("*.acme.test",)})
    assert fill_url("https://acme.test/?{{s}}", {"s": Secret("x")}, hosts={}) == "https://acme.test/?x"


@pytest.mark.parametrize(
    "url",
    [
        "acme.test",
        "ftp://acme.test",
        "https://",
        "https://u@acme.test",
        "https://a b.test",
        "https://acme.test:x",
    ],
)
def test_only_absolute_urls_are_filled(url: str) -> None:
    """What has no host of its own is no URL of ours."""
    with pytest.raises(TemplateError):
        fill_url(url, {}, hosts={})


def test_where_names_stand_in_a_url() -> None:
    """Host and path of a template are told apart before it is filled."""
    url = "https://{{a}}.{{b}}:1/{{c}}?{{d}}#{{e}}"
    assert (host_names(url), path_names(url)) == (("a", "b"), ("c",))
    assert (host_names("{{o}}/{{p}}"), path_names("{{o}}/{{p}}")) == (("o",), ("p",))


def test_two_passes_fill_what_is_theirs() -> None:
    """A value that looks like a placeholder is never filled at the second pass."""
    keep = frozenset({"state", "nonce"})
    url = "https://acme.test/{{t}}?client_id={{client_id}}&state={{ state }}&x={{{nonce}}}#{{state}}"
    first = fill_url(url, {"t": "{{state}}", "client_id": "{{state}}"}, hosts={}, keep=keep)
    assert first.count("{{state}}") == 2
    second = fill_url(first, {"state": "S{{nonce}}", "nonce": "N"}, hosts={})
    assert dict(parse_qsl(urlsplit(second).query)) == {
        "client_id": "{{state}}",
        "state": "S{{nonce}}",
        "x": "{N}",
    }
    assert "{" not in second
