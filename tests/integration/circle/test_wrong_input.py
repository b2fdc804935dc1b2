"""What bad input gets: the problem that names the field, nothing stored, nothing sent."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from oauth_broker.registration.fields import fields
from tests.integration.circle.bad_values import ASKING, MISSING, REGISTRATION
from tests.integration.circle.broker import Broker, asking, assert_problem

ROWS = [(pointer, value) for pointer, values in REGISTRATION.items() for value in values]


def whole(broker: Broker) -> dict[str, Any]:
    """A registration with something of everything that rows change or take away."""
    return broker.registration(
        resource_id="never-made",
        secret_variables={"api_key": "not-a-real-key"},
        signing_keys=[{"alg": "ES256", "generate": True}],
        connection_variables={"tenant": {"pattern": "[a-z]+", "hosts": ["a.test"]}},
        callback_variables=["realmId"],
        metadata=["account"],
    )


def changed(body: dict[str, Any], pointer: str, value: Any) -> dict[str, Any]:
    """A copy with the member at a pointer changed, or taken away for MISSING."""
    copy = deepcopy(body)
    *way, last = pointer.split("/")[1:]
    place: Any = copy
    for part in way:
        place = place[int(part)] if isinstance(place, list) else place.setdefault(part, {})
    if value is MISSING:
        del place[last]
    else:
        place[int(last) if isinstance(place, list) else last] = value
    return copy


def refused_at(broker: Broker, method: str, path: str, body: Any) -> set[str]:
    """The pointers of the 422 that a body gets."""
    response = broker.call(method, path, body)
    assert response.status_code == 422, f"{body}: {response.text}"
    pointers = {error["pointer"] for error in response.json()["errors"]}
    assert_problem(response, 422, "invalid", *pointers)
    return pointers


def test_every_member_has_rows() -> None:
    """The table of bad values knows each member that a registration has."""
    assert {pointer.split("/")[1] for pointer in REGISTRATION} >= fields(loopback=True).keys()


def token_calls(broker: Broker) -> int:
    """How many calls the token endpoints had; what other tests disconnected may still be being revoked."""
    return sum(call["endpoint"] != "/revoke" for call in broker.control("GET", "calls")["items"])


def test_a_bad_registration(broker: Broker) -> None:
    """Each bad value is refused at its own pointer, whoever else complains; nothing is stored or sent."""
    good = whole(broker)
    calls = token_calls(broker)
    wrong = {
        f"{pointer} = {value!r:.60}": found
        for pointer, value in ROWS
        if pointer
        not in (found := refused_at(broker, "POST", "/v1/resources", changed(good, pointer, value)))
    }
    assert not wrong
    assert_problem(broker.call("GET", "/v1/resources/never-made"), 404, "not-found")
    assert token_calls(broker) == calls
    assert broker.call("POST", "/v1/resources", good).status_code == 201
    assert broker.call("DELETE", "/v1/resources/never-made").status_code == 204


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_bad_change(broker: Broker, method: str) -> None:
    """PUT and PATCH refuse what POST refuses, and leave the resource as it was."""
    good = whole(broker) | {"resource_id": f"changed-{method.lower()}"}
    path = f"/v1/resources/{broker.register(**good)}"
    before = broker.call("GET", path)
    rows = (("/resource_id", "another"), ("/token/url", "http://a.test"), ("/unknown", 1), ("/name", ""))
    for pointer, value in rows:
        whole_body = changed(good, pointer, value)
        body = whole_body if method == "PUT" else {pointer.split("/")[1]: whole_body[pointer.split("/")[1]]}
        assert pointer in refused_at(broker, method, path, body)
    after = broker.call("GET", path)
    assert (after.json(), after.headers["ETag"]) == (before.json(), before.headers["ETag"])


def test_an_unknown_name_gets_the_nearest(broker: Broker) -> None:
    """A misspelt placeholder or member is refused with the one that was meant."""
    body = broker.registration(token={"url": f"{broker.provider}/token?a={{{{cliend_id}}}}"}, clientid="x")
    errors = {e["pointer"]: e["detail"] for e in broker.call("POST", "/v1/resources", body).json()["errors"]}
    assert "unknown placeholder cliend_id; did you mean client_id?" in errors["/token/url"]
    assert "client_id" in errors["/clientid"]


@pytest.mark.parametrize(
    "pointer, value", [(pointer, value) for pointer, values in ASKING.items() for value in values]
)
def test_a_bad_asking(broker: Broker, tenants: str, pointer: str, value: Any) -> None:
    """Asking for a connection and for a new consent take the same members but for id and labels."""
    good = asking(broker, labels=["x"])
    path = f"/v1/resources/{tenants}/connections"
    body = changed(good | {"connection_id": "never-made"}, pointer, value)
    assert refused_at(broker, "POST", path, body) == {pointer}
    assert_problem(broker.call("GET", f"{path}/never-made"), 404, "not-found")
    if pointer.split("/")[1] not in {"connection_id", "labels"} and (pointer, value) != (
        "/variables/tenant",
        MISSING,
    ):
        del good["labels"]
        again = changed(good, pointer, value)
        assert refused_at(broker, "POST", f"{path}/ada/reauthorize", again) == {pointer}


@pytest.mark.parametrize("name", ["connection_id", "labels"])
def test_what_reauthorizing_does_not_take(broker: Broker, tenants: str, name: str) -> None:
    """The connection has its id and labels already."""
    body = asking(broker, **{name: None})
    path = f"/v1/resources/{tenants}/connections/ada/reauthorize"
    assert refused_at(broker, "POST", path, body) == {f"/{name}"}


@pytest.mark.parametrize(
    "body, pointers",
    [
        ({}, {"/confirmation_code", "/user"}),
        ({"confirmation_code": 1, "user": []}, {"/confirmation_code", "/user"}),
        ({"confirmation_code": "", "user": ""}, {"/confirmation_code", "/user"}),
        ({"confirmation_code": "x" * 129, "user": "x" * 129}, {"/confirmation_code", "/user"}),
        ({"confirmation_code": "x", "user": "x", "more": 1}, {"/more"}),
    ],
)
def test_a_bad_confirmation(broker: Broker, tenants: str, body: Any, pointers: set[str]) -> None:
    """Both members are strings, required, and alone."""
    path = f"/v1/resources/{tenants}/connections/ada/confirm"
    assert refused_at(broker, "POST", path, body) == pointers


def test_nothing_to_confirm(broker: Broker, tenants: str) -> None:
    """A connection that nobody came back from has nothing to confirm."""
    answer = broker.confirm(tenants, {"connection_id": "ada", "confirmation_code": "x"})
    assert_problem(answer, 409, "nothing-to-confirm")
