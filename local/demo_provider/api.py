"""The small API that the tokens open: /api/me and /api/notes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, jsonify, make_response, request

from local.demo_provider.authorization import bearer_protector
from local.demo_provider.clients import ACCOUNTS

if TYPE_CHECKING:
    from local.demo_provider.authorization import DemoAuthorizationServer
    from local.demo_provider.grants import TokenAtTime
    from local.demo_provider.provider import Provider

MAX_NOTE = 1000  # characters
MAX_NOTES = 100  # an owner; the oldest go


def api_routes(provider: Provider, server: DemoAuthorizationServer) -> Blueprint:
    """The API; each route names the scope it takes."""
    routes = Blueprint("api", __name__, url_prefix="/api")
    protector = bearer_protector(server)

    @routes.get("/me")
    def me() -> Response:
        with protector.acquire(["profile"]) as token:
            account = token.token.account
            if account is None:
                return jsonify(client_id=token.token.client_id)
            return jsonify(account=account, name=ACCOUNTS[account], email=f"{account}@example.com")

    @routes.get("/notes")
    def notes() -> Response:
        with protector.acquire(["notes.read"]) as token, provider.lock:
            return jsonify(items=provider.notes.get(owner(token), []))

    @routes.post("/notes")
    def add_note() -> Response:
        with protector.acquire(["notes.write"]) as token:
            body = request.get_json(silent=True)
            text = body.get("text") if isinstance(body, dict) else None
            if not isinstance(text, str) or not 0 < len(text) <= MAX_NOTE:
                return make_response(jsonify(error=f"text is a string of 1 to {MAX_NOTE} characters"), 422)
            with provider.lock:
                kept = [*provider.notes.get(owner(token), []), text]
                provider.notes[owner(token)] = kept[-MAX_NOTES:]
            return make_response(jsonify(text=text), 201)

    return routes


def owner(token: TokenAtTime) -> str:
    """Whose notes a token opens: the account's, or the client's own."""
    return token.token.account or f"client {token.token.client_id}"
