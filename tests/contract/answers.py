"""Holds any answer of the API against its OpenAPI description."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, Protocol
from urllib.parse import unquote

from tests.contract.description import Operation, faults, followed, operations

OURS: Final = ("application/problem+json", "text/html; charset=utf-8")

_OPERATIONS: Final = tuple(operations())
_NO_ROUTE: Final[Mapping[int, Any]] = {
    404: {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/GatewayMessage"}}}}
}


class Answer(Protocol):
    """What is looked at of an answer; a `requests.Response` is one."""

    @property
    def status_code(self) -> int:
        """The status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, case passed over."""

    @property
    def content(self) -> bytes:
        """The body, decoded where it came compressed."""


class UndescribedError(AssertionError):
    """An answer is not as the description says; the message says how it differs."""


def check(method: str, path: str, answer: Answer) -> None:
    """Hold the answer to a request against the description. Raises UndescribedError.

    `path` is as it was sent, from the first slash on, with its query or without. An answer of the local
    stack's own guards (421) is none of the API's.
    """
    operation = operation_of(method, path)
    wrong = list(_wrong(operation.responses if operation else _NO_ROUTE, answer))
    if wrong:
        asked = f"{method} {path.partition('?')[0]} ({operation or 'no route'})"
        raise UndescribedError(f"{asked} answered {answer.status_code}: {'; '.join(wrong)}")


def operation_of(method: str, path: str) -> Operation | None:
    """The operation that API Gateway chooses: the path decoded once, exact segments before variables."""
    decoded = unquote(path.partition("?")[0]).partition("?")[0]
    fitting = [
        (operation.path.count("{"), index)
        for index, operation in enumerate(_OPERATIONS)
        if operation.method == method and any(_fits(s + operation.path, decoded) for s in operation.servers)
    ]
    return _OPERATIONS[min(fitting)[1]] if fitting else None


def _fits(pattern: str, path: str) -> bool:
    wanted, given = pattern.split("/"), path.split("/")
    return len(wanted) == len(given) and all(
        bool(found) if part.startswith("{") else part == found
        for part, found in zip(wanted, given, strict=True)
    )


def _wrong(described: Mapping[int, Any], answer: Answer) -> list[str]:
    if answer.status_code not in described:
        return ["the status is not described"]
    response = described[answer.status_code]
    media_type = answer.headers.get("Content-Type")
    wrong = [
        f"{name}: {fault}"
        for name, header in response.get("headers", {}).items()
        for fault in _header_faults(followed(header), answer.headers.get(name))
    ]
    if media_type in OURS and answer.headers.get("Cache-Control") != "no-store":
        wrong.append("it may be kept by a cache")
    content = response.get("content", {})
    if not content:
        return [*wrong, *(["it has a body"] if answer.content else [])]
    if media_type is None or media_type not in content:
        return [*wrong, f"it is {media_type}"]
    return [*wrong, *_body_faults(media_type, content[media_type]["schema"], answer.content)]


def _header_faults(header: Mapping[str, Any], value: str | None) -> list[str]:
    if value is None:
        return ["is missing"] if header.get("required") else []
    number = header["schema"].get("type") == "integer" and value.isascii() and value.isdecimal()
    return faults(int(value) if number else value, header["schema"])


def _body_faults(media_type: str, schema: dict[str, Any], body: bytes) -> list[str]:
    if not media_type.endswith("json"):
        return [] if body else ["it is empty"]
    try:
        value = json.loads(body)
    except ValueError:
        return ["it is not JSON"]
    return faults(value, schema)
