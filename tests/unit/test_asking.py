"""What a caller's body asks for, and every way in which it can be wrong."""

from __future__ import annotations

from typing import Any

import pytest

from oauth_broker.asking import parse_asking
from oauth_broker.errors import InvalidError
from oauth_broker.return_url import return_url_problem
from tests.unit.registration.samples import LEAST, parsed

APP = "https://app.example/back"
GOOD = {"return_url": APP, "user": "u1"}
VARIABLES = {"tenant": {"pattern": "[a-z]+"}, "region": {"default": "eu"}}
RESOURCE = parsed(
    LEAST
    | {
        "scopes": ["read", "write"],
        "connection_variables": VARIABLES,
        "authorization": {"url": "https://acme.test/{{tenant}}/{{region}}/authorize"},
    }
).resource
PLAIN = parsed(LEAST | {"require_confirmation": False}).resource
OWN = parsed(
    {
        "name": "Acme",
        "client_id": "client-1",
        "client_secret": "not-a-real-secret",
        "token": LEAST["token"],
        "grant_type": "client_credentials",
    }
).resource


def allowed(origin: str) -> bool:
    """Say whether a browser may return to an origin."""
    return origin in {"https://app.example:443", "http://127.0.0.1:8001"}


def ask(body: dict[str, Any], resource: Any = PLAIN, **known: Any) -> Any:
    """Parse a body."""
    return parse_asking(body, resource, may_return_to=allowed, **known)


def pointers(body: dict[str, Any], resource: Any = PLAIN, **known: Any) -> list[str]:
    """Give the pointers of what is wrong with a body."""
    with pytest.raises(InvalidError) as caught:
        ask(body, resource, **known)
    return [problem.pointer for problem in caught.value.problems]


@pytest.mark.parametrize(
    "body, expected",
    [
        ({"a": 1, "b/c~d": 2}, ["/a", "/b~1c~0d"]),
        ({"connection_id": ""}, ["/connection_id"]),
        ({"connection_id": "a" * 65}, ["/connection_id"]),
        ({"connection_id": "a b"}, ["/connection_id"]),
        ({"connection_id": "a\n"}, ["/connection_id"]),
        ({"connection_id": "ä"}, ["/connection_id"]),
        ({"connection_id": 7}, ["/connection_id"]),
        ({"user": ""}, ["/user"]),
        ({"user": "u" * 129}, ["/user"]),
        ({"user": ["u"]}, ["/user"]),
        ({"return_url": "https://evil.example/"}, ["/return_url"]),
        ({"scopes": "read"}, ["/scopes"]),
        ({"scopes": ["read"]}, ["/scopes/0"]),
        ({"labels": {}}, ["/labels"]),
        (
            {"labels": ["a", "a", "", "b" * 129, 5, "a\x00"]},
            ["/labels/1", *(f"/labels/{n}" for n in range(2, 6))],
        ),
        ({"labels": [f"l{n}" for n in range(21)]}, ["/labels"]),
        ({"variables": {"x": "y"}}, ["/variables/x"]),
        ({"variables": ["x"]}, ["/variables"]),
        ({"user": 1, "labels": 1, "variables": 1}, ["/user", "/labels", "/variables"]),
    ],
)
def test_what_is_wrong_is_pointed_at(body: dict[str, Any], expected: list[str]) -> None:
    """Every problem at once, each at its place."""
    assert pointers(body) == expected


@pytest.mark.parametrize(
    "body, expected",
    [
        ({}, ["/return_url", "/user"]),
        ({"user": "u"}, ["/return_url"]),
        ({"return_url": APP}, ["/user"]),
        ({"return_url": None, "user": None}, ["/return_url", "/user"]),
    ],
)
def test_confirmation_needs_somewhere_and_somebody(body: dict[str, Any], expected: list[str]) -> None:
    """Where connections are confirmed, `return_url` and `user` are required."""
    asked = body | {"variables": {"tenant": "t"}}
    assert pointers(asked, RESOURCE) == expected
    assert ask(asked | GOOD, RESOURCE).user == "u1"


def test_client_credentials_need_nobody() -> None:
    """Nobody comes back to a browser, so nothing is to be confirmed."""
    assert ask({}, OWN).user is None


@pytest.mark.parametrize(
    "given, expected",
    [(None, ("read", "write")), ([], ()), (["write"], ("write",)), (["write", "read"], ("write", "read"))],
)
def test_scopes_are_a_part_of_the_resources(given: list[str] | None, expected: tuple[str, ...]) -> None:
    """Left out, they are all of the resource's."""
    body = GOOD | {"variables": {"tenant": "t"}, "scopes": given}
    assert ask(body, RESOURCE).scopes == expected


@pytest.mark.parametrize("scopes", [["admin"], ["read", "read"], [7], ["read write"]])
def test_no_scope_beyond_the_resources(scopes: list[Any]) -> None:
    """Nor one twice, nor what is no scope."""
    body = GOOD | {"variables": {"tenant": "t"}, "scopes": scopes}
    assert pointers(body, RESOURCE)[0].startswith("/scopes/")


@pytest.mark.parametrize(
    "given, known, expected",
    [
        ({"tenant": "a"}, None, {"tenant": "a", "region": "eu"}),
        ({"tenant": "a", "region": "us"}, None, {"tenant": "a", "region": "us"}),
        (None, {"tenant": "a"}, {"tenant": "a", "region": "eu"}),
        ({"tenant": "b"}, {"tenant": "a", "region": "us"}, {"tenant": "b", "region": "us"}),
    ],
)
def test_variables(given: Any, known: Any, expected: dict[str, str]) -> None:
    """Defaults fill what is not given; who reauthorizes keeps what the body leaves out."""
    body = GOOD | ({} if given is None else {"variables": given})
    assert ask(body, RESOURCE, known_variables=known).variables == expected


@pytest.mark.parametrize("given", [None, {}, {"tenant": "A"}, {"tenant": 7}, {"tenant": None}])
def test_a_variable_is_required_and_has_its_pattern(given: Any) -> None:
    """The problem stands at the variable."""
    body = GOOD | ({} if given is None else {"variables": given})
    assert pointers(body, RESOURCE) == ["/variables/tenant"]


def test_reauthorizing_names_no_other_connection() -> None:
    """Neither id nor labels are asked for again."""
    body = {"connection_id": "c2", "labels": ["x"]}
    assert pointers(body, PLAIN, known_variables={}) == ["/connection_id", "/labels"]
    assert ask(body).labels == ("x",)


@pytest.mark.parametrize(
    "url",
    [
        APP,
        "https://app.example",
        "https://APP.example:443/",
        "https://app.example/back?x=1&y=",
        "http://127.0.0.1:8001/app",
        "https://app.example/a%20b?next=%2F",
    ],
)
def test_where_a_browser_may_return(url: str) -> None:
    """An address of an origin that the deployment allows, its own query kept."""
    assert return_url_problem(url, allowed) is None


@pytest.mark.parametrize(
    "url, reason",
    [
        ("", "is a URL"),
        (7, "is a URL"),
        (None, "is a URL"),
        ("https://app.example/" + "a" * 2048, "is a URL"),
        ("/back", "not an absolute URL"),
        ("//app.example/back", "not an absolute URL"),
        ("javascript:alert(1)", "not an absolute URL"),
        ("https:///back", "not an absolute URL"),
        ("https://app.example:x/", "not an absolute URL"),
        ("https://[::1", "not an absolute URL"),
        ("https://app.example@evil.example/", "user information"),
        ("https://u:p@app.example/", "user information"),
        ("https://@app.example/", "user information"),
        ("https://app.example/#x", "fragment"),
        ("https://app.example/#", "fragment"),
        ("https://app.example\\@evil.example/", "character"),
        ("https://app.example/\r\nSet-Cookie: x", "character"),
        ("https://app.example/\t", "character"),
        (" https://app.example/", "character"),
        ("https://app.example/ä", "character"),
        ("https://app。example/", "character"),
        ("https://app.example/{x}", "character"),
        ("http://app.example/", "does not allow"),
        ("https://app.example:8443/", "does not allow"),
        ("https://app.example.evil.example/", "does not allow"),
        ("https://evil.example/?https://app.example/", "does not allow"),
        ("http://127.0.0.1:8002/", "does not allow"),
        ("https://app.example/?error=x", "parameter of ours"),
        ("https://app.example/?a=1&confirmation_code", "parameter of ours"),
        ("https://app.example/?%63onnection_id=1", "parameter of ours"),
    ],
)
def test_where_no_browser_is_sent(url: object, reason: str) -> None:
    """What another parser could read as another address is refused, with the reason."""
    assert reason in (return_url_problem(url, allowed) or "")


def test_a_long_scope_can_be_asked_for() -> None:
    """A scope may be as long as the resource's own: what bounds labels is no bound of scopes."""
    scope = "https://api.example/auth/" + "x" * 400
    resource = parsed(LEAST | {"scopes": [scope]}).resource
    assert ask(GOOD | {"scopes": [scope]}, resource).scopes == (scope,)


CONSOLE = "https://broker.example/"


@pytest.mark.parametrize(
    "url, reason",
    [
        (CONSOLE, None),
        (f"{CONSOLE}?resource_id=acme", None),
        (f"{CONSOLE}?", None),
        ("https://broker.example", "does not allow"),
        (f"{CONSOLE}oauth/start?ticket=x", "does not allow"),
        (f"{CONSOLE}v1/resources", "does not allow"),
        (f"{CONSOLE}/", "does not allow"),
        ("https://broker.example:8443/", "does not allow"),
        ("https://broker.example.evil.example/", "does not allow"),
        ("https://evil.example/?https://broker.example/", "does not allow"),
        (f"{CONSOLE}?error=x", "parameter of ours"),
        (f"{CONSOLE}#x", "fragment"),
    ],
)
def test_the_console_is_its_own_return_url(url: str, reason: str | None) -> None:
    """No deployment has to name its own address, of which nothing but the page is allowed."""
    found = return_url_problem(url, allowed, CONSOLE)
    assert found is None if reason is None else reason in (found or "")
    assert return_url_problem(url, allowed) is not None
