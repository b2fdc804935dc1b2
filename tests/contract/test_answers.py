"""What holds answers against the description notices each way in which one can differ."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest
from requests.structures import CaseInsensitiveDict

from tests.contract.answers import UndescribedError, check, operation_of
from tests.contract.description import Operation, operations

if TYPE_CHECKING:
    from collections.abc import Mapping

TOKEN: Final = "/v1/tokens/acme-crm/ada"
JSON: Final = {"Content-Type": "application/json", "Cache-Control": "no-store"}
PROBLEM: Final = {"Content-Type": "application/problem+json", "Cache-Control": "no-store"}
PAGE: Final = {"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store"}
GOOD_TOKEN: Final = {
    "access_token": "a",
    "token_type": "Bearer",
    "expires_at": "2026-11-24T06:28:39Z",
    "scope": "",
    "generation": 1,
    "metadata": {},
}
NOT_READY: Final = {
    "type": "urn:oauth-broker:connection-not-ready",
    "title": "The connection is not connected yet",
    "status": 409,
    "detail": "the connection is pending",
}


@dataclass(frozen=True)
class Made:
    """An answer made up."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes


def made(status: int, headers: Mapping[str, str], body: Any = None) -> Made:
    """An answer with a JSON body, or with none."""
    content = b"" if body is None else json.dumps(body).encode()
    return Made(status, CaseInsensitiveDict(headers), content)


@pytest.mark.parametrize(
    "method, path, answer",
    [
        ("GET", TOKEN, made(200, JSON, GOOD_TOKEN)),
        ("GET", f"/jwt{TOKEN}?min_ttl=60", made(200, JSON, {**GOOD_TOKEN, "expires_at": None})),
        ("GET", TOKEN, made(409, PROBLEM, NOT_READY)),
        ("GET", f"/jwt{TOKEN}", made(401, {"Content-Type": "application/json"}, {"message": "Unauthorized"})),
        ("DELETE", "/v1/resources/acme-crm", made(204, {"Cache-Control": "no-store"})),
        ("GET", "/v1/nothing", made(404, {"Content-Type": "application/json"}, {"message": "Not Found"})),
        ("GET", "/oauth/start?ticket=x", Made(404, CaseInsensitiveDict(PAGE), b"<!doctype html>")),
    ],
)
def test_a_described_answer_passes(method: str, path: str, answer: Made) -> None:
    """What the description has is not objected to."""
    check(method, path, answer)


@pytest.mark.parametrize(
    "method, path, answer, why",
    [
        ("GET", TOKEN, made(418, JSON, {}), "the status is not described"),
        ("GET", TOKEN, made(200, {**JSON, "Content-Type": "text/plain"}, GOOD_TOKEN), "it is text/plain"),
        ("GET", TOKEN, made(200, {"Content-Type": "application/json"}, GOOD_TOKEN), "is missing"),
        ("GET", TOKEN, made(200, {**JSON, "Cache-Control": "private"}, GOOD_TOKEN), "no-store"),
        ("GET", TOKEN, made(200, JSON, {**GOOD_TOKEN, "refresh_token": "r"}), "refresh_token"),
        ("GET", TOKEN, made(200, JSON, {**GOOD_TOKEN, "expires_at": "tomorrow"}), "date-time"),
        ("GET", TOKEN, Made(200, CaseInsensitiveDict(JSON), b"{"), "not JSON"),
        ("GET", TOKEN, made(409, {**PROBLEM, "Cache-Control": "private"}, NOT_READY), "kept by a cache"),
        ("GET", TOKEN, made(409, PROBLEM, {**NOT_READY, "status": 404}), "409 was expected"),
        ("GET", TOKEN, made(409, PROBLEM, {**NOT_READY, "type": "urn:oauth-broker:id-in-use"}), "id-in-use"),
        ("GET", TOKEN, made(409, JSON, NOT_READY), "it is application/json"),
        ("DELETE", "/v1/resources/acme-crm", made(204, {"Cache-Control": "no-store"}, {}), "has a body"),
        ("GET", "/v1/nothing", made(200, JSON, {}), "no route"),
        ("GET", "/jwt/health", made(200, JSON, {"status": "ok"}), "no route"),
        ("GET", "/oauth/start", made(302, {"Cache-Control": "no-store"}), "Location"),
        ("GET", "/oauth/start", Made(404, CaseInsensitiveDict(PAGE), b""), "it is empty"),
        ("GET", TOKEN, made(503, {**PROBLEM, "Retry-After": "soon"}, {}), "Retry-After"),
    ],
)
def test_another_answer_is_noticed(method: str, path: str, answer: Made, why: str) -> None:
    """A status, header, media type, member or value of its own makes an answer one that is not described."""
    with pytest.raises(UndescribedError, match=why):
        check(method, path, answer)


@pytest.mark.parametrize("operation", tuple(operations()), ids=str)
def test_each_operation_is_found_by_its_paths(operation: Operation) -> None:
    """A path with its variables filled in is the operation's own, at each of its servers."""
    path = operation.path.format(resource_id="acme-crm", connection_id="ada", provider="google")
    for server in operation.servers:
        assert operation_of(operation.method, f"{server}{path}?a=b") == operation


@pytest.mark.parametrize(
    "path, expected",
    [
        ("/v1/resources/a%2Fconnections", "/v1/resources/{resource_id}/connections"),
        ("/v1/resources/a%3Fb/connections", "/v1/resources/{resource_id}"),
        ("/oauth/callback", "/oauth/callback"),
        ("/v1/resources/", None),
    ],
)
def test_a_path_is_decoded_first(path: str, expected: str | None) -> None:
    """API Gateway decodes a path and cuts it at a question mark before it looks for the route."""
    found = operation_of("GET", path)
    assert (found and found.path) == expected
