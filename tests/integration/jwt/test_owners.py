"""JWT callers own what they make: to everyone else but an admin it does not exist."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.circle.broker import USER, assert_problem, query_of
from tests.integration.jwt.callers import JwtCaller
from tests.integration.oidc.broker import OpenIdBroker, PersonsBrowser

CONNECTION = "/v1/resources/{resource}/connections/{connection}"
OF_A_CONNECTION: list[tuple[str, str, dict[str, Any] | None]] = [
    ("GET", CONNECTION, None),
    ("GET", "/v1/tokens/{resource}/{connection}", None),
    ("POST", f"{CONNECTION}/refresh", None),
    ("POST", f"{CONNECTION}/confirm", {"confirmation_code": "A" * 43, "user": USER}),
    ("POST", f"{CONNECTION}/reauthorize", {"return_url": "http://127.0.0.1:9/app", "user": USER}),
    ("DELETE", CONNECTION, None),  # the last: after it there is nothing any more
]
ONES_OWN = [200, 200, 200, 409, 201, 204]
"""What the owner is answered: there is nothing to confirm."""


def answers(caller: JwtCaller, resource_id: str, connection_id: str) -> list[Any]:
    """What a caller is answered to everything that one can ask of a connection."""
    found = []
    for method, path, body in OF_A_CONNECTION:
        place = path.format(resource=resource_id, connection=connection_id)
        found.append(caller.call(method, place, body))
    return found


def listed(caller: OpenIdBroker, resource_id: str, query: str = "") -> set[str]:
    """The connections that a caller sees in the list, page by page."""
    seen: set[str] = set()
    cursor = None
    while True:
        params = {"limit": "1"} | ({"cursor": cursor} if cursor else {})
        page = caller.call("GET", f"/v1/resources/{resource_id}/connections{query}", params=params)
        assert page.status_code == 200, page.text
        seen |= {one["connection_id"] for one in page.json()["items"]}
        cursor = page.json()["next_cursor"]
        if cursor is None:
            return seen


def test_to_a_second_subject_it_does_not_exist(resource_id: str, ada: JwtCaller, bob: JwtCaller) -> None:
    """Read, token, refresh, confirm, reauthorize and delete are 404 to Bob, and change nothing for Ada.

    Fails when `Caller.may_see` says yes to everybody.
    """
    connection_id = ada.connect(resource_id)
    before = ada.connection(resource_id, connection_id)
    absent = answers(bob, resource_id, "never-asked-for")
    for refused, unknown in zip(answers(bob, resource_id, connection_id), absent, strict=True):
        assert_problem(refused, 404, "not-found")
        assert refused.json() == unknown.json(), "one can tell it from what does not exist"
    assert ada.connection(resource_id, connection_id) == before
    assert [one.status_code for one in answers(ada, resource_id, connection_id)] == ONES_OWN


def test_an_admin_may_do_all(resource_id: str, ada: JwtCaller, admin: JwtCaller) -> None:
    """`broker/admin` opens every route and every connection. Fails when `admin` is not read."""
    connection_id = ada.connect(resource_id)
    assert listed(admin, resource_id) == {connection_id}
    assert [one.status_code for one in answers(admin, resource_id, connection_id)] == ONES_OWN


def test_lists_have_what_is_ones_own(
    resource_id: str, broker: OpenIdBroker, ada: JwtCaller, bob: JwtCaller, admin: JwtCaller
) -> None:
    """Each sees theirs, in small pages too; admins and IAM callers see all. Fails without the filter."""
    hers = {ada.ask(resource_id)["connection_id"] for _ in range(3)}
    his = {bob.ask(resource_id)["connection_id"] for _ in range(2)}
    nobodys = {broker.ask(resource_id)["connection_id"]}
    assert listed(ada, resource_id) == hers
    assert listed(bob, resource_id) == his
    assert listed(admin, resource_id) == hers | his | nobodys
    assert listed(broker, resource_id) == hers | his | nobodys


def test_what_an_iam_caller_made_is_no_jwt_callers(
    resource_id: str, broker: OpenIdBroker, ada: JwtCaller, admin: JwtCaller
) -> None:
    """A connection without an owner is for admins alone. Fails when an owner that is missing matches."""
    connection_id = broker.connect(resource_id)
    for refused in answers(ada, resource_id, connection_id):
        assert_problem(refused, 404, "not-found")
    assert admin.token(resource_id, connection_id).status_code == 200
    assert broker.connection(resource_id, connection_id)["status"] == "active"


def test_a_stolen_confirmation_code_is_worth_nothing(
    resource_id: str, ada: JwtCaller, bob: JwtCaller
) -> None:
    """Bob has Ada's code and user: 404, and the attempt goes on for Ada.

    Fails when confirm asks for no owner.
    """
    asked = ada.ask(resource_id)
    returned = query_of(PersonsBrowser().connect(asked["start_url"]).headers["Location"])
    assert_problem(bob.confirm(resource_id, returned), 404, "not-found")
    confirmed = ada.confirm(resource_id, returned)
    assert (confirmed.status_code, confirmed.json()["status"]) == (200, "active")


def test_an_id_in_use_stays_its_owners(resource_id: str, ada: JwtCaller, bob: JwtCaller) -> None:
    """Asking for a connection under another's id is a 409 and takes nothing over.

    Fails when an id that one may not see counts as free.
    """
    ada.ask(resource_id, connection_id="crm", return_url=ada.landing, user=USER)
    body = {"connection_id": "crm", "return_url": bob.landing, "user": USER}
    answer = bob.call("POST", f"/v1/resources/{resource_id}/connections", body)
    assert answer.status_code == 409, answer.text
    assert_problem(
        bob.call("GET", CONNECTION.format(resource=resource_id, connection="crm")), 404, "not-found"
    )
    assert ada.connection(resource_id, "crm")["status"] == "pending"


def test_what_comes_after_it_is_its_makers(resource_id: str, ada: JwtCaller, bob: JwtCaller) -> None:
    """A deleted connection's id is free at once, and belongs to whoever asks next, not to the one before.

    Fails when a connection is made without its owner.
    """
    ada.ask(resource_id, connection_id="crm", return_url=ada.landing, user=USER)
    place = CONNECTION.format(resource=resource_id, connection="crm")
    assert ada.call("DELETE", place).status_code == 204
    bob.ask(resource_id, connection_id="crm", return_url=bob.landing, user=USER)
    assert_problem(ada.call("GET", place), 404, "not-found")
    assert bob.call("GET", place).status_code == 200


@pytest.mark.parametrize("query", ["?status=pending", "?label=crm"])
def test_a_filter_shows_no_more(resource_id: str, ada: JwtCaller, bob: JwtCaller, query: str) -> None:
    """Filters are asked of what one may see. Fails when a filter replaces the owner's."""
    body = {"return_url": ada.landing, "user": USER, "labels": ["crm"]}
    asked = ada.ask(resource_id, **body)
    assert listed(bob, resource_id, query) == set()
    assert listed(ada, resource_id, query) == {asked["connection_id"]}
