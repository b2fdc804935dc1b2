"""Requests to the token endpoint, and the verdict on its answers (RFC 6749 sections 4.1.3, 4.4.2, 5, 6)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from oauth_broker.errors import EgressRefusedError, NotConnectedError
from oauth_broker.protocol import token_answer
from oauth_broker.protocol.endpoint import endpoint_request
from oauth_broker.protocol.failure import Failure, FailureCategory, category_of, error_code_of, words_of
from oauth_broker.resource import RefreshPolicy, TokenResponseRules
from oauth_broker.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oauth_broker.errors import ProviderError
    from oauth_broker.protocol.authorization import VerifiedCallback
    from oauth_broker.protocol.http import HttpRequest, HttpResponse
    from oauth_broker.resource import Resource, ResourceSecrets

BEARER: Final = "Bearer"

MAX_TOKENS_LENGTH: Final = 65_536
"""Characters of a token set's tokens together: an item of the table holds 400 KB, a queue's message less."""

_STANDARD_PLACES: Final = TokenResponseRules()

__all__ = [
    "Failure",
    "FailureCategory",
    "GrantGone",
    "Granted",
    "TokenSet",
    "TryLater",
    "Unknown",
    "Verdict",
    "client_credentials_request",
    "exchange_request",
    "failure_of",
    "refresh_request",
    "token_verdict",
]


@dataclass(frozen=True, slots=True)
class TokenSet:
    """What the token endpoint answered.

    `expires_at` is in epoch seconds, None where nobody says, and so is `refresh_expires_at`, the refresh
    token's; `scopes` is None where the answer did not say
    (then they are the ones asked for, RFC 6749 section 5.1); `metadata` holds the members that the resource
    shows.
    """

    access_token: Secret
    refresh_token: Secret | None
    token_type: str
    expires_at: int | None
    scopes: tuple[str, ...] | None
    metadata: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    refresh_expires_at: int | None = None

    def __repr__(self) -> str:
        return f"TokenSet(expires_at={self.expires_at})"

    def keeping(self, refresh_token: Secret | None) -> TokenSet:
        """Give this token set, with the spent refresh token if the answer brought none (RFC 6749, 6)."""
        return self if self.refresh_token is not None else replace(self, refresh_token=refresh_token)


@dataclass(frozen=True, slots=True)
class Granted:
    """Tokens came."""

    token_set: TokenSet


@dataclass(frozen=True, slots=True)
class GrantGone:
    """The provider says that this grant is no more: somebody must consent again."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class TryLater:
    """No tokens, and the grant is as it was. `retry_after`: the seconds asked for, 0 to 86,400, or None."""

    failure: Failure
    retry_after: int | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """The provider may have granted: the refresh token that was sent may be spent."""

    failure: Failure


Verdict = Granted | GrantGone | TryLater | Unknown


def exchange_request(  # noqa: PLR0913 - the parameters of RFC 6749 section 4.1.3, by name
    resource: Resource,
    secrets: ResourceSecrets,
    callback: VerifiedCallback,
    *,
    code_verifier: Secret,
    redirect_uri: str,
    variables: Mapping[str, str],
    scopes: Sequence[str] | None = None,
) -> HttpRequest:
    """Make the request that exchanges a code for tokens (RFC 6749 section 4.1.3, RFC 7636 section 4.5).

    `variables` are the connection's own, those that the callback brought among them once they are checked.
    `scopes` fill `{{scope}}` where the resource sends it (None: all of the resource's). Raises TemplateError,
    UnfitValueError or HostNotAllowedError.
    """
    pkce = ("code_verifier",) if resource.code_challenge_method else ()
    return endpoint_request(
        resource.token,
        resource,
        secrets,
        standard=("grant_type", "code", "redirect_uri", *pkce),
        variables=variables,
        values={
            "grant_type": "authorization_code",
            "code": callback.code,
            "redirect_uri": redirect_uri,
            "code_verifier": code_verifier,
            "scope": _joined(resource, scopes),
        },
    )


def client_credentials_request(
    resource: Resource, secrets: ResourceSecrets, *, scopes: Sequence[str], variables: Mapping[str, str]
) -> HttpRequest:
    """Make the request for tokens of the client's own (RFC 6749, 4.4.2); no `scope` when there are none."""
    return endpoint_request(
        resource.token,
        resource,
        secrets,
        standard=("grant_type", "scope") if scopes else ("grant_type",),
        variables=variables,
        values={"grant_type": "client_credentials", "scope": _joined(resource, scopes)},
    )


def refresh_request(
    resource: Resource,
    secrets: ResourceSecrets,
    *,
    refresh_token: Secret,
    variables: Mapping[str, str],
    scopes: Sequence[str] | None = None,
) -> HttpRequest:
    """Make the request that spends a refresh token (RFC 6749 section 6).

    It sends no `scope` unless the resource says so; then `scopes` fill `{{scope}}` (None: all of the
    resource's).
    """
    return endpoint_request(
        resource.refresh,
        resource,
        secrets,
        standard=("grant_type", "refresh_token"),
        variables=variables,
        values={
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
            "scope": _joined(resource, scopes),
        },
    )


def token_verdict(resource: Resource, request: HttpRequest, response: HttpResponse, *, now: int) -> Verdict:
    """Judge what the token endpoint answered to `request` at `now` (epoch seconds).

    Only an answer that names the grant as gone costs the grant; an outage, a limit or a wrong client secret
    never does; a success without a readable token may have spent the refresh token (`Unknown`).
    """
    answer = token_answer.parsed(response.body)
    success = response.status // 100 == 2  # noqa: PLR2004 - the class of success, RFC 9110 section 15.3
    token_set = _token_set(resource, answer, now) if success else None
    if token_set is not None:
        return Granted(token_set)
    brought_one = success and bool(token_answer.member(answer, resource.token_response.access_token))
    category = category_of(response.status, None if brought_one else error_code_of(answer))
    failure = Failure(category, http_status=response.status, **words_of(answer, request.secrets))
    match category:
        case FailureCategory.GRANT_GONE:
            return GrantGone(failure)
        case FailureCategory.UNUSABLE_ANSWER:
            return Unknown(failure)
        case _:
            return TryLater(failure, token_answer.retry_after(response.headers.get("retry-after"), now=now))


def failure_of(error: ProviderError) -> TryLater | Unknown:
    """Give the verdict on a request without an answer, by whether the provider can have seen it.

    The failure's description is the error's own sentence, which says the rule that was broken.
    """
    sentence = error.detail or None
    match error:
        case EgressRefusedError():
            return TryLater(Failure(FailureCategory.EGRESS_REFUSED, error_description=sentence))
        case NotConnectedError():
            return TryLater(Failure(FailureCategory.NOT_CONNECTED, error_description=sentence))
        case _:  # OutcomeUnknownError; of any other nothing is known, which is the same
            return Unknown(Failure(FailureCategory.OUTCOME_UNKNOWN, error_description=sentence))


def _joined(resource: Resource, scopes: Sequence[str] | None) -> str:
    return resource.scope_separator.join(resource.scopes if scopes is None else scopes)


def _token_set(resource: Resource, answer: object, now: int) -> TokenSet | None:
    """Read a token set; None when there is no access token or one of a kind we cannot use."""
    rules = resource.token_response
    access_token = token_answer.visible(token_answer.member(answer, rules.access_token))
    refresh_token = token_answer.member(answer, rules.refresh_token) or None
    token_type = _token_type(answer, rules)
    if access_token is None or token_type is None:
        return None
    if refresh_token is not None and token_answer.printable(refresh_token) is None:
        return None
    if len(access_token) + len(refresh_token or "") > MAX_TOKENS_LENGTH:
        return None
    unit = rules.expires_in_unit
    lifetime = token_answer.seconds(
        token_answer.member(answer, rules.expires_in),
        unit,
        # who answers the same token until it has expired tells what is left of it: at last, nothing
        may_be_over=resource.refresh_policy is RefreshPolicy.AFTER_EXPIRY,
    )
    if lifetime is None:
        lifetime = resource.default_expires_in
    refresh_lifetime = token_answer.seconds(token_answer.member(answer, rules.refresh_token_expires_in), unit)
    return TokenSet(
        access_token=Secret(access_token),
        refresh_token=None if refresh_token is None else Secret(refresh_token),
        token_type=token_type,
        expires_at=None if lifetime is None else now + lifetime,
        scopes=token_answer.scopes(
            token_answer.member(answer, rules.scope),
            resource.scope_separator,
            hidden=(access_token, refresh_token),
        ),
        metadata=token_answer.shown(answer, resource.metadata, hidden=(access_token, refresh_token)),
        refresh_expires_at=None if refresh_lifetime is None else now + refresh_lifetime,
    )


def _token_type(answer: object, rules: TokenResponseRules) -> str | None:
    """Give the token's type; None for one that we cannot present (RFC 6749 section 7.1)."""
    named = token_answer.member(answer, rules.token_type)
    if named is None or named == "":
        return BEARER
    if not isinstance(named, str) or token_answer.visible(named) is None:
        return None
    if named.lower() == BEARER.lower():
        return BEARER
    # A resource that says itself where its type stands (Slack's "bot", "user") has named it.
    return named if rules.token_type != _STANDARD_PLACES.token_type else None
