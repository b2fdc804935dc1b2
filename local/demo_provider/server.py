"""The Flask application: the routes put together, the guards before them, one log line behind them."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

from flask import Flask, Response, g, jsonify, make_response, render_template, request

from local.demo_provider.api import api_routes
from local.demo_provider.authorization import DemoAuthorizationServer
from local.demo_provider.clients import AUTH_METHODS, CLIENTS, GRANT_TYPES, SCOPES
from local.demo_provider.consent import consent_routes
from local.demo_provider.controls import control_routes
from local.demo_provider.grants import RESPONSE_MODES
from local.demo_provider.guards import refusal
from local.demo_provider.pages import landing
from local.demo_provider.token_endpoints import token_routes

if TYPE_CHECKING:
    from local.demo_provider.provider import Provider

LOG = logging.getLogger("demo_provider")
MAX_BODY = 64 * 1024  # bytes
# No form-action: Chromium holds it against the redirects that follow the consent form too, and where they end
# (at the broker, then an application) is not known here.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def create_app(provider: Provider, port: int, *, controls: bool) -> Flask:
    """The whole provider as a WSGI application, for a server on 127.0.0.1 at `port`."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    guard_and_log(app, port)
    server = DemoAuthorizationServer(app, provider)
    app.register_blueprint(consent_routes(provider, server))
    app.register_blueprint(token_routes(provider, server))
    app.register_blueprint(api_routes(provider, server))
    if controls:
        app.register_blueprint(control_routes(provider))

    @app.get("/")
    def index() -> str:
        return render_template(
            "index.html",
            issuer=provider.issuer,
            clients=CLIENTS.values(),
            scopes=" ".join(SCOPES),
            rules=provider.rules,
        )

    @app.get("/app")
    def application() -> str:
        shown = landing(request.args, provider.broker_url)
        return render_template("landing.html", landing=shown)

    @app.get("/.well-known/oauth-authorization-server")
    def described() -> Response:
        return jsonify(metadata(provider.issuer))

    return app


def metadata(issuer: str) -> dict[str, object]:
    """What RFC 8414 section 2 lets a client find out, with RFC 9207's member."""
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "token_endpoint_auth_methods_supported": AUTH_METHODS,
        "revocation_endpoint": f"{issuer}/revoke",
        "revocation_endpoint_auth_methods_supported": AUTH_METHODS,
        "introspection_endpoint": f"{issuer}/introspect",
        "introspection_endpoint_auth_methods_supported": AUTH_METHODS,
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": list(RESPONSE_MODES),
        "grant_types_supported": list(GRANT_TYPES),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
    }


def guard_and_log(app: Flask, port: int) -> None:
    """Refuse what no honest browser sends, dress every answer, and write one line a request."""

    @app.before_request
    def guard() -> Response | None:
        g.began = time.perf_counter()
        refused = refusal(request.method, request.path, dict(request.headers), port)
        if refused is None:
            return None
        status, sentence = refused
        return make_response((f"{sentence}\n", status, {"Content-Type": "text/plain; charset=utf-8"}))

    @app.after_request
    def dress(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        # Not no-referrer: with that, browsers send `Origin: null` from the consent form to ourselves.
        response.headers["Referrer-Policy"] = "same-origin"
        if not request.path.startswith("/static/"):
            response.headers["Cache-Control"] = "no-store"
        LOG.info("%s", log_line(response.status_code))
        return response


def log_line(status: int) -> str:
    """Method, path, status, time and grant type; never a query, a header or a body, where the secrets are."""
    subject = f"  {g.subject}" if g.get("subject") else ""
    took = (time.perf_counter() - g.began) * 1000
    return f"{request.method:<4} {quote(request.path)[:200]} {status} {took:.0f} ms{subject}"
