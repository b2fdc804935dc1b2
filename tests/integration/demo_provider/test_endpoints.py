"""Beside /authorize and /token: revocation, introspection, metadata, the API, /app, guards, options."""

from __future__ import annotations

import html
import json
import re
import shlex
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata

from tests.integration.demo_provider.conftest import ROOT
from tests.integration.demo_provider.visitor import BASIC, REDIRECT_URI, Form, Visitor, answer

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = """'"><script>alert(1)</script>$(touch x)`id`\n; rm -rf ~ #\u202e\\"""
METADATA = "/.well-known/oauth-authorization-server"


def test_revoking_a_refresh_token(visitor: Visitor) -> None:
    """RFC 7009 section 2.1: its family ends, access tokens too; a second time is no error."""
    tokens = visitor.connect()
    for _ in range(2):
        response = visitor.token("/revoke", token=tokens["refresh_token"], token_type_hint="anything")
        assert response.status_code == 200
    assert visitor.me(tokens["access_token"]).status_code == 401
    assert visitor.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert [family["ended"] for family in visitor.families()] == ["revoked"]


def test_revoking_an_access_token(visitor: Visitor) -> None:
    """It ends alone."""
    tokens = visitor.connect()
    assert visitor.token("/revoke", token=tokens["access_token"]).status_code == 200
    assert visitor.me(tokens["access_token"]).status_code == 401
    assert visitor.refresh(tokens["refresh_token"]).status_code == 200


@pytest.mark.parametrize(
    "auth, token, status",
    [
        (("demo-client", "wrong"), "own", 401),
        (("demo-keeps", "demo-secret"), "own", 400),
        (BASIC, "unknown", 200),
        (BASIC, "", 400),
    ],
)
def test_revocations_that_change_nothing(
    visitor: Visitor, auth: tuple[str, str], token: str, status: int
) -> None:
    """No authentication, another client, no token: refused; an unknown token: fine (RFC 7009 section 2.2)."""
    tokens = visitor.connect()
    value = tokens["refresh_token"] if token == "own" else token
    assert visitor.token("/revoke", auth=auth, token=value).status_code == status
    assert visitor.refresh(tokens["refresh_token"]).status_code == 200


def test_introspection(visitor: Visitor) -> None:
    """A client learns about its own live tokens; every other token is just not active."""
    tokens = visitor.connect()
    access = visitor.token("/introspect", token=tokens["access_token"]).json()
    assert (access["active"], access["sub"], access["token_type"]) == (True, "ada", "Bearer")
    assert access["exp"] - access["iat"] == 40
    assert access["family_id"] == visitor.families()[0]["family_id"]
    refresh_token = {"token": tokens["refresh_token"]}
    assert visitor.token("/introspect", **refresh_token).json()["token_type"] == "refresh_token"
    foreign = visitor.token("/introspect", auth=("demo-keeps", "demo-secret"), **refresh_token)
    assert foreign.json() == {"active": False}
    visitor.refresh(tokens["refresh_token"])
    assert visitor.token("/introspect", **refresh_token).json() == {"active": False}


def test_the_metadata_is_true(visitor: Visitor) -> None:
    """RFC 8414: it is well-formed, every endpoint is there, and what it lists is what is taken."""
    described: dict[str, Any] = visitor.call("GET", METADATA).json()
    AuthorizationServerMetadata(described).validate()
    assert described["issuer"] == visitor.url
    endpoints = {name: url for name, url in described.items() if name.endswith("_endpoint")}
    assert len(endpoints) == 4
    for name, url in endpoints.items():
        method = "GET" if name == "authorization_endpoint" else "POST"
        assert visitor.call(method, url.removeprefix(visitor.url)).status_code in {400, 401}
    for scope in described["scopes_supported"]:
        assert "code" in answer(visitor.decide(visitor.ask(scope=scope)))
    for mode in described["response_modes_supported"]:
        assert visitor.ask(response_mode=mode).status_code == 200
    for grant_type in described["grant_types_supported"]:
        error = visitor.token(grant_type=grant_type).json().get("error")
        assert error in {None, "invalid_request"}


def test_the_api_asks_for_its_scopes(visitor: Visitor) -> None:
    """Each route opens to its own scope only, and notes belong to the account."""
    reader = {"Authorization": f"Bearer {visitor.connect(scope='notes.read')['access_token']}"}
    writer = {"Authorization": f"Bearer {visitor.connect(scope='notes.write')['access_token']}"}
    note = {"text": "remember"}
    assert visitor.call("POST", "/api/notes", json=note, headers=reader).status_code == 403
    assert visitor.call("POST", "/api/notes", json=note, headers=writer).status_code == 201
    assert visitor.call("POST", "/api/notes", json={"text": 1}, headers=writer).status_code == 422
    assert visitor.call("GET", "/api/notes", headers=writer).status_code == 403
    assert visitor.call("GET", "/api/notes", headers=reader).json() == {"items": ["remember"]}
    assert visitor.call("GET", "/api/notes").status_code == 401
    client = visitor.token(grant_type="client_credentials", scope="notes.read").json()["access_token"]
    own = visitor.call("GET", "/api/notes", headers={"Authorization": f"Bearer {client}"})
    assert own.json() == {"items": []}


def test_a_refresh_token_does_not_open_the_api(visitor: Visitor) -> None:
    """Only access tokens do."""
    assert visitor.me(visitor.connect()["refresh_token"]).status_code == 401


def shown_command(page: str) -> list[str]:
    """The words of the command on a landing page, as a POSIX shell reads them."""
    found = re.search(r"<pre>(.*?)</pre>", page, re.DOTALL)
    assert found is not None, page
    return shlex.split(html.unescape(found[1]).replace("\\\n", ""))


def test_the_confirm_command_survives_a_hostile_query(visitor: Visitor) -> None:
    """Whatever the query holds is text on the page and one word of the command."""
    query = {"resource_id": "demo", "connection_id": "c_1-A", "confirmation_code": HOSTILE, "user": HOSTILE}
    page = visitor.call("GET", "/app", params=query).text
    assert "<script" not in page
    words = shown_command(page)
    assert words[:4] == [
        "curl",
        "-X",
        "POST",
        "http://127.0.0.1:8000/v1/resources/demo/connections/c_1-A/confirm",
    ]
    assert words[4:7] == ["-H", "Content-Type: application/json", "-d"]
    assert json.loads(words[7]) == {"confirmation_code": HOSTILE, "user": HOSTILE}
    assert len(words) == 8


@pytest.mark.parametrize(
    "changes, headline",
    [
        ({"error": HOSTILE}, "Not connected"),
        ({"confirmation_code": None}, "Connected"),
        ({"user": None}, "Almost connected"),
        ({"resource_id": HOSTILE}, "Not a connection"),
        ({"connection_id": "../x"}, "Not a connection"),
        ({"connection_id": None}, "Nothing here yet"),
    ],
)
def test_landings_without_a_command(visitor: Visitor, changes: dict[str, str | None], headline: str) -> None:
    """An error, nothing to confirm, or something missing: a page that says so, without a command."""
    whole = {"resource_id": "demo", "connection_id": "c", "confirmation_code": "code", "user": "ada"}
    assert "<pre>" in visitor.call("GET", "/app", params=whole).text
    page = visitor.call("GET", "/app", params=whole | changes)
    assert page.status_code == 200
    assert f"<h1>{headline}</h1>" in page.text
    assert "<pre>" not in page.text
    assert "<script" not in page.text


@pytest.mark.parametrize(
    "headers, status",
    [
        ({"Host": "rebound.example:80"}, 421),
        ({"Origin": "https://example.com"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 200),
    ],
)
def test_foreign_pages_are_refused(visitor: Visitor, headers: dict[str, str], status: int) -> None:
    """A rebound name, a foreign origin or site cannot call the token endpoint."""
    response = visitor.call(
        "POST", "/token", headers=headers, data={"grant_type": "client_credentials"}, auth=BASIC
    )
    assert response.status_code == status


def test_a_foreign_page_cannot_decide(visitor: Visitor) -> None:
    """The consent form is taken from its own origin only, although a link from anywhere may open it."""
    cross_site = {"Sec-Fetch-Site": "cross-site", "Origin": "https://example.com"}
    page = visitor.ask()
    again = visitor.call("GET", page.url.removeprefix(visitor.url), headers=cross_site)
    form = Form(again.text)
    data = form.fields | {"decision": "allow", "account": "ada"}
    assert visitor.call("POST", form.action, data=data, headers=cross_site).status_code == 403
    same_origin = {"Sec-Fetch-Site": "same-origin", "Origin": visitor.url}
    assert visitor.call("POST", form.action, data=data, headers=same_origin).status_code == 303


def test_a_taken_port_is_said(visitor: Visitor) -> None:
    """A second provider on the same port ends with a sentence that names it and --port."""
    port = visitor.url.rsplit(":", 1)[1]
    command = [sys.executable, "-m", "local.demo_provider", "--port", port]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 1
    assert ended.stderr == f"Port {port} is taken: give the demo provider another one with --port.\n"


def test_the_options_hold_and_controls_are_off(tmp_path: Path) -> None:
    """Lifetime, grace period and broker address are options; /control exists with --controls alone."""
    options = [
        "--access-token-lifetime",
        "7",
        "--grace-period",
        "60",
        "--broker-url",
        "http://localhost:1234/",
    ]
    log = tmp_path / "log"
    command = [sys.executable, "-m", "local.demo_provider", "--port", "0", *options]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        visitor = Visitor(process.stdout.readline().strip().removeprefix("Demo provider on "))
        tokens = visitor.connect()
        first, again = (visitor.refresh(tokens["refresh_token"]) for _ in range(2))
        query = {"resource_id": "demo", "connection_id": "c", "confirmation_code": "code", "user": "ada"}
        page = visitor.call("GET", "/app", params=query).text
        control = visitor.call("GET", "/control/families")
        visitor.session.close()
        process.send_signal(signal.SIGINT)
        log.write_text(process.stdout.read())
    assert process.returncode == 0
    assert tokens["expires_in"] == 7
    assert first.json()["refresh_token"] == again.json()["refresh_token"]
    assert shown_command(page)[3].startswith("http://localhost:1234/v1/")
    assert control.status_code == 404
    assert "GET  /control/families 404" in log.read_text()
    assert REDIRECT_URI not in log.read_text()
