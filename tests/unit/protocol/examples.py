"""Resources to try the protocol's steps on, and readers of what goes out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from oauth_broker.protocol.authorization import VerifiedCallback, callback_verdict
from oauth_broker.protocol.destinations import Destinations
from oauth_broker.protocol.functions import moment_values
from oauth_broker.protocol.http import HttpRequest, HttpResponse
from oauth_broker.resource import AuthorizationStep, EndpointStep, Resource, ResourceSecrets, Signer
from oauth_broker.secret import Secret

VECTORS = Path(__file__).parents[2] / "vectors"
REDIRECT_URI = "https://broker.example/oauth/acme/callback"
CLIENT_SECRET = "client-secret-1"

ACME = Resource(
    resource_id="acme",
    name="Acme",
    client_id="client-1",
    authorization=AuthorizationStep(url="https://acme.example/authorize"),
    token=EndpointStep(url="https://acme.example/token"),
    refresh=EndpointStep(url="https://acme.example/token"),
    scopes=("read", "write"),
)
SECRETS = ResourceSecrets(
    client_secret=Secret(CLIENT_SECRET),
    variables={},
    destinations=Destinations(frozenset()),
    signer=Signer("ES256", "key-1", lambda _: b"signature"),
)
MOMENT = moment_values(1_800_000_000_000, b"\1" * 16)


def vectors(name: str) -> Any:
    """Give the vectors in `tests/vectors/<name>.json`."""
    return json.loads((VECTORS / f"{name}.json").read_text())


def acme(token: EndpointStep | None = None, **changes: Any) -> Resource:
    """Give a resource with these members changed; `token` is the step for token and refresh."""
    steps = {} if token is None else {"token": token, "refresh": token}
    return replace(ACME, **(steps | changes))


def verified(resource: Resource = ACME, **parameters: str) -> VerifiedCallback:
    """Give the callback that a good answer with these parameters makes."""
    verdict = callback_verdict(resource, {"code": "code-1", **parameters}, authorization_iss=None)
    assert isinstance(verdict, VerifiedCallback)
    return verdict


def body_of(request: HttpRequest) -> str:
    """Give the body as text."""
    assert request.body is not None
    return request.body.decode("ascii")


def form_of(request: HttpRequest) -> dict[str, str]:
    """Give the fields of a form body, each of which is there once."""
    return once(parse_qsl(body_of(request), keep_blank_values=True, strict_parsing=True))


def query_of(url: str) -> dict[str, str]:
    """Give the fields of a URL's query, each of which is there once."""
    return once(parse_qsl(urlsplit(url).query, keep_blank_values=True))


def once(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Give the pairs by name, each of which is there once."""
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def answer(body: object, status: int = 200, **headers: str) -> HttpResponse:
    """Give an answer; a `body` that is not text or bytes is written as JSON, `_` in header names is `-`."""
    raw = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    return HttpResponse(status, {name.replace("_", "-"): value for name, value in headers.items()}, raw)
