"""Templates under values that nobody thought of: each stays where it was put."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl, unquote, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from oauth_broker.errors import UnfitValueError
from oauth_broker.protocol.template import Place, fill, fill_encoded, fill_header
from oauth_broker.protocol.url_template import fill_url

HOSTS = {"tenant": ("*.acme.test", "acme.example")}

HOSTILE = st.one_of(
    st.text(),
    st.text(alphabet="/\\?#&=%.:@{}[];,+ \r\n\t\x00\"'<>aé\u3002\uff0e\uff0f"),
    st.sampled_from(
        ["..", ".", "%2e%2e", "a/../b", "{{state}}", "{{{{x}}}}", "}}", "a&b=c", "a\r\nX: y", "a.evil.test#"]
    ),
)

URL = "https://acme.test/a/{{v}}b/c?x={{v}}&y=1#f={{v}}&g=2"


@given(HOSTILE)
def test_no_value_changes_the_shape_of_a_url(value: str) -> None:
    """Whatever the value: the same host, depth and parameters, the value in each place and nowhere else."""
    try:
        parts = urlsplit(fill_url(URL, {"v": value}, hosts={}))
    except UnfitValueError:
        return
    assert parts.netloc == "acme.test"
    assert [unquote(segment) for segment in parts.path.split("/")] == ["", "a", f"{value}b", "c"]
    assert parse_qsl(parts.query, keep_blank_values=True) == [("x", value), ("y", "1")]
    assert parse_qsl(parts.fragment, keep_blank_values=True) == [("f", value), ("g", "2")]


@given(HOSTILE)
def test_no_value_leaves_its_declared_hosts(value: str) -> None:
    """Whatever the value: refused, or a name below the suffix with path and query untouched."""
    for url in ("https://{{tenant}}.acme.test/x?y=1", "https://{{tenant}}/x?y=1", "{{tenant}}/x?y=1"):
        try:
            parts = urlsplit(fill_url(url, {"tenant": value}, hosts=HOSTS))
        except UnfitValueError:
            continue
        assert parts.hostname is not None
        assert parts.hostname == "acme.example" or parts.hostname.endswith(".acme.test")
        assert parts.netloc == parts.hostname
        assert (parts.scheme, parts.path, parts.query) == ("https", "/x", "y=1")


@given(HOSTILE)
def test_no_value_splits_a_header(value: str) -> None:
    """Whatever the value: refused, or one line of visible ASCII."""
    try:
        header = fill_header("Key {{v}}!", {"v": value})
    except UnfitValueError:
        return
    assert header == f"Key {value}!"
    assert all(" " <= character <= "~" for character in header)


@given(HOSTILE, st.sampled_from([Place.QUERY, Place.FORM, Place.FRAGMENT]))
def test_no_value_adds_a_parameter(value: str, place: Place) -> None:
    """Whatever the value: one parameter with that value."""
    try:
        written = fill_encoded("{{v}}", {"v": value}, place)
    except UnfitValueError:
        assert not value.isprintable()
        return
    assert parse_qsl(f"x={written}&y=1", keep_blank_values=True) == [("x", value), ("y", "1")]


@given(HOSTILE)
def test_no_value_ends_an_unencoded_parameter(value: str) -> None:
    """Even where nothing should be encoded, a value adds no parameter, no fragment and no placeholder."""
    try:
        written = fill_encoded("{{v}}", {"v": value}, Place.UNENCODED)
    except UnfitValueError:
        return
    assert not set("&#{} \r\n").intersection(written)


@given(HOSTILE)
def test_no_value_leaves_a_json_string(value: str) -> None:
    """A JSON writer escapes what was put in raw."""
    assert json.loads(json.dumps({"x": fill("{{v}}", {"v": value})})) == {"x": value}


@given(HOSTILE, HOSTILE)
def test_the_second_pass_fills_only_what_was_kept(value: str, state: str) -> None:
    """Whatever the first value, the second pass puts the state where the template had it and nowhere else."""
    first = fill_url(
        "https://acme.test/?v={{v}}&state={{state}}", {"v": value}, hosts={}, keep=frozenset({"state"})
    )
    second = fill_url(first, {"state": state}, hosts={})
    assert parse_qsl(urlsplit(second).query, keep_blank_values=True) == [("v", value), ("state", state)]
