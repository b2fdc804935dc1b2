"""Every error of ours as RFC 9457 `application/problem+json`: one table, error → status, type, title."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from oauth_broker import errors
from oauth_broker.response import json_response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauth_broker.response import Response

MEDIA_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:oauth-broker:"

# Seconds after which DynamoDB, KMS, SQS or EventBridge may be asked again.
OUTAGE_RETRY_AFTER: Final = 5


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of problem; its `title` also serves as detail where the error has none."""

    status: HTTPStatus
    name: str
    title: str


_CONFLICT = HTTPStatus.CONFLICT
_MALFORMED = Kind(HTTPStatus.BAD_REQUEST, "malformed", "The request cannot be read")
# The phrases of HTTPStatus for 413 and 422 changed their names in Python 3.13; the numbers did not.
_INVALID = Kind(HTTPStatus(422), "invalid", "Some members are bad, missing or unknown")
_UNAVAILABLE = Kind(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "Not available at the moment")

# What is not here is a fault of ours: 500, and nothing of it is shown.
KINDS: Final[Mapping[type[BaseException], Kind]] = {
    errors.CallerError: _MALFORMED,
    errors.MalformedError: _MALFORMED,
    errors.CallbackRejectedError: Kind(
        HTTPStatus.BAD_REQUEST, "callback-rejected", "The callback is refused"
    ),
    errors.NotFoundError: Kind(HTTPStatus.NOT_FOUND, "not-found", "There is no such thing"),
    errors.ConflictError: Kind(_CONFLICT, "conflict", "The state of things does not allow it"),
    errors.IdInUseError: Kind(_CONFLICT, "id-in-use", "The id is in use"),
    errors.ResourceInUseError: Kind(_CONFLICT, "resource-in-use", "The resource has connections"),
    errors.ConnectionNotReadyError: Kind(
        _CONFLICT, "connection-not-ready", "The connection is not connected yet"
    ),
    errors.NeedsReauthorizationError: Kind(
        _CONFLICT, "needs-reauthorization", "The grant is gone: somebody must consent again"
    ),
    errors.NothingToConfirmError: Kind(_CONFLICT, "nothing-to-confirm", "There is nothing to confirm"),
    errors.PreconditionFailedError: Kind(
        HTTPStatus.PRECONDITION_FAILED, "precondition-failed", "It has changed since"
    ),
    errors.TooLargeError: Kind(HTTPStatus(413), "too-large", "The request is too large"),
    errors.UnsupportedMediaTypeError: Kind(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "The body must be JSON"
    ),
    errors.InvalidError: _INVALID,
    errors.TemplateError: _INVALID,
    errors.UnfitValueError: _INVALID,
    errors.ProviderError: Kind(HTTPStatus.BAD_GATEWAY, "exchange-failed", "The provider gave no token"),
    errors.UnavailableError: _UNAVAILABLE,
    errors.StoreUnavailableError: _UNAVAILABLE,
    errors.SealingUnavailableError: _UNAVAILABLE,
    errors.SigningUnavailableError: _UNAVAILABLE,
    errors.SigningRefusedError: _UNAVAILABLE,
    errors.QueueUnavailableError: _UNAVAILABLE,
    errors.AnnouncementError: _UNAVAILABLE,
}
INTERNAL: Final = Kind(
    HTTPStatus.INTERNAL_SERVER_ERROR, "internal-error", "Something went wrong on the broker's side"
)


def kind_of(error: BaseException) -> Kind:
    """Give the kind of the nearest class of `error` that the table names."""
    return next((KINDS[cls] for cls in type(error).__mro__ if cls in KINDS), INTERNAL)


def retry_after(error: BaseException) -> dict[str, str]:
    """Give the Retry-After header (RFC 9110 section 10.2.3) of a problem that passes, or nothing."""
    if kind_of(error) is not _UNAVAILABLE:
        return {}
    seconds = error.retry_after if isinstance(error, errors.UnavailableError) else OUTAGE_RETRY_AFTER
    return {"retry-after": str(max(1, seconds))}


def problem_json(error: BaseException) -> dict[str, Any]:
    """Give what `error` is: `type`, `title`, `status`, `detail`, and `errors` for each bad member.

    Of an exchange that failed, `request` is what the provider was asked, every secret masked.
    """
    kind = kind_of(error)
    detail = error.detail if isinstance(error, errors.BrokerError) and kind is not INTERNAL else ""
    body: dict[str, Any] = {
        "type": TYPE_PREFIX + kind.name,
        "title": kind.title,
        "status": int(kind.status),
        "detail": detail or f"{kind.title}.",
    }
    if isinstance(error, errors.InvalidError):
        body["errors"] = [{"pointer": field.pointer, "detail": field.detail} for field in error.problems]
    if isinstance(error, errors.ExchangeFailedError) and error.request is not None:
        body["request"] = error.request
    return body


def problem(error: BaseException) -> Response:
    """Answer with `problem_json`."""
    body, headers = problem_json(error), retry_after(error)
    return json_response(kind_of(error).status, body, headers=headers, media_type=MEDIA_TYPE)
