"""Lists: pages, cursors, filters."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.circle.broker import Broker, Browser, assert_problem

MANY = 57
EVERY = {f"c-{number:02}" for number in range(MANY)}
ACTIVE = {"c-00", "c-01"}


@pytest.fixture(scope="module")
def many(broker: Broker) -> str:
    """A resource with 57 connections: a third labelled so, two active; three more are disconnected."""
    resource_id = broker.register(require_confirmation=False)
    path = f"/v1/resources/{resource_id}/connections"

    def make(number: int) -> str:
        labels = ["all", "third"] if number % 3 == 0 else ["all"]
        start_url: str = broker.ask(resource_id, connection_id=f"c-{number:02}", labels=labels)["start_url"]
        return start_url

    links = [make(number) for number in range(MANY + 3)]
    for link in links[: len(ACTIVE)]:
        assert Browser().connect(link).status_code == 200
    for number in range(MANY, MANY + 3):
        assert broker.call("DELETE", f"{path}/c-{number}").status_code == 204
    return resource_id


def pages(broker: Broker, path: str, query: str = "") -> list[list[dict[str, Any]]]:
    """The pages of a list, to its end."""
    found, cursor = [], ""
    for _ in range(500):
        given = "&".join(part for part in (query, cursor) if part)
        answer = broker.call("GET", f"{path}?{given}" if given else path)
        assert answer.status_code == 200, answer.text
        assert answer.json().keys() == {"items", "next_cursor"}
        found.append(answer.json()["items"])
        if answer.json()["next_cursor"] is None:
            return found
        cursor = f"cursor={answer.json()['next_cursor']}"
    raise AssertionError("The list has no end.")


def ids(found: list[list[dict[str, Any]]]) -> list[str]:
    """The connections on pages, in order."""
    return [item["connection_id"] for page in found for item in page]


@pytest.mark.parametrize("limit", [None, 5, 57, 58, 200])
def test_every_connection_is_on_one_page(broker: Broker, many: str, limit: int | None) -> None:
    """Whatever the limit, pages together show each connection once; the default page has 50."""
    query = "" if limit is None else f"limit={limit}"
    found = pages(broker, f"/v1/resources/{many}/connections", query)
    assert sorted(ids(found)) == sorted(EVERY)
    assert max(len(page) for page in found) == min(limit or 50, MANY)


@pytest.mark.parametrize(
    "query, expected",
    [
        ("label=third", {f"c-{number:02}" for number in range(0, MANY, 3)}),
        ("label=third&status=active", {"c-00"}),
        ("label=none", set()),
        ("status=active", ACTIVE),
        ("status=pending", EVERY - ACTIVE),
        ("status=expired", set()),
    ],
)
@pytest.mark.parametrize("limit", [4, 50])
def test_filters(broker: Broker, many: str, query: str, expected: set[str], limit: int) -> None:
    """Pages may be short, none is longer than the limit, and together they have what the filters let pass."""
    found = pages(broker, f"/v1/resources/{many}/connections", f"limit={limit}&{query}")
    assert sorted(ids(found)) == sorted(expected)
    assert max(len(page) for page in found) <= limit


def test_resources_are_listed_by_id(broker: Broker, many: str) -> None:
    """Each resource is on one page, in the order of ids."""
    found = [item["resource_id"] for page in pages(broker, "/v1/resources", "limit=20") for item in page]
    assert many in found
    assert found == sorted(set(found))


def test_nothing_secret_is_listed(broker: Broker, many: str) -> None:
    """A listed connection has what a shown one has, and no token nor start link."""
    listed = broker.call("GET", f"/v1/resources/{many}/connections?limit=1").json()["items"]
    assert listed[0].keys() == {
        "connection_id",
        "resource_id",
        "status",
        "created_at",
        "expires_at",
        "next_refresh_at",
        "dies_at",
        "scopes",
        "generation",
        "metadata",
        "labels",
        "last_error",
        "attempts",
    }


def test_an_id_is_used_once(broker: Broker, many: str) -> None:
    """Asking for a connection under an id in use is a conflict; after disconnecting the id is free."""
    path = f"/v1/resources/{many}/connections"
    assert_problem(broker.call("POST", path, {"connection_id": "c-00"}), 409, "id-in-use")
    assert broker.call("POST", path, {"connection_id": "c-57"}).status_code == 201
    assert broker.call("DELETE", f"{path}/c-57").status_code == 204
