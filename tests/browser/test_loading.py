"""What a first visit costs: bytes, time and layout shifts; and that nothing comes from elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import pytest

from tests.browser.views import CONNECTIONS, crm
from tests.integration.circle.broker import eventually

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.browser.visitor import Visitor
    from tests.integration.circle.broker import Broker

MOST_BYTES: Final = 60 * 1024
GENEROUS_MS: Final = 5000
"""What a busy machine may take; the figure that is printed is for people."""
MOST_SHIFT: Final = 0.02
SHIFTS: Final = """
window.shifted = [];
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) {
    if (!one.hadRecentInput) window.shifted.push([one.value,
        one.sources.map((source) => source.node?.className ?? source.node?.nodeName).join()]);
  }
}).observe({type: "layout-shift", buffered: true});
"""


def test_the_first_load(chromium: Browser, broker: Broker, capsys: pytest.CaptureFixture[str]) -> None:
    """At most 60 KB come over the wire, headers and all, from this origin alone; the list is there soon."""
    broker.register()
    took = []
    for _ in range(3):
        context = chromium.new_context()
        page = context.new_page()
        transferred: dict[str, float] = {}
        asked: dict[str, str] = {}
        session = context.new_cdp_session(page)
        session.on(
            "Network.loadingFinished",
            lambda event, to=transferred: to.update({event["requestId"]: event["encodedDataLength"]}),
        )
        session.on(
            "Network.requestWillBeSent",
            lambda event, to=asked: to.update({event["requestId"]: event["request"]["url"]}),
        )
        session.send("Network.enable")
        page.goto(broker.url)
        page.wait_for_selector("main table:not([hidden])")
        took.append(page.evaluate("performance.now()"))
        page.wait_for_load_state("networkidle")
        context.close()
        assert transferred.keys() == asked.keys()
        assert {urlsplit(url).netloc for url in asked.values()} == {urlsplit(broker.url).netloc}
        # What the page itself takes: how much the list has to say is other tests' doing.
        page_alone = [size for number, size in transferred.items() if "/v1/" not in asked[number]]
        with capsys.disabled():
            size = f"{sum(page_alone) / 1024:.1f} KB in {len(page_alone)} files"
            print(f"\nFirst load: {size}, usable after {took[-1]:.0f} ms")  # noqa: T201 - figures to be kept
        assert len(page_alone) > 10
        assert sum(page_alone) <= MOST_BYTES
    assert min(took) <= GENEROUS_MS


PLACES: Final = {
    "resources": "/resources",
    "resource": "/resources/acme-crm",
    "connection": "/resources/acme-crm/connections/ada",
    "edit": "/resources/acme-crm/edit",
    "connect": "/resources/acme-crm/connect",
    "add": "/add",
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "size", [{"width": 1280, "height": 900}, {"width": 360, "height": 740}], ids=["wide", "phone"]
)
def test_nothing_jumps(visitor: Visitor, place: str, size: Any) -> None:
    """What is loaded takes the place that was kept for it: the layout shifts hardly at all."""
    page = visitor.page
    page.set_viewport_size(size)
    page.add_init_script(SHIFTS)
    crm(page, *CONNECTIONS)
    page.goto(f"{visitor.broker.url}/#{PLACES[place]}")
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(500)
    shifts = page.evaluate("window.shifted")
    assert sum(value for value, _ in shifts) <= MOST_SHIFT, shifts


def test_shifts_are_seen(visitor: Visitor) -> None:
    """A paragraph that pushes the page down is counted."""
    visitor.page.add_init_script(SHIFTS)
    visitor.open()
    visitor.page.wait_for_timeout(1000)
    visitor.page.evaluate(
        """() => {
          const one = document.createElement("p");
          one.style.height = "400px";
          document.querySelector("main").prepend(one);
        }"""
    )
    assert eventually(lambda: sum(value for value, _ in visitor.page.evaluate("window.shifted")) > MOST_SHIFT)
