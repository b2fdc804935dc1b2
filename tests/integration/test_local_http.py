"""The local stack over HTTP: events, routes, authorizers, guards and limits, as API Gateway has them."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import RSAKey

from local.stack import Stack
from tests.integration.local_toys.running import eventually, printed, toys

KEY = RSAKey.generate_key(2048, {"kid": "one"})


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """An OpenID issuer: discovery and keys."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Either of the two documents."""
            url = f"http://{self.headers['Host']}"
            keys = {"keys": [KEY.as_dict(private=False)]}
            document = keys if self.path == "/keys" else {"issuer": url, "jwks_uri": f"{url}/keys"}
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def stack(issuer: str) -> Iterator[Stack]:
    """The toys, with an issuer for /jwt."""
    own = {"EchoFunction": {"OWN": "echo"}, "ActFunction": {"OWN": "act"}}
    with toys(
        oidc_issuer=issuer, oidc_audience=["toy"], extra_env={"EXTRA": "1"}, function_env=own
    ) as running:
        yield running


def seen(response: requests.Response) -> dict[str, Any]:
    """What the echo function saw."""
    assert response.status_code == 200, response.text
    content: dict[str, Any] = response.json()
    return content


def raw(stack: Stack, method: str, target: str, headers: list[tuple[str, str]]) -> tuple[int, bytes]:
    """Status and body of a request whose target and headers are sent as they are."""
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(stack.url).port or 0, timeout=20)
    connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
    for name, value in headers:
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def own_host(stack: Stack) -> str:
    """The Host of the stack's own address."""
    return urlsplit(stack.url).netloc


def test_a_function_sees_the_request_as_api_gateway_hands_it_over(stack: Stack) -> None:
    """Path decoded once and cut, repeats joined, cookies apart, body as text or base64, local identity."""
    target = "/v1/echo/a%20b%3Fcut?x=1&x=2&y=%20"
    headers = [("Host", own_host(stack)), ("X-Two", "1"), ("x-two", "2"), ("Cookie", "c=1; d=2")]
    status, body = raw(stack, "GET", target, headers)
    assert status == 200
    event = json.loads(body)["event"]
    assert event["rawPath"] == "/v1/echo/a b"
    assert event["pathParameters"] == {"name": "a b"}
    assert event["rawQueryString"] == "x=1&x=2&y=%20"
    assert event["queryStringParameters"] == {"x": "1,2", "y": " "}
    assert event["headers"]["x-two"] == "1, 2"
    assert event["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert event["cookies"] == ["c=1", "d=2"]
    assert event["routeKey"] == "ANY /v1/echo/{name}"
    assert event["requestContext"]["authorizer"]["iam"]["userId"] == "local"
    assert event["requestContext"]["domainName"] == own_host(stack)
    assert "body" not in event


def test_a_body_arrives_as_text_or_base64(stack: Stack) -> None:
    """JSON as text, a form as base64."""
    as_json = seen(requests.post(f"{stack.url}/v1/echo/a", json={"a": "é"}, timeout=20))["event"]
    assert (json.loads(as_json["body"]), as_json["isBase64Encoded"]) == ({"a": "é"}, False)
    assert as_json["headers"]["content-type"] == "application/json"
    as_form = seen(requests.post(f"{stack.url}/v1/echo/a", data={"a": "b"}, timeout=20))["event"]
    assert (as_form["body"], as_form["isBase64Encoded"]) == ("YT1i", True)


def test_a_function_runs_in_its_folder_with_its_layer_and_environment(stack: Stack) -> None:
    """What the template gives, what Lambda sets, what local adds, and nothing of this process's own."""
    surroundings = seen(requests.get(f"{stack.url}/v1/echo/a", timeout=20))
    environment = surroundings["environment"]
    assert surroundings["folder"].endswith("local_toys/functions/echo")
    assert surroundings["path"][0] == surroundings["folder"]
    assert surroundings["layer"] == "toy"
    assert not any(entry.endswith("local") for entry in surroundings["path"])
    assert environment["TABLE_NAME"] == stack.table_name
    assert environment["KEY_ID"] == stack.attributes["Key"]["Arn"]
    assert environment["PUBLIC_URL"] == stack.url
    assert environment["AWS_ENDPOINT_URL"] == stack.endpoint_url
    assert environment["LOOPBACK_PROVIDERS"] == "1"
    ports = {str(urlsplit(url).port) for url in (stack.url, stack.endpoint_url)}
    assert set(environment["LOOPBACK_FORBIDDEN_PORTS"].split(",")) == ports
    assert (environment["EXTRA"], environment["OWN"]) == ("1", "echo")
    assert "HOME" not in environment
    assert "SCHEDULE_PERIOD" not in environment  # the template does not give it to this function
    context = surroundings["context"]
    assert context["function_name"] == "EchoFunction"
    assert context["memory_limit_in_mb"] == "128"
    assert 5000 < context["remaining"] <= 10000


def test_an_answer_comes_back_whole(stack: Stack) -> None:
    """Status, headers, several cookies and a binary body."""
    wanted = {
        "statusCode": 303,
        "headers": {"location": "https://a.test/", "content-type": "image/png"},
        "cookies": ["a=1; Path=/", "b=2"],
        "body": "/w==",
        "isBase64Encoded": True,
    }
    url = f"{stack.url}/oauth/x?answer={quote(json.dumps(wanted))}"
    answer = requests.get(url, timeout=20, allow_redirects=False)
    assert (answer.status_code, answer.content) == (303, b"\xff")
    assert answer.headers["location"] == "https://a.test/"
    assert answer.raw.headers.getlist("set-cookie") == ["a=1; Path=/", "b=2"]
    assert not {"server", "access-control-allow-origin"} & {name.lower() for name in answer.headers}


def test_head_has_headers_and_no_body(stack: Stack) -> None:
    """The length is that of the body that GET would bring."""
    answer = requests.head(f"{stack.url}/v1/echo/a", timeout=20)
    assert answer.status_code == 200
    assert int(answer.headers["content-length"]) > 100
    assert answer.content == b""


@pytest.mark.parametrize(
    "method, path, status, message",
    [
        ("GET", "/nowhere", 404, "Not Found"),
        ("GET", "/v1/act", 404, "Not Found"),
        ("GET", "/v1/echo/a/b", 404, "Not Found"),
        ("GET", "/v1/echo/a%2Fb", 404, "Not Found"),
        ("GET", "/v1/broken", 500, "Internal Server Error"),
    ],
)
def test_what_goes_wrong_has_api_gateways_own_words(
    stack: Stack, method: str, path: str, status: int, message: str
) -> None:
    """Unknown routes and broken functions."""
    answer = requests.request(method, stack.url + path, timeout=20)
    assert (answer.status_code, answer.json()) == (status, {"message": message})


@pytest.mark.parametrize(
    "wish, status",
    [
        ({}, 200),
        ({"raise": "secret-reason"}, 500),
        ({"exit": 3}, 500),
        ({"sleep": 5}, 500),
        ({"padding": 7_000_000}, 500),
    ],
)
def test_a_failing_function_is_a_500(stack: Stack, wish: dict[str, Any], status: int) -> None:
    """An error, an exit, a timeout and an answer over 6 MB look the same from outside, and tell nothing."""
    answer = requests.post(f"{stack.url}/v1/act", json=wish, timeout=20)
    assert answer.status_code == status
    if status == 500:
        assert answer.json() == {"message": "Internal Server Error"}


@pytest.mark.parametrize("size, status", [(1_000_000, 200), (6_400_000, 413), (10_500_000, 413)])
def test_a_body_over_the_limits_is_a_413(stack: Stack, size: int, status: int) -> None:
    """6 MB is what Lambda takes, 10 MB what API Gateway takes."""
    answer = requests.post(
        f"{stack.url}/v1/act",
        data=b'{"x":"' + b"x" * size + b'"}',
        headers={"content-type": "application/json"},
        timeout=30,
    )
    assert answer.status_code == status
    if status == 413:
        assert answer.json() == {"message": "Request Entity Too Large"}


@pytest.mark.parametrize(
    "method, target, headers, status",
    [
        ("GET", "/v1/echo/a", [("Host", "OWN")], 200),
        ("GET", "/v1/echo/a", [("Host", "evil.example")], 421),
        ("GET", "/oauth/a", [("Host", "evil.example")], 421),
        ("GET", "/v1/echo/a", [], 421),
        ("GET", "http://evil.example/v1/echo/a", [("Host", "evil.example")], 421),
        ("GET", "/v1/echo/a", [("Host", "OWN"), ("Origin", "https://evil.example")], 403),
        ("GET", "/v1/echo/a", [("Host", "OWN"), ("Sec-Fetch-Site", "cross-site")], 403),
        ("GET", "/oauth/a", [("Host", "OWN"), ("Sec-Fetch-Site", "cross-site")], 200),
        ("GET", "/oauth/..%2Fv1/echo/a", [("Host", "OWN"), ("Sec-Fetch-Site", "cross-site")], 404),
        ("GET", "/oauth/%2e%2e/v1/echo/a", [("Host", "OWN"), ("Sec-Fetch-Site", "cross-site")], 404),
        (
            "POST",
            "/oauth/a",
            [("Host", "OWN"), ("Origin", "https://provider.example"), ("Content-Length", "0")],
            200,
        ),
    ],
)
def test_strangers_are_refused_over_http(
    stack: Stack, method: str, target: str, headers: list[tuple[str, str]], status: int
) -> None:
    """The guards stand before everything, and no form of a path goes round them."""
    sent = [(name, value.replace("OWN", own_host(stack))) for name, value in headers]
    assert raw(stack, method, target, sent)[0] == status


@pytest.mark.parametrize(
    "headers, status",
    [
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Host": "evil.example"}, 421),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({}, 403),
    ],
)
def test_no_page_reaches_the_aws_endpoint(stack: Stack, headers: dict[str, str], status: int) -> None:
    """Moto would let any page read and reset it; an SDK's call gets through (the control)."""
    answer = requests.post(f"{stack.endpoint_url}/moto-api/reset", headers=headers, timeout=20)
    assert answer.status_code == status
    assert not any(name.lower().startswith("access-control") for name in answer.headers)
    assert (
        stack.client("dynamodb").describe_table(TableName=stack.table_name)["Table"]["TableStatus"]
        == "ACTIVE"
    )


def bearer(issuer: str, **claims: Any) -> dict[str, str]:
    """An Authorization header with a token of the issuer's."""
    content = {
        "iss": issuer,
        "aud": "toy",
        "sub": "ada",
        "exp": 4_000_000_000,
        "scope": "broker/read",
        **claims,
    }
    return {"Authorization": f"Bearer {jwt.encode({'alg': 'RS256', 'kid': 'one'}, content, KEY)}"}


def test_a_jwt_of_the_issuer_opens_the_jwt_routes(stack: Stack, issuer: str) -> None:
    """The function sees its claims; another audience gets 401, another scope 403, and no token 401."""
    url = f"{stack.url}/jwt/v1/echo/a"
    event = seen(requests.get(url, headers=bearer(issuer), timeout=20))["event"]
    assert event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] == "ada"
    seen(requests.get(url, headers=bearer(issuer, scope="broker/admin"), timeout=20))
    refused = [
        (bearer(issuer, aud="x"), 401, "Unauthorized"),
        (bearer(issuer, scope="broker/write"), 403, "Forbidden"),
        ({}, 401, "Unauthorized"),
    ]
    for headers, status, message in refused:
        answer = requests.get(url, headers=headers, timeout=20)
        assert (answer.status_code, answer.json()) == (status, {"message": message})


def test_without_an_issuer_jwt_routes_are_closed(issuer: str) -> None:
    """Even a token that would be good gets 401."""
    with toys() as running:
        answer = requests.get(f"{running.url}/jwt/v1/echo/a", headers=bearer(issuer), timeout=20)
    assert (answer.status_code, answer.json()) == (401, {"message": "Unauthorized"})


def test_the_console_has_one_line_a_request_without_its_query(stack: Stack) -> None:
    """Method, path, status and function; what stands in a query may be secret."""
    requests.get(f"{stack.url}/v1/echo/seen-path?ticket=hidden-secret", timeout=20)
    lines = [line for line in printed(stack).splitlines() if "/v1/echo/seen-path" in line]
    assert len(lines) == 1
    assert lines[0].split()[1:4] == ["GET", "/v1/echo/seen-path", "200"]
    assert lines[0].endswith("EchoFunction")
    assert "hidden-secret" not in printed(stack)


def test_what_a_function_prints_is_passed_on(stack: Stack) -> None:
    """Its lines and its errors' traces, under its name."""
    requests.post(f"{stack.url}/v1/act", json={"print": "a line of its own", "raise": "a reason"}, timeout=20)
    requests.post(f"{stack.url}/v1/act", json={"exit": 3}, timeout=20)
    requests.get(f"{stack.url}/v1/broken", timeout=20)
    lines = {
        "Act    a line of its own",
        "Act    ValueError: a reason",
        "Broken ImportError: this module is broken",
    }
    assert eventually(lambda: all(line in printed(stack) for line in lines))
    assert "Act    Runtime.ExitError: " in printed(stack)
