"""Signing in to the console at a certified provider: PKCE, a token in memory alone, its end, out again."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from playwright.sync_api import expect

from local.console import Console
from local.stack import Options, Stack
from tests.browser.signing_in import AUDIENCE, CALL, SESSION, WAIT, Person, SignInDesk, desk
from tests.servers.programs import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Request, Response, Route

    from tests.servers.openid_provider import OpenIdProvider

ALL: Final = ["read", "write", "token", "proxy", "admin"]


@pytest.fixture(scope="module")
def signing_in(openid_provider: OpenIdProvider) -> Iterator[SignInDesk]:
    """A stack whose console signs in at the provider."""
    with desk(openid_provider) as opened:
        yield opened


@pytest.fixture
def person(chromium: Browser, signing_in: SignInDesk) -> Iterator[Person]:
    """Somebody who has never been here."""
    context = chromium.new_context()
    visitor = Person(signing_in, context, context.new_page())
    context.on("request", lambda request: visitor.requests.append(request))  # noqa: PLW0108 - it marks what it is given
    yield visitor
    context.close()


def query(request: Request) -> dict[str, str]:
    """The query of a request; each parameter comes once."""
    found = parse_qs(urlsplit(request.url).query, strict_parsing=True)
    assert all(len(values) == 1 for values in found.values())
    return {name: values[0] for name, values in found.items()}


def claims(token: str) -> dict[str, object]:
    """What a JWT says."""
    content: dict[str, object] = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    return content


def token_of(person: Person) -> str:
    """The access token that the page sends to the API."""
    assert person.call("GET", "/v1/resources") == {"status": 200}
    sent = person.sent_to("/jwt/v1/resources")[-1].all_headers()["authorization"]
    assert sent.startswith("Bearer ey")
    return sent.removeprefix("Bearer ")


def test_a_person_signs_in_and_calls(person: Person) -> None:
    """Code with S256 and state, no client secret, the API's audience; then calls go to /jwt/v1."""
    known = person.sign_in()
    assert (known["signedIn"], known["rights"], known["missing"]) == (True, ALL, [])
    asked = query(person.sent_to("/auth")[0])
    exchanged = parse_qs(person.sent_to("/token")[0].post_data or "", strict_parsing=True)
    digest = hashlib.sha256(exchanged["code_verifier"][0].encode()).digest()
    assert asked["code_challenge"] == base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert asked | {"code_challenge": "", "state": ""} == {
        "response_type": "code",
        "client_id": person.desk.client.client_id,
        "redirect_uri": person.desk.start,
        "scope": "broker/read broker/write broker/admin",
        "code_challenge_method": "S256",
        "resource": AUDIENCE,
        "code_challenge": "",
        "state": "",
    }
    assert len(asked["state"]) == 43
    assert "client_secret" not in exchanged
    told = claims(token_of(person))
    assert (told["aud"], told["iss"]) == (AUDIENCE, person.desk.provider.url)


def test_the_token_is_kept_nowhere(person: Person) -> None:
    """Not in storages, cookies, history, document, any URL, nor the broker's lines: in a header alone.

    Fails when sign_in.js puts the token into sessionStorage.
    """
    person.sign_in()
    token = token_of(person)
    headers = [one.all_headers().get("authorization", "") for one in person.requests]
    assert any(token in header for header in headers), "the test looks for another token"
    assert token not in person.kept()
    assert not [one.url for one in person.requests if token in one.url]
    assert "GET    /jwt/v1/resources" in person.desk.logged.getvalue()
    assert token not in person.desk.logged.getvalue()
    assert "code_verifier" not in person.kept()
    spent = parse_qs(person.sent_to("/token")[0].post_data or "")
    assert not [value for value in (spent["code"][0], spent["code_verifier"][0]) if value in person.kept()]


def test_the_policy_names_the_token_endpoint_alone(signing_in: SignInDesk) -> None:
    """What the page may reach is the broker and the issuer's token endpoint, to the letter."""
    answer = requests.get(signing_in.start, timeout=20)
    assert answer.headers["content-security-policy"] == (
        f"default-src 'self'; connect-src 'self' {signing_in.provider.url}/token; object-src 'none'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def test_the_configuration_is_the_issuers(signing_in: SignInDesk) -> None:
    """The page learns the endpoints from the issuer's metadata, and nothing that is secret."""
    provider = signing_in.provider.url
    assert requests.get(f"{signing_in.start}console/config.json", timeout=20).json() == {
        "api_prefix": "/jwt",
        "public_url": signing_in.stack.url,
        "sign_in": {
            "issuer": provider,
            "client_id": signing_in.client.client_id,
            "authorization_endpoint": f"{provider}/auth",
            "token_endpoint": f"{provider}/token",
            "end_session_endpoint": f"{provider}/session/end",
            "end_session_return_parameter": "post_logout_redirect_uri",
            "scopes": ["broker/read", "broker/write", "broker/admin"],
            "scope_prefix": "broker/",
            "resource": AUDIENCE,
        },
        "demo_provider": None,
    }


@pytest.mark.parametrize(
    "left_out, rights", [("broker/admin", ["read", "write"]), ("broker/write broker/admin", ["read"])]
)
def test_who_may_do_less_is_told_what(person: Person, left_out: str, rights: list[str]) -> None:
    """What the issuer did not grant is missing: the rest works, and the API refuses what is missing."""
    known = person.sign_in(account="bob", without=left_out)
    assert (known["rights"], known["missing"]) == (rights, [one for one in ALL if one not in rights])
    assert person.call("GET", "/v1/resources") == {"status": 200}
    refused = person.call("POST", "/v1/resources", {})
    assert (refused["name"], refused["status"]) == ("Problem", 403)


def test_an_answer_that_nobody_asked_for_is_refused(person: Person) -> None:
    """A foreign state brings no exchange, and the address is cleaned of it."""
    person.sign_in()
    exchanges = len(person.sent_to("/token"))
    person.open("?code=stolen&state=" + "A" * 43)
    person.back()
    assert person.session()["reason"] == "state"
    assert len(person.sent_to("/token")) == exchanges


def test_another_state_for_ones_own_trip_is_refused(person: Person) -> None:
    """The code of a trip with another's state is not exchanged; the trip is over then."""
    person.open()
    person.page.wait_for_url(f"{person.desk.provider.url}/interaction/**", timeout=WAIT)
    person.open("?code=c&state=another")
    assert person.session()["reason"] == "state"
    assert person.sent_to("/token") == []
    assert "oauth-broker.sign-in" not in person.kept()


def test_a_code_is_good_once(person: Person) -> None:
    """The address that brought a code, opened again, signs nobody in, and the code is not sent twice."""
    brought: list[str] = []
    person.page.on("response", lambda it: _note_code(it, person.desk.start, brought))
    person.sign_in()
    assert len(brought) == 1, "the code did not come by the address"
    person.page.goto(brought[0])
    assert person.session()["reason"] == "state"
    assert len(person.sent_to("/token")) == 1


def _note_code(response: Response, start: str, brought: list[str]) -> None:
    if response.url.startswith(f"{start}?") and "code=" in response.url:
        brought.append(response.url)


def test_another_issuers_answer_is_refused(person: Person) -> None:
    """An answer that says it is of another issuer is not exchanged (RFC 9207)."""
    person.open()
    person.page.wait_for_url(f"{person.desk.provider.url}/interaction/**", timeout=WAIT)
    state = query(person.sent_to("/auth")[0])["state"]
    person.open(f"?code=c&state={state}&iss=https://evil.example")
    assert person.session()["reason"] == "issuer"
    assert person.sent_to("/token") == []


def test_a_person_who_says_no_is_told_so(person: Person) -> None:
    """The issuer's refusal is handed on, and the page does not ask again by itself."""
    person.open()
    person.consent(allow=False)
    found = person.session()
    assert (found["reason"], found["error"]) == ("refused", "access_denied")
    assert found["description"] == "The person said no."
    assert len(person.sent_to("/auth")) == 1


def test_an_expired_token_leads_to_the_issuer_and_back_to_the_same_place(person: Person) -> None:
    """The page signs in again without a question, and is where it was; the token is a new one."""
    person.page.clock.install()
    person.open("#/resources/acme-crm")
    person.consent()
    before = token_of(person)
    assert person.page.url.endswith("/#/resources/acme-crm")
    with person.page.expect_navigation(url=f"{person.desk.start}?*", wait_until="commit", timeout=WAIT):
        person.call_later("GET", "/v1/resources", 601)
    person.back()
    known = person.session()
    assert (known["signedIn"], known["renewed"]) == (True, True)
    expect(person.page.get_by_text("Your sign-in had expired").first).to_be_visible(timeout=WAIT)
    assert person.page.url.endswith("/#/resources/acme-crm")
    assert token_of(person) != before


def test_a_401_in_the_middle_leads_to_the_issuer_too(person: Person) -> None:
    """A token that ended early is replaced likewise; a fresh one that is refused is said to be."""
    person.page.clock.install()
    person.sign_in()
    person.page.route(
        "**/jwt/v1/resources", lambda route: route.fulfill(status=401, json={"message": "Unauthorized"})
    )
    assert person.call("GET", "/v1/resources") == {
        "name": "Problem",
        "status": 401,
        "message": "Unauthorized",
    }
    with person.page.expect_navigation(url=f"{person.desk.start}?*", wait_until="commit", timeout=WAIT):
        person.call_later("GET", "/v1/resources", 60)
    person.page.unroute("**/jwt/v1/resources")
    person.back()
    assert person.session()["renewed"] is True
    assert person.call("GET", "/v1/resources") == {"status": 200}


def test_signing_out_ends_the_session_at_the_issuer(person: Person) -> None:
    """The issuer forgets the person; the page signs nobody in by itself, but anybody who asks for it."""
    person.sign_in()
    person.leave_by("signOut")
    person.page.wait_for_url(f"{person.desk.provider.url}/session/end**", timeout=WAIT)
    assert query(person.sent_to("/session/end")[0]) == {
        "client_id": person.desk.client.client_id,
        "post_logout_redirect_uri": person.desk.start,
    }
    person.page.locator("[name=logout]").click()
    person.back()
    assert person.session()["reason"] == "signed_out"
    person.leave_by("signIn")
    person.consent(account="bob")
    assert person.session()["signedIn"] is True


def test_the_page_signs_in_at_its_own_address_alone(person: Person) -> None:
    """Opened at another name of the machine, it goes to the address that the issuer knows."""
    other = person.desk.start.replace("127.0.0.1", "localhost")
    person.page.goto(f"{other}#/resources")
    person.consent()
    assert person.session()["signedIn"] is True
    assert person.page.url == f"{person.desk.start}#/resources"


def test_an_issuer_that_refuses_a_scope_is_asked_for_less(person: Person) -> None:
    """Where the whole request is refused for one scope, the page asks without the last, and has the rest."""
    asked: list[str] = []

    def refusing(route: Route) -> None:
        sent = query(route.request)
        asked.append(sent["scope"])
        if "broker/admin" not in sent["scope"]:
            return route.continue_()
        answer = urlencode({"error": "invalid_scope", "state": sent["state"]})
        return route.fulfill(status=303, headers={"Location": f"{person.desk.start}?{answer}"})

    person.context.route(f"{person.desk.provider.url}/auth?*", refusing)
    person.open("#/resources")
    person.consent()
    assert person.session()["rights"] == ["read", "write"]
    assert asked == ["broker/read broker/write broker/admin", "broker/read broker/write"]
    assert person.page.url == f"{person.desk.start}#/resources"


def test_no_sign_in_is_needed_where_there_is_no_issuer(chromium: Browser) -> None:
    """On the plain local stack the page calls /v1 at once, and may do everything."""
    with Stack(Options(demo=False, schedule=False), Console(io.StringIO())) as stack:
        context = chromium.new_context()
        page = context.new_page()
        page.goto(stack.url)
        assert page.evaluate(SESSION) == {
            "signedIn": False,
            "rights": ALL,
            "missing": [],
            "expiresAt": None,
            "renewed": False,
        }
        assert page.evaluate(CALL, ["GET", "/v1/resources", None]) == {"status": 200}
        context.close()


def test_an_issuer_that_is_away_is_said_to_be(chromium: Browser) -> None:
    """The page comes, and says why nobody can sign in; it asks again when somebody does."""
    options = Options(
        demo=False,
        schedule=False,
        oidc_issuer=f"http://127.0.0.1:{free_port()}",
        oidc_client_id="console",
    )
    with Stack(options, Console(io.StringIO())) as stack:
        context = chromium.new_context()
        page = context.new_page()
        page.goto(stack.url)
        known = page.evaluate(SESSION)
        assert (known["reason"], known["error"]) == ("unreachable", "")
        assert known["description"].startswith("The issuer's metadata cannot be fetched")
        context.close()


def test_without_a_network_a_call_says_so(person: Person) -> None:
    """A call that reaches nobody is Offline, and the next one that does works."""
    person.sign_in()
    person.context.set_offline(offline=True)
    assert person.call("GET", "/v1/resources")["name"] == "Offline"
    person.context.set_offline(offline=False)
    assert person.call("GET", "/v1/resources") == {"status": 200}
