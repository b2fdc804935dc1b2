"""A client of the demo provider and the person in front of it: a browser without scripts, for the tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests

# RFC 7636 appendix B.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
REDIRECT_URI = "http://127.0.0.1:9/oauth/demo/callback"
STATE = 'a "state" & more'
BASIC = ("demo-client", "demo-secret")
TIMEOUT = 20


class Form(HTMLParser):
    """The first form of a page: where it goes, and what is filled in already."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the form's address and its hidden fields."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = given["action"]
        elif tag == "input" and given.get("type") == "hidden":
            self.fields[given["name"]] = given["value"]


@dataclass
class Visitor:
    """Somebody at the provider's `url`; cookies are kept, redirects are not followed."""

    url: str
    session: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        self.session.trust_env = False

    def call(self, method: str, path: str, **rest: Any) -> requests.Response:
        """Any request to the provider."""
        return self.session.request(method, self.url + path, timeout=TIMEOUT, allow_redirects=False, **rest)

    def ask(self, **changes: str | None) -> requests.Response:
        """The authorization request, with parameters changed or (None) left out."""
        params = {
            "response_type": "code",
            "client_id": "demo-client",
            "redirect_uri": REDIRECT_URI,
            "scope": "profile notes.read offline",
            "state": STATE,
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        } | changes
        return self.call("GET", "/authorize", params=params)

    def decide(
        self, page: requests.Response, decision: str = "allow", account: str = "ada"
    ) -> requests.Response:
        """The consent form of `page`, sent."""
        assert page.status_code == 200, page.text
        form = Form(page.text)
        data = form.fields | {"decision": decision, "account": account}
        return self.call("POST", form.action, data=data)

    def code(self, **changes: str | None) -> str:
        """A fresh authorization code."""
        return answer(self.decide(self.ask(**changes)))["code"]

    def token(
        self, path: str = "/token", auth: tuple[str, str] | None = BASIC, **fields: str
    ) -> requests.Response:
        """A token request in a form; whether Basic goes along is `auth`'s to say."""
        return self.call("POST", path, data=fields, auth=auth)

    def exchange(self, code: str, /, **changes: Any) -> requests.Response:
        """The exchange of a code."""
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT_URI,
            "code_verifier": VERIFIER,
        }
        return self.token(**(fields | changes))

    def connect(self, auth: tuple[str, str] = BASIC, **changes: str | None) -> dict[str, Any]:
        """The token answer of a whole authorization."""
        response = self.exchange(self.code(client_id=auth[0], **changes), auth=auth)
        assert response.status_code == 200, response.text
        tokens: dict[str, Any] = response.json()
        return tokens

    def refresh(self, refresh_token: str, /, **changes: Any) -> requests.Response:
        """A refresh."""
        return self.token(**({"grant_type": "refresh_token", "refresh_token": refresh_token} | changes))

    def me(self, access_token: str) -> requests.Response:
        """The API, asked with a token."""
        return self.call("GET", "/api/me", headers={"Authorization": f"Bearer {access_token}"})

    def families(self) -> list[dict[str, Any]]:
        """What the provider knows of its families."""
        items: list[dict[str, Any]] = self.call("GET", "/control/families").json()["items"]
        return items


def answer(response: requests.Response) -> dict[str, str]:
    """The parameters that a redirect to REDIRECT_URI carries."""
    assert response.status_code == 303, response.text
    location = response.headers["Location"]
    assert location.startswith(f"{REDIRECT_URI}?")
    return dict(parse_qsl(urlsplit(location).query))
