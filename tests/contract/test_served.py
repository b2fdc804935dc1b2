"""GET /openapi.json gives the description, and to who has it no more than that it still holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from functions.console.app import handler
from tests.contract.description import DOCUMENT

EVENT: Final = Path(__file__).parents[2] / "events" / "console.json"


def asked(query: str = "", **headers: str) -> dict[str, Any]:
    """What the function answers to its sample event with another query and further headers."""
    event = json.loads(EVENT.read_text("utf-8"))
    event["rawQueryString"] = query
    event["headers"] |= {name.replace("_", "-"): value for name, value in headers.items()}
    return handler(event, None)


def test_it_is_the_description() -> None:
    """Whole, as JSON, for caches to keep: it is the same for everybody."""
    answer = asked()
    assert (answer["statusCode"], json.loads(answer["body"])) == (200, DOCUMENT)
    assert answer["headers"]["content-type"] == "application/json"
    assert answer["headers"]["cache-control"] == "public, max-age=300"


@pytest.mark.parametrize("known", ["{}", "W/{}", '"0000000000000000", {}', "*"])
def test_who_has_it_is_told_so(known: str) -> None:
    """The tag that it came with, among others or weak, gets a 304 without a body and with the same tag."""
    etag = asked()["headers"]["etag"]
    answer = asked(if_none_match=known.format(etag.removeprefix("W/")))
    assert (answer["statusCode"], answer["body"], answer["headers"]["etag"]) == (304, "", etag)


@pytest.mark.parametrize("known", ['"0000000000000000"', "", "{}"])
def test_who_has_another_gets_it(known: str) -> None:
    """An old tag, an empty one, or one without its quotation marks is no match."""
    bare = asked()["headers"]["etag"].removeprefix("W/").strip('"')
    assert asked(if_none_match=known.format(bare))["statusCode"] == 200


def test_it_takes_no_parameters() -> None:
    """An unknown query parameter is refused, here too."""
    assert asked("version=2")["statusCode"] == 422
