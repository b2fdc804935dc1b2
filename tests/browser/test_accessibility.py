"""Every view for everybody: axe's rules in both themes, a phone of 360 pixels, the keyboard alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from playwright.sync_api import expect

from tests.browser.pictures import reduced
from tests.browser.views import VIEWS
from tests.servers.node import install_locked
from tests.servers.programs import MissingProgramError, unavailable

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.visitor import Visitor

FOLDER: Final = Path(__file__).with_name("axe")
TAGS: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
DESKTOP: Final = {"width": 1280, "height": 900}
PHONE: Final = {"width": 360, "height": 740}
# Of the pictures for the documentation: every view, and those that are lived in on a phone and in the dark.
ALSO_DARK: Final = {"resources", "add-resource", "connection"}
ALSO_ON_A_PHONE: Final = {"resource", "add-resource", "connection"}
MOST_TABS: Final = 120


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core, as npm pins it."""
    try:
        install_locked(FOLDER)
    except MissingProgramError as error:
        unavailable(error)
    return (FOLDER / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")


def violations(page: Page, axe: str) -> list[str]:
    """What breaks a rule, and where."""
    page.evaluate(axe)
    found: dict[str, Any] = page.evaluate(
        "tags => axe.run(document, {runOnly: tags, resultTypes: ['violations']})", TAGS
    )
    assert found["passes"] or found["violations"]
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("name", VIEWS)
def test_a_view(visitor: Visitor, name: str, axe: str, request: pytest.FixtureRequest) -> None:
    """No rule is broken, light or dark, wide or narrow; one h1; and a phone scrolls down only."""
    pictures = request.config.getoption("--screenshots")
    page = visitor.page
    VIEWS[name](visitor)
    for scheme in ("light", "dark"):
        for kind, size in (("", DESKTOP), ("phone", PHONE)):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.set_viewport_size(size)  # type: ignore[arg-type]  # a dict of its two keys
            assert violations(page, axe) == [], (scheme, kind)
            assert page.locator("h1").count() == 1
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
            if pictures and _wanted(name, scheme, kind):
                parts = [name, kind, "" if scheme == "light" else scheme]
                page.evaluate("document.activeElement?.blur(); scrollTo(0, 0)")
                picture = reduced(page.screenshot(animations="disabled"))
                (Path(pictures) / f"{'-'.join(filter(None, parts))}.png").write_bytes(picture)


def _wanted(name: str, scheme: str, kind: str) -> bool:
    if scheme == "dark":
        return name in ALSO_DARK and kind == ""
    return kind == "" or name in ALSO_ON_A_PHONE


def test_the_rules_are_looked_at(visitor: Visitor, axe: str) -> None:
    """A button without a name and a text too pale are found: an empty list means something."""
    visitor.open()
    visitor.page.evaluate(
        """() => {
          const pale = document.createElement("p");
          pale.textContent = "hardly to be read";
          pale.style.color = "#bbb";
          document.querySelector("main").append(document.createElement("button"), pale);
        }"""
    )
    found = " ".join(violations(visitor.page, axe))
    assert "button-name" in found
    assert "color-contrast" in found


def tab_to(page: Page, name: str) -> None:
    """Press Tab until what has the focus bears this name."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        text = page.evaluate(
            """() => {
              const one = document.activeElement;
              return one.getAttribute("aria-label") ?? one.labels?.[0]?.textContent ?? one.textContent;
            }"""
        )
        if text.strip().startswith(name):
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
            return
    pytest.fail(f"no Tab leads to {name}")


def test_the_keyboard_alone(visitor: Visitor) -> None:
    """From the empty page to a connection that is refreshed and disconnected, without a pointer."""
    page = visitor.page
    visitor.open("/add")
    expect(page.get_by_role("button", name="Demo provider")).to_be_visible()
    tab_to(page, "Demo provider")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.keyboard.press("Control+A")
    page.keyboard.type("By keyboard")
    tab_to(page, "Resource ID")
    page.keyboard.press("Control+A")
    page.keyboard.type("by-keyboard")
    page.keyboard.press("Enter")
    visitor.reads("By keyboard is added.")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    tab_to(page, "Connect")
    page.keyboard.press("Enter")
    visitor.sees("Connect an account")
    tab_to(page, "Name of the connection")
    page.keyboard.type("ada")
    with visitor.context.expect_page() as opened:
        page.keyboard.press("Enter")
    window = opened.value
    window.wait_for_url(f"{visitor.broker.provider}/**")
    tab_to(window, "Allow")
    window.keyboard.press("Enter")
    visitor.reads("ada is connected.")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    tab_to(page, "Refresh now")
    page.keyboard.press("Enter")
    expect(page.locator("#live")).to_have_text("Refreshed. This is generation 2.")
    tab_to(page, "Disconnect")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Disconnect", exact=True)).to_be_focused()


def test_skipping_to_the_content(visitor: Visitor) -> None:
    """The first Tab offers to skip the navigation, and it does."""
    visitor.open()
    visitor.page.keyboard.press("Tab")
    expect(visitor.page.get_by_role("link", name="Skip to content")).to_be_focused()
    visitor.page.keyboard.press("Enter")
    expect(visitor.page.locator("main")).to_be_focused()
    visitor.sees("Resources")
