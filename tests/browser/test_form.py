"""The form that makes a resource: its help, its errors at their fields, what it keeps and what never."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any, Final

import pytest
from playwright.sync_api import expect

from tests.integration.circle.broker import eventually

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.browser.visitor import Visitor

SECRET: Final = "a-secret-that-was-typed"


@pytest.fixture
def form(visitor: Visitor) -> Page:
    """The form of any other service, with the demo provider's URLs."""
    visitor.open("/add")
    visitor.page.get_by_role("button", name="Any other service").click()
    provider = visitor.broker.provider
    visitor.page.get_by_label("Name", exact=True).fill(f"Acme {secrets.token_hex(4)}")
    visitor.page.get_by_label("Authorization URL", exact=True).fill(f"{provider}/authorize")
    visitor.page.get_by_label("Token URL", exact=True).fill(f"{provider}/token")
    visitor.page.get_by_label("Client ID").fill("demo-client")
    visitor.page.get_by_label("Client secret").fill(SECRET)
    return visitor.page


def added(visitor: Visitor) -> dict[str, Any]:
    """The resource that the button makes."""
    visitor.press("Add resource")
    visitor.reads("is added.")
    shown: dict[str, Any] = visitor.broker.call(
        "GET", f"/v1/resources/{visitor.page.url.rpartition('/')[2]}"
    ).json()
    return shown


def group(page: Page, name: str) -> Locator:
    """A group of rows with the button for another one."""
    return page.get_by_role("group", name=name, exact=True)


def add_row(page: Page, name: str, button: str, key: str, value: str) -> None:
    """One more row in a group."""
    rows = group(page, name)
    rows.get_by_role("button", name=button).click()
    rows.get_by_label(f"{name}: name").last.fill(key)
    rows.get_by_label(f"{name}: value").last.fill(value)


def test_everything_that_is_typed_is_sent(visitor: Visitor, form: Page) -> None:
    """URLs, methods, values, scopes, parameters (also left out), headers and further members arrive."""
    form.get_by_label("Method", exact=True).select_option("GET")
    form.get_by_label("Refresh URL", exact=True).fill(f"{visitor.broker.provider}/token")
    form.get_by_label("Method of the refresh").select_option("POST")
    add_row(form, "Further values", "Add a value", "region", "eu1")
    add_row(form, "Further values", "Add a value", "api_key", "another-secret")
    group(form, "Further values").get_by_label("secret").last.check()
    scopes = form.get_by_label("Scopes")
    scopes.press_sequentially("profile notes.read,offline")
    scopes.press("Enter")
    add_row(form, "Authorization URL parameters", "Add a parameter", "session", "true")
    add_row(form, "Authorization URL parameters", "Add a parameter", "state_of_mind", "")
    group(form, "Authorization URL parameters").get_by_label("leave out").last.check()
    add_row(form, "Token URL parameters", "Add a parameter", "region", "{{region}}")
    form.get_by_text("More", exact=True).click()
    add_row(form, "Token request headers", "Add a parameter", "X-Api-Key", "{{api_key}}")
    form.get_by_label("Revocation URL").fill(f"{visitor.broker.provider}/revoke")
    form.get_by_label("How the client authenticates").select_option("client_secret_post")
    form.get_by_label("Further members (JSON)").fill('{"require_confirmation": false}')
    shown = added(visitor)
    provider = visitor.broker.provider
    assert shown["authorization"] == {
        "url": f"{provider}/authorize",
        "params": {"session": "true", "state_of_mind": None},
    }
    assert shown["token"] == {
        "url": f"{provider}/token",
        "method": "GET",
        "params": {"region": "{{region}}"},
        "headers": {"X-Api-Key": "{{api_key}}"},
        "auth_method": "client_secret_post",
    }
    assert shown["refresh"] == {"url": f"{provider}/token", "method": "POST"}
    assert shown["revocation"] == {"url": f"{provider}/revoke"}
    assert shown["variables"] == {"region": "eu1"}
    assert shown["secret_variables"] == {"api_key": "***"}
    assert shown["scopes"] == ["profile", "notes.read", "offline"]
    assert shown["require_confirmation"] is False


def test_an_error_stands_at_its_field(visitor: Visitor, form: Page) -> None:
    """A misspelt placeholder is refused at its URL with the right name, announced, and focused."""
    token_url = form.get_by_label("Token URL", exact=True)
    token_url.fill(f"{visitor.broker.provider}/token?id={{{{cliend_id}}}}")
    form.get_by_label("Client ID").fill("")
    visitor.press("Add resource")
    field = form.locator('[data-pointer^="/token/url"]')
    expect(field.locator(".error")).to_contain_text("did you mean client_id?")
    expect(token_url).to_have_attribute("aria-invalid", "true")
    expect(token_url).to_be_focused()
    summary = form.get_by_role("alert")
    expect(summary).to_contain_text("2 things are to be mended")
    visitor.press("Client ID", within=summary)
    expect(form.get_by_label("Client ID")).to_be_focused()
    token_url.fill(f"{visitor.broker.provider}/token?id={{{{client_id}}}}")
    form.get_by_label("Client ID").fill("demo-client")
    added(visitor)


@pytest.mark.parametrize(
    "label, value",
    [
        ("Further members (JSON)", '{"metadata": 1}'),
        ("Further members (JSON)", "[1"),
        ("Resource ID", "Not An Id"),
        ("Revocation URL", "ftp://revoke.example"),
    ],
)
def test_an_error_in_what_is_folded_away_opens_it(
    visitor: Visitor, form: Page, label: str, value: str
) -> None:
    """The field of the pointer is shown and has the focus, wherever it is."""
    form.get_by_text("More", exact=True).click()
    form.get_by_label(label).fill(value)
    form.get_by_text("More", exact=True).click()
    visitor.press("Add resource")
    expect(form.get_by_label(label)).to_be_focused()
    expect(form.get_by_label(label)).to_have_attribute("aria-invalid", "true")


def test_an_id_in_use(visitor: Visitor, form: Page) -> None:
    """The broker's answer that an id is taken stands at the id."""
    form.get_by_label("Resource ID").fill(visitor.broker.register())
    visitor.press("Add resource")
    expect(form.locator('[data-pointer="/resource_id"] .error')).to_contain_text("exists")


def test_what_is_typed_survives_a_reload_but_never_a_secret(visitor: Visitor, form: Page) -> None:
    """After a reload all is there again but for what was secret, which no storage held at any time."""
    add_row(form, "Further values", "Add a value", "api_key", "")
    group(form, "Further values").get_by_label("secret").check()
    group(form, "Further values").get_by_label("Further values: value").fill("another-secret")
    form.get_by_label("Scopes").fill("profile ")
    name = form.get_by_label("Name", exact=True).input_value()
    assert eventually(lambda: "profile" in visitor.kept())
    kept = visitor.kept()
    assert name in kept
    assert SECRET not in kept
    assert "another-secret" not in kept
    form.reload()
    visitor.reads("What you typed before is here again")
    expect(form.get_by_label("Name", exact=True)).to_have_value(name)
    expect(form.get_by_label("Token URL", exact=True)).to_have_value(f"{visitor.broker.provider}/token")
    expect(form.locator(".chips li")).to_have_text(["profile×"])
    expect(form.get_by_label("Client secret")).to_have_value("")
    visitor.press("Start over")
    expect(form.get_by_label("Search services")).to_be_focused()
    assert name not in visitor.kept()


def test_placeholders_are_offered(visitor: Visitor, form: Page) -> None:
    """`{{` opens a list of what may stand there; the keyboard alone takes from it."""
    add_row(form, "Further values", "Add a value", "tenant", "eu")
    url = form.get_by_label("Authorization URL", exact=True)
    url.press("End")
    url.press_sequentially("?t={{ten")
    options = form.get_by_role("listbox").get_by_role("option")
    expect(options).to_have_text(["{{tenant}}"])
    expect(url).to_have_attribute("aria-expanded", "true")
    url.press("Enter")
    expect(url).to_have_value(f"{visitor.broker.provider}/authorize?t={{{{tenant}}}}")
    url.press_sequentially("&c={{c")
    expect(options.first).to_have_text("{{client_id}}")
    expect(form.get_by_role("option", name="{{client_secret}}")).to_have_count(0)
    url.press("ArrowDown")
    url.press("ArrowUp")
    url.press("Tab")
    expect(url).to_have_value(f"{visitor.broker.provider}/authorize?t={{{{tenant}}}}&c={{{{client_id}}}}")
    url.press_sequentially("&x={{")
    expect(options).not_to_have_count(0)
    url.press("Escape")
    expect(options).to_have_count(0)
    for _ in "&x={{":
        url.press("Backspace")
    expect(form.locator(".preview")).to_contain_text("t=eu")


def test_the_preview_is_exact_and_masked(visitor: Visitor, form: Page) -> None:
    """As one types, the very requests stand there; the secret is never sent for that."""
    sent: list[str] = []
    form.on(
        "request",
        lambda request: sent.append(request.post_data or "") if "/v1/preview" in request.url else None,
    )
    form.get_by_label("Scopes").fill("profile ")
    preview = form.locator(".preview")
    expect(preview).to_contain_text("scope=profile")
    expect(preview).to_contain_text("code_challenge_method=S256")
    expect(preview).to_contain_text("Basic ***")
    shown = visitor.broker.call("POST", "/v1/preview", json.loads(sent[-1])).json()
    text = preview.get_by_label("The browser is sent to", exact=True).text_content() or ""
    assert text == f"GET {shown['authorization']['url']}"
    assert sent
    assert not [body for body in sent if SECRET in body]


def test_a_service_of_the_catalogue(visitor: Visitor) -> None:
    """What is known of Google is filled in, its documentation linked, its callback URL ready to copy."""
    page = visitor.page
    visitor.open("/add")
    page.get_by_label("Search services").fill("goo")
    page.get_by_role("button", name="Google", exact=True).click()
    expect(page.get_by_label("Token URL", exact=True)).to_have_value("https://oauth2.googleapis.com/token")
    documentation = page.get_by_role("link", name="Its documentation")
    expect(documentation).to_have_attribute(
        "href", "https://developers.google.com/identity/protocols/oauth2/web-server"
    )
    expect(page.locator('[data-pointer="/callback"]')).to_contain_text("/oauth/google/callback")
    expect(page.get_by_role("button", name="Copy: Callback URL")).to_be_visible()
    page.get_by_label("Resource ID").fill(f"google-{secrets.token_hex(4)}")
    page.get_by_label("Client ID").fill("app.apps.googleusercontent.com")
    page.get_by_label("Client secret").fill(SECRET)
    visitor.press("Remove prompt")
    shown = added(visitor)
    assert shown["provider"] == "google"
    assert shown["authorization"]["params"] == {"access_type": "offline", "prompt": None}


def test_a_second_one_of_a_service_gets_an_id_of_its_own(visitor: Visitor) -> None:
    """The id, which is part of the callback URL, is free from the start."""
    visitor.broker.register(resource_id="airtable")
    visitor.open("/add")
    visitor.page.get_by_role("button", name="Airtable").click()
    expect(visitor.page.get_by_label("Resource ID")).to_have_value("airtable-2")


def test_values_that_a_service_asks_for(visitor: Visitor) -> None:
    """What an entry asks of each registration stands there by its title; without it nothing is added."""
    visitor.open("/add")
    visitor.page.get_by_role("button", name="Amazon Selling Partner API").click()
    field = visitor.page.get_by_role("textbox", name="Application id")
    visitor.page.get_by_label("Client ID").fill("client")
    visitor.page.get_by_label("Client secret").fill(SECRET)
    visitor.press("Add resource")
    expect(visitor.page.get_by_role("alert")).to_contain_text("Application id: is required")
    field.fill("amzn1.sp.solution.1")
    assert added(visitor)["variables"] == {"application_id": "amzn1.sp.solution.1"}


def test_a_resource_is_edited(visitor: Visitor) -> None:
    """Changing one thing keeps all others, secrets too; what changed elsewhere is not overwritten."""
    resource_id = visitor.broker.register(
        metadata=["instance_url"],
        secret_variables={"api_key": "another-secret"},
        authorization={"url": f"{visitor.broker.provider}/authorize", "params": {"nested": 7}},
    )
    before = visitor.broker.call("GET", f"/v1/resources/{resource_id}").json()
    visitor.open(f"/resources/{resource_id}/edit")
    expect(visitor.page.locator(".preview")).to_contain_text("Basic ***")
    visitor.page.get_by_label("Name", exact=True).fill("Another name")
    visitor.press("Save changes")
    visitor.reads("Another name is saved.")
    after = visitor.broker.call("GET", f"/v1/resources/{resource_id}").json()
    assert {**before, "name": "Another name", "updated_at": after["updated_at"]} == after
    connection_id = visitor.broker.connect(resource_id)
    assert visitor.broker.token(resource_id, connection_id).ok
    visitor.open(f"/resources/{resource_id}/edit")
    expect(visitor.page.get_by_label("Name", exact=True)).to_have_value("Another name")
    visitor.broker.call("PATCH", f"/v1/resources/{resource_id}", {"name": "Meanwhile"})
    visitor.press("Save changes")
    expect(visitor.page.get_by_role("alert")).to_contain_text("It has changed since")


def test_another_origin_asks_for_the_secret_again(visitor: Visitor) -> None:
    """A token URL elsewhere is refused at that URL until the secret is typed again."""
    resource_id = visitor.broker.register(scopes=None)
    visitor.open(f"/resources/{resource_id}/edit")
    visitor.page.get_by_label("Token URL", exact=True).fill("https://elsewhere.example/token")
    visitor.press("Save changes")
    expect(visitor.page.locator('[data-pointer^="/token/url"] .error')).not_to_be_empty()
    visitor.page.get_by_label("Client secret").fill(SECRET)
    visitor.press("Save changes")
    visitor.reads("is saved.")
