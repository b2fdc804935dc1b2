"""A registration with a provider, parsed: what the row says of it, and apart from that its secrets.

Member names are those of the JSON in the HTTP contract; `registration.py` makes these values from that JSON.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from oauth_broker.protocol.destinations import Destinations
    from oauth_broker.secret import Secret


class GrantType(StrEnum):
    """How tokens are first obtained (RFC 6749 sections 4.1 and 4.4)."""

    AUTHORIZATION_CODE = "authorization_code"
    CLIENT_CREDENTIALS = "client_credentials"


class AuthMethod(StrEnum):
    """Client authentication at the token endpoint, by the names of RFC 7591 section 2, and one of ours."""

    CLIENT_SECRET_BASIC = "client_secret_basic"  # noqa: S105 - a name of a method
    CLIENT_SECRET_BASIC_RAW = "client_secret_basic_raw"  # noqa: S105 - a name of a method
    CLIENT_SECRET_POST = "client_secret_post"  # noqa: S105 - a name of a method
    CLIENT_SECRET_JWT = "client_secret_jwt"  # noqa: S105 - a name of a method
    PRIVATE_KEY_JWT = "private_key_jwt"
    NONE = "none"


class ParamsIn(StrEnum):
    """Where the authorization request's parameters go."""

    QUERY = "query"
    FRAGMENT = "fragment"


class BodyFormat(StrEnum):
    """How a POSTed body is written."""

    FORM = "form"
    JSON = "json"


class ExpiresInUnit(StrEnum):
    """The unit in which the provider says how long tokens live."""

    SECONDS = "seconds"
    MILLISECONDS = "milliseconds"


class RefreshPolicy(StrEnum):
    """When an access token is refreshed: before its expiry, when it is read, or only once it has expired.

    The last is for providers that answer the same token until then.
    """

    EAGER = "eager"
    LAZY = "lazy"
    AFTER_EXPIRY = "after_expiry"


class TokenFormat(StrEnum):
    """What is known of the access token's form: to a client it is opaque unless the resource says more."""

    OPAQUE = "opaque"
    JWT = "jwt"


@dataclass(frozen=True, slots=True)
class AuthorizationStep:
    """The authorization request: `params` may hold templates; None removes a standard parameter."""

    url: str
    params: Mapping[str, Any] = field(default_factory=dict)
    params_in: ParamsIn = ParamsIn.QUERY
    unencoded: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class EndpointStep:
    """A request to the token or revocation endpoint, inheritance applied. GET: parameters go in the query."""

    url: str
    method: str = "POST"
    params: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: BodyFormat = BodyFormat.FORM
    auth_method: AuthMethod = AuthMethod.CLIENT_SECRET_BASIC


@dataclass(frozen=True, slots=True)
class ConnectionVariable:
    """A value that each connection brings. `hosts`: the exact names or `*.` suffixes it may make."""

    title: str = ""
    description: str = ""
    pattern: str | None = None
    example: str = ""
    default: str | None = None
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NamedToken:
    """Where an answer keeps a further token: JMESPath expressions, None for what it does not say."""

    access_token: str
    expires_in: str | None = None
    scope: str | None = None
    token_type: str | None = None


@dataclass(frozen=True, slots=True)
class TokenResponseRules:
    """Where an answer of odd shape keeps things: JMESPath expressions, None for what it does not say.

    `expires_at` is a moment and wins over `expires_in`. `success` must find something true, or the answer is
    an error; `error_categories` gives the category of the provider's own error codes. `tokens` are further
    tokens of the same answer, by name.

    No RFC names the refresh token's own lifetime. The default finds it where Google, LinkedIn, eBay and
    GitHub, then Keycloak and TikTok, then Intuit tell it.
    """

    access_token: str = "access_token"  # noqa: S105 - a JMESPath expression
    refresh_token: str = "refresh_token"  # noqa: S105 - a JMESPath expression
    expires_in: str = "expires_in"
    refresh_token_expires_in: str = (
        "refresh_token_expires_in || refresh_expires_in || x_refresh_token_expires_in"  # noqa: S105 - JMESPath
    )
    scope: str = "scope"
    token_type: str = "token_type"  # noqa: S105 - a JMESPath expression
    expires_in_unit: ExpiresInUnit = ExpiresInUnit.SECONDS
    expires_at: str | None = None
    access_token_format: TokenFormat = TokenFormat.OPAQUE
    success: str | None = None
    error: str | None = None
    error_description: str | None = None
    error_categories: Mapping[str, str] = field(default_factory=dict)
    tokens: Mapping[str, NamedToken] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RefreshTokenBehaviour:
    """What is known of the provider's refresh tokens, in seconds; unknown counts as strict.

    `lifetime` runs from the consent, whatever is done; `idle_lifetime` from the last refresh.
    """

    rotates: bool = True
    grace_period: int = 0
    lifetime: int | None = None
    idle_lifetime: int | None = None


ID_TOKEN_ALGORITHMS: Final = ("RS256",)
"""What signs ID tokens where nobody says (OpenID Connect Dynamic Client Registration 1.0 section 2)."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One registration. `document` is what the client gave, without secrets; the rest is read from it."""

    resource_id: str
    name: str
    client_id: str
    token: EndpointStep
    refresh: EndpointStep
    authorization: AuthorizationStep | None = None
    revocation: EndpointStep | None = None
    issuer: str | None = None
    authorization_response_iss_parameter_supported: bool = False
    jwks_uri: str | None = None
    id_token_signed_response_algs: tuple[str, ...] = ID_TOKEN_ALGORITHMS
    api_base_url: str | None = None
    grant_type: GrantType = GrantType.AUTHORIZATION_CODE
    variables: Mapping[str, str] = field(default_factory=dict)
    secret_variable_names: frozenset[str] = frozenset()
    connection_variables: Mapping[str, ConnectionVariable] = field(default_factory=dict)
    callback_variables: tuple[str, ...] = ()
    metadata: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    scope_separator: str = " "
    code_challenge_method: str | None = "S256"
    token_response: TokenResponseRules = field(default_factory=TokenResponseRules)
    callback_params: Mapping[str, str] = field(default_factory=dict)
    shared_callback: bool = False
    default_expires_in: int | None = None
    refresh_token: RefreshTokenBehaviour = field(default_factory=RefreshTokenBehaviour)
    refresh_policy: RefreshPolicy = RefreshPolicy.EAGER
    require_confirmation: bool = True
    provider_initiated: bool = False
    install_return_url: str | None = None
    client_assertion_audience: str | None = None
    document: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that authenticates the client: the private key in PEM, or the ARN of one that stays in KMS."""

    kid: str
    algorithm: str
    private_key: Secret | None = None
    kms_key: str | None = None


@dataclass(frozen=True, slots=True)
class Signer:
    """The key that signs for the client: `sign` gives the signature as JWS has it, perhaps by asking KMS."""

    algorithm: str
    key_id: str | None
    sign: Callable[[bytes], bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ResourceSecrets:
    """What is sealed of a resource: its secrets, and the only origins they may be sent to.

    `signing_keys`: the first one signs, all are published. `signer` is that first key, ready to sign.

    `carried` are earlier destinations ids whose connections were carried over by a rebind, `former` those
    whose connections still need reauthorization, newest last.
    """

    client_secret: Secret | None
    variables: Mapping[str, Secret]
    destinations: Destinations
    carried: tuple[str, ...] = ()
    former: tuple[str, ...] = ()
    signing_keys: tuple[SigningKey, ...] = ()
    signer: Signer | None = None
