"""Token revocation (RFC 7009): the request, and whether its answer asks for another try."""

from __future__ import annotations

from enum import Enum, auto
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


class RevocationVerdict(Enum):
    """Whether the same request is worth sending again."""

    DONE = auto()
    """The token is revoked, was unknown, or this provider does not revoke such tokens."""
    RETRY = auto()
    """The provider could not, or not from this client: later it may."""


# RFC 7009 section 2.2.1: a 503 means the token still lives. What is wrong with our credentials can be mended.
# Another refusal (`unsupported_token_type`, `invalid_token`) would be the same tomorrow.
_AFTER: Final[Mapping[FailureCategory, RevocationVerdict]] = {
    FailureCategory.RATE_LIMITED: RevocationVerdict.RETRY,
    FailureCategory.PROVIDER_UNAVAILABLE: RevocationVerdict.RETRY,
    FailureCategory.REDIRECTED: RevocationVerdict.RETRY,
    FailureCategory.INVALID_CLIENT: RevocationVerdict.RETRY,
    FailureCategory.UNAUTHORIZED_CLIENT: RevocationVerdict.RETRY,
    FailureCategory.REFUSED: RevocationVerdict.DONE,
    FailureCategory.GRANT_GONE: RevocationVerdict.DONE,
    FailureCategory.UNUSABLE_ANSWER: RevocationVerdict.DONE,
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


def revocation_verdict(response: HttpResponse) -> RevocationVerdict:
    """Judge what the revocation endpoint answered (RFC 7009 section 2.2)."""
    error = error_code_of(token_answer.parsed(response.body))
    return _AFTER[category_of(response.status, error)]
