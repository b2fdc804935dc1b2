"""Lists of resources and connections: searched, filtered, paged, and deleted from."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.integration.circle.broker import Browser, side_by_side

if TYPE_CHECKING:
    from tests.browser.visitor import Visitor
    from tests.integration.circle.broker import Broker

MANY = 70


@pytest.fixture(scope="module")
def crowded(broker: Broker) -> str:
    """A resource with many connections: one active, the others asked for, every seventh with a label."""
    resource_id = broker.register(require_confirmation=False, name="Crowded")
    for at in range(MANY):
        labels = ["seventh"] if at % 7 == 0 else []
        broker.ask(resource_id, connection_id=f"person-{at:02}", labels=labels)
    assert (
        Browser().connect(broker.ask(resource_id, connection_id="somebody")["start_url"]).status_code == 200
    )
    return resource_id


def test_connections_are_searched_and_paged(visitor: Visitor, crowded: str) -> None:
    """A page first, more on demand; a search looks at those not loaded yet too."""
    page = visitor.page
    visitor.open(f"/resources/{crowded}")
    rows = page.locator("tbody tr")
    expect(rows.first).to_be_visible()
    shown = rows.count()
    assert shown < MANY + 1
    page.get_by_label("Search connections").fill("person-6")
    expect(rows).to_have_count(10)
    expect(page.get_by_role("status").filter(has_text="10 of")).to_be_visible()
    page.get_by_label("Search connections").fill("nobody at all")
    visitor.reads("Nothing matches.")
    page.get_by_label("Search connections").fill("")
    expect(rows).to_have_count(MANY + 1)


def test_show_more(visitor: Visitor, crowded: str) -> None:
    """The button loads the next page until there is none."""
    visitor.open(f"/resources/{crowded}")
    more = visitor.page.get_by_role("button", name="Show more")
    expect(more).to_be_visible()
    more.click()
    expect(visitor.page.locator("tbody tr")).to_have_count(MANY + 1)
    expect(more).to_be_hidden()
    visitor.reads(f"{MANY + 1} in all")


def test_connections_are_filtered(visitor: Visitor, crowded: str) -> None:
    """By status and by label, by the API itself."""
    page = visitor.page
    visitor.open(f"/resources/{crowded}")
    expect(page.locator("tbody tr").first).to_be_visible()
    page.get_by_label("Status").select_option("Active")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody .badge")).to_have_text("Active")
    page.get_by_label("Status").select_option("All")
    page.get_by_label("With the label").fill("seventh")
    page.get_by_label("With the label").press("Tab")
    expect(page.locator("tbody tr")).to_have_count(MANY // 7)
    page.get_by_label("With the label").fill("no such label")
    page.get_by_label("With the label").press("Tab")
    visitor.reads("Nothing matches.")


def test_resources_are_searched(visitor: Visitor) -> None:
    """By name, id and host."""
    name = f"Findable {secrets.token_hex(4)}"
    side_by_side(lambda at: visitor.broker.register(name=f"{name} {at}"), range(6))
    visitor.open()
    visitor.page.get_by_label("Search resources").fill(name.lower())
    expect(visitor.page.locator("tbody tr")).to_have_count(6)
    visitor.press(f"{name} 3", role="link")
    visitor.sees(f"{name} 3")


def test_a_resource_is_deleted_with_its_connections(visitor: Visitor) -> None:
    """What will happen is said first, and differs where nothing is connected."""
    resource_id = visitor.broker.register()
    visitor.open(f"/resources/{resource_id}")
    visitor.press("Delete")
    dialog = visitor.page.get_by_role("dialog")
    expect(dialog).to_contain_text("Nothing is connected under it.")
    visitor.press("Cancel", within=dialog)
    visitor.broker.connect(resource_id)
    visitor.press("Delete")
    expect(dialog).to_contain_text("Its connections are disconnected")
    visitor.press("Delete it", within=dialog)
    visitor.reads(f"{resource_id} is deleted.")
    assert visitor.broker.call("GET", f"/v1/resources/{resource_id}").status_code == 404


@pytest.mark.parametrize(
    "place", ["/nowhere", "/resources/no-such-resource", "/resources/no-such-resource/connections/nobody"]
)
def test_what_is_not_there(visitor: Visitor, place: str) -> None:
    """An address that leads to nothing says so, and leads on."""
    visitor.open(place)
    visitor.sees("There is nothing here")
    visitor.press("To the resources", role="link")
    visitor.sees("Resources")


def test_a_provider_that_is_not_called(visitor: Visitor) -> None:
    """A resource whose circuit breaker is open says so, and why, in its list and on its own page."""
    resource_id = visitor.broker.register(
        grant_type="client_credentials", authorization=None, revocation=None
    )
    visitor.page.route(
        f"**/v1/resources/{resource_id}",
        lambda route: route.fulfill(json=_open(route.fetch().json())),
    )
    visitor.open(f"/resources/{resource_id}")
    visitor.reads("The provider is not called at the moment")
    visitor.reads("invalid_client")
    expect(visitor.page.locator(".facts .badge")).to_have_text("Not called")


def _open(resource: dict[str, object]) -> dict[str, object]:
    state = {
        "state": "open",
        "since": "2026-11-24T06:28:39Z",
        "until": "2099-11-24T06:28:39Z",
        "times": 3,
        "category": "invalid_client",
        "error": "invalid_client",
        "error_description": "The secret has expired.",
        "http_status": 401,
    }
    return {**resource, "provider_state": state}
