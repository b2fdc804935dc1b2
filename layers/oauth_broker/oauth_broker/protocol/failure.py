"""Why a provider gave no token: a closed list of stable names, and its own words, bounded and masked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from oauth_broker.protocol.masking import kept
from oauth_broker.protocol.token_answer import member

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oauth_broker.protocol.http import HttpRequest
    from oauth_broker.resource import TokenResponseRules
    from oauth_broker.secret import Secret

MAX_ERROR_LENGTH: Final = 100
MAX_DESCRIPTION_LENGTH: Final = 500
MAX_REQUEST_LENGTH: Final = 1_000


class FailureCategory(StrEnum):
    """Stable names, on which alarms are built."""

    GRANT_GONE = "grant_gone"
    """The provider says that the grant is invalid, expired or revoked (`invalid_grant`, RFC 6749, 5.2)."""
    RATE_LIMITED = "rate_limited"
    """Too many requests (RFC 6585 section 4)."""
    PROVIDER_UNAVAILABLE = "provider_unavailable"
    """A 5xx, or an `error` that says the same."""
    REDIRECTED = "redirected"
    """A 3xx: redirects are never followed, the resource's URL is wrong."""
    INVALID_CLIENT = "invalid_client"
    """The client's credentials are refused: the resource must be mended."""
    UNAUTHORIZED_CLIENT = "unauthorized_client"
    """The client may not use this grant type: the application must be set up otherwise at the provider."""
    REFUSED = "refused"
    """Any other refusal."""
    UNUSABLE_ANSWER = "unusable_answer"
    """A success that brings no token we can read."""
    EGRESS_REFUSED = "egress_refused"
    """A rule of ours forbade the request."""
    NOT_CONNECTED = "not_connected"
    """No connection was made."""
    OUTCOME_UNKNOWN = "outcome_unknown"
    """The request was sent and no answer came."""


# RFC 6749 section 5.2 and RFC 6750, and the words of providers that have their own for the same:
# GitHub (bad_refresh_token, incorrect_client_credentials), Slack (invalid_refresh_token, bad_client_secret,
# invalid_client_id, ratelimited, internal_error, fatal_error).
_CATEGORY_OF_ERROR: Final[Mapping[str, FailureCategory]] = {
    "invalid_grant": FailureCategory.GRANT_GONE,
    "bad_refresh_token": FailureCategory.GRANT_GONE,
    "invalid_refresh_token": FailureCategory.GRANT_GONE,
    "invalid_client": FailureCategory.INVALID_CLIENT,
    "incorrect_client_credentials": FailureCategory.INVALID_CLIENT,
    "bad_client_secret": FailureCategory.INVALID_CLIENT,
    "invalid_client_id": FailureCategory.INVALID_CLIENT,
    "unauthorized_client": FailureCategory.UNAUTHORIZED_CLIENT,
    "temporarily_unavailable": FailureCategory.PROVIDER_UNAVAILABLE,
    "server_error": FailureCategory.PROVIDER_UNAVAILABLE,
    "internal_error": FailureCategory.PROVIDER_UNAVAILABLE,
    "fatal_error": FailureCategory.PROVIDER_UNAVAILABLE,
    "slow_down": FailureCategory.RATE_LIMITED,
    "ratelimited": FailureCategory.RATE_LIMITED,
    "rate_limited": FailureCategory.RATE_LIMITED,
    "rate_limit_exceeded": FailureCategory.RATE_LIMITED,
}

_CATEGORY_OF_STATUS: Final[Mapping[int, FailureCategory]] = {
    HTTPStatus.REQUEST_TIMEOUT: FailureCategory.PROVIDER_UNAVAILABLE,
    HTTPStatus.TOO_EARLY: FailureCategory.PROVIDER_UNAVAILABLE,
    HTTPStatus.TOO_MANY_REQUESTS: FailureCategory.RATE_LIMITED,
}


NAMED_BY_A_RESOURCE: Final = (
    FailureCategory.GRANT_GONE,
    FailureCategory.RATE_LIMITED,
    FailureCategory.PROVIDER_UNAVAILABLE,
    FailureCategory.INVALID_CLIENT,
    FailureCategory.UNAUTHORIZED_CLIENT,
    FailureCategory.REFUSED,
)
"""What a resource may say that an error code of its provider means."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What is kept of a failure and may be shown, in the provider's words, or ours where it said none.

    `request`: the one that failed, as `request_text` writes it; two failures are alike whatever it was.
    """

    category: FailureCategory
    error: str | None = None
    error_description: str | None = None
    http_status: int | None = None
    request: str | None = field(default=None, compare=False)


def error_code_of(answer: object) -> str | None:
    """Give the error code in an answer's body: `error`, or the code inside an error object; None without one.

    RFC 6749 section 5.2 has `{"error": "…"}`; many APIs say `{"error": {"code" or "type" or "status": "…"}}`.
    """
    error = answer.get("error") if isinstance(answer, dict) else None
    if isinstance(error, dict):
        error = next((error[name] for name in ("code", "type", "status") if error.get(name)), None)
    return _text(error)


def category_by(rules: TokenResponseRules, status: int, code: str | None) -> FailureCategory:
    """Say what an answer without a token means: what the resource knows of the provider's codes wins."""
    if code is not None and code in rules.error_categories:
        return FailureCategory(rules.error_categories[code])
    return category_of(status, code)


def category_of(status: int, error: str | None) -> FailureCategory:
    """Say what an answer without a token means, by its status and its error code.

    The status comes first where it says that the provider was not in its senses: a limit, an outage or a
    redirect never costs a grant, whatever the body says.
    """
    if status in _CATEGORY_OF_STATUS:
        return _CATEGORY_OF_STATUS[status]
    named = _CATEGORY_OF_ERROR.get(error, FailureCategory.REFUSED) if error else None
    match status // 100:
        case 2:  # GitHub, Slack and others answer 200 with an error in the body
            return named or FailureCategory.UNUSABLE_ANSWER
        case 3:
            return FailureCategory.REDIRECTED
        case 4 if status == HTTPStatus.UNAUTHORIZED:
            return named or FailureCategory.INVALID_CLIENT
        case 4:
            return named or FailureCategory.REFUSED
        case _:
            return FailureCategory.PROVIDER_UNAVAILABLE


def said(answer: object, rules: TokenResponseRules) -> tuple[str | None, str | None]:
    """Give an answer's error code and its description, from where the resource says or most have them."""
    code = None if rules.error is None else _text(member(answer, rules.error))
    description = None if rules.error_description is None else _text(member(answer, rules.error_description))
    return code or error_code_of(answer), description or _description_of(answer)


def words_of(
    code: str | None, description: str | None, secrets: Sequence[Secret]
) -> Mapping[str, str | None]:
    """Give `error` and `error_description` as `Failure` keeps them, bounded and masked."""
    return {
        "error": (kept(code, secrets, limit=MAX_ERROR_LENGTH) or None) if code else None,
        "error_description": (kept(description, secrets, limit=MAX_DESCRIPTION_LENGTH) or None)
        if description
        else None,
    }


def request_text(request: HttpRequest) -> str | None:
    """Write a request as people read one: method and URL, headers, an empty line, the body; no secret in it.

    At most `MAX_REQUEST_LENGTH` characters, the rest cut off; None for a request that is not shown.
    """
    if request.masked is None:
        return None
    shown = request.masked({})
    lines = [f"{shown.method} {shown.url}", *(f"{name}: {value}" for name, value in shown.headers.items())]
    if shown.body is not None:
        lines += ["", shown.body]
    text = "\n".join(kept(line, request.secrets, limit=MAX_REQUEST_LENGTH) for line in lines)
    return text if len(text) <= MAX_REQUEST_LENGTH else text[: MAX_REQUEST_LENGTH - 1] + "…"


def _text(value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value else None


def _description_of(answer: Any) -> str | None:
    if not isinstance(answer, dict):
        return None
    error = answer.get("error")
    nested = error.get("message") if isinstance(error, dict) else None
    found = (answer.get("error_description"), nested, answer.get("message"))
    return next((text for text in found if isinstance(text, str) and text), None)
