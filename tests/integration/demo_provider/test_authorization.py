"""/authorize: who is sent back where with what, and who is not."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.integration.demo_provider.visitor import REDIRECT_URI, STATE, Form, Visitor, answer

if TYPE_CHECKING:
    from tests.integration.demo_provider.conftest import Running


def test_the_code_flow(visitor: Visitor) -> None:
    """Consent brings a code, the code tokens, and the access token opens the API as the chosen account."""
    back = answer(visitor.decide(visitor.ask(), account="grace"))
    assert set(back) == {"code", "state", "iss"}
    assert (back["state"], back["iss"]) == (STATE, visitor.url)
    response = visitor.exchange(back["code"])
    tokens = response.json()
    assert response.status_code == 200, response.text
    assert response.headers["Cache-Control"] == "no-store"
    assert set(tokens) == {"access_token", "refresh_token", "token_type", "expires_in", "scope", "account"}
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 40)
    assert (tokens["scope"], tokens["account"]) == ("profile notes.read offline", "grace")
    assert visitor.me(tokens["access_token"]).json()["name"] == "Grace Hopper"


def test_a_request_without_scope_gets_the_default(visitor: Visitor) -> None:
    """RFC 6749 section 3.3: a scope left out is the documented default, offline among it."""
    tokens = visitor.connect(scope=None)
    assert tokens["scope"] == "profile offline"
    assert "refresh_token" in tokens


def test_no_refresh_token_without_offline(visitor: Visitor) -> None:
    """Who does not ask to stay connected gets no refresh token."""
    assert "refresh_token" not in visitor.connect(scope="profile")


def test_denial(visitor: Visitor) -> None:
    """Deny goes back with access_denied, state and iss, and without a code."""
    back = answer(visitor.decide(visitor.ask(), "deny"))
    assert (back["error"], back["state"], back["iss"]) == ("access_denied", STATE, visitor.url)
    assert "code" not in back


@pytest.mark.parametrize("decision", ["allow", "deny"])
def test_form_post(visitor: Visitor, decision: str) -> None:
    """With response_mode=form_post the same parameters come as a form to the redirect URI."""
    redirect_uri = f"{REDIRECT_URI}?own=1"
    page = visitor.decide(visitor.ask(response_mode="form_post", redirect_uri=redirect_uri), decision)
    form = Form(page.text)
    assert (page.status_code, form.action) == (200, redirect_uri)
    assert (form.fields["state"], form.fields["iss"]) == (STATE, visitor.url)
    assert ("code" in form.fields, "error" in form.fields) == (decision == "allow", decision == "deny")
    assert "own" not in form.fields


@pytest.mark.parametrize(
    "changes, error",
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "unsupported_response_type"),
        ({"scope": "profile everything"}, "invalid_scope"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
    ],
)
def test_errors_that_go_back(visitor: Visitor, changes: dict[str, str | None], error: str) -> None:
    """What is wrong with a known client's request goes back, with state and iss. PKCE is required."""
    back = answer(visitor.ask(**changes))
    assert (back["error"], back["state"], back["iss"]) == (error, STATE, visitor.url)


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": None},
        {"client_id": "nobody"},
        {"client_id": '"><script>'},
        {"redirect_uri": None},
        {"redirect_uri": "https://example.com/oauth/x"},
        {"redirect_uri": "http://127.0.0.1.example.com/oauth/x"},
        {"redirect_uri": "http://user@127.0.0.1/oauth/x"},
        {"redirect_uri": "http://127.0.0.1@example.com/oauth/x"},
        {"redirect_uri": "http://example.com\\@127.0.0.1/oauth/x"},
        {"redirect_uri": "http://127.0.0.1:9/elsewhere"},
        {"redirect_uri": "http://127.0.0.1:9/oauth/x#fragment"},
        {"redirect_uri": "http://127.0.0.1:99999/oauth/x"},
        {"redirect_uri": "http://[::1/oauth/x"},
        {"redirect_uri": "javascript:/oauth/alert(1)"},
        {"redirect_uri": 'http://127.0.0.1/oauth/"'},
        {"response_type": 'code"\\'},
    ],
)
def test_errors_that_stay(visitor: Visitor, changes: dict[str, str | None]) -> None:
    """A request whose client or redirect URI cannot be trusted ends on a page, escaped, not in a redirect."""
    response = visitor.ask(**changes)
    assert response.status_code == 400
    assert "Location" not in response.headers
    assert "<script>" not in response.text


@pytest.mark.parametrize("host", ["127.0.0.1:1", "localhost", "[::1]:65535", "127.8.9.10"])
def test_any_loopback_redirect_uri(visitor: Visitor, host: str) -> None:
    """A redirect URI on this machine below /oauth/ gets the consent page, and no redirect before."""
    assert visitor.ask(redirect_uri=f"http://{host}/oauth/any/callback?x=y").status_code == 200


def test_repeated_parameters(visitor: Visitor) -> None:
    """RFC 6749 section 3.1: a parameter that comes twice is an error, on a page: nothing is sure then."""
    address = urlsplit(visitor.ask().url)
    assert visitor.call("GET", f"{address.path}?{address.query}").status_code == 200
    assert visitor.call("GET", f"{address.path}?{address.query}&state=other").status_code == 400


@pytest.mark.parametrize("wrong", ["cookie", "token", "query"])
def test_consent_comes_from_its_own_page(visitor: Visitor, wrong: str) -> None:
    """A decision counts only from the browser that was shown the page, for the request shown there."""
    form = Form(visitor.ask().text)
    data = form.fields | {"decision": "allow", "account": "ada"}
    action = form.action
    assert visitor.call("POST", action, data=data).status_code == 303
    if wrong == "cookie":
        visitor.session.cookies.clear()
    elif wrong == "token":
        data["consent_token"] = "0" * 64
    else:
        action = action.replace("profile", "notes.write")
    assert visitor.call("POST", action, data=data).status_code == 403


def test_two_tabs(visitor: Visitor) -> None:
    """Pages opened side by side can both be answered."""
    first, second = visitor.ask(state="one"), visitor.ask(state="two")
    assert [answer(visitor.decide(page))["state"] for page in (first, second)] == ["one", "two"]


@pytest.mark.parametrize("data", [{"decision": "maybe"}, {"decision": "allow", "account": "eve"}, {}])
def test_no_decision(visitor: Visitor, data: dict[str, str]) -> None:
    """Anything but deny, or allow with a known account, is refused without a redirect."""
    form = Form(visitor.ask().text)
    assert visitor.call("POST", form.action, data=form.fields | data).status_code == 400


def test_the_consent_page_is_plain(visitor: Visitor) -> None:
    """It needs no script, may not be framed, and its cookie is out of reach of scripts and foreign forms."""
    page = visitor.ask()
    assert "<script" not in page.text
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert "HttpOnly" in page.headers["Set-Cookie"]
    assert "SameSite=Lax" in page.headers["Set-Cookie"]


def test_the_log_holds_no_secret(visitor: Visitor, running: Running) -> None:
    """A line a request, without query, code, token or secret."""
    code = visitor.code(state="state-for-the-log")
    tokens = visitor.exchange(code).json()
    visitor.call(
        "GET", "/token-get", params={"client_secret": "demo-secret", "grant_type": "client_credentials"}
    )
    visitor.call("GET", "/app%0aforged")
    log = running.log.read_text()
    assert "POST /token 200" in log
    assert "GET  /token-get 400" in log or "GET  /token-get 401" in log
    assert "\nforged" not in log
    secrets = [code, tokens["access_token"], tokens["refresh_token"], "demo-secret", "state-for-the-log"]
    assert [secret for secret in secrets if secret in log] == []
