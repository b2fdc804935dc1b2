"""Every view of the console, each brought about with content worth looking at."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.visitor import Visitor

SERVICES: Final = (
    ("google-calendar", "Google Calendar", "https://oauth2.googleapis.com/token"),
    ("acme-crm", "Acme CRM", "https://login.acme.example/token"),
    ("slack", "Slack", "https://slack.com/api/oauth.v2.access"),
    ("reports", "Nightly reports", "https://auth.reports.example/oauth/token"),
    ("support-desk", "Support desk", "https://{{subdomain}}.zendesk.com/oauth/tokens"),
    ("warehouse", "Warehouse", "https://id.warehouse.example/connect/token"),
    ("zoom", "Zoom", "https://zoom.us/oauth/token"),
)
OUTCOMES: Final = [
    "connected",
    *["refreshed"] * 7,
    "rate_limited",
    "provider_unavailable",
    *["refreshed"] * 10,
]
SPANS: Final = [
    None,
    187,
    212,
    164,
    240,
    201,
    178,
    390,
    95,
    15000,
    620,
    210,
    188,
    175,
    201,
    190,
    260,
    184,
    170,
    199,
]


def at(seconds: float) -> str:
    """A time so many seconds from now, as the API writes it."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def connection(connection_id: str = "ada", status: str = "active", **changes: Any) -> dict[str, Any]:
    """A connection as the API shows it, of which everything is known."""
    alive = status == "active"
    return {
        "connection_id": connection_id,
        "resource_id": "acme-crm",
        "status": status,
        "created_at": at(-900_000),
        "expires_at": at(2460) if alive else None,
        "next_refresh_at": at(1500) if alive else None,
        "dies_at": at(14_900_000) if alive else None,
        "scopes": ["contacts.read", "contacts.write", "offline_access"],
        "generation": 0 if status in {"pending", "expired"} else 214,
        "metadata": {"instance_url": "https://eu1.acme.example"},
        "labels": ["team-blue"],
        "last_error": None,
        "attempts": [
            {
                "at": at((place - 20) * 3300),
                "outcome": outcome,
                "by": "request" if place in {0, 13} else "schedule",
                "duration_ms": span,
            }
            for place, (outcome, span) in enumerate(zip(OUTCOMES, SPANS, strict=True))
        ],
        **changes,
    }


WITHDRAWN: Final = {
    "at": at(-420),
    "category": "grant_gone",
    "error": "invalid_grant",
    "error_description": "The refresh token was revoked by the resource owner.",
    "http_status": 400,
    "request": "POST https://login.acme.example/token\nAccept: application/json\nAuthorization: Basic ***\n"
    "Content-Type: application/x-www-form-urlencoded\n\ngrant_type=refresh_token&refresh_token=***",
}


def resource(resource_id: str, name: str, token_url: str) -> dict[str, Any]:
    """A resource as the API shows it."""
    closed = {
        "state": "closed",
        "since": None,
        "until": None,
        "times": 0,
        "category": None,
        "error": None,
        "error_description": None,
        "http_status": None,
    }
    return {
        "resource_id": resource_id,
        "name": name,
        "client_id": f"{resource_id}-client",
        "client_secret": "***",
        "authorization": {"url": token_url.replace("token", "authorize")},
        "token": {"url": token_url},
        "scopes": ["contacts.read", "contacts.write", "offline_access"],
        "callback_url": f"https://broker.example/oauth/{resource_id}/callback",
        "created_at": at(-9_000_000),
        "updated_at": at(-86_400 * len(name)),
        "provider_state": {**closed, "state": "open", "category": "invalid_client", "error": "invalid_client"}
        if resource_id == "reports"
        else closed,
    }


CONNECTIONS: Final = (
    connection(),
    connection("alan", "needs_reauthorization", last_error=WITHDRAWN, labels=["team-blue", "eu"]),
    connection("grace", labels=["team-green"], generation=87),
    connection("hopper-2", "awaiting_confirmation", labels=[]),
    connection("katherine", "pending", labels=["team-green"]),
    connection("margaret", generation=3, expires_at=at(95), next_refresh_at=at(40)),
    connection("nightly", "expired", labels=[]),
)


def answer(page: Page, pattern: str, body: Any) -> None:
    """Let the API answer so."""
    page.route(pattern, lambda route: route.fulfill(json=body))


def listed(page: Page, *items: Any) -> None:
    """Let the list of resources be these."""
    answer(page, "**/v1/resources?*", {"items": list(items), "next_cursor": None})


def crm(page: Page, *connections: Any) -> None:
    """Let there be Acme CRM with these connections."""
    answer(page, "**/v1/resources/acme-crm", resource(*SERVICES[1]))
    answer(page, "**/v1/resources/acme-crm/connections?*", {"items": list(connections), "next_cursor": None})
    for one in connections:
        answer(page, f"**/v1/resources/acme-crm/connections/{one['connection_id']}", one)


def nothing(visitor: Visitor) -> None:
    """The first visit."""
    listed(visitor.page)
    visitor.open()
    visitor.reads("Connect the first account")


def resources(visitor: Visitor) -> None:
    """Several resources."""
    listed(visitor.page, *[resource(*one) for one in SERVICES])
    visitor.open()
    visitor.reads("7 in all")


def unreachable(visitor: Visitor) -> None:
    """A list that did not come."""
    visitor.page.route("**/v1/resources?*", lambda route: route.abort())
    visitor.open()
    visitor.reads("The broker cannot be reached.")


def services(visitor: Visitor) -> None:
    """The first step of adding."""
    visitor.open("/add")
    expect(visitor.page.get_by_role("button", name="Google", exact=True)).to_be_visible()


def google(visitor: Visitor) -> None:
    """A service of the catalogue, filled in, with its preview."""
    services(visitor)
    visitor.page.get_by_role("button", name="Google", exact=True).click()
    visitor.page.get_by_label("Client ID").fill("1062-3f7a.apps.googleusercontent.com")
    visitor.page.get_by_label("Client secret").fill("a-secret")
    visitor.page.get_by_label("Scopes").fill("https://www.googleapis.com/auth/calendar.readonly ")
    expect(visitor.page.locator(".preview")).to_contain_text("calendar.readonly")


def mistakes(visitor: Visitor) -> None:
    """A form with errors at its fields, and all of it open."""
    services(visitor)
    visitor.page.get_by_role("button", name="Any other service").click()
    visitor.page.get_by_label("Name", exact=True).fill("My service")
    visitor.page.get_by_label("Token URL", exact=True).fill(
        "https://api.myservice.example/token?id={{cliend_id}}"
    )
    visitor.page.get_by_text("More", exact=True).click()
    for button in visitor.page.get_by_role("button", name="Add a parameter").all():
        button.click()
    visitor.page.get_by_role("button", name="Add a value").click()
    visitor.press("Add resource")
    expect(visitor.page.get_by_role("alert")).to_contain_text("to be mended")


def editing(visitor: Visitor) -> None:
    """A resource being changed."""
    crm(visitor.page)
    visitor.open("/resources/acme-crm/edit")
    expect(visitor.page.get_by_label("Client ID")).to_have_value("acme-crm-client")


def one_resource(visitor: Visitor) -> None:
    """A resource with connections in every status."""
    crm(visitor.page, *CONNECTIONS)
    visitor.open("/resources/acme-crm")
    visitor.reads("7 in all")
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("Acme CRM")


def unconnected(visitor: Visitor) -> None:
    """A resource without connections."""
    crm(visitor.page)
    visitor.open("/resources/acme-crm")
    visitor.reads("No account is connected yet")


def connecting(visitor: Visitor) -> None:
    """The form of a connection."""
    variables = {
        "tenant": {
            "title": "Your subdomain",
            "description": "What stands before .acme.example",
            "example": "acme",
        }
    }
    answer(
        visitor.page, "**/v1/resources/acme-crm", resource(*SERVICES[1]) | {"connection_variables": variables}
    )
    visitor.open("/resources/acme-crm/connect")
    expect(visitor.page.get_by_label("Your subdomain")).to_be_visible()


def waiting(visitor: Visitor) -> None:
    """Waiting for a consent whose window was closed."""
    visitor.connects(visitor.broker.register(), "ada").close()
    visitor.reads("The window seems to be closed")


def refused(visitor: Visitor) -> None:
    """A consent that was refused."""
    visitor.decides(visitor.connects(visitor.broker.register(), "ada"), "Deny")
    visitor.reads("The access was refused")


def active(visitor: Visitor) -> None:
    """A connection that lives."""
    crm(visitor.page, CONNECTIONS[0])
    visitor.open("/resources/acme-crm/connections/ada")
    expect(visitor.page.locator("#attempts")).to_be_visible()


def withdrawn(visitor: Visitor) -> None:
    """A connection whose grant is gone, with everything unfolded."""
    crm(visitor.page, CONNECTIONS[1])
    visitor.open("/resources/acme-crm/connections/alan")
    visitor.page.get_by_text("The request that failed").click()
    visitor.page.get_by_text("As a table").click()


def disconnecting(visitor: Visitor) -> None:
    """The question before a disconnection."""
    active(visitor)
    visitor.press("Disconnect")
    expect(visitor.page.get_by_role("dialog")).to_be_visible()


def using(visitor: Visitor) -> None:
    """The calls to copy."""
    crm(visitor.page, CONNECTIONS[0])
    visitor.open("/use/acme-crm/ada")
    visitor.page.get_by_role("tab", name="Python").click()


def elsewhere(visitor: Visitor) -> None:
    """A consent that came back to a browser that did not ask."""
    visitor.page.goto(f"{visitor.broker.url}/?resource_id=acme-crm&connection_id=ada&confirmation_code=code")
    visitor.sees("This consent was begun somewhere else")


def no_way_in(visitor: Visitor) -> None:
    """A deployment where nobody can sign in."""
    body = {"api_prefix": "/jwt", "public_url": visitor.broker.url, "sign_in": None, "demo_provider": None}
    visitor.page.route("**/console/config.json", lambda route: route.fulfill(body=json.dumps(body)))
    visitor.page.goto(visitor.broker.url)
    visitor.sees("Sign in")


def missing(visitor: Visitor) -> None:
    """An address that leads to nothing."""
    visitor.open("/nowhere")
    visitor.sees("There is nothing here")


VIEWS: Final[dict[str, Callable[[Visitor], None]]] = {
    "first-visit": nothing,
    "resources": resources,
    "unreachable": unreachable,
    "services": services,
    "add-resource": google,
    "mistakes": mistakes,
    "edit": editing,
    "resource": one_resource,
    "resource-without-connections": unconnected,
    "connect": connecting,
    "waiting": waiting,
    "refused": refused,
    "connection": active,
    "needs-consent": withdrawn,
    "disconnect": disconnecting,
    "use": using,
    "begun-elsewhere": elsewhere,
    "sign-in": no_way_in,
    "not-found": missing,
}
