"""The console's page and its files come by their names alone, with a policy that lets in nothing else."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from tests.unit.http_events import http_event

STATIC: Final = Path(__file__).parents[2] / "functions" / "console" / "static"
FILES: Final = sorted(path.name for path in STATIC.iterdir() if path.name != "index.html")
SETTINGS: Final = {"PUBLIC_URL": "", "OIDC_ISSUER": "", "OIDC_AUDIENCE": "", "SCOPE_PREFIX": "broker/"}
TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ask]:
    """Gives the function, started with further variables: what it answers to a GET of a path."""

    def started(**variables: str) -> Ask:
        for name, value in {**SETTINGS, **variables}.items():
            monkeypatch.setenv(name, value)
        app = importlib.reload(importlib.import_module("functions.console.app"))

        def ask(route: str, file: str = "", **members: Any) -> dict[str, Any]:
            answer: dict[str, Any] = app.handler(
                http_event(f"GET {route}", pathParameters={"file": file} if file else {}, **members), None
            )
            return answer

        return ask

    return started


def headers_of(answer: Mapping[str, Any]) -> dict[str, str]:
    """An answer's headers but for its tag."""
    return {name: value for name, value in answer["headers"].items() if name != "etag"}


def test_the_page_may_load_nothing_but_its_own(console: Callable[..., Ask]) -> None:
    """Every header of the page, to the letter; its query is its own affair."""
    answer = console()("/", rawQueryString="connection_id=ada&confirmation_code=abc&x=1&x=2")
    assert (answer["statusCode"], answer["body"]) == (200, (STATIC / "index.html").read_text("utf-8"))
    assert headers_of(answer) == {
        "cache-control": "no-cache",
        "content-security-policy": (
            "default-src 'self'; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'"
        ),
        "content-type": "text/html; charset=utf-8",
        "cross-origin-opener-policy": "same-origin-allow-popups",
        "referrer-policy": "no-referrer",
        "vary": "Accept-Encoding",
        "x-content-type-options": "nosniff",
    }


def test_the_page_breaks_no_rule_of_its_policy() -> None:
    """No script or style stands in it, and what it loads is the broker's own."""
    text = (STATIC / "index.html").read_text("utf-8")
    assert "<style" not in text
    assert " style=" not in text
    assert " on" not in text.split("<body", 1)[1].split("<noscript", 1)[0].replace(" only", "")
    assert text.count("<script") == text.count('<script type="module" src="/console/')
    assert "http" not in text.replace("http-equiv", "")


@pytest.mark.parametrize("name", FILES)
def test_each_file_comes_by_its_name(console: Callable[..., Ask], name: str) -> None:
    """Whole, with its type, asked again each time; what is opened by itself runs nothing."""
    answer = console()("/console/{file}", name)
    assert (answer["statusCode"], answer["body"]) == (200, (STATIC / name).read_text("utf-8"))
    assert answer["headers"]["content-type"] == TYPES[Path(name).suffix]
    assert answer["headers"]["content-security-policy"] == "default-src 'none'"
    assert answer["headers"]["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "name",
    [
        "index.html",
        "app.py",
        "openapi.json",
        "../app.py",
        "..",
        ".",
        "/etc/passwd",
        "static/app.js",
        "./app.js",
        "app.js/",
        "APP.JS",
        "app.js\0",
        "%2e%2e%2fapp.py",
        "..\\app.py",
        "toString",
        "a" * 5000,
    ],
)
def test_no_other_name_leads_anywhere(console: Callable[..., Ask], name: str) -> None:
    """A 404 problem; only the exact names of the page's files are known."""
    answer = console()("/console/{file}", name)
    assert (answer["statusCode"], json.loads(answer["body"])["type"]) == (404, "urn:oauth-broker:not-found")


def test_without_an_issuer_nobody_signs_in(console: Callable[..., Ask]) -> None:
    """On the local stack calls go to /v1; the address is the deployment's, else the request's."""
    assert json.loads(console()("/console/config.json")["body"]) == {
        "api_prefix": "",
        "public_url": "https://broker.example.com",
        "sign_in": None,
        "demo_provider": None,
    }
    ask = console(PUBLIC_URL="https://broker.example.org")
    assert json.loads(ask("/console/config.json")["body"])["public_url"] == "https://broker.example.org"


def test_an_issuer_without_a_client_is_no_way_in(console: Callable[..., Ask]) -> None:
    """OidcIssuer without OidcClientId: calls would go to /jwt, and the page says what is missing."""
    answer = console(OIDC_ISSUER="https://login.example.test")("/console/config.json")
    assert json.loads(answer["body"]) == {
        "api_prefix": "/jwt",
        "public_url": "https://broker.example.com",
        "sign_in": None,
        "demo_provider": None,
    }


def test_an_issuer_that_cannot_be_asked_is_said_to_be(console: Callable[..., Ask]) -> None:
    """The page comes all the same, so that somebody reads why; the configuration is a 503."""
    ask = console(OIDC_ISSUER="https://127.0.0.1:9/issuer")
    stage = {"stageVariables": {"console_client_id": "console"}}
    page, configuration = ask("/", **stage), ask("/console/config.json", **stage)
    assert (page["statusCode"], configuration["statusCode"]) == (200, 503)
    assert json.loads(configuration["body"])["type"] == "urn:oauth-broker:unavailable"
    assert configuration["headers"]["retry-after"] == "10"
    assert "connect-src 'self';" in page["headers"]["content-security-policy"]
