"""GET /v1/providers gives the catalogue, page by page, and each entry whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from oauth_broker.doors.catalogue import Catalogue
from oauth_broker.request import cursor_text
from tests.contract.description import faults

EVENT: Final = Path(__file__).parents[2] / "events" / "catalogue.json"
CATALOGUE: Final = Catalogue()
TITLES: Final = [entry["title"] for name in CATALOGUE.providers if (entry := CATALOGUE.entry(name))]


@cache
def handler() -> Callable[[dict[str, Any], None], dict[str, Any]]:
    """The function, in the environment that the template gives it by default."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PUBLIC_URL", "")
        from functions.catalogue import app  # noqa: PLC0415 - it reads its settings when it is loaded
    return app.handler


def asked(provider: str | None = None, query: str = "") -> tuple[int, dict[str, Any]]:
    """Status and body that the function answers."""
    event = json.loads(EVENT.read_text("utf-8"))
    event["rawQueryString"] = query
    event["pathParameters"] = {} if provider is None else {"provider": provider}
    event["routeKey"] = "GET /v1/providers" + ("" if provider is None else "/{provider}")
    answer = handler()(event, None)
    return answer["statusCode"], json.loads(answer["body"])


def test_all_providers_are_listed_by_title() -> None:
    """A whole list in one page, if it fits; each item as it is described."""
    status, body = asked(query="limit=200")
    assert (status, body["next_cursor"]) == (200, None)
    assert [item["title"] for item in body["items"]] == sorted(TITLES, key=str.casefold)
    assert faults(body, {"$ref": "#/components/schemas/ProviderList"}) == []


@pytest.mark.parametrize("limit", [1, 7, 39, 40, 41])
def test_pages_together_are_the_list(limit: int) -> None:
    """No provider is lost or shown twice between two pages, and none follows the last."""
    seen: list[str] = []
    query = f"limit={limit}"
    for _ in range(len(TITLES) + 1):
        _, body = asked(query=query)
        seen += [item["title"] for item in body["items"]]
        assert 1 <= len(body["items"]) <= limit
        if body["next_cursor"] is None:
            break
        query = f"limit={limit}&cursor={body['next_cursor']}"
    assert seen == sorted(TITLES, key=str.casefold)


@pytest.mark.parametrize("provider", CATALOGUE.providers)
def test_each_entry_is_shown_whole(provider: str) -> None:
    """What is known, and null where nobody knows, as it is described."""
    status, body = asked(provider)
    entry = CATALOGUE.entry(provider)
    assert status == 200
    assert entry is not None
    assert entry.items() <= body.items()
    assert faults(body, {"$ref": "#/components/schemas/Provider"}) == []


@pytest.mark.parametrize("provider", ["googel", "GOOGLE", ""])
def test_who_is_not_there_is_not_found(provider: str) -> None:
    """A 404, and no other provider."""
    status, body = asked(provider)
    assert (status, body["type"]) == (404, "urn:oauth-broker:not-found")


@pytest.mark.parametrize(
    "provider, query, status",
    [
        (None, "limit=0", 422),
        (None, "limit=201", 422),
        (None, "title=Google", 422),
        ("google", "limit=1", 422),
        (None, "cursor=x", 400),
        (None, f"cursor={cursor_text({'after': 'google'})}", 400),
        (None, f"cursor={cursor_text({'after': ['google', 1]})}", 400),
        (None, f"cursor={cursor_text({})}", 400),
    ],
)
def test_what_cannot_be_asked_is_refused(provider: str | None, query: str, status: int) -> None:
    """As in every list: unknown parameters, bad limits, cursors that are none of ours."""
    assert asked(provider, query)[0] == status


def test_a_cursor_outlives_what_it_names() -> None:
    """The list goes on behind the place, though its provider has left the catalogue."""
    _, body = asked(query=f"limit=1&cursor={cursor_text({'after': ['gmail', 'gmail']})}")
    assert body["items"][0]["title"] == "Google"
