"""Every way in which a consent can end: a sentence and a way on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import Visitor
from tests.integration.circle.broker import Browser as PlainBrowser
from tests.integration.circle.broker import eventually, place_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.integration.circle.broker import Broker

BLOCKED = "window.open = () => null"


@pytest.fixture
def resource_id(broker: Broker) -> str:
    """A resource without connections."""
    return broker.register()


def start_again(visitor: Visitor) -> None:
    """The way on leads to a connected account."""
    visitor.decides(visitor.opens_consent("Start again"))
    visitor.reads("is connected.")


def test_a_refused_consent(visitor: Visitor, resource_id: str) -> None:
    """Who says no is told that nothing was connected, in the provider's words too, and may start again."""
    visitor.decides(visitor.connects(resource_id, "ada"), "Deny")
    visitor.reads("The access was refused")
    visitor.reads("access_denied")
    start_again(visitor)


def test_a_failed_exchange(visitor: Visitor, resource_id: str) -> None:
    """A provider that gives no token is quoted, with the request that failed, its secrets masked."""
    visitor.broker.control(
        "POST", "faults", {"endpoint": "/token", "status": 400, "body": {"error": "invalid_client"}}
    )
    visitor.decides(visitor.connects(resource_id, "ada"))
    visitor.reads("The service did not complete the connection")
    visitor.reads("invalid_client")
    visitor.page.get_by_text("The request that failed").click()
    expect(visitor.page.locator("pre")).to_contain_text("grant_type=authorization_code")
    expect(visitor.page.locator("pre")).not_to_contain_text("demo-secret")
    start_again(visitor)


def test_an_expired_link(visitor: Visitor, resource_id: str) -> None:
    """When the link's ten minutes are over, the page says so by itself."""
    visitor.page.clock.install()
    window = visitor.connects(resource_id, "ada")
    visitor.reads("Waiting for the consent")
    visitor.page.clock.fast_forward(11 * 60_000)
    visitor.reads("The link has expired")
    window.close()
    start_again(visitor)


def test_a_closed_window(visitor: Visitor, resource_id: str) -> None:
    """When the window is gone and nothing came back, the page offers to start again."""
    window = visitor.connects(resource_id, "ada")
    visitor.reads("Waiting for the consent")
    window.close()
    visitor.reads("The window seems to be closed")
    start_again(visitor)


def test_a_blocked_window(visitor: Visitor, resource_id: str) -> None:
    """Where the browser opens no window, there is a link, whose tab hands over just the same."""
    visitor.open(f"/resources/{resource_id}/connect")
    visitor.page.evaluate(BLOCKED)
    visitor.press("Open the consent page")
    visitor.reads("The window is not open")
    with visitor.context.expect_page() as opened:
        visitor.press("Open the consent page", role="link")
    opened.value.wait_for_url(f"{visitor.broker.provider}/**")
    visitor.decides(opened.value)
    visitor.reads("is connected.")


def test_the_same_tab(visitor: Visitor, resource_id: str) -> None:
    """A link that is opened in the very tab that asked comes back to it, and is confirmed there."""
    visitor.open(f"/resources/{resource_id}/connect")
    visitor.page.evaluate(BLOCKED)
    visitor.press("Open the consent page")
    link = visitor.page.get_by_role("link", name="Open the consent page")
    visitor.page.goto(link.get_attribute("href") or "")
    visitor.decides(visitor.page)
    visitor.reads("is connected.")
    assert "confirmation_code" not in visitor.page.url


def test_a_reload_while_waiting(visitor: Visitor, resource_id: str) -> None:
    """A tab that was loaded anew still holds what it asked for, and confirms."""
    window = visitor.connects(resource_id, "ada")
    visitor.reads("Waiting for the consent")
    visitor.page.reload()
    visitor.reads("This page was loaded anew.")
    visitor.decides(window)
    visitor.reads("ada is connected.")


def test_another_browser(visitor: Visitor, resource_id: str, chromium: Browser) -> None:
    """A link sent to somebody else connects nothing: their browser says so, and holds no code any more."""
    visitor.connects(resource_id, "ada").close()
    link = visitor.page.get_by_role("link", name="Open the consent page").get_attribute("href") or ""
    context = chromium.new_context()
    other = Visitor(visitor.broker, context)
    other.page.goto(link)
    other.decides(other.page)
    other.sees("This consent was begun somewhere else")
    assert other.page.url == f"{visitor.broker.url}/"
    assert "confirmation_code" not in other.kept()
    assert visitor.broker.connection(resource_id, "ada")["status"] == "awaiting_confirmation"
    visitor.reads("The consent came back somewhere else")
    other.press("Start again", role="link")
    other.sees("ada")
    other.reads("it is still to be confirmed")
    context.close()
    assert other.troubles == []
    start_again(visitor)


def test_another_tab(visitor: Visitor, resource_id: str) -> None:
    """When the tab that asked is gone, the window says that nobody here asked, and leads on."""
    window = visitor.connects(resource_id, "ada")
    visitor.page.close()
    visitor.page = window
    visitor.decides(window)
    visitor.sees("This consent was begun somewhere else")
    visitor.press("Start again", role="link")
    visitor.press("Connect again")
    visitor.reads("Waiting for the consent")


def test_a_return_without_a_code(visitor: Visitor, resource_id: str) -> None:
    """An address that somebody made up confirms nothing, and the consent that is under way still counts."""
    window = visitor.connects(resource_id, "ada")
    visitor.reads("Waiting for the consent")
    other = visitor.context.new_page()
    other.goto(f"{visitor.broker.url}/?resource_id={resource_id}&connection_id=ada")
    assert eventually(other.is_closed) or other.url == f"{visitor.broker.url}/"
    visitor.reads("Waiting for the consent")
    assert visitor.broker.connection(resource_id, "ada")["status"] == "pending"
    visitor.decides(window)
    visitor.reads("ada is connected.")


def test_a_consent_that_needs_no_confirmation(visitor: Visitor) -> None:
    """Where the resource asks for none, the consent counts when the browser is back."""
    resource_id = visitor.broker.register(require_confirmation=False)
    visitor.decides(visitor.connects(resource_id, "ada"))
    visitor.reads("ada is connected.")


def test_a_refused_confirmation(visitor: Visitor, resource_id: str) -> None:
    """A code that is good no more confirms nothing, which the page says."""
    window = visitor.connects(resource_id, "ada")
    visitor.reads("Waiting for the consent")
    visitor.page.evaluate(
        """() => {
          const asked = JSON.parse(sessionStorage.getItem("oauth-broker.consents"));
          asked[0].user = "somebody-else";
          sessionStorage.setItem("oauth-broker.consents", JSON.stringify(asked));
        }"""
    )
    visitor.decides(window)
    visitor.reads("The consent could not be confirmed")
    visitor.reads("Link expired")
    start_again(visitor)


def test_the_broker_away(visitor: Visitor, resource_id: str) -> None:
    """Without a network the page says so, and the button that failed works again later."""
    connection_id = visitor.broker.connect(resource_id)
    visitor.open(f"/resources/{resource_id}/connections/{connection_id}")
    expect(visitor.page.get_by_role("button", name="Refresh now")).to_be_visible()
    visitor.context.set_offline(offline=True)
    visitor.press("Refresh now")
    visitor.reads("The broker cannot be reached.")
    visitor.context.set_offline(offline=False)
    visitor.press("Refresh now")
    expect(visitor.page.locator("#live")).to_have_text("Refreshed. This is generation 2.")


def test_a_grant_that_is_gone(visitor: Visitor, resource_id: str) -> None:
    """A refresh that the provider refuses for good shows its words, and reconnecting mends it."""
    connection_id = visitor.broker.connect(resource_id)
    visitor.broker.control(
        "POST",
        "faults",
        {
            "endpoint": "/token",
            "status": 400,
            "body": {"error": "invalid_grant", "error_description": "The grant was withdrawn."},
        },
    )
    visitor.open(f"/resources/{resource_id}/connections/{connection_id}")
    visitor.press("Refresh now")
    visitor.reads("Needs consent")
    visitor.reads("The grant was withdrawn.")
    visitor.page.get_by_text("The request that failed").click()
    expect(visitor.page.locator("pre").first).to_contain_text("grant_type=refresh_token")
    visitor.decides(visitor.opens_consent("Reconnect"))
    visitor.reads("is connected.")
    assert visitor.broker.connection(resource_id, connection_id)["generation"] == 2


def test_a_connection_that_was_never_used(visitor: Visitor, resource_id: str) -> None:
    """A link that nobody used reads as expired in words, and can be begun anew from the connection."""
    asked = visitor.broker.ask(resource_id)
    visitor.broker.set_number(*place_of(resource_id, asked["connection_id"]), "su", time.time() - 1)
    visitor.open(f"/resources/{resource_id}/connections/{asked['connection_id']}")
    visitor.reads("The start link expired before anybody consented.")
    visitor.decides(visitor.opens_consent("Connect again"))
    visitor.reads("is connected.")


def test_what_was_asked_for_by_another_program(visitor: Visitor, resource_id: str) -> None:
    """The waiting view of a connection that this tab did not ask for says so."""
    asked = visitor.broker.ask(resource_id)
    assert PlainBrowser().start(asked["start_url"])
    visitor.open(f"/resources/{resource_id}/connections/{asked['connection_id']}/consent")
    visitor.reads("This tab is waiting for nothing")
    assert eventually(lambda: visitor.page.get_by_role("button", name="Start again").is_visible())
