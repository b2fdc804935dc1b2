"""Registrations over HTTP: versions, secrets that never come back, destinations, deleting."""

from __future__ import annotations

import http.server
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.circle.broker import (
    SECRET,
    USER,
    Broker,
    Browser,
    assert_problem,
    eventually,
    query_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

OTHER_ETAG = '"0000000000000000"'
CLOSED = {
    "state": "closed",
    "times": 0,
    **dict.fromkeys(("since", "until", "category", "error", "error_description", "http_status")),
}


def path_of(resource_id: str) -> str:
    """Where a resource is."""
    return f"/v1/resources/{resource_id}"


def test_a_resource_is_shown_without_its_secrets(broker: Broker) -> None:
    """Create, show and list tell the same: `***` for each secret, and the callback address to register."""
    body = broker.registration(secret_variables={"api_key": "not-a-real-key"})
    made = broker.call("POST", "/v1/resources", body)
    assert made.status_code == 201
    resource_id = body["resource_id"]
    expected = {**body, "client_secret": "***", "secret_variables": {"api_key": "***"}}
    expected["callback_url"] = f"{broker.url}/oauth/{resource_id}/callback"
    expected["provider_state"] = CLOSED
    shown = broker.call("GET", path_of(resource_id))
    times = {name: made.json()[name] for name in ("created_at", "updated_at")}
    assert made.json() == shown.json() == expected | times
    assert made.headers["ETag"] == shown.headers["ETag"]
    listed = broker.call("GET", "/v1/resources?limit=200")
    assert expected | times in listed.json()["items"]
    for answer in (made, shown, listed):
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["Cache-Control"] == "no-store"
        assert SECRET not in answer.text
        assert "not-a-real-key" not in answer.text


def test_an_id_is_made_of_the_name(broker: Broker) -> None:
    """Without `resource_id` the name gives one; a given one that is in use is a conflict."""
    answer = broker.call("POST", "/v1/resources", broker.registration(resource_id=None, name="Ämter & Co."))
    assert answer.status_code == 201
    assert answer.json()["resource_id"].startswith("amter-co-")
    again = broker.registration(resource_id=answer.json()["resource_id"])
    assert_problem(broker.call("POST", "/v1/resources", again), 409, "id-in-use")


@pytest.mark.parametrize("callback", ["own", "shared"])
def test_the_callback_address(broker: Broker, callback: str) -> None:
    """It can be asked for before the resource is made, and is the resource's afterwards."""
    resource_id = broker.registration()["resource_id"]
    own, shared = f"{broker.url}/oauth/{resource_id}/callback", f"{broker.url}/oauth/callback"
    path = f"/v1/callback-url?resource_id={resource_id}"
    assert broker.call("GET", path).json() == {"callback_url": own}
    broker.register(resource_id=resource_id, callback=callback)
    expected = {"own": own, "shared": shared}[callback]
    assert broker.call("GET", path).json() == {"callback_url": expected}
    assert broker.call("GET", path_of(resource_id)).json()["callback_url"] == expected
    assert broker.call("GET", "/v1/callback-url").json() == {"callback_url": shared}


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "if_match, expected",
    [
        (None, "done"),
        ("*", "done"),
        ("{etag}", "done"),
        (f"{OTHER_ETAG}, {{etag}}", "done"),
        (OTHER_ETAG, "precondition-failed"),
        ("W/{etag}", "precondition-failed"),
        ("{bare}", "malformed"),
        ("", "malformed"),
    ],
)
def test_if_match(broker: Broker, method: str, if_match: str | None, expected: str) -> None:
    """A change goes through only where the version is the one that was read (RFC 9110 section 13.1.1)."""
    body = broker.registration()
    etag = broker.call("POST", "/v1/resources", body).headers["ETag"]
    path = path_of(body["resource_id"])
    given = None if if_match is None else if_match.format(etag=etag, bare=etag.strip('"'))
    bodies = {"PUT": body | {"name": "New"}, "PATCH": {"name": "New"}, "DELETE": None}
    headers = {} if given is None else {"If-Match": given}
    answer = broker.call(method, path, bodies[method], headers=headers)
    after = broker.call("GET", path)
    if expected != "done":
        assert_problem(answer, {"malformed": 400, "precondition-failed": 412}[expected], expected)
        assert (after.headers["ETag"], after.json()["name"]) == (etag, "Demo")
    elif method == "DELETE":
        assert (answer.status_code, answer.content) == (204, b"")
        assert_problem(after, 404, "not-found")
    else:
        assert answer.status_code == 200, answer.text
        assert answer.headers["ETag"] == after.headers["ETag"] != etag
        assert answer.json()["name"] == after.json()["name"] == "New"


def test_put_replaces_and_patch_changes(broker: Broker) -> None:
    """PUT takes away what it does not name, but keeps secrets; PATCH replaces the members that it names."""
    resource_id = broker.register(
        variables={"region": "eu1", "zone": "a"},
        secret_variables={"api_key": "not-a-real-key", "other_key": "nor-is-this"},
    )
    patched = broker.call("PATCH", path_of(resource_id), {"variables": {"region": "us1"}, "name": "P"}).json()
    assert (patched["name"], patched["variables"]) == ("P", {"region": "us1"})
    assert patched["scopes"] == ["profile", "notes.read", "offline"]
    merged = broker.call("PATCH", path_of(resource_id), {"secret_variables": {"other_key": None}}).json()
    assert merged["secret_variables"] == {"api_key": "***"}
    body = broker.registration(resource_id=resource_id, client_secret=None)
    put = broker.call("PUT", path_of(resource_id), body).json()
    assert "variables" not in put
    assert (put["client_secret"], put["secret_variables"]) == ("***", {"api_key": "***"})
    assert broker.connection(resource_id, broker.connect(resource_id))["status"] == "active"


def test_what_get_shows_can_be_put(broker: Broker) -> None:
    """Who reads a resource, changes a member and puts it back loses nothing, its secrets least of all."""
    resource_id = broker.register()
    shown = broker.call("GET", path_of(resource_id)).json()
    put = broker.call("PUT", path_of(resource_id), shown | {"name": "Renamed"})
    assert put.status_code == 200, put.text
    assert put.json() | {"name": "Demo", "updated_at": ""} == shown | {"updated_at": ""}
    assert broker.connection(resource_id, broker.connect(resource_id))["status"] == "active"


def test_a_secret_that_is_removed(broker: Broker) -> None:
    """Null takes the secret away, and with it the right to exchange."""
    resource_id = broker.register(require_confirmation=False)
    changed = broker.call("PATCH", path_of(resource_id), {"client_secret": None})
    assert changed.status_code == 200, changed.text
    assert "client_secret" not in changed.json()
    asked = broker.ask(resource_id, return_url=broker.landing)
    returned = Browser().connect(asked["start_url"])
    assert query_of(returned.headers["Location"])["error"] == "exchange_failed"


@pytest.fixture
def canary() -> Iterator[tuple[str, list[str]]]:
    """A server at an origin of its own, and the paths that were asked of it."""
    seen: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            seen.append(self.path)
            self.send_error(503)

        def log_message(self, *_: Any) -> None:
            """Nothing is printed."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", seen
        server.shutdown()


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_new_origin_asks_for_the_secret(broker: Broker, canary: tuple[str, list[str]], method: str) -> None:
    """Without it the change is refused at the URL, and nothing goes to where it pointed."""
    url, seen = canary
    resource_id = broker.register()
    connection_id = broker.connect(resource_id)
    for member in ("token", "refresh", "revocation", "api_base_url"):
        pointer = "/api_base_url" if member == "api_base_url" else f"/{member}/url"
        change: dict[str, Any] = {member: url if member == "api_base_url" else {"url": f"{url}/x"}}
        body = change if method == "PATCH" else broker.registration(resource_id=resource_id, **change)
        body.pop("client_secret", None)
        assert_problem(broker.call(method, path_of(resource_id), body), 422, "invalid", pointer)
        masked = body | {"client_secret": "***"}
        assert_problem(broker.call(method, path_of(resource_id), masked), 422, "invalid", pointer)
    path = f"{path_of(resource_id)}/connections/{connection_id}"
    assert broker.call("POST", f"{path}/refresh").json()["generation"] == 2
    assert not seen
    given = {"token": {"url": f"{url}/x"}, "client_secret": SECRET}
    assert broker.call("PATCH", path_of(resource_id), given).status_code == 200
    body = {"return_url": broker.landing, "user": USER}
    Browser().connect(broker.call("POST", f"{path}/reauthorize", body).json()["start_url"])
    assert seen == ["/x"]


def moved(broker: Broker, resource_id: str) -> str:
    """The resource's token URL moved to another origin, with the secret given again; the new version."""
    port = broker.provider.rpartition(":")[2]
    change = {"token": {"url": f"http://localhost:{port}/token"}, "client_secret": SECRET}
    changed = broker.call("PATCH", path_of(resource_id), change)
    assert changed.status_code == 200, changed.text
    return changed.headers["ETag"]


def test_new_destinations(broker: Broker) -> None:
    """With the secret a new origin is taken; no token set of before is handed out or sent there."""
    resource_id = broker.register()
    before = broker.families().keys()
    connection_id = broker.connect(resource_id)
    (family,) = broker.families().keys() - before
    moved(broker, resource_id)
    path = f"{path_of(resource_id)}/connections/{connection_id}"
    assert broker.call("GET", path).json()["status"] == "needs_reauthorization"
    assert_problem(broker.token(resource_id, connection_id), 409, "needs-reauthorization")
    assert broker.call("POST", f"{path}/refresh").json()["status"] == "needs_reauthorization"
    assert broker.refreshes(family) == 0


def test_rebinding(broker: Broker) -> None:
    """It carries the connections over to the new destinations, if the version is the one seen."""
    resource_id = broker.register()
    connection_id = broker.connect(resource_id)
    etag = moved(broker, resource_id)
    path, rebind = f"{path_of(resource_id)}/connections/{connection_id}", f"/v1/rebind/{resource_id}"
    refused = broker.call("POST", rebind, headers={"If-Match": OTHER_ETAG})
    assert_problem(refused, 412, "precondition-failed")
    assert broker.call("GET", path).json()["status"] == "needs_reauthorization"
    rebound = broker.call("POST", rebind, headers={"If-Match": etag})
    assert rebound.status_code == 200
    assert rebound.headers["ETag"] != etag
    assert broker.call("GET", path).json()["status"] == "active"
    assert broker.token(resource_id, connection_id).json()["generation"] == 1
    assert broker.call("POST", f"{path}/refresh").json()["generation"] == 2


def test_a_new_consent_under_new_destinations(broker: Broker) -> None:
    """A person who consents again after the change makes the connection active without any rebind."""
    port = broker.provider.rpartition(":")[2]
    resource_id = broker.register()
    connection_id = broker.connect(resource_id)
    change = {"revocation": {"url": f"http://localhost:{port}/revoke"}, "client_secret": SECRET}
    assert broker.call("PATCH", path_of(resource_id), change).status_code == 200
    path = f"{path_of(resource_id)}/connections/{connection_id}"
    assert broker.call("GET", path).json()["status"] == "needs_reauthorization"
    body = {"return_url": broker.landing, "user": USER}
    link = broker.call("POST", f"{path}/reauthorize", body).json()["start_url"]
    returned = query_of(Browser().connect(link).headers["Location"])
    assert broker.confirm(resource_id, returned).json()["status"] == "active"


@pytest.mark.parametrize("member", ["token", "refresh", "revocation"])
def test_the_broker_itself_is_no_provider(broker: Broker, member: str) -> None:
    """Neither by its own address nor by another name for it does a secret come to the broker."""
    port = broker.url.rpartition(":")[2]
    body = broker.registration(**{member: {"url": f"{broker.url}/token"}})
    assert_problem(broker.call("POST", "/v1/resources", body), 422, "invalid", f"/{member}/url")
    alias = {member: {"url": f"http://localhost:{port}/v1/resources"}}
    resource_id = broker.register(**alias, require_confirmation=False)
    if member == "token":
        asked = broker.ask(resource_id, return_url=broker.landing)
        returned = query_of(Browser().connect(asked["start_url"]).headers["Location"])
        assert returned["error"] == "exchange_failed"
        shown = broker.connection(resource_id, returned["connection_id"])
        assert shown["last_error"]["category"] == "egress_refused"


def test_deleting_a_resource_with_connections(broker: Broker) -> None:
    """It is refused; with `connections=revoke` all are revoked at the provider, then forgotten."""
    resource_id = broker.register()
    before = broker.families().keys()
    connection_id = broker.connect(resource_id)
    (family,) = broker.families().keys() - before
    path = path_of(resource_id)
    assert_problem(broker.call("DELETE", path), 409, "resource-in-use")
    assert broker.token(resource_id, connection_id).status_code == 200
    assert broker.call("DELETE", f"{path}?connections=revoke").status_code in {202, 204}
    assert_problem(broker.call("GET", path), 404, "not-found")
    assert eventually(lambda: broker.families()[family]["ended"]) == "revoked"
    assert_problem(broker.token(resource_id, connection_id), 404, "not-found")
    again = broker.registration(resource_id=resource_id)
    assert eventually(lambda: broker.call("POST", "/v1/resources", again).status_code == 201)
    assert_problem(broker.token(resource_id, connection_id), 404, "not-found")
