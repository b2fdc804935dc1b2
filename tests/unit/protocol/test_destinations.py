"""Origins and hosts as they are compared before a secret goes anywhere."""

from __future__ import annotations

import pytest

from oauth_broker.protocol.destinations import Destinations, host_matches, origin_of

ACME = Destinations(frozenset({"https://acme.test:443", "https://*.acme.test:443", "http://127.0.0.1:8001"}))


@pytest.mark.parametrize(
    "url,origin",
    [
        ("https://Acme.test/token?x=1#y", "https://acme.test:443"),
        ("https://acme.test:443", "https://acme.test:443"),
        ("http://acme.test/", "http://acme.test:80"),
        ("https://acme.test:8443/", "https://acme.test:8443"),
        ("https://bücher.test/", "https://xn--bcher-kva.test:443"),
        ("https://[2001:DB8::1]:8443/", "https://[2001:db8::1]:8443"),
    ],
)
def test_an_origin_is_written_in_one_way(url: str, origin: str) -> None:
    """Case, IDNA and the default port make no second origin."""
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    "url", ["acme.test", "ftp://acme.test", "https://", "https:///x", "https://acme.test:99999"]
)
def test_what_has_no_origin_of_ours_is_refused(url: str) -> None:
    """An origin is http or https with a host and a port that there is; others are within no destinations."""
    with pytest.raises(ValueError):  # noqa: PT011 - any kind of it, the library's too
        origin_of(url)
    assert not ACME.allows(url)


@pytest.mark.parametrize(
    "url,allowed",
    [
        ("https://acme.test/token", True),
        ("https://a.acme.test/token", True),
        ("https://a.b.ACME.test/token", True),
        ("http://127.0.0.1:8001/token", True),
        ("http://acme.test/token", False),
        ("https://acme.test:8443/token", False),
        ("https://evilacme.test/token", False),
        ("https://acme.test.evil.test/token", False),
        ("https://evil.test/acme.test", False),
        ("https://acme.test@evil.test/", False),
        ("http://127.0.0.1:8002/token", False),
    ],
)
def test_only_listed_origins_are_allowed(url: str, allowed: bool) -> None:
    """A secret goes to a listed origin, or below a listed suffix of the same scheme and port."""
    assert ACME.allows(url) is allowed


@pytest.mark.parametrize(
    "host,pattern,matches",
    [
        ("acme.test", "acme.test", True),
        ("acme.test", "ACME.test", True),
        ("xn--bcher-kva.test", "bücher.test", True),
        ("a.acme.test", "*.acme.test", True),
        ("a.b.acme.test", "*.acme.test", True),
        ("acme.test", "*.acme.test", False),
        (".acme.test", "*.acme.test", False),
        ("a.xn--bcher-kva.test", "*.bücher.test", True),
        ("evilacme.test", "*.acme.test", False),
        ("a.acme.test.evil", "*.acme.test", False),
        ("a.acme.test", "acme.test", False),
        ("acme.test", "a" * 64 + "é.test", False),
    ],
)
def test_a_host_matches_a_name_or_a_suffix(host: str, pattern: str, matches: bool) -> None:
    """`*.` stands for any name below the suffix, on the host as it goes on the wire."""
    assert host_matches(host, pattern) is matches


def test_destinations_are_compared_as_written() -> None:
    """A list with another origin is not covered, and each list covers itself."""
    assert ACME.covers(ACME)
    assert ACME.covers(Destinations(frozenset({"https://acme.test:443"})))
    assert not ACME.covers(Destinations(frozenset({"https://acme.test:443", "https://evil.test:443"})))
