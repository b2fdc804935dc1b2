"""The authorization server: Authlib's, with this provider's grants and endpoints.

All of this runs while the caller holds the provider's lock: that makes Authlib's check-then-save atomic.
"""

# Authlib hands back the very requests, clients and tokens that we gave it, while its stubs name their base
# classes and leave two methods untyped.
# mypy: disable-error-code="override, no-untyped-call"

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from authlib.common.security import generate_token
from authlib.integrations.flask_oauth2 import AuthorizationServer, ResourceProtector
from authlib.oauth2.rfc6749 import TokenEndpoint
from authlib.oauth2.rfc6749.errors import InvalidClientError, InvalidRequestError, UnauthorizedClientError
from authlib.oauth2.rfc6750 import BearerTokenGenerator, BearerTokenValidator
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.oauth2.rfc9207 import IssuerParameter

from local.demo_provider.clients import AUTH_METHODS, CLIENTS, SCOPES, Client
from local.demo_provider.grants import (
    CodeGrant,
    OAuthRequest,
    OwnTokenGrant,
    RefreshGrant,
    RequiredChallenge,
    TokenAtTime,
    known_response_mode,
)
from local.demo_provider.tokens import AccessToken

if TYPE_CHECKING:
    from authlib.oauth2 import OAuth2Error
    from flask import Flask, Response

    from local.demo_provider.provider import Provider

TOKEN_LENGTH = 48  # characters of [A-Za-z0-9]: 285 bits


class _TokenLookup(TokenEndpoint):
    """What revocation and introspection have in common: any hint is a hint only (RFC 7009 section 2.1)."""

    CLIENT_AUTH_METHODS = AUTH_METHODS
    server: DemoAuthorizationServer

    def check_params(self, request: OAuthRequest, _client: Client) -> None:
        """There is a token to look for."""
        if "token" not in request.fields:
            raise InvalidRequestError("Missing 'token' in request.")

    def query_token(self, token_string: str, _token_type_hint: str | None) -> TokenAtTime | None:
        """Whatever token it is, in both kinds."""
        return self.server.find(token_string)


class Revocation(_TokenLookup, RevocationEndpoint):
    """RFC 7009."""

    def revoke_token(self, token: TokenAtTime, _request: OAuthRequest) -> None:
        """A refresh token takes its family with it, an access token only itself."""
        self.server.provider.store.revoke(token.token)


class Introspection(_TokenLookup, IntrospectionEndpoint):
    """RFC 7662, with the member `family_id` of our own."""

    def check_permission(self, token: TokenAtTime, client: Client, _request: OAuthRequest) -> bool:
        """A client may look at its own tokens."""
        return token.check_client(client)

    def introspect_token(self, token: TokenAtTime) -> dict[str, Any]:
        """What is told of a token that is active."""
        known = token.token
        members = {
            "active": True,
            "client_id": known.client_id,
            "token_type": "Bearer" if isinstance(known, AccessToken) else "refresh_token",
            "scope": known.scope,
            "sub": known.account or known.client_id,
            "iss": self.server.provider.issuer,
            "iat": int(known.issued_at),
            "exp": None if known.expires_at is None else int(known.expires_at),
            "family_id": known.family.family_id if known.family else None,
        }
        return {name: value for name, value in members.items() if value is not None}


class _Issuer(IssuerParameter):
    """RFC 9207: `iss` in every answer to /authorize, errors too."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer

    def get_issuer(self) -> str:
        """This server's own."""
        return self.issuer


class DemoAuthorizationServer(AuthorizationServer):
    """Authlib's server with this provider's grants, and two checks that Authlib leaves out."""

    def __init__(self, app: Flask, provider: Provider) -> None:
        app.config["OAUTH2_SCOPES_SUPPORTED"] = list(SCOPES)
        super().__init__(app, query_client=CLIENTS.get)
        self.provider = provider
        self.register_token_generator(
            "default",
            BearerTokenGenerator(
                lambda **_: generate_token(TOKEN_LENGTH),
                lambda **_: generate_token(TOKEN_LENGTH),
                lambda _client, _grant_type: provider.rules.access_token_lifetime,
            ),
        )
        self.register_grant(CodeGrant, [RequiredChallenge(), known_response_mode])
        self.register_grant(RefreshGrant)
        self.register_grant(OwnTokenGrant)
        self.register_endpoint(Revocation)
        self.register_endpoint(Introspection)
        self.issuer_parameter = _Issuer(provider.issuer)
        self.issuer_parameter(self)

    def create_oauth2_request(self, request: OAuthRequest) -> OAuthRequest:
        """What is passed in is one already."""
        return request

    def find(self, value: str) -> TokenAtTime | None:
        """The token with this value, of whatever kind, as it stands now."""
        token = self.provider.store.find(value)
        return None if token is None else TokenAtTime(token, self.provider.clock())

    def authenticate_client(
        self, request: OAuthRequest, methods: list[str], endpoint: str = "token"
    ) -> Client:
        """The client that proves who it is, in one way (RFC 6749 section 2.3), at an endpoint of its own."""
        if request.basic and "client_secret" in request.fields:
            raise InvalidRequestError("There are two kinds of client authentication.")
        try:
            client = cast("Client", super().authenticate_client(request, methods, endpoint))
        except ValueError:  # Basic credentials that are not base64 of UTF-8: Authlib lets it out
            raise InvalidClientError("The credentials cannot be read.", status_code=401) from None
        if request.fields.get("client_id", client.client_id) != client.client_id:
            raise InvalidRequestError("client_id is not that of the Authorization header.")
        if endpoint == "token" and request.path not in client.token_endpoints:
            raise UnauthorizedClientError("This client has another token endpoint.")
        return client

    def consent_grant(self, request: OAuthRequest) -> CodeGrant:
        """The grant that /authorize is asked for, checked. Raises OAuth2Error."""
        return cast("CodeGrant", self.get_consent_grant(request))

    def consent_answer(self, grant: CodeGrant, account: str | None) -> Response:
        """The redirect back to the client: with a code for `account`, or with access_denied for None."""
        return cast(
            "Response", self.create_authorization_response(grant.request, grant_user=account, grant=grant)
        )

    def consent_error(self, error: OAuth2Error) -> Response:
        """The redirect that takes an error back to the client, with `iss`."""
        response = self.error_answer(error)
        self.issuer_parameter.add_issuer_parameter(self, response)
        return response

    def error_answer(self, error: OAuth2Error) -> Response:
        """An error as RFC 6749 section 5.2 writes it, or as a redirect where it has one."""
        return self.handle_response(*error())

    def token_answer(self, request: OAuthRequest) -> Response:
        """The answer of the token endpoint; a missing grant type is no unsupported one, as Authlib has it."""
        if "grant_type" not in request.fields:
            return self.error_answer(InvalidRequestError("Missing 'grant_type' in request."))
        return cast("Response", self.create_token_response(request))

    def lookup_answer(self, endpoint: str, request: OAuthRequest) -> Response:
        """The answer of "revocation" or "introspection"."""
        return cast("Response", self.create_endpoint_response(endpoint, request))


def bearer_protector(server: DemoAuthorizationServer) -> ResourceProtector:
    """What stands before the API: a Bearer token in the Authorization header (RFC 6750 section 2.1)."""

    class Validator(BearerTokenValidator):
        def authenticate_token(self, token_string: str) -> TokenAtTime | None:
            with server.provider.lock:
                found = server.find(token_string)
            return found if found is not None and isinstance(found.token, AccessToken) else None

    protector = ResourceProtector()
    protector.register_token_validator(Validator())
    return protector
