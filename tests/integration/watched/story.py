"""What befalls a broker when all goes well: every flow, once."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import TYPE_CHECKING, Any

from tests.integration.circle.broker import Browser, eventually, place_of, query_of, send
from tests.integration.watched.planted import Kept
from tests.integration.watched.planting_provider import ENCODINGS, Answer

if TYPE_CHECKING:
    from tests.integration.watched.run import Run


def confirmed(run: Run) -> None:
    """A connection asked for, consented to, confirmed, listed, read, refreshed, reauthorized."""
    resource_id = run.register("confirmed", require_confirmation=True)
    user = run.planted.new("user")
    asked = run.ask(resource_id, "ada", user=user)
    asked = run.noted(again(run, resource_id, user))  # another link while it is pending
    returned = query_of(run.trip(asked).headers["Location"])
    confirmation = run.broker.confirm(resource_id, returned, user)
    assert confirmation.json()["status"] == "active", confirmation.text
    for path in ("/v1/resources", f"/v1/resources/{resource_id}", f"/v1/resources/{resource_id}/connections"):
        assert run.broker.call("GET", path).status_code == 200
    assert run.broker.call("GET", f"/v1/callback-url?resource_id={resource_id}").status_code == 200
    assert run.broker.call("GET", "/health").status_code == 200
    for _ in range(2):  # the first brings the resource too
        assert run.broker.token(resource_id, "ada").status_code == 200
    further = run.broker.call("GET", f"/v1/tokens/{resource_id}/ada?name=user").json()["access_token"]
    assert further.encode() in run.planted.values["access token"]
    assert run.refresh(resource_id, "ada").json()["generation"] == 2
    returned = query_of(run.trip(run.noted(again(run, resource_id, user))).headers["Location"])
    assert run.broker.confirm(resource_id, returned, run.planted.new("user")).status_code == 409


def again(run: Run, resource_id: str, user: str) -> dict[str, str]:
    """Another start link for the connection `ada`."""
    body = {"return_url": run.broker.landing, "user": user}
    asked: dict[str, str] = run.broker.call(
        "POST", f"{run.path(resource_id, 'ada')}/reauthorize", body
    ).json()
    return asked


def shared(run: Run) -> None:
    """At the shared address; a reload ends as the first time, and another browser gets nothing."""
    resource_id = run.register("shared", callback="shared")
    browser = Browser()
    callback = run.callback(browser, run.ask(resource_id, "ada"))
    assert browser.open(callback).status_code == 303
    assert browser.open(callback).status_code == 303
    assert send("GET", callback).status_code == 400


def installed(run: Run) -> None:
    """The provider begins: the code that came is dropped, and this browser's own consent is confirmed."""
    resource_id = run.register(
        "installed",
        require_confirmation=True,
        provider_initiated=True,
        install_return_url=run.broker.landing,
    )
    browser = Browser()
    code = run.planted.new("authorization code")
    begun = browser.open(f"{run.stack.url}/oauth/{resource_id}/callback?code={code}")
    asked = run.noted({"start_url": begun.headers["Location"]})
    returned = query_of(browser.open(run.callback(browser, asked)).headers["Location"])
    confirmation = run.broker.confirm(resource_id, returned, run.planted.new("user"))
    assert confirmation.json()["status"] == "active", confirmation.text


def client_credentials(run: Run) -> None:
    """Active at once, refreshed by asking again."""
    resource_id = run.register("machine", grant_type="client_credentials", authorization=None)
    asked = {"connection_id": "own"}
    answer = run.broker.call("POST", f"/v1/resources/{resource_id}/connections", asked)
    assert answer.status_code == 201, answer.text
    assert run.refresh(resource_id, "own").json()["generation"] == 2


def previewed(run: Run) -> None:
    """Before it is saved: the answer shows none of its secrets."""
    answer = run.broker.call("POST", "/v1/preview", run.registration("previewed"))
    assert answer.status_code == 200, answer.text
    assert run.planted.found_in([Kept("the preview", answer.content)]) == []


def imported(run: Run) -> None:
    """Tokens obtained elsewhere, one and many, a line with a fault among them."""
    resource_id = run.register("imported")
    path = f"/v1/resources/{resource_id}/imports"
    one, other, wrong = (token_set(run) for _ in range(3))
    assert run.broker.call("POST", path, {"connection_id": "ada", "token_set": one}).status_code == 201
    lines = [
        {"connection_id": "bob", "token_set": other},
        {"connection_id": "eve", "token_set": wrong, "x": 1},
    ]
    many = run.broker.call(
        "POST",
        path,
        data="\n".join(map(json.dumps, lines)),
        headers={"Content-Type": "application/x-ndjson"},
    )
    assert [item["status"] for item in many.json()["items"]] == ["active", None], many.text
    assert run.refresh(resource_id, "ada").json()["generation"] == 2


def token_set(run: Run) -> dict[str, str]:
    """What somebody obtained elsewhere."""
    return {
        "access_token": run.planted.new("access token"),
        "refresh_token": run.planted.new("refresh token"),
    }


def refreshed(run: Run) -> None:
    """By the schedule, and by a read of an expired token. What would tell the token is not metadata."""
    resource_id = run.register("refreshed", metadata=[f"told.{name}" for name in ENCODINGS])
    run.connect(resource_id, "ada")
    run.make_due(resource_id, "ada")
    run.await_generation(resource_id, "ada", 2)
    run.broker.set_number(*place_of(resource_id, "ada"), "ex", time.time() - 1)
    read = run.broker.token(resource_id, "ada").json()
    assert (read["generation"], read["metadata"]) == (3, {})


def continued(run: Run) -> None:
    """More is due than a worker has time for: it goes on in another invocation."""
    resource_id = run.register("continued")
    for name in ("ada", "bob"):
        run.connect(resource_id, name)
        run.await_news(resource_id, name)
    run.provider.will(resource_id, Answer(wait=2.5), Answer(wait=2.5))
    since = len(run.gate.calls)
    with run.gate.closed(lambda call: call.caller == "RefreshDispatcherFunction"):
        for name in ("ada", "bob"):
            run.make_due(resource_id, name)
    for name in ("ada", "bob"):
        run.await_generation(resource_id, name, 2)
    assert run.gate.seen(
        lambda call: (call.caller, call.operation) == ("RefreshWorkerFunction", "SendMessage"), since=since
    )


def rebound(run: Run) -> None:
    """Another origin for the tokens: secrets again, and the connections carried over; in a new process."""
    resource_id = run.register("rebound")
    run.connect(resource_id, "ada")
    for pid in run.stack.function_pids("ResourcesApiFunction"):
        os.kill(pid, signal.SIGKILL)
    port = run.provider.url.rpartition(":")[2]
    token = {"url": f"http://localhost:{port}/token", "params": {"api_key": "{{api_key}}"}}
    body = {
        "token": token,
        "client_secret": run.planted.new("client secret"),
        "secret_variables": {"api_key": run.planted.new("secret variable")},
    }
    assert run.broker.call("PATCH", f"/v1/resources/{resource_id}", body).status_code == 200
    assert run.broker.connection(resource_id, "ada")["status"] == "needs_reauthorization"
    assert run.broker.call("POST", f"/v1/rebind/{resource_id}").status_code == 200
    assert run.refresh(resource_id, "ada").json()["generation"] == 2


def disconnected(run: Run) -> None:
    """One connection; a resource without any; and one with all it has, after a no."""
    resource_id = run.register("disconnected")
    run.connect(resource_id, "ada")
    run.connect(resource_id, "bob")
    run.delete(resource_id, "ada")
    path = f"/v1/resources/{resource_id}"
    assert run.broker.call("DELETE", path).status_code == 409
    assert run.broker.call("DELETE", f"{path}?connections=revoke").status_code == 202
    assert run.broker.call("DELETE", f"/v1/resources/{run.register('empty')}").status_code == 204
    assert eventually(lambda: not run.rows_of(resource_id))


def under_jwt(run: Run) -> None:
    """An admin registers, somebody connects and reads, somebody else sees nothing."""
    admin = run.provider.bearer("admin", "admin")
    ada, bob = (run.provider.bearer(name, "read", "write", "token") for name in ("ada", "bob"))
    resource_id = "of-jwt"
    call = run.broker.call
    made = call("POST", "/jwt/v1/resources", run.registration(resource_id), headers=admin)
    assert made.status_code == 201, made.text
    path = f"/jwt/v1/resources/{resource_id}/connections"
    for name in ("ada", "eve"):
        body = {"connection_id": name, "return_url": run.broker.landing}
        asked = run.noted(call("POST", path, body, headers=ada).json())
        assert run.trip(asked).status_code == 303
    token = f"/jwt/v1/tokens/{resource_id}/ada"
    assert call("GET", token, headers=ada).status_code == 200
    assert call("GET", token, headers=bob).status_code == 404
    assert call("GET", token, headers=admin).status_code == 200
    assert call("GET", token).status_code == 401
    page = call("GET", f"{path}?limit=1", headers=ada).json()
    assert call("GET", f"{path}?limit=1&cursor={page['next_cursor']}", headers=ada).status_code == 200
    forged = {"Authorization": f"{ada['Authorization'][:-8]}AAAAAAAA"}
    assert call("GET", token, headers=forged).status_code == 401


def signed(run: Run) -> None:
    """Keys of both kinds that sign for the client, in every function that sends; one refusal repeats all."""
    pem = run.private_key()
    given = {"kid": "given", "alg": "ES256", "private_key": pem}
    in_kms = run.key_in_kms("signed-in-kms signed-machine")
    for resource_id, key in (("signed", given), ("signed-in-kms", in_kms)):
        run.register(resource_id, **signing(run, key))
        run.connect(resource_id, "ada")
        assert run.refresh(resource_id, "ada").json()["generation"] == 2
        run.make_due(resource_id, "ada")
        run.await_generation(resource_id, "ada", 3)
        run.provider.will(resource_id, Answer(400, "raw", error="invalid_client"))
        assert run.refresh(resource_id, "ada").status_code == 503
        published = send("GET", f"{run.stack.url}/oauth/{resource_id}/jwks.json").json()
        assert [one["kid"] for one in published["keys"]] == [key["kid"]]
    machine = run.register(
        "signed-machine", grant_type="client_credentials", authorization=None, **signing(run, in_kms)
    )
    path = f"/v1/resources/{machine}/connections"
    assert run.broker.call("POST", path, {"connection_id": "own"}).status_code == 201


def signing(run: Run, key: dict[str, str]) -> dict[str, Any]:
    """What makes a registration sign with a key."""
    token = {"url": f"{run.provider.url}/token", "auth_method": "private_key_jwt"}
    return {"client_secret": None, "secret_variables": None, "signing_keys": [key], "token": token}


def at_the_demo_provider(run: Run) -> None:
    """Its own log is clean as well, though its client sends secrets in the query."""
    broker = run.broker
    token = {"url": f"{broker.provider}/token-get", "method": "GET", "auth_method": "client_secret_post"}
    run.planted.add("client secret", "demo-secret")
    resource_id = broker.register(client_id="demo-get", token=token)
    user = run.planted.new("user")
    asked = run.ask(resource_id, "ada", user=user)
    browser = Browser()
    callback = browser.decide(run.started(browser, asked["start_url"])).headers["Location"]
    run.planted.add("authorization code", query_of(callback)["code"])
    returned = query_of(browser.open(callback).headers["Location"])
    assert broker.confirm(resource_id, returned, user).status_code == 200
    for _ in range(2):
        access_token = broker.token(resource_id, "ada").json()["access_token"]
        run.planted.add("access token", access_token)
        assert broker.me(access_token).status_code == 200
        assert run.refresh(resource_id, "ada").status_code == 200
    run.delete(resource_id, "ada")


CHAPTERS = (
    confirmed,
    shared,
    installed,
    client_credentials,
    previewed,
    imported,
    refreshed,
    continued,
    rebound,
    disconnected,
    under_jwt,
    signed,
    at_the_demo_provider,
)
