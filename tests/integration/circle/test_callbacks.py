"""Callbacks: the ways in which providers answer, and every way in which an answer can be wrong."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode, urljoin

import pytest
import requests

from tests.integration.circle.broker import Broker, Browser, assert_page, query_of, send
from tests.integration.demo_provider.visitor import Form

FOREIGN = "A" * 43
LONG = "x" * 257


@dataclass
class Trip:
    """A browser that the provider has just sent back, its callback not opened yet."""

    broker: Broker
    browser: Browser
    resource_id: str
    connection_id: str
    callback: str

    @property
    def fields(self) -> dict[str, str]:
        """The callback's parameters."""
        return query_of(self.callback)

    def answered(self, path: str = "", **changes: str | None) -> requests.Response:
        """The callback opened by this browser with parameters changed or (None) left out."""
        fields = {name: value for name, value in (self.fields | changes).items() if value is not None}
        base = urljoin(self.callback, path) if path else self.callback.partition("?")[0]
        return self.browser.open(f"{base}?{urlencode(fields)}")


@pytest.fixture
def trip(broker: Broker) -> Trip:
    """A trip through the provider, whose issuer the resource knows."""
    return started(broker, issuer=broker.provider)


def started(broker: Broker, **changes: object) -> Trip:
    """A trip for a resource of its own."""
    resource_id = broker.register(**changes)
    asked = broker.ask(resource_id)
    browser = Browser()
    return Trip(broker, browser, resource_id, asked["connection_id"], browser.consent(asked["start_url"]))


Fault = Callable[[Trip], requests.Response]
FAULTS: dict[str, Fault] = {
    "no cookie": lambda trip: send("GET", trip.callback),
    "another browser's cookie": lambda trip: send(
        "GET", trip.callback, cookies={"oauth-broker-00000000": FOREIGN}
    ),
    "our cookie under another name": lambda trip: send(
        "GET", trip.callback, cookies={"other": next(iter(trip.browser.session.cookies)).value or ""}
    ),
    "another state": lambda trip: trip.answered(state=f"{trip.fields['state'][:-43]}{FOREIGN}"),
    "a state of an unknown authorization": lambda trip: trip.answered(state=f"x{trip.fields['state']}"),
    "a state cut short": lambda trip: trip.answered(state=trip.fields["state"][:-1]),
    "an unreadable state": lambda trip: trip.answered(state="x"),
    "an over-long state": lambda trip: trip.answered(state=trip.fields["state"] + LONG),
    "no state": lambda trip: trip.answered(state=None),
    "an empty state": lambda trip: trip.answered(state=""),
    "state twice": lambda trip: trip.browser.open(f"{trip.callback}&state={trip.fields['state']}"),
    "code twice": lambda trip: trip.browser.open(f"{trip.callback}&code={trip.fields['code']}"),
    "another code first": lambda trip: trip.browser.open(trip.callback.replace("?", "?code=x&")),
    "iss twice": lambda trip: trip.browser.open(f"{trip.callback}&iss={trip.broker.provider}"),
    "state twice, one encoded": lambda trip: trip.browser.open(f"{trip.callback}&st%61te=x"),
    "another issuer": lambda trip: trip.answered(iss="http://127.0.0.1:9"),
    "another issuer with an error": lambda trip: trip.answered(
        iss="http://127.0.0.1:9", code=None, error="access_denied"
    ),
    "an issuer with a slash": lambda trip: trip.answered(iss=f"{trip.broker.provider}/"),
    "neither code nor error": lambda trip: trip.answered(code=None),
    "an empty code": lambda trip: trip.answered(code=""),
    "a code that is none": lambda trip: trip.answered(code="a\nb"),
    "an over-long code": lambda trip: trip.answered(code="x" * 4097),
    "too long altogether": lambda trip: trip.answered(more="x" * 8192),
    "an error with another's state": lambda trip: trip.answered(
        state=f"{trip.fields['state'][:-43]}{FOREIGN}", code=None, error="told"
    ),
    "the shared address": lambda trip: trip.answered("/oauth/callback"),
    "another resource's address": lambda trip: trip.answered(
        f"/oauth/{trip.broker.register()}/callback",
    ),
    "an unknown resource's address": lambda trip: trip.answered("/oauth/nobody/callback"),
    "an address that is none": lambda trip: trip.answered("/oauth/NOT_ONE/callback"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_wrong_callback_is_refused(trip: Trip, fault: Fault) -> None:
    """A page, never a redirect, nothing of it repeated; nothing is used up, and the right one finishes."""
    exchanges = len(trip.broker.calls("authorization_code"))
    page = fault(trip)
    assert_page(page, 404 if "NOT_ONE" in page.url else 400)
    assert trip.fields["code"] not in page.text
    assert "told" not in page.text
    assert len(trip.broker.calls("authorization_code")) == exchanges
    assert trip.broker.connection(trip.resource_id, trip.connection_id)["last_error"] is None
    finished = trip.browser.open(trip.callback)
    assert finished.status_code == 303, finished.text
    returned = query_of(finished.headers["Location"])
    assert trip.broker.confirm(trip.resource_id, returned).json()["status"] == "active"


def test_a_callback_that_comes_too_late(trip: Trip) -> None:
    """Ten minutes after the start the answer is refused, though the code may still be good."""
    place = (f"A#{trip.fields['state'].partition('.')[0]}", "A")
    trip.broker.set_number(*place, "cu", time.time() - 1)
    assert_page(trip.browser.open(trip.callback), 400)
    trip.broker.set_number(*place, "cu", time.time() + 5)
    assert trip.browser.open(trip.callback).status_code == 303


def test_a_used_callback_in_another_browser(trip: Trip) -> None:
    """After the exchange too, only the browser that consented gets the confirmation code."""
    finished = trip.browser.open(trip.callback)
    assert "confirmation_code" in finished.headers["Location"]
    assert_page(send("GET", trip.callback), 400)
    assert trip.browser.open(trip.callback).headers["Location"] == finished.headers["Location"]


def test_the_issuer_may_be_left_out(trip: Trip) -> None:
    """Nothing says that this provider sends `iss`: without it the answer is good."""
    assert trip.answered(iss=None).status_code == 303


def test_an_unknown_issuer_is_not_compared(broker: Broker) -> None:
    """A resource that knows no issuer takes whatever `iss` comes."""
    assert started(broker).answered(iss="https://somebody.test").status_code == 303


def test_a_code_that_the_provider_refuses(trip: Trip) -> None:
    """`exchange_failed` goes to the application; the connection stays pending and shows why."""
    finished = trip.answered(code="not-a-code")
    assert query_of(finished.headers["Location"])["error"] == "exchange_failed"
    assert trip.answered(code="not-a-code").headers["Location"] == finished.headers["Location"]
    shown = trip.broker.connection(trip.resource_id, trip.connection_id)
    assert (shown["status"], shown["last_error"]["error"]) == ("pending", "invalid_grant")


def test_an_exchange_that_fails_without_return_url(broker: Broker) -> None:
    """The person gets a 502 page that names the service and nothing of what the provider said."""
    resource_id = broker.register(require_confirmation=False, name="Notes")
    browser = Browser()
    callback = browser.consent(broker.ask(resource_id, connection_id="ada")["start_url"])
    broker.control("POST", "faults", {"grant_type": "authorization_code", "status": 500, "body": "told"})
    page = browser.open(callback)
    assert_page(page, 502)
    assert "Notes" in page.text
    assert "told" not in page.text


def posted(browser: Browser, page: requests.Response) -> requests.Response:
    """A page's form sent as the browser sends it from the provider's site: without our Lax cookie."""
    form = Form(page.text)
    origin = {"Origin": urljoin(page.url, "/").rstrip("/"), "Sec-Fetch-Site": "cross-site"}
    assert browser.session.cookies
    return send("POST", form.action, data=form.fields, headers=origin)


@pytest.mark.parametrize("decision", ["allow", "deny"])
def test_form_post(broker: Broker, decision: str) -> None:
    """The form comes without the cookie: it reads nothing, and the same fields come back by GET, with it."""
    url = f"{broker.provider}/authorize"
    resource_id = broker.register(authorization={"url": url, "params": {"response_mode": "form_post"}})
    browser = Browser()
    page = browser.decide(browser.start(broker.ask(resource_id)["start_url"]), decision)
    answer = posted(browser, page)
    assert answer.status_code == 303
    location = answer.headers["Location"]
    assert location.startswith(f"/oauth/{resource_id}/callback?")
    assert query_of(location) == Form(page.text).fields
    finished = browser.open(urljoin(broker.url, location))
    expected = "confirmation_code" if decision == "allow" else "error"
    assert expected in query_of(finished.headers["Location"])


def test_a_form_with_repeats(trip: Trip) -> None:
    """Repeats are kept, so that the GET is refused."""
    pairs = [*trip.fields.items(), ("code", "x")]
    answer = send("POST", trip.callback.partition("?")[0], data=pairs)
    assert answer.status_code == 303
    assert_page(trip.browser.open(urljoin(trip.callback, answer.headers["Location"])), 400)
    assert trip.browser.open(trip.callback).status_code == 303


@pytest.mark.parametrize("size, status", [(8192, 303), (8193, 400)])
def test_the_size_of_a_form(trip: Trip, size: int, status: int) -> None:
    """8 KB are read, and not a byte more."""
    body = f"code={'x' * (size - 5)}"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = send("POST", trip.callback.partition("?")[0], data=body, headers=form)
    assert answer.status_code == status
    assert ("Location" in answer.headers) == (status == 303)


def test_a_form_cannot_write_a_header(trip: Trip) -> None:
    """Line breaks in a form's fields are encoded before they become an address."""
    path = trip.callback.partition("?")[0]
    answer = send("POST", path, data={"state": "a\r\nSet-Cookie: b=c", "code\r\nX: y": "z"})
    assert answer.status_code == 303
    assert query_of(answer.headers["Location"]) == {"state": "a\r\nSet-Cookie: b=c", "code\r\nX: y": "z"}
    assert not {"Set-Cookie", "X"} & answer.headers.keys()


def test_the_shared_address(broker: Broker) -> None:
    """A resource may share its address with others; its answers are good there and nowhere else."""
    trip = started(broker, callback="shared", issuer=broker.provider)
    assert trip.callback.startswith(f"{broker.url}/oauth/callback?")
    assert_page(trip.answered(f"/oauth/{trip.resource_id}/callback"), 400)
    assert_page(trip.answered(iss="http://127.0.0.1:9"), 400)
    finished = trip.browser.open(trip.callback)
    returned = query_of(finished.headers["Location"])
    assert broker.confirm(trip.resource_id, returned).json()["status"] == "active"


def test_a_shared_callback_that_brings_nothing(broker: Broker) -> None:
    """Neither code nor error: a page, and the application's browser is not sent anywhere."""
    trip = started(broker, callback="shared")
    assert_page(trip.answered(code=None), 400)
    assert trip.broker.connection(trip.resource_id, trip.connection_id)["status"] == "pending"


@pytest.mark.parametrize("change", [{"client_id": "demo-keeps"}, {"token": None}], ids=["client", "origin"])
def test_a_resource_that_changed_on_the_way(broker: Broker, change: dict[str, object]) -> None:
    """Another client id or other destinations end the trip before any exchange."""
    trip = started(broker)
    port = broker.provider.rpartition(":")[2]
    given = {"client_secret": "demo-secret", "token": {"url": f"http://localhost:{port}/token"}}
    body = change if "client_id" in change else given
    changed = broker.call("PATCH", f"/v1/resources/{trip.resource_id}", body)
    assert changed.status_code == 200, changed.text
    exchanges = len(broker.calls("authorization_code"))
    finished = trip.browser.open(trip.callback)
    assert query_of(finished.headers["Location"])["error"] == "resource_changed"
    assert trip.browser.open(trip.callback).headers["Location"] == finished.headers["Location"]
    assert len(broker.calls("authorization_code")) == exchanges
    assert broker.connection(trip.resource_id, trip.connection_id)["status"] == "pending"
