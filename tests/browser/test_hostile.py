"""What a provider may write: markup, 10 KB, right-to-left marks. It is text, and stays in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
from playwright.sync_api import Error, expect

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.browser.visitor import Visitor

MARKUP: Final = "<img src=x onerror=window.stolen=1><script>window.stolen=1</script><b>bold</b>"
TURNED: Final = "\u202etxet denrut\u202c \u2067\u05d0\u05d1\u05d2\u2066 {{client_id}}"
LONG: Final = "a-very-long-text-" * 640  # 10 KB
TEXTS: Final = {"markup": MARKUP, "turned": TURNED, "long": LONG}


def harmless(page: Page) -> None:
    """Nothing of it became an element or ran, and nothing is wider than the page."""
    assert page.evaluate("window.stolen") is None
    assert page.locator("main img, main script, main b").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def shows(place: Locator, text: str) -> None:
    """The whole text stands there, its direction isolated, after "Show all" where it is long."""
    more = place.get_by_role("button", name="Show all")
    if len(text) > 2000:
        assert len(place.text_content() or "") < 2500
        more.first.click()
    isolated = place.locator("[dir=auto]")
    expect(isolated.filter(has_text=text[:40]).first).to_be_visible()
    assert text in (place.text_content() or "")


def connection(text: str) -> dict[str, Any]:
    """A connection whose every text is somebody else's."""
    return {
        "connection_id": "ada",
        "resource_id": "hostile",
        "status": "needs_reauthorization",
        "created_at": "2026-11-24T06:28:39Z",
        "expires_at": None,
        "next_refresh_at": None,
        "dies_at": None,
        "scopes": [text],
        "generation": 3,
        "metadata": {"instance_url": text, text[:60]: "value"},
        "labels": [text],
        "last_error": {
            "at": "2026-11-24T06:28:39Z",
            "category": "grant_gone",
            "error": text,
            "error_description": text,
            "http_status": 400,
            "request": text,
        },
        "attempts": [{"at": "2026-11-24T06:28:39Z", "outcome": text, "by": "schedule", "duration_ms": 5}],
    }


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("width", [360, 1280])
def test_a_connection_of_hostile_texts(visitor: Visitor, kind: str, width: int) -> None:
    """Error, description, request, scope, label, metadata and outcome are shown as text, whole on demand."""
    text = TEXTS[kind]
    page = visitor.page
    page.set_viewport_size({"width": width, "height": 800})
    page.route("**/v1/resources/hostile/connections/ada", lambda route: route.fulfill(json=connection(text)))
    visitor.open("/resources/hostile/connections/ada")
    expect(page.get_by_role("heading", name="Last error")).to_be_visible()
    harmless(page)
    shows(page.locator("blockquote p").first, text)
    shows(page.locator("blockquote p").last, text)
    shows(page.locator("dd", has=page.locator(".tags")).first, text)
    shows(page.locator("dt", has_text="instance_url").locator("xpath=..").locator("dd"), text)
    page.get_by_text("The request that failed").click()
    shows(page.locator("pre", has=page.locator("bdi")), text)
    harmless(page)


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("width", [360, 1280])
def test_lists_of_hostile_names(visitor: Visitor, kind: str, width: int) -> None:
    """A resource's name in the list, on its page and above its form is text, and turns nothing round."""
    text = TEXTS[kind][:128]
    resource_id = visitor.broker.register(name=text)
    page = visitor.page
    page.set_viewport_size({"width": width, "height": 800})
    visitor.open()
    row = page.locator(f'[data-key="{resource_id}"]')
    expect(row).to_contain_text(text[:40])
    expect(row.locator("a [dir=auto], a[dir=auto]").first).to_be_visible()
    harmless(page)
    for place in (
        f"/resources/{resource_id}",
        f"/resources/{resource_id}/connect",
        f"/resources/{resource_id}/edit",
    ):
        visitor.open(place)
        expect(page.locator("main")).to_contain_text(resource_id if place.endswith("edit") else text[:40])
        harmless(page)


@pytest.mark.parametrize("kind", TEXTS)
def test_a_return_with_hostile_words(visitor: Visitor, kind: str) -> None:
    """An error that comes back in the address is text too, and leaves the address at once."""
    text = TEXTS[kind][:2000]
    resource_id = visitor.broker.register()
    window = visitor.connects(resource_id, "ada")
    query = "&".join(
        f"{name}={_encoded(value)}"
        for name, value in {"connection_id": "ada", "resource_id": resource_id, "error": text}.items()
    )
    try:
        window.goto(f"{visitor.broker.url}/?{query}")
    except Error:  # it closes itself once it has handed over, perhaps before it is loaded
        assert window.is_closed()
    visitor.reads("The service did not complete the connection")
    harmless(visitor.page)
    assert text[:200] in (visitor.page.locator("blockquote").text_content() or "")
    if not window.is_closed():
        assert window.url == f"{visitor.broker.url}/"


@pytest.mark.parametrize("kind", TEXTS)
def test_a_catalogue_of_hostile_entries(visitor: Visitor, kind: str) -> None:
    """A provider's title, notes and documentation address are text; an address that would run is no link."""
    text = TEXTS[kind]
    item = {
        "provider": "hostile",
        "title": text,
        "documentation": "javascript:window.stolen=1",
        "variables": {},
        "connection_variables": {},
    }
    entry = {
        **item,
        "sources": [],
        "needs": text,
        "notes": [text],
        "registration": {"token": {"url": "https://t.example/t"}},
        "api_headers": {},
        "revoking_ends_the_grant": False,
        "sends_iss": False,
        "enforces_pkce": False,
    }
    page = visitor.page
    page.route("**/v1/providers?*", lambda route: route.fulfill(json={"items": [item], "next_cursor": None}))
    page.route("**/v1/providers/hostile", lambda route: route.fulfill(json=entry))
    visitor.open("/add")
    page.locator(".tile").last.click()
    expect(page.locator(".notes li")).to_have_count(2)
    harmless(page)
    shows(page.locator(".notes li").last, text)
    assert page.get_by_role("link", name="Its documentation").count() == 0
    harmless(page)


def _encoded(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())
