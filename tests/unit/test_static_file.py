"""A file that is the same for everybody, as each asks for it."""

from __future__ import annotations

import base64
import gzip
from typing import Any, Final

import pytest

from oauth_broker.request import parse_request
from oauth_broker.static_file import StaticFile, takes_gzip
from tests.unit.http_events import http_event

TEXT: Final = "export const words = 'Bücher';\n" * 40
FILE: Final = StaticFile(TEXT.encode(), "text/javascript; charset=utf-8", {"cache-control": "no-cache"})


def asked(file: StaticFile = FILE, **headers: str) -> dict[str, Any]:
    """What API Gateway gets for a request with these headers."""
    event = http_event("GET /console/{file}", headers={n.replace("_", "-"): v for n, v in headers.items()})
    return file.answer(parse_request(event, scope_prefix="")).as_event()


def test_it_comes_as_text() -> None:
    """Who takes no coding gets it as it is."""
    answer = asked()
    assert (answer["statusCode"], answer["body"], answer["isBase64Encoded"]) == (200, TEXT, False)
    assert answer["headers"] == {
        "cache-control": "no-cache",
        "content-type": "text/javascript; charset=utf-8",
        "etag": FILE.etag,
        "vary": "Accept-Encoding",
        "x-content-type-options": "nosniff",
    }


def test_it_comes_compressed() -> None:
    """Who takes gzip gets the same in fewer bytes, under the same weak tag."""
    answer = asked(accept_encoding="gzip, deflate, br")
    packed = base64.b64decode(answer["body"])
    assert (answer["isBase64Encoded"], gzip.decompress(packed).decode()) == (True, TEXT)
    assert len(packed) < len(TEXT.encode()) // 4
    assert answer["headers"]["content-encoding"] == "gzip"
    assert (answer["headers"]["etag"], answer["headers"]["vary"]) == (FILE.etag, "Accept-Encoding")
    assert asked(accept_encoding="gzip")["body"] == answer["body"]


@pytest.mark.parametrize(
    "accepted, taken",
    [
        ("gzip", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("br, gzip;q=0.5", True),
        ("gzip ; q=1.0", True),
        ("", False),
        ("br", False),
        ("identity", False),
        ("gzip;q=0", False),
        ("gzip;q=0.000", False),
        ("not-gzip", False),
        ("gzipped", False),
        ("*", False),
    ],
)
def test_who_takes_gzip(accepted: str, taken: bool) -> None:
    """Those who name it with a weight that is not 0."""
    assert takes_gzip(accepted) is taken


@pytest.mark.parametrize("known", ["{}", "*", '"another", {}', "{} , x"])
def test_who_has_it_is_told_so(known: str) -> None:
    """304, without a body, with the headers that a cache is to renew; strong or weak is the same."""
    for tag in (FILE.etag, FILE.etag.removeprefix("W/")):
        answer = asked(if_none_match=known.format(tag), accept_encoding="gzip")
        assert (answer["statusCode"], answer["body"], answer["isBase64Encoded"]) == (304, "", False)
        assert answer["headers"]["etag"] == FILE.etag
        assert answer["headers"]["cache-control"] == "no-cache"


@pytest.mark.parametrize("known", ["", '"another"', "unquoted"])
def test_who_has_another_gets_it(known: str) -> None:
    """A tag of other bytes is no match."""
    assert asked(if_none_match=known)["statusCode"] == 200


def test_the_tag_is_of_bytes_and_headers() -> None:
    """A page whose policy changed is another one: a 304 would leave the old policy in some caches."""
    same = StaticFile(TEXT.encode(), "text/javascript; charset=utf-8", {"cache-control": "no-cache"})
    other = StaticFile(TEXT.encode(), "text/javascript; charset=utf-8", {"cache-control": "no-store"})
    longer = StaticFile(
        TEXT.encode() + b"\n", "text/javascript; charset=utf-8", {"cache-control": "no-cache"}
    )
    assert same.etag == FILE.etag
    assert len({FILE.etag, other.etag, longer.etag}) == 3
