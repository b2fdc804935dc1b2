"""The one hierarchy of errors: whose fault it was, and whether another try is worth it.

No message ever holds a body, a header, a URL's query or a token. `problems.py` maps each class to its
RFC 9457 answer.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one member: `pointer` is a JSON pointer (RFC 6901), or a query parameter's name."""

    pointer: str
    detail: str


class BrokerError(Exception):
    """Whatever we raise on purpose.

    `retryable`: the same call may succeed later. `category`: a stable name, which a connection may show as
    what went wrong, and on which alarms are built.
    """

    retryable = False
    category = "broken"

    def __init__(self, detail: str = "") -> None:
        """`detail` is shown to callers: a sentence without secrets."""
        super().__init__(detail)
        self.detail = detail


class CallerError(BrokerError):
    """The caller asked for something that cannot be: a 4xx."""

    category = "unfit"


class MalformedError(CallerError):
    """What came cannot be read at all (400)."""


class NotFoundError(CallerError):
    """There is no such thing, or the caller may not know of it (404)."""


class PreconditionFailedError(CallerError):
    """`If-Match` names another version (412)."""


class TooLargeError(CallerError):
    """The body is over its limit (413)."""


class UnsupportedMediaTypeError(CallerError):
    """The body is not `application/json` (415)."""


class InvalidError(CallerError):
    """Members that are bad, missing or unknown (422), each with its pointer."""

    def __init__(self, *problems: FieldProblem) -> None:
        """At least one problem."""
        super().__init__("; ".join(f"{problem.pointer}: {problem.detail}" for problem in problems[:3]))
        self.problems = problems


class TemplateError(CallerError):
    """A template cannot be read, or lacks a value: `position` counts characters from 0."""

    category = "unfit_template"

    def __init__(self, position: int, detail: str) -> None:
        """Say where in the template, and what."""
        super().__init__(detail)
        self.position = position


class UnfitValueError(CallerError):
    """The value of placeholder `name` may not stand where a template puts it."""

    category = "unfit_value"

    def __init__(self, name: str, detail: str) -> None:
        """Name the placeholder; `detail` never holds the value."""
        super().__init__(detail)
        self.name = name


class HostNotAllowedError(UnfitValueError):
    """The value makes a host that its variable's `hosts` do not list."""


class ConflictError(CallerError):
    """The thing is in a state that does not allow it (409)."""


class IdInUseError(ConflictError):
    """A connection or resource of that id exists."""


class ConnectionNotReadyError(ConflictError):
    """The connection was never connected: pending, awaiting confirmation, or expired."""


class NeedsReauthorizationError(ConflictError):
    """The grant is gone: somebody must consent again."""


class NothingToConfirmError(ConflictError):
    """A wrong, used or expired code, another user, or nothing to confirm: one answer for all."""


class ResourceInUseError(ConflictError):
    """The resource has connections."""


class CallbackRejectedError(CallerError):
    """A callback of another browser, provider or authorization, or one that repeats itself: a 400 page."""


class ProviderError(BrokerError):
    """The provider, or the way to it, failed. `category` is a stable name on which alarms are built."""

    category = "provider"
    timed_out = False


class EgressRefusedError(ProviderError):
    """A rule of ours forbids the request: nothing was sent. `detail` says which rule."""

    category = "egress_refused"


class NotConnectedError(ProviderError):
    """No connection was made: not one byte of the request was sent."""

    category = "not_connected"
    retryable = True

    def __init__(self, detail: str = "", *, timed_out: bool = False) -> None:
        """`timed_out`: it was the deadline that ended the attempt."""
        super().__init__(detail)
        self.timed_out = timed_out


class OutcomeUnknownError(ProviderError):
    """The request was sent and no readable answer came: the provider may have acted on it."""

    category = "outcome_unknown"
    retryable = True

    def __init__(self, detail: str = "", *, timed_out: bool = False) -> None:
        """`timed_out`: it was the deadline that ended the attempt."""
        super().__init__(detail)
        self.timed_out = timed_out


class IssuerKeysError(ProviderError):
    """The keys that sign an issuer's ID tokens cannot be had."""

    category = "issuer_keys_unavailable"
    retryable = True


class ExchangeFailedError(ProviderError):
    """The provider refused to give a token (502)."""

    category = "exchange_failed"

    def __init__(self, detail: str = "", *, request: str | None = None) -> None:
        """`request`: what was asked, every secret masked."""
        super().__init__(detail)
        self.request = request


class UnavailableError(BrokerError):
    """Not now (503); `retry_after` is in seconds."""

    retryable = True

    def __init__(self, detail: str, *, retry_after: int) -> None:
        """Say when to come back."""
        super().__init__(detail)
        self.retry_after = retry_after


class StoreUnavailableError(BrokerError):
    """DynamoDB did not take or give the item."""

    category = "store_unavailable"
    retryable = True


class StoreRefusedError(StoreUnavailableError):
    """DynamoDB will never do this: the item is not as we write them, or too large."""

    category = "store_refused"
    retryable = False


class UnreadableError(BrokerError):
    """A row of the table is not as we write them."""

    category = "unreadable"


class SealError(BrokerError):
    """Something sealed does not open: moved, altered, or sealed for another place."""

    category = "cannot_be_opened"


class SealingUnavailableError(BrokerError):
    """KMS gave no key."""

    category = "sealing_unavailable"
    retryable = True


class SigningUnavailableError(BrokerError):
    """KMS gave no signature, or no word about a key, for now."""

    category = "signing_unavailable"
    retryable = True


class SigningRefusedError(BrokerError):
    """KMS does not sign with this key, and will not until its owner, or the stack's, changes something."""

    category = "signing_refused"


class SettingsError(BrokerError):
    """The environment lacks what a function needs, or holds nonsense; a pointer is a variable's name."""

    def __init__(self, *problems: FieldProblem) -> None:
        """At least one problem."""
        super().__init__("; ".join(f"{problem.pointer} {problem.detail}" for problem in problems))
        self.problems = problems


class QueueUnavailableError(BrokerError):
    """SQS did not take the message."""

    retryable = True


class AnnouncementError(BrokerError):
    """EventBridge did not take the event."""

    retryable = True
