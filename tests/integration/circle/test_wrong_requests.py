"""What a bad query, a bad body, an unknown thing and an unknown route get."""

from __future__ import annotations

import pytest

from tests.integration.circle.broker import Broker, assert_problem

R, C = "/v1/resources/{r}", "/v1/resources/{r}/connections/ada"


@pytest.mark.parametrize(
    "method, path, pointer",
    [
        *(
            ("GET", f"{listed}?limit={bad}", "limit")
            for listed in ("/v1/resources", f"{R}/connections")
            for bad in ("0", "201", "-1", "x", "1.5", "")
        ),
        ("GET", "/v1/resources?status=active", "status"),
        ("GET", f"{R}/connections?status=dead", "status"),
        ("GET", f"{R}/connections?dies_before=1", "dies_before"),
        ("GET", "/v1/tokens/{r}/ada?min_ttl=x", "min_ttl"),
        ("GET", "/v1/tokens/{r}/ada?min_ttl=-1", "min_ttl"),
        ("GET", "/v1/tokens/{r}/ada?names=second", "names"),
        ("GET", "/v1/callback-url?resource_id=UPPER", "resource_id"),
        ("GET", "/v1/callback-url?resource_id=", "resource_id"),
        ("GET", "/v1/callback-url?other=x", "other"),
        ("GET", f"{R}?x=1", "x"),
        ("GET", f"{C}?x=1", "x"),
        ("DELETE", f"{R}?connections=all", "connections"),
        ("DELETE", f"{R}?x=1", "x"),
        ("DELETE", f"{C}?x=1", "x"),
        ("POST", f"{C}/refresh?x=1", "x"),
        ("POST", "/v1/rebind/{r}?x=1", "x"),
    ],
)
def test_a_bad_query(broker: Broker, tenants: str, method: str, path: str, pointer: str) -> None:
    """A query parameter that is bad or unknown is named."""
    assert_problem(broker.call(method, path.format(r=tenants)), 422, "invalid", pointer)


@pytest.mark.parametrize("cursor", ["", "x", "e30", "bm90LWpzb24", "eyJhZnRlciI6IkEifQ", "%00", "x" * 3000])
@pytest.mark.parametrize("path", ["/v1/resources", f"{R}/connections"])
def test_a_bad_cursor(broker: Broker, tenants: str, path: str, cursor: str) -> None:
    """A cursor that we did not write cannot be read."""
    assert_problem(broker.call("GET", f"{path.format(r=tenants)}?cursor={cursor}"), 400, "malformed")


@pytest.mark.parametrize("query", ["limit=1&limit=1", "limit", "%ff=1", "&&="])
def test_a_malformed_query(broker: Broker, query: str) -> None:
    """A query that cannot be read, or that says something twice, is malformed."""
    assert_problem(broker.call("GET", f"/v1/resources?{query}"), 400, "malformed")


WITH_A_BODY = [
    ("POST", "/v1/resources"),
    ("PUT", R),
    ("PATCH", R),
    ("POST", f"{R}/connections"),
    ("POST", f"{C}/confirm"),
    ("POST", f"{C}/reauthorize"),
]
JSON = "application/json"
MALFORMED = (400, "malformed")
OF_ANOTHER_TYPE = (415, "unsupported-media-type")
TOO_LARGE = (413, "too-large")
MUCH = b'{"name": "' + b"x" * 256 * 1024 + b'"}'


@pytest.mark.parametrize(
    "problem, content_type, body",
    [
        (MALFORMED, JSON, b""),
        (MALFORMED, JSON, b"{"),
        (MALFORMED, JSON, b"[]"),
        (MALFORMED, JSON, b"null"),
        (MALFORMED, JSON, b'{"name": NaN}'),
        (MALFORMED, JSON, b'{"name": 1, "name": 1}'),
        (MALFORMED, JSON, b'{"name": "\\ud800"}'),
        (MALFORMED, JSON, b'{"name": "\xff"}'),
        (MALFORMED, JSON, b'{"name": 1e999}'),
        (MALFORMED, JSON, b'{"name": ' + b"[" * 40 + b"]" * 40 + b"}"),
        (MALFORMED, JSON, b'{"name": ' + b"[" * 20_000 + b"]" * 20_000 + b"}"),
        (OF_ANOTHER_TYPE, "text/plain", b"{}"),
        (OF_ANOTHER_TYPE, "application/x-www-form-urlencoded", b"name=x"),
        (OF_ANOTHER_TYPE, "application/json; charset=latin-1", b"{}"),
        (OF_ANOTHER_TYPE, None, b"{}"),
        (TOO_LARGE, JSON, MUCH),
    ],
)
@pytest.mark.parametrize("method, path", WITH_A_BODY)
def test_a_body_that_is_none(
    broker: Broker,
    tenants: str,
    method: str,
    path: str,
    *,
    problem: tuple[int, str],
    content_type: str | None,
    body: bytes,
) -> None:
    """Every route with a body wants one JSON object in UTF-8 of at most 256 KB, and the right type for it."""
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = broker.call(method, path.format(r=tenants), data=body, headers=headers)
    assert_problem(answer, *problem)


@pytest.mark.parametrize(
    "method, path",
    [
        ("GET", R),
        ("PUT", R),
        ("PATCH", R),
        ("DELETE", R),
        ("POST", "/v1/rebind/{r}"),
        ("GET", f"{R}/connections"),
        ("POST", f"{R}/connections"),
        ("GET", C),
        ("DELETE", C),
        ("POST", f"{C}/confirm"),
        ("POST", f"{C}/reauthorize"),
        ("POST", f"{C}/refresh"),
        ("GET", "/v1/tokens/{r}/ada"),
    ],
)
@pytest.mark.parametrize("resource_id", ["nobody", "NOBODY", "x" * 65])
def test_an_unknown_resource(broker: Broker, method: str, path: str, resource_id: str) -> None:
    """Whatever is asked of a resource that is not there, or cannot be, is not found."""
    bodies = {
        f"{C}/confirm": {"confirmation_code": "x", "user": "x"},
        R: broker.registration(resource_id=None),
    }
    body = bodies.get(path, {}) if method in {"POST", "PUT", "PATCH"} else None
    assert_problem(broker.call(method, path.format(r=resource_id), body), 404, "not-found")


@pytest.mark.parametrize("connection_id", ["nobody", "a%20b", "x" * 65, "%C3%A4"])
@pytest.mark.parametrize(
    "method, path",
    [
        ("GET", "/v1/resources/{r}/connections/{c}"),
        ("DELETE", "/v1/resources/{r}/connections/{c}"),
        ("POST", "/v1/resources/{r}/connections/{c}/confirm"),
        ("POST", "/v1/resources/{r}/connections/{c}/reauthorize"),
        ("POST", "/v1/resources/{r}/connections/{c}/refresh"),
        ("GET", "/v1/tokens/{r}/{c}"),
    ],
)
def test_an_unknown_connection(
    broker: Broker, tenants: str, method: str, path: str, connection_id: str
) -> None:
    """Nor is a connection that is not there, or cannot be."""
    body = {"confirmation_code": "x", "user": "x"} if path.endswith("confirm") else {}
    answer = broker.call(method, path.format(r=tenants, c=connection_id), body if method == "POST" else None)
    assert_problem(answer, 404, "not-found")


@pytest.mark.parametrize(
    "method, path, status, message",
    [
        ("GET", "/v1/nothing", 404, "Not Found"),
        ("GET", "/v1", 404, "Not Found"),
        ("POST", "/health", 404, "Not Found"),
        ("GET", "/v1/resources/a/b/c/d", 404, "Not Found"),
        ("DELETE", "/v1/resources", 404, "Not Found"),
        ("POST", "/v1/providers", 404, "Not Found"),
        ("POST", "/oauth/start", 404, "Not Found"),
        ("GET", "/jwt/v1/nothing", 404, "Not Found"),
        ("GET", "/jwt/v1/resources", 401, "Unauthorized"),
        ("GET", "/jwt/v1/tokens/a/b", 401, "Unauthorized"),
    ],
)
def test_what_the_gateway_answers(broker: Broker, method: str, path: str, status: int, message: str) -> None:
    """Unknown routes and failed authorizers get API Gateway's own answer, as in AWS."""
    answer = broker.call(method, path)
    assert (answer.status_code, answer.json()) == (status, {"message": message})
