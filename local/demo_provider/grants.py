"""The grants: Authlib's, told what a code and a refresh token are here.

All of this runs while the caller holds the provider's lock: that makes Authlib's check-then-save atomic.
"""

# Authlib hands a grant the very requests, clients and tokens that we gave it; its stubs name base classes.
# mypy: disable-error-code="override"

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from authlib.oauth2.rfc6749 import OAuth2Request, TokenMixin
from authlib.oauth2.rfc6749.errors import InvalidGrantError, InvalidRequestError
from authlib.oauth2.rfc6749.grants import (
    AuthorizationCodeGrant,
    BaseGrant,
    ClientCredentialsGrant,
    RefreshTokenGrant,
)
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7636 import CodeChallenge

from local.demo_provider.clients import AUTH_METHODS, Client
from local.demo_provider.tokens import (
    CODE_LIFETIME,
    AccessToken,
    AuthorizationCode,
    Family,
    RefreshToken,
    Standing,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from local.demo_provider.authorization import DemoAuthorizationServer

RESPONSE_MODES = ("query", "form_post")
REFUSED = {
    Standing.REUSED: "The refresh token was used before; its family is revoked now.",
    Standing.DEAD: "The refresh token is expired or revoked.",
}


class OAuthRequest(OAuth2Request):
    """A request as Authlib sees it: its path, its parameters (each once) and its headers.

    A form, a query and a JSON body become the same here, so one grant answers all three.

    `family` and `presented` are filled in while it is processed, with the family and the refresh token it
    was about; the attributes without a value by Authlib, each before a grant needs it.
    """

    client: Client
    user: str
    authorization_code: AuthorizationCode
    refresh_token: TokenAtTime

    def __init__(self, url: str, path: str, fields: dict[str, str], headers: dict[str, str]) -> None:
        super().__init__("POST", url, headers=headers)
        self.payload = BasicOAuth2Payload(fields)
        self.path = path
        self.sent_headers = headers
        self.fields = fields
        self.family: Family | None = None
        self.presented: RefreshToken | None = None

    @property
    def basic(self) -> bool:
        """It brings an Authorization header, of whatever kind."""
        return "Authorization" in self.sent_headers

    @property
    def form(self) -> dict[str, str]:
        """The parameters, wherever they came from."""
        return self.fields


@dataclass(frozen=True)
class TokenAtTime(TokenMixin):
    """A token and the time at which it is looked at: Authlib asks if it is expired without saying when."""

    token: AccessToken | RefreshToken
    now: float

    def check_client(self, client: Client) -> bool:
        """It was issued to this client."""
        return self.token.client_id == client.client_id

    def get_scope(self) -> str:
        """Its scopes, space-separated."""
        return self.token.scope

    def is_expired(self) -> bool:
        """Its time is over."""
        return self.token.expires_at is not None and self.now >= self.token.expires_at

    def is_revoked(self) -> bool:
        """It was withdrawn, rotated, or its family ended."""
        return self.token.revoked


class _Grant(BaseGrant):
    """What the grants have in common."""

    TOKEN_ENDPOINT_AUTH_METHODS: Collection[str] = AUTH_METHODS
    request: OAuthRequest
    server: DemoAuthorizationServer

    def _keep_access_token(self, token: dict[str, Any], account: str | None, family: Family | None) -> None:
        provider = self.server.provider
        now = provider.clock()
        if account is not None:
            token["account"] = account
        provider.store.add_access_token(
            AccessToken(
                value=token["access_token"],
                client_id=self.request.client.client_id,
                account=account,
                scope=token["scope"],
                issued_at=now,
                expires_at=now + token["expires_in"],
                family=family,
            )
        )


class CodeGrant(_Grant, AuthorizationCodeGrant):
    """RFC 6749 section 4.1: a code, good once, for an access token and, with `offline`, a refresh token."""

    def save_authorization_code(self, code: str, request: OAuthRequest) -> None:
        """Remember the code with all that it is bound to."""
        provider = self.server.provider
        provider.store.add_code(
            AuthorizationCode(
                value=code,
                client_id=request.client.client_id,
                account=request.user,
                scope=request.scope,
                redirect_uri=request.fields["redirect_uri"],
                code_challenge=request.fields["code_challenge"],
                code_challenge_method=request.fields["code_challenge_method"],
                expires_at=provider.clock() + CODE_LIFETIME,
            )
        )

    def query_authorization_code(self, code: str, client: Client) -> AuthorizationCode | None:
        """The code, if it can be exchanged; a second use revokes what the first gave."""
        provider = self.server.provider
        known = provider.store.codes.get(code)
        self.request.family = known.family if known else None
        return provider.store.present_code(code, client.client_id, provider.clock())

    def authenticate_user(self, authorization_code: AuthorizationCode) -> str:
        """Whose account it is."""
        return authorization_code.account

    def generate_token(self, *, scope: str, include_refresh_token: bool, **rest: Any) -> dict[str, Any]:
        """New values; a refresh token only for whom consented to staying connected."""
        include = include_refresh_token and "offline" in scope.split()
        return cast(
            "dict[str, Any]", super().generate_token(scope=scope, include_refresh_token=include, **rest)
        )

    def save_token(self, token: dict[str, Any]) -> None:
        """Open the family that this code has paid for."""
        provider, code = self.server.provider, self.request.authorization_code
        rotates = self.request.client.rotates
        family = Family(secrets.token_hex(8), code.client_id, code.account, code.scope, rotates=rotates)
        provider.store.open_family(family, token.get("refresh_token"), provider.clock(), provider.rules)
        code.family = self.request.family = family
        self._keep_access_token(token, code.account, family)

    def delete_authorization_code(self, authorization_code: AuthorizationCode) -> None:
        """Spent codes are kept: a second use must be known as one."""
        authorization_code.spent = True


class RefreshGrant(_Grant, RefreshTokenGrant):
    """RFC 6749 section 6, with rotation and reuse detection (RFC 9700 section 4.14.2)."""

    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> TokenAtTime:
        """The token, if it brings something now. A reused one ends its family on the way to the error."""
        provider = self.server.provider
        now = provider.clock()
        client_id = self.request.client.client_id
        found = provider.store.present_refresh_token(
            refresh_token, client_id, now, provider.rules.grace_period
        )
        if found is None:
            raise InvalidGrantError("The refresh token is unknown.")
        token, worth = found
        self.request.family, self.request.presented = token.family, token
        if worth in REFUSED:
            raise InvalidGrantError(REFUSED[worth])
        return TokenAtTime(token, now)

    def authenticate_user(self, refresh_token: TokenAtTime) -> str | None:
        """Whose account it is."""
        return refresh_token.token.account

    def save_token(self, token: dict[str, Any]) -> None:
        """Rotate, unless the client's refresh tokens stay; put into the answer what the family says."""
        provider, spent = self.server.provider, self.request.refresh_token
        successor = provider.store.spend(
            spent.token.value, token.pop("refresh_token"), spent.now, provider.rules
        )
        if successor is not None:
            token["refresh_token"] = successor
        self._keep_access_token(token, spent.token.account, spent.token.family)

    def revoke_old_credential(self, refresh_token: TokenAtTime) -> None:
        """Nothing is left to do: rotating it has spent it."""


class OwnTokenGrant(_Grant, ClientCredentialsGrant):
    """RFC 6749 section 4.4: a token for the client itself."""

    def save_token(self, token: dict[str, Any]) -> None:
        """Remember it; it has neither account nor family, and nothing to stay connected to."""
        token["scope"] = " ".join(name for name in token["scope"].split() if name != "offline")
        self._keep_access_token(token, None, None)


class RequiredChallenge(CodeChallenge):
    """PKCE with S256 (RFC 7636), required: Authlib lets confidential clients go without, or with plain."""

    def validate_code_challenge(self, grant: CodeGrant, redirect_uri: str | None) -> None:
        """Both parameters must be there; Authlib then checks them."""
        if grant.request.fields.get("code_challenge_method") != "S256":
            raise InvalidRequestError("PKCE is required here: code_challenge_method=S256.")
        if "code_challenge" not in grant.request.fields:
            raise InvalidRequestError("PKCE is required here: code_challenge is missing.")
        super().validate_code_challenge(grant, redirect_uri)


def known_response_mode(grant: Any) -> None:
    """Refuse a response mode other than those offered (an extension of the code grant)."""

    def check(grant: CodeGrant, _result: None) -> None:
        if grant.request.fields.get("response_mode", "query") not in RESPONSE_MODES:
            raise InvalidRequestError("response_mode is query or form_post.")

    grant.register_hook("after_validate_authorization_request_payload", check)
