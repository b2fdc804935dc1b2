"""The circle for who signs in: the issuer's page first, then everything under /jwt, and out again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.signing_in import Person, desk
from tests.integration.oidc.broker import OpenIdBroker, an_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from tests.servers.openid_provider import OpenIdProvider


@pytest.fixture
def person(chromium: Browser, openid_provider: OpenIdProvider) -> Iterator[Person]:
    """Somebody at a console that asks them to sign in."""
    with desk(openid_provider) as opened:
        context = chromium.new_context()
        visitor = Person(opened, context, context.new_page())
        context.on("request", lambda request: visitor.requests.append(request))  # noqa: PLW0108 - it marks what it is given
        yield visitor
        context.close()


def test_the_circle_signed_in(person: Person) -> None:
    """Who signed in adds a resource at an issuer, connects, and refreshes: each call with their token."""
    page = person.page
    person.open("#/add")
    person.consent()
    openid = OpenIdBroker(person.desk.stack, person.desk.provider)
    resource_id = an_id()
    client = openid.client(resource_id)
    page.get_by_role("button", name="Any other service").click()
    page.get_by_label("Name", exact=True).fill("OpenID provider")
    page.get_by_label("Resource ID").fill(resource_id)
    page.get_by_label("Issuer").fill(openid.provider)
    page.get_by_role("button", name="Look up").click()
    expect(page.get_by_label("Token URL", exact=True)).to_have_value(f"{openid.provider}/token")
    page.get_by_label("Client ID").fill(client.client_id)
    page.get_by_label("Client secret").fill(client.secret)
    page.get_by_label("Scopes").fill("openid offline_access ")
    parameters = page.get_by_role("group", name="Authorization URL parameters")
    parameters.get_by_role("button", name="Add a parameter").click()
    parameters.get_by_label("Authorization URL parameters: name").fill("prompt")
    parameters.get_by_label("Authorization URL parameters: value").fill("consent")
    page.get_by_role("button", name="Add resource").click()
    expect(page.locator("main")).to_contain_text("OpenID provider is added.")
    page.get_by_role("link", name="Connect", exact=True).click()
    page.get_by_label("Name of the connection").fill("ada")
    with person.context.expect_page() as opened:
        page.get_by_role("button", name="Open the consent page").click()
    opened.value.get_by_label("Account").fill("ada")
    opened.value.get_by_role("button", name="Allow").click()
    expect(page.locator("main")).to_contain_text("ada is connected.")
    page.get_by_role("button", name="Refresh now").click()
    expect(page.locator("#live")).to_have_text("Refreshed. This is generation 2.")
    calls = [one for one in person.requests if "/v1/" in one.url]
    assert calls
    assert all("/jwt/v1/" in one.url for one in calls)
    assert all(one.all_headers()["authorization"].startswith("Bearer ") for one in calls)


def test_signing_out_and_in_again(person: Person) -> None:
    """The page says that one is signed out, and its button leads back to the issuer."""
    person.open("#/resources")
    person.consent()
    expect(person.page.get_by_role("heading", level=1)).to_have_text("Resources")
    person.page.get_by_role("button", name="Sign out").click()
    person.page.wait_for_url(f"{person.desk.provider.url}/session/end**")
    person.page.locator("[name=logout]").click()
    expect(person.page.locator("main")).to_contain_text("You are signed out.")
    person.page.get_by_role("button", name="Sign in").click()
    person.consent()
    expect(person.page.get_by_role("heading", level=1)).to_have_text("Resources")


def test_a_refused_sign_in(person: Person) -> None:
    """What the issuer said stands there, with the way to try again."""
    person.open()
    person.consent(allow=False)
    expect(person.page.locator("main")).to_contain_text("The issuer did not sign you in.")
    expect(person.page.locator("main")).to_contain_text("access_denied")
    expect(person.page.get_by_role("button", name="Sign in")).to_be_visible()
