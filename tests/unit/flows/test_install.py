"""Installs that the provider begins: what comes without a state starts a consent anew, and little else."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from oauth_broker.connection import Status
from oauth_broker.errors import InvalidError, NothingToConfirmError
from oauth_broker.flows.confirm import confirm
from oauth_broker.flows.delete_resource import delete_resource
from oauth_broker.flows.ending import EndingKind
from oauth_broker.flows.install import begin_install
from oauth_broker.flows.manage_resources import patch_resource
from oauth_broker.flows.start_link import Addresses
from tests.doubles.broker import ADDRESSES, ADMIN, APP, BASE, Broker, Browser, told
from tests.doubles.provider import answered, granted
from tests.doubles.samples import NOW

SHOP: dict[str, Any] = {
    "authorization": {"url": "https://{{shop}}/authorize"},
    "connection_variables": {
        "shop": {"pattern": r"[a-z0-9-]+\.shops\.example", "hosts": ["*.shops.example"]}
    },
}
INSTALLS: dict[str, Any] = {
    "provider_initiated": True,
    "install_return_url": APP,
    "require_confirmation": True,
    **SHOP,
}


@pytest.fixture
def broker() -> Broker:
    """A broker with a resource whose provider may begin."""
    made = Broker()
    made.register(**INSTALLS)
    return made


def begun(broker: Broker, resource_id: str = "acme", /, **query: str) -> str | None:
    """What a browser without a state is sent to."""
    return begin_install(broker.kit, ADDRESSES, resource_id, urlencode(query))


def ticket_in(url: str | None) -> str:
    """The ticket of a start link."""
    assert url is not None
    assert url.startswith(f"{BASE}/oauth/start?ticket=")
    [ticket] = parse_qs(urlsplit(url).query)["ticket"]
    return ticket


def test_an_install_ends_as_a_connection_that_is_confirmed(broker: Broker) -> None:
    """The code that came is sent nowhere; whoever the application says came back confirms, once."""
    ticket = ticket_in(begun(broker, code="anybodys", shop="ada.shops.example", hmac="x"))
    assert broker.scripted.requests == []
    browser = Browser()
    started = broker.start(ticket, browser)
    assert started.url.startswith("https://ada.shops.example/authorize?")
    state = browser.keep(started)
    broker.scripted.will(granted())
    ending = broker.call_back(browser, state=state, code="its-own")
    assert ending.kind is EndingKind.TO_BE_CONFIRMED
    returned = told(ending)
    connection_id = returned["connection_id"]
    body = {"confirmation_code": returned["confirmation_code"], "user": "ada"}
    assert confirm(broker.kit, ADMIN, "acme", connection_id, body)["status"] == "active"
    with pytest.raises(NothingToConfirmError):
        confirm(broker.kit, ADMIN, "acme", connection_id, body)
    [request] = broker.scripted.requests
    assert b"anybodys" not in (request.body or b"")


def test_a_wrong_code_confirms_nothing(broker: Broker) -> None:
    """That nobody asked takes the user out of it, not the code."""
    browser = Browser()
    state = browser.keep(broker.start(ticket_in(begun(broker, shop="ada.shops.example")), browser))
    broker.scripted.will(granted())
    returned = told(broker.call_back(browser, state=state, code="its-own"))
    body = {"confirmation_code": "A" * 43, "user": "ada"}
    with pytest.raises(NothingToConfirmError):
        confirm(broker.kit, ADMIN, "acme", returned["connection_id"], body)
    assert broker.connection(returned["connection_id"]).status is Status.PENDING


@pytest.mark.parametrize(
    "query",
    [
        {"code": "c"},
        {"code": "c", "shop": "ada.shops.example.evil.example"},
        {"code": "c", "shop": "ada.shops.example/x"},
        {"shop": "ada.shops.example", "error": "access_denied"},
    ],
    ids=["no shop", "a foreign shop", "more than a shop", "an error"],
)
def test_what_does_not_fit_begins_nothing(broker: Broker, query: dict[str, str]) -> None:
    """The query is the browser's word: it is checked as a caller's is, and nothing is kept."""
    before = dict(broker.dynamodb.items)
    assert begun(broker, **query) is None
    assert broker.dynamodb.items == before
    assert begun(broker, shop="ada.shops.example") is not None


def test_a_resource_must_allow_it(broker: Broker) -> None:
    """Another resource's, an unknown one's, and one's that is being deleted begin nothing."""
    broker.register(resource_id="other", **SHOP)
    assert begun(broker, "other", shop="ada.shops.example") is None
    assert begun(broker, "unknown", shop="ada.shops.example") is None
    ticket_in(begun(broker, shop="ada.shops.example"))
    delete_resource(broker.kit, "acme", revoke=True, if_match=None)
    assert begin_install(broker.process(), ADDRESSES, "acme", "shop=ada.shops.example") is None


def test_where_it_ends_is_for_the_deployment_to_allow(broker: Broker) -> None:
    """It is checked when the resource is saved, and again in case the deployment has changed since."""
    with pytest.raises(InvalidError, match="/install_return_url"):
        patch_resource(
            broker.kit,
            ADDRESSES,
            "acme",
            {"install_return_url": "https://other.example/"},
            if_match=None,
            loopback=False,
        )
    elsewhere = Addresses(BASE, lambda _origin: False)
    assert begin_install(broker.kit, elsewhere, "acme", "shop=ada.shops.example") is None
    assert begun(broker, shop="ada.shops.example") is not None


def test_what_nobody_consents_to_is_one_item_for_a_day(broker: Broker) -> None:
    """Anybody may open the address: no connection is made before a browser comes back with its state."""
    before = set(broker.dynamodb.items)
    browser = Browser()
    state = browser.keep(broker.start(ticket_in(begun(broker, shop="ada.shops.example")), browser))
    [kept] = broker.dynamodb.items.keys() - before
    assert kept[0].startswith("A#")
    assert NOW < float(broker.dynamodb.items[kept]["ttl"]["N"]) <= NOW + 86_400 + 600
    broker.scripted.will(answered(400, error="invalid_grant"))
    connection_id = told(broker.call_back(browser, state=state, code="made-up"))["connection_id"]
    made = broker.connection(connection_id)
    assert (made.status, made.last_error and made.last_error.error) == (Status.PENDING, "invalid_grant")
    [row] = [one for key, one in broker.dynamodb.items.items() if key[1] == connection_id]
    assert float(row["ttl"]["N"]) == broker.machine.now() + 86_400


def test_no_code_is_spent_without_a_place_for_what_it_brings(broker: Broker) -> None:
    """The table does not answer: the application is told so, and the provider is asked for nothing."""
    browser = Browser()
    state = browser.keep(broker.start(ticket_in(begun(broker, shop="ada.shops.example")), browser))
    broker.dynamodb.fail_next("transact_write_items")
    returned = told(broker.call_back(browser, state=state, code="its-own"))
    assert returned["error"] == "exchange_failed"
    assert broker.scripted.requests == []
    assert broker.find(returned["connection_id"]) is None
