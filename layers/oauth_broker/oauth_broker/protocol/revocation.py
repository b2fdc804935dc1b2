"""Token revocation (RFC 7009): the request, and the verdict on its answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from oauth_broker.protocol import token_answer
from oauth_broker.protocol.endpoint import endpoint_request
from oauth_broker.protocol.failure import FailureCategory, category_of, error_code_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauth_broker.protocol.http import HttpRequest, HttpResponse
    from oauth_broker.resource import Resource, ResourceSecrets
    from oauth_broker.secret import Secret

TokenTypeHint = Literal["refresh_token", "access_token"]


@dataclass(frozen=True, slots=True)
class Revoked:
    """The token is revoked, or was unknown (RFC 7009 section 2.2)."""


@dataclass(frozen=True, slots=True)
class NotRevocable:
    """The provider does not revoke such tokens, or none at all."""


@dataclass(frozen=True, slots=True)
class RevocationRefused:
    """The provider refuses, and would refuse the same request tomorrow."""


@dataclass(frozen=True, slots=True)
class RevokeLater:
    """The token still lives: the provider could not, or not for this client, or said nothing readable.

    `category` is a stable name; `retry_after` the seconds that the provider asks for, or None.
    """

    category: str
    retry_after: int | None = None


RevocationVerdict = Revoked | NotRevocable | RevocationRefused | RevokeLater

# None: try later. RFC 7009 section 2.2.1: a 503 means that the token still lives. What is wrong with our
# credentials or the URL can be mended.
_AFTER: Final[Mapping[FailureCategory, RevocationVerdict | None]] = {
    FailureCategory.RATE_LIMITED: None,
    FailureCategory.PROVIDER_UNAVAILABLE: None,
    FailureCategory.REDIRECTED: None,
    FailureCategory.INVALID_CLIENT: None,
    FailureCategory.UNAUTHORIZED_CLIENT: None,
    FailureCategory.REFUSED: RevocationRefused(),
    FailureCategory.GRANT_GONE: Revoked(),
    FailureCategory.UNUSABLE_ANSWER: Revoked(),  # a success needs no body
}

# What a refusal says of the token: RFC 7009 section 2.2.1, Google (`invalid_token`), Slack (`token_…`).
_AFTER_ERROR: Final[Mapping[str, RevocationVerdict]] = {
    "unsupported_token_type": NotRevocable(),
    "invalid_token": Revoked(),
    "token_expired": Revoked(),
    "token_revoked": Revoked(),
}


def revocation_request(
    resource: Resource,
    secrets: ResourceSecrets,
    token: Secret,
    hint: TokenTypeHint,
    *,
    variables: Mapping[str, str],
) -> HttpRequest | None:
    """Make the request that revokes `token` (RFC 7009 section 2.1); None for a resource without the endpoint.

    `variables` are the connection's own. Raises TemplateError, UnfitValueError or HostNotAllowedError.
    """
    if resource.revocation is None:
        return None
    return endpoint_request(
        resource.revocation,
        resource,
        secrets,
        standard=("token", "token_type_hint"),
        variables=variables,
        values={"token": token, "token_type_hint": hint},
    )


def revocation_verdict(response: HttpResponse, *, now: int) -> RevocationVerdict:
    """Judge what the revocation endpoint answered (RFC 7009 section 2.2); `now` in epoch seconds."""
    error = error_code_of(token_answer.parsed(response.body))
    category = category_of(response.status, error)
    if category is FailureCategory.REFUSED and error is not None and error in _AFTER_ERROR:
        return _AFTER_ERROR[error]
    asked = token_answer.retry_after(response.headers.get("retry-after"), now=now)
    return _AFTER[category] or RevokeLater(str(category), asked)
