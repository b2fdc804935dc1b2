"""Requests to the token endpoint, and the verdict on its answers (RFC 6749 sections 4.1.3, 4.4.2, 5, 6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from oauth_broker.errors import EgressRefusedError, NotConnectedError, ProviderError
from oauth_broker.protocol import token_answer
from oauth_broker.protocol.endpoint import endpoint_request
from oauth_broker.protocol.failure import Failure, FailureCategory, category_by, request_text, said, words_of
from oauth_broker.protocol.lifetime import lifetime_of
from oauth_broker.protocol.token_set import MAX_TOKENS_LENGTH, NamedTokenSet, TokenSet
from oauth_broker.resource import RefreshPolicy, TokenResponseRules
from oauth_broker.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oauth_broker.protocol.authorization import VerifiedCallback
    from oauth_broker.protocol.http import HttpRequest, HttpResponse
    from oauth_broker.resource import Resource, ResourceSecrets

BEARER: Final = "Bearer"

_WITHOUT_ANSWER: Final[Mapping[type[ProviderError], FailureCategory]] = {
    EgressRefusedError: FailureCategory.EGRESS_REFUSED,
    NotConnectedError: FailureCategory.NOT_CONNECTED,
}
_STANDARD_PLACES: Final = TokenResponseRules()

__all__ = [
    "Failure",
    "FailureCategory",
    "GrantGone",
    "Granted",
    "NamedTokenSet",
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
    rules = resource.token_response
    success = response.status // 100 == 2  # noqa: PLR2004 - the class of success, RFC 9110 section 15.3
    denied = success and rules.success is not None and not token_answer.member(answer, rules.success)
    token_set = _token_set(resource, request, answer, response, now) if success and not denied else None
    if token_set is not None:
        return Granted(token_set)
    code, description = said(answer, rules)
    brought_one = success and not denied and bool(token_answer.member(answer, rules.access_token))
    category = category_by(rules, response.status, None if brought_one else code)
    if denied and category is FailureCategory.UNUSABLE_ANSWER:
        category = FailureCategory.REFUSED  # by the resource's own rule it is an error, whatever its code
    secrets = (*request.secrets, *_tokens_in(answer, rules))
    words = words_of(code, description, secrets)
    failure = Failure(category, http_status=response.status, request=request_text(request), **words)
    match category:
        case FailureCategory.GRANT_GONE:
            return GrantGone(failure)
        case FailureCategory.UNUSABLE_ANSWER:
            return Unknown(failure)
        case _:
            return TryLater(failure, token_answer.retry_after(response.headers.get("retry-after"), now=now))


def failure_of(error: ProviderError, request: HttpRequest) -> TryLater | Unknown:
    """Give the verdict on a request without an answer, by whether the provider can have seen it.

    The failure's description is the error's own sentence, which says the rule that was broken.
    """
    category = _WITHOUT_ANSWER.get(type(error), FailureCategory.OUTCOME_UNKNOWN)
    failure = Failure(category, error_description=error.detail or None, request=request_text(request))
    # of any other error nothing is known, which is the same as that the outcome is not
    return Unknown(failure) if category is FailureCategory.OUTCOME_UNKNOWN else TryLater(failure)


def usable_type(rules: TokenResponseRules, said_type: object, *, named: bool = False) -> str | None:
    """Give a token's type as it is presented; None for one that we cannot present (RFC 6749 section 7.1).

    A resource that says itself where its type stands (Slack's "bot", "user") has named it; `named`: of a
    further token, which it does by naming that.
    """
    if said_type is None or said_type == "":
        return BEARER
    if not isinstance(said_type, str) or token_answer.visible(said_type) is None:
        return None
    if said_type.lower() == BEARER.lower():
        return BEARER
    return said_type if named or rules.token_type != _STANDARD_PLACES.token_type else None


def _joined(resource: Resource, scopes: Sequence[str] | None) -> str:
    return resource.scope_separator.join(resource.scopes if scopes is None else scopes)


def _token_set(
    resource: Resource, request: HttpRequest, answer: object, response: HttpResponse, now: int
) -> TokenSet | None:
    """Read a token set; None when there is no access token or one of a kind we cannot use."""
    rules = resource.token_response
    access_token = token_answer.visible(token_answer.member(answer, rules.access_token))
    refresh_token = token_answer.member(answer, rules.refresh_token) or None
    token_type = usable_type(rules, token_answer.member(answer, rules.token_type))
    if access_token is None or token_type is None:
        return None
    if refresh_token is not None and token_answer.printable(refresh_token) is None:
        return None
    further = _further(resource, answer, now)
    tokens = (access_token, refresh_token or "", *(one.access_token.reveal() for one in further.values()))
    if sum(map(len, tokens)) > MAX_TOKENS_LENGTH:
        return None
    # Some answers repeat what they were asked. A short secret would be found in them by chance.
    sent = (secret.reveal() for secret in request.secrets)
    hidden = (*tokens, *(secret for secret in sent if len(secret) >= token_answer.TELLING_LENGTH))
    lifetime = lifetime_of(
        rules,
        answer,
        access_token,
        headers=response.headers,
        now=now,
        # who answers the same token until it has expired tells what is left of it: at last, nothing
        may_be_over=resource.refresh_policy is RefreshPolicy.AFTER_EXPIRY,
    )
    if lifetime is None:
        lifetime = resource.default_expires_in
    refresh_lifetime = token_answer.seconds(
        token_answer.member(answer, rules.refresh_token_expires_in), rules.expires_in_unit
    )
    scope = token_answer.member(answer, rules.scope)
    id_token = token_answer.member(answer, "id_token")
    return TokenSet(
        access_token=Secret(access_token),
        refresh_token=None if refresh_token is None else Secret(refresh_token),
        token_type=token_type,
        expires_at=None if lifetime is None else now + lifetime,
        scopes=token_answer.scopes(scope, resource.scope_separator, hidden=hidden),
        metadata=token_answer.shown(answer, resource.metadata, hidden=hidden),
        refresh_expires_at=None if refresh_lifetime is None else now + refresh_lifetime,
        named=further,
        id_token=Secret(id_token) if isinstance(id_token, str) and id_token else None,
    )


def _further(resource: Resource, answer: object, now: int) -> dict[str, NamedTokenSet]:
    """Read the further tokens that the answer brings: what is odd about one costs that one alone."""
    found = {}
    for name, places in resource.token_response.tokens.items():
        access_token = token_answer.visible(token_answer.member(answer, places.access_token))
        said_type = places.token_type and token_answer.member(answer, places.token_type)
        token_type = usable_type(resource.token_response, said_type, named=True)
        if access_token is None or token_type is None:
            continue
        said_scope = places.scope and token_answer.member(answer, places.scope)
        said_lifetime = places.expires_in and token_answer.member(answer, places.expires_in)
        lifetime = token_answer.seconds(said_lifetime, resource.token_response.expires_in_unit)
        found[name] = NamedTokenSet(
            access_token=Secret(access_token),
            token_type=token_type,
            issued_at=now,
            expires_at=None if lifetime is None else now + lifetime,
            scopes=token_answer.scopes(said_scope, resource.scope_separator, hidden=(access_token,)),
        )
    return found


def _tokens_in(answer: object, rules: TokenResponseRules) -> list[Secret]:
    """Give what may be tokens in an answer that is judged an error: nothing of them is kept of its words."""
    places = [rules.access_token, rules.refresh_token, "access_token", "refresh_token", "id_token"]
    places += [places.access_token for places in rules.tokens.values()]
    found = [token_answer.member(answer, place) for place in places]
    return [Secret(token) for token in found if isinstance(token, str) and token]
