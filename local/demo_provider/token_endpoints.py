"""/token and its dialects, /revoke, /introspect."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING
from urllib.parse import unquote

from authlib.oauth2.rfc6749.errors import InvalidRequestError
from flask import Blueprint, Response, g, request

from local.demo_provider.clients import GRANT_TYPES
from local.demo_provider.faults import Fault, TokenCall
from local.demo_provider.grants import OAuthRequest
from local.demo_provider.parameters import form_fields, json_fields, query_fields

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.demo_provider.authorization import DemoAuthorizationServer
    from local.demo_provider.provider import Provider


def token_routes(provider: Provider, server: DemoAuthorizationServer) -> Blueprint:
    """The endpoints that clients call, without a browser."""
    routes = Blueprint("token_endpoints", __name__)

    @routes.post("/token")
    def token() -> Response:
        return answer_token(provider, server, form_fields)

    @routes.get("/token-get")
    def token_get() -> Response:
        return answer_token(provider, server, query_fields)

    @routes.post("/token-json")
    def token_json() -> Response:
        return answer_token(provider, server, json_fields)

    @routes.post("/revoke")
    def revoke() -> Response:
        return answer_about_token(provider, server, "revocation")

    @routes.post("/introspect")
    def introspect() -> Response:
        return answer_about_token(provider, server, "introspection")

    return routes


def answer_token(
    provider: Provider, server: DemoAuthorizationServer, read_fields: Callable[[], dict[str, str]]
) -> Response:
    """Answer a token request, with whatever fault a test has asked for around it; waits hold no lock."""
    arrived = provider.clock()
    oauth_request = OAuthRequest(request.base_url, request.path, {}, dict(request.headers))
    try:
        oauth_request.fields.update(read_fields())
    except InvalidRequestError as error:
        return server.error_answer(error)
    grant_type = oauth_request.fields.get("grant_type")
    client_id = named_client(oauth_request)
    g.subject = grant_type if grant_type in GRANT_TYPES else None
    with provider.lock:
        fault = provider.journal.take(request.path, grant_type, client_id)
    own, answer = answered(provider, fault, lambda: server.token_answer(oauth_request))
    family, presented = oauth_request.family, oauth_request.presented
    call = TokenCall(
        at=arrived,
        endpoint=request.path,
        grant_type=grant_type,
        client_id=client_id,
        family_id=family.family_id if family else None,
        generation=presented.generation if presented else None,
        own_status=own.status_code if own else None,
        status=answer.status_code,
    )
    with provider.lock:
        provider.journal.record(call)
    time.sleep(fault.delay_after if fault else 0)
    return answer


def answered(
    provider: Provider, fault: Fault | None, answer: Callable[[], Response]
) -> tuple[Response | None, Response]:
    """The server's own answer to a call, None where a fault kept the call from it; and the one to be sent."""
    time.sleep(fault.delay_before if fault else 0)
    if fault is not None and fault.status is not None and not fault.processed:
        return None, fault_response(fault)
    with provider.lock:
        own = answer()
    return own, own if fault is None or fault.status is None else fault_response(fault)


def answer_about_token(provider: Provider, server: DemoAuthorizationServer, endpoint: str) -> Response:
    """Answer a revocation or introspection request, with whatever fault a test has asked for around it."""
    arrived = provider.clock()
    oauth_request = OAuthRequest(request.base_url, request.path, {}, dict(request.headers))
    try:
        oauth_request.fields.update(form_fields())
    except InvalidRequestError as error:
        return server.error_answer(error)
    client_id = named_client(oauth_request)
    with provider.lock:
        fault = provider.journal.take(request.path, None, client_id)
    own, answer = answered(provider, fault, lambda: server.lookup_answer(endpoint, oauth_request))
    call = TokenCall(
        at=arrived,
        endpoint=request.path,
        grant_type=None,
        client_id=client_id,
        family_id=None,
        generation=None,
        own_status=own.status_code if own else None,
        status=answer.status_code,
    )
    with provider.lock:
        provider.journal.record(call)
    time.sleep(fault.delay_after if fault else 0)
    return answer


def named_client(oauth_request: OAuthRequest) -> str | None:
    """The client that the request says it comes from, not yet checked."""
    basic = request.authorization
    if basic is not None and basic.username:
        return unquote(basic.username)
    return oauth_request.fields.get("client_id")


def fault_response(fault: Fault) -> Response:
    """The answer that a test asked for."""
    is_text = isinstance(fault.body, str)
    response = Response(
        fault.body if is_text else json.dumps(fault.body),
        status=fault.status,
        mimetype="text/plain" if is_text else "application/json",
    )
    response.headers.update(fault.headers)
    return response
