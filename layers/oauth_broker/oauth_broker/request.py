"""What came through API Gateway (HTTP API payload 2.0), parsed."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from oauth_broker.caller import JWT_PREFIX, Caller, caller_of
from oauth_broker.errors import (
    FieldProblem,
    InvalidError,
    MalformedError,
    NotFoundError,
    TooLargeError,
    UnsupportedMediaTypeError,
)
from oauth_broker.secret import Secret
from oauth_broker.strict_json import parse_json_object

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_BODY: Final = 256 * 1024
JSON: Final = "application/json"
JSON_LINES: Final = frozenset({"application/x-ndjson", "application/jsonl"})
MAX_QUERY_FIELDS: Final = 50
MAX_CURSOR: Final = 2048
MAX_LIMIT: Final = 200
DEFAULT_LIMIT: Final = 50

# An id that cannot exist is not found, before anything is asked of the table.
_IDS: Final = {
    "resource_id": re.compile(r"[a-z0-9-]{1,64}"),
    "connection_id": re.compile(r"[A-Za-z0-9_-]{1,64}"),
}
_ENTITY_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]*"')


@dataclass(frozen=True, repr=False)
class Request:
    """A request. `route` is API Gateway's route key without `/jwt`: `GET /v1/resources/{resource_id}`.

    `path` is as it came; header names are in lower case; the ids among `path_parameters` have been checked.
    `stage_variables` are what the deployment says to functions that cannot have it in their environment.
    """

    method: str
    route: str
    path: str
    path_parameters: Mapping[str, str]
    raw_query: str
    headers: Mapping[str, str]
    cookies: tuple[tuple[str, Secret], ...]
    body: bytes
    caller: Caller
    domain: str
    request_id: str
    stage_variables: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Request({self.route})"

    @property
    def user_agent(self) -> str:
        """The browser's or program's own word for itself."""
        return self.headers.get("user-agent", "")

    @cached_property
    def query(self) -> Mapping[str, str]:
        """The query's parameters, decoded. Raises MalformedError where one comes twice or cannot be read."""
        if not self.raw_query:
            return {}
        try:
            pairs = parse_qsl(
                self.raw_query,
                keep_blank_values=True,
                strict_parsing=True,
                errors="strict",
                max_num_fields=MAX_QUERY_FIELDS,
            )
        except ValueError:
            raise MalformedError("The query cannot be read.") from None
        query = dict(pairs)
        if len(query) != len(pairs):
            raise MalformedError("A query parameter comes twice.")
        return query

    def json(self) -> dict[str, Any]:
        """Give the body, a JSON object.

        Raises UnsupportedMediaTypeError where the content type is another, MalformedError for what is not
        strict JSON in UTF-8 (RFC 8259): no member twice, no NaN, no lone surrogate, at most 32 levels.
        """
        _require_media_type(self.headers.get("content-type", ""), JSON)
        return parse_json_object(self.body, "The body")

    def json_lines(self) -> list[tuple[int, bytes]] | None:
        """Give the body's lines, each with its number, blank ones left out; None unless it is JSON Lines.

        Raises UnsupportedMediaTypeError for another charset than UTF-8.
        """
        content_type = self.headers.get("content-type", "")
        media_type = content_type.partition(";")[0].strip().lower()
        if media_type not in JSON_LINES:
            return None
        _require_media_type(content_type, media_type)
        lines = enumerate(self.body.split(b"\n"), start=1)
        return [(number, line) for number, line in lines if line.strip()]

    def if_match(self) -> frozenset[str] | None:
        """Give the entity tags of `If-Match`, quotes included, or `*`; None without the header.

        The comparison is strong (RFC 9110 section 13.1.1), so a weak tag is left out. Raises MalformedError.
        """
        value = self.headers.get("if-match")
        if value is None:
            return None
        tags = [tag.strip() for tag in value.split(",")]
        if not all(tag == "*" or _ENTITY_TAG.fullmatch(tag) for tag in tags):
            raise MalformedError("If-Match is neither * nor a list of quoted entity tags.")
        return frozenset(tag for tag in tags if not tag.startswith("W/"))

    def only(self, *names: str) -> None:
        """Raise InvalidError for each query parameter that is not one of `names`."""
        unknown = [FieldProblem(name, "unknown query parameter") for name in self.query if name not in names]
        if unknown:
            raise InvalidError(*unknown)

    def number(self, name: str, *, default: int, low: int, high: int | None = None) -> int:
        """Give a query parameter, a whole number from `low` to `high`; raises InvalidError with its name."""
        text = self.query.get(name)
        if text is None:
            return default
        number = int(text) if re.fullmatch(r"[0-9]{1,18}", text, re.ASCII) else None
        if number is None or number < low or (high is not None and number > high):
            rule = f"from {low} to {high}" if high is not None else f"of at least {low}"
            raise InvalidError(FieldProblem(name, f"must be a whole number {rule}"))
        return number

    def limit(self) -> int:
        """Give how many items a page of a list may have: 1–200, 50 by default."""
        return self.number("limit", default=DEFAULT_LIMIT, low=1, high=MAX_LIMIT)

    def cursor(self) -> Mapping[str, Any] | None:
        """Give the place that `cursor_text` wrote, or None; raises MalformedError for anything else."""
        text = self.query.get("cursor")
        if text is None:
            return None
        if not re.fullmatch(rf"[A-Za-z0-9_-]{{1,{MAX_CURSOR}}}", text, re.ASCII):
            raise MalformedError("The cursor is not one of ours.")
        try:
            raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except binascii.Error:
            raise MalformedError("The cursor is not one of ours.") from None
        return parse_json_object(raw, "The cursor")


def cursor_text(place: Mapping[str, Any]) -> str:
    """Write a place in a list as an opaque text for `next_cursor`: base64url of JSON, no secret."""
    raw = json.dumps(place, separators=(",", ":"), sort_keys=True).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def parse_request(event: Mapping[str, Any], *, scope_prefix: str) -> Request:
    """Parse an HTTP API event (payload 2.0). `scope_prefix` stands before the scope names of JWTs.

    Raises NotFoundError for an id that cannot exist, TooLargeError for a body over 256 KB, MalformedError for
    one that is not what its encoding says.
    """
    context = event["requestContext"]
    method, _, template = event["routeKey"].partition(" ")
    parameters = event.get("pathParameters") or {}
    for name, value in parameters.items():
        if name in _IDS and not _IDS[name].fullmatch(value):
            raise NotFoundError("There is no such thing.")
    return Request(
        method=method if method != "ANY" else context["http"]["method"],
        route=f"{method} {template.removeprefix(JWT_PREFIX)}",
        path=event["rawPath"],
        path_parameters=parameters,
        raw_query=event.get("rawQueryString") or "",
        headers={name.lower(): value for name, value in (event.get("headers") or {}).items()},
        cookies=tuple(_cookie(text) for text in event.get("cookies") or ()),
        body=_body(event),
        caller=caller_of(template, context.get("authorizer") or {}, scope_prefix=scope_prefix),
        domain=context["domainName"],
        request_id=context["requestId"],
        stage_variables=event.get("stageVariables") or {},
    )


def _cookie(text: str) -> tuple[str, Secret]:
    name, _, value = text.partition("=")
    return name.strip(), Secret(value.strip())


def _body(event: Mapping[str, Any]) -> bytes:
    text = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        body = text.encode(errors="surrogatepass")
    else:
        try:
            body = base64.b64decode(text, validate=True)
        except binascii.Error:
            raise MalformedError("The body is not base64.") from None
    if len(body) > MAX_BODY:
        raise TooLargeError(f"The body is over {MAX_BODY // 1024} KB.")
    return body


def _require_media_type(content_type: str, wanted: str) -> None:
    """Hold a Content-Type against the wanted one; a charset beside it may only be UTF-8."""
    media_type, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charsets = {
        value.strip('"') for name, _, value in (p.partition("=") for p in parameters) if name == "charset"
    }
    if media_type != wanted or charsets - {"utf-8"}:
        raise UnsupportedMediaTypeError(f"Send the body as Content-Type: {wanted} in UTF-8.")
