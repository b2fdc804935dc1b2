"""The whole circle at the console: a resource added, an account connected, watched, used and disconnected."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.integration.circle.broker import eventually, send
from tests.integration.oidc.broker import OpenIdBroker, an_id

if TYPE_CHECKING:
    import pytest

    from tests.browser.visitor import Visitor
    from tests.servers.openid_provider import OpenIdProvider

CLICKS = 12
SECONDS = 60


def test_the_first_time(visitor: Visitor, capsys: pytest.CaptureFixture[str]) -> None:
    """From opening the page to a connected demo account: at most 60 s and 12 clicks, nothing typed."""
    began = time.monotonic()
    visitor.open()
    visitor.press("Add resource", role="link")
    visitor.page.get_by_role("button", name="Demo provider").click()
    visitor.clicks += 1
    expect(visitor.page.get_by_role("heading", name="The token request")).to_be_visible()
    visitor.press("Add resource")
    visitor.reads("Demo provider is added.")
    visitor.press("Connect", role="link")
    window = visitor.opens_consent()
    visitor.decides(window)
    visitor.reads("is connected.")
    took = time.monotonic() - began
    with capsys.disabled():
        print(f"\nFirst time: {visitor.clicks} clicks, {took:.1f} s")  # noqa: T201 - a figure to be kept
    expect(visitor.page.locator(".facts .badge")).to_have_text("Active")
    eventually(window.is_closed)
    assert window.is_closed()
    assert visitor.clicks <= CLICKS
    assert took <= SECONDS


def test_a_connection_is_watched_refreshed_and_disconnected(visitor: Visitor) -> None:
    """Refresh now makes the next generation, shown with its attempt; disconnecting asks first."""
    resource_id = visitor.broker.register()
    visitor.decides(visitor.connects(resource_id, "ada"))
    visitor.sees("ada")
    visitor.press("Refresh now")
    generation = visitor.page.locator("dt", has_text="Generation").locator("xpath=..").locator("dd")
    expect(generation).to_have_text("2")
    expect(visitor.page.locator("#live")).to_have_text("Refreshed. This is generation 2.")
    plot = visitor.page.get_by_role("img", name="The last 2 attempts: all went well")
    expect(plot).to_be_visible()
    visitor.page.get_by_text("As a table").click()
    expect(visitor.page.locator(".timeline tbody tr")).to_have_count(2)
    visitor.press("Disconnect")
    dialog = visitor.page.get_by_role("dialog")
    expect(dialog).to_contain_text("Its tokens are revoked at the provider")
    visitor.press("Cancel", within=dialog)
    assert visitor.broker.connection(resource_id, "ada")["status"] == "active"
    visitor.press("Disconnect")
    visitor.press("Disconnect it", within=dialog)
    visitor.reads("ada is disconnected.")
    visitor.reads("No account is connected yet")
    gone = visitor.broker.call("GET", f"/v1/resources/{resource_id}/connections/ada")
    assert gone.status_code == 404


def test_a_countdown_counts(visitor: Visitor) -> None:
    """The time to expiry moves by itself."""
    resource_id = visitor.broker.register()
    connection_id = visitor.broker.connect(resource_id)
    visitor.open(f"/resources/{resource_id}/connections/{connection_id}")
    clock = visitor.page.locator("dd time").first
    expect(clock).to_contain_text("in ")
    before = clock.text_content() or ""
    expect(clock).not_to_have_text(before)


def test_what_changes_elsewhere_shows_by_itself(visitor: Visitor) -> None:
    """A connection that somebody else refreshed, and a list that somebody else added to, follow."""
    resource_id = visitor.broker.register()
    connection_id = visitor.broker.connect(resource_id)
    visitor.open(f"/resources/{resource_id}/connections/{connection_id}")
    generation = visitor.page.locator("dt", has_text="Generation").locator("xpath=..").locator("dd")
    expect(generation).to_have_text("1")
    visitor.broker.call("POST", f"/v1/resources/{resource_id}/connections/{connection_id}/refresh")
    expect(generation).to_have_text("2")
    visitor.open(f"/resources/{resource_id}")
    expect(visitor.page.locator("tbody tr")).to_have_count(1)
    visitor.broker.connect(resource_id)
    expect(visitor.page.locator("tbody tr")).to_have_count(2)


def test_the_calls_to_copy_work(visitor: Visitor) -> None:
    """The address in each snippet gives the token; SigV4 and Python stand beside the plain call."""
    resource_id = visitor.broker.register()
    connection_id = visitor.broker.connect(resource_id)
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visitor.open(f"/use/{resource_id}/{connection_id}")
    copied = {}
    for name in ("curl, here", "curl with SigV4", "Python"):
        visitor.page.get_by_role("tab", name=name).click()
        visitor.press(f"Copy: {name}")
        expect(visitor.page.locator("#live")).to_have_text(f"Copied: {name}")
        copied[name] = visitor.page.evaluate("navigator.clipboard.readText()")
    url = f"{visitor.broker.url}/v1/tokens/{resource_id}/{connection_id}"
    assert copied["curl, here"] == f"curl -sS '{url}'"
    assert send("GET", url).json()["access_token"]
    assert f"'{url}' \\\n  --aws-sigv4 " in copied["curl with SigV4"]
    assert f'AWSRequest("GET", "{url}")' in copied["Python"]
    compile(copied["Python"], "snippet", "exec")


def test_the_circle_with_an_issuer_alone(visitor: Visitor, openid_provider: OpenIdProvider) -> None:
    """With the certified provider: its issuer is looked up, the client given, the account connected."""
    openid = OpenIdBroker(visitor.broker.stack, openid_provider)
    resource_id = an_id()
    client = openid.client(resource_id)
    page = visitor.page
    visitor.open("/add")
    page.get_by_role("button", name="Any other service").click()
    page.get_by_label("Name", exact=True).fill("OpenID provider")
    page.get_by_label("Resource ID").fill(resource_id)
    page.get_by_label("Issuer").fill(openid_provider.url)
    visitor.press("Look up")
    expect(page.get_by_label("Token URL", exact=True)).to_have_value(f"{openid_provider.url}/token")
    expect(page.get_by_label("Authorization URL", exact=True)).to_have_value(f"{openid_provider.url}/auth")
    page.get_by_label("Client ID").fill(client.client_id)
    page.get_by_label("Client secret").fill(client.secret)
    page.get_by_label("Scopes").fill("openid offline_access ")
    parameters = page.get_by_role("group", name="Authorization URL parameters")
    parameters.get_by_role("button", name="Add a parameter").click()
    parameters.get_by_label("Authorization URL parameters: name").fill("prompt")
    parameters.get_by_label("Authorization URL parameters: value").fill("consent")
    expect(page.locator(".preview")).to_contain_text("prompt=consent")
    visitor.press("Add resource")
    visitor.reads("OpenID provider is added.")
    window = visitor.connects(resource_id, "ada")
    window.get_by_label("Account").fill("ada")
    window.get_by_role("button", name="Allow").click()
    visitor.reads("ada is connected.")
    visitor.reads("offline_access")
    shown = openid.connection(resource_id, "ada")
    assert shown["status"] == "active"
    assert openid_provider.userinfo(openid.token(resource_id, "ada").json()["access_token"]).ok


def test_nobody_consents_to_client_credentials(visitor: Visitor) -> None:
    """Where the application gets the token by itself, no window opens."""
    resource_id = visitor.broker.register(
        grant_type="client_credentials", authorization=None, revocation=None, scopes=["profile"]
    )
    visitor.open(f"/resources/{resource_id}/connect")
    visitor.page.get_by_label("Name of the connection").fill("nightly")
    visitor.press("Get a token")
    visitor.reads("nightly is connected.")
    assert len(visitor.context.pages) == 1
