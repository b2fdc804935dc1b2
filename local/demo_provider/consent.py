"""/authorize: the consent page, and the way back to the client."""

from __future__ import annotations

import hmac
import re
import secrets
from typing import TYPE_CHECKING

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749.errors import InvalidRequestError
from flask import Blueprint, Response, make_response, render_template, request

from local.demo_provider.clients import ACCOUNTS, SCOPES
from local.demo_provider.grants import OAuthRequest
from local.demo_provider.pages import answer_fields, consent_token
from local.demo_provider.parameters import query_fields

if TYPE_CHECKING:
    from local.demo_provider.authorization import DemoAuthorizationServer
    from local.demo_provider.grants import CodeGrant
    from local.demo_provider.provider import Provider

SESSION_COOKIE = "demo_provider_session"
SESSION = re.compile(r"[0-9a-f]{32}")
# RFC 6749 appendix A: what may stand in an error_description. Authlib quotes these parameters in its own, and
# raises a ValueError over any other character.
QUOTED = ("client_id", "redirect_uri", "response_type")
QUOTABLE = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]*")


def consent_routes(provider: Provider, server: DemoAuthorizationServer) -> Blueprint:
    """GET shows the consent page, POST takes the decision; both check the whole request."""
    routes = Blueprint("consent", __name__)
    key = secrets.token_bytes(32)

    @routes.get("/authorize")
    def ask() -> Response:
        with provider.lock:
            asked = checked_request(server)
        if isinstance(asked, Response):
            return asked
        oauth_request = asked.request
        session = request.cookies.get(SESSION_COOKIE, "")
        if not SESSION.fullmatch(session):
            session = secrets.token_hex(16)
        granted = (oauth_request.scope or "").split()
        page = make_response(
            render_template(
                "consent.html",
                client_id=oauth_request.client.client_id,
                scopes=[(name, SCOPES[name]) for name in granted],
                accounts=ACCOUNTS.items(),
                query=raw_query(),
                consent_token=consent_token(key, session, raw_query()),
                redirect_uri=asked.redirect_uri,
            )
        )
        page.set_cookie(SESSION_COOKIE, session, path="/authorize", httponly=True, samesite="Lax")
        return page

    @routes.post("/authorize")
    def decide() -> Response:
        session = request.cookies.get(SESSION_COOKIE, "")
        expected = consent_token(key, session, raw_query()) if SESSION.fullmatch(session) else ""
        given = request.form.get("consent_token", "")
        if not expected or not hmac.compare_digest(expected.encode(), given.encode()):
            return error_page(403, "Not from our page", "This answer does not belong to a page shown here.")
        decision, account = request.form.get("decision"), request.form.get("account")
        if decision not in {"allow", "deny"} or (decision == "allow" and account not in ACCOUNTS):
            return error_page(400, "No decision", "Choose an account, then allow or deny.")
        with provider.lock:
            asked = checked_request(server)
            if isinstance(asked, Response):
                return asked
            response = server.consent_answer(asked, account if decision == "allow" else None)
        return send_back(response, asked.redirect_uri)

    return routes


def checked_request(server: DemoAuthorizationServer) -> CodeGrant | Response:
    """The grant that the query asks for, or the answer to a query that is wrong.

    An error goes back only where client and redirect URI are known to be right (RFC 6749 section 4.1.2.1).
    """
    try:
        fields = query_fields()
        if not all(QUOTABLE.fullmatch(fields.get(name, "")) for name in QUOTED):
            raise InvalidRequestError("A parameter has a character that is not allowed.")
        return server.consent_grant(
            OAuthRequest(request.base_url, request.path, fields, dict(request.headers))
        )
    except OAuth2Error as error:
        if not error.redirect_uri:
            return error_page(400, "This request is wrong", f"{error.error}: {error.get_error_description()}")
        return send_back(server.consent_error(error), error.redirect_uri)


def send_back(response: Response, redirect_uri: str) -> Response:
    """The answer by redirect, or as a form that posts itself (OAuth 2.0 Form Post Response Mode)."""
    if request.args.get("response_mode") == "form_post":
        fields = answer_fields(response.location or "", redirect_uri)
        return make_response(render_template("form_post.html", redirect_uri=redirect_uri, fields=fields))
    response.status_code = 303  # RFC 9700 section 4.12: never one that repeats the POST
    return response


def error_page(status: int, headline: str, explanation: str) -> Response:
    """A page that says what is wrong, and leads nowhere."""
    return make_response(render_template("error.html", headline=headline, explanation=explanation), status)


def raw_query() -> str:
    """The query as it was sent."""
    return request.query_string.decode("latin-1")
