"""Somebody at the console: what they see and press, in a real Chromium."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page

    from tests.integration.circle.broker import Broker

WAIT: Final = 20_000
"""Milliseconds within which a page on a busy machine does what it is to do."""

expect.set_options(timeout=WAIT)


@dataclass
class Visitor:
    """A browser at the console. `troubles`: what its pages logged as errors, but for answers of 4xx."""

    broker: Broker
    context: BrowserContext
    troubles: list[str] = field(default_factory=list)
    page: Page = field(init=False)
    clicks: int = 0

    def __post_init__(self) -> None:
        self.context.set_default_timeout(WAIT)
        self.context.on("page", self._watch)
        self.page = self.context.new_page()

    def _watch(self, page: Page) -> None:
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.troubles.append(str(error)))

    def _heard(self, message: ConsoleMessage) -> None:
        of_the_console = message.location["url"].startswith(self.broker.url)
        if of_the_console and message.type == "error" and "Failed to load resource" not in message.text:
            self.troubles.append(message.text)

    def open(self, place: str = "/resources") -> None:
        """Open the console at a place of it, as by an address typed."""
        self.page.goto(f"{self.broker.url}/#{place}")
        self.page.reload()  # a hash alone loads nothing anew
        expect(self.page.get_by_role("heading", level=1)).to_be_visible()

    def sees(self, heading: str) -> None:
        """The view with this heading is there."""
        expect(self.page.get_by_role("heading", level=1)).to_have_text(heading)

    def reads(self, text: str) -> None:
        """The view says so."""
        expect(self.page.locator("main")).to_contain_text(text)

    def press(self, name: str, role: Any = "button", within: Page | Locator | None = None) -> None:
        """Press a button, or follow a link, of this very name."""
        self.clicks += 1
        (within or self.page.locator("main")).get_by_role(role, name=name, exact=True).click()

    def opens_consent(self, name: str = "Open the consent page") -> Page:
        """Press what opens the consent's window; the window, once the provider's page is in it."""
        with self.context.expect_page() as opened:
            self.press(name)
        window = opened.value
        window.wait_for_url(lambda url: not url.startswith((self.broker.url, "about:")))
        return window

    def decides(self, window: Page, decision: str = "Allow") -> None:
        """Answer the demo provider's page."""
        self.press(decision, within=window)

    def connects(self, resource_id: str, connection_id: str) -> Page:
        """Go through the form of a connection; the consent's window."""
        self.open(f"/resources/{resource_id}/connect")
        self.page.get_by_label("Name of the connection").fill(connection_id)
        return self.opens_consent()

    def kept(self) -> str:
        """All that the page keeps in this browser."""
        text: str = self.page.evaluate(
            "JSON.stringify([{...sessionStorage}, {...localStorage}, location.href])"
        )
        return text
