"""How a browser's trip through the provider ends, and what the application is told of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from oauth_broker.errors import CallbackRejectedError
from oauth_broker.flows.exchange import EXCHANGE_FAILED

if TYPE_CHECKING:
    from oauth_broker.connection import LastError
    from oauth_broker.protocol.state import Derived
    from oauth_broker.transaction import Authorization

RESOURCE_CHANGED: Final = "resource_changed"


class EndingKind(Enum):
    """How a trip ended."""

    CONNECTED = auto()
    TO_BE_CONFIRMED = auto()
    REFUSED = auto()
    EXCHANGE_FAILED = auto()
    RESOURCE_CHANGED = auto()
    NOT_STARTED_HERE = auto()


@dataclass(frozen=True, slots=True)
class Ending:
    """What the browser is told: at `location`, the application's, where there is one, else on a page.

    `error` and `description` are the provider's words; `service` is the resource's name where it is known.
    `failure` is for the log.
    """

    kind: EndingKind
    location: str | None = None
    failure: LastError | None = None
    error: str = ""
    description: str = ""
    service: str = ""


def success(authorization: Authorization, derived: Derived, service: str = "") -> Ending:
    """Give the end of a trip whose code was exchanged and whose token set was kept."""
    code = derived.confirmation_code if authorization.require_confirmation else None
    return Ending(
        kind=EndingKind.TO_BE_CONFIRMED if code else EndingKind.CONNECTED,
        location=_location(
            authorization,
            confirmation_code=None if code is None else code.reveal(),
        ),
        service=service,
    )


def failed_ending(
    authorization: Authorization, outcome: str, description: str = "", service: str = ""
) -> Ending:
    """Give the end of a trip that came to nothing: `outcome` is the provider's code, or one of ours."""
    kinds = {EXCHANGE_FAILED: EndingKind.EXCHANGE_FAILED, RESOURCE_CHANGED: EndingKind.RESOURCE_CHANGED}
    kind = kinds.get(outcome, EndingKind.REFUSED)
    return Ending(
        kind=kind,
        location=_location(authorization, error=outcome),
        error=outcome if kind is EndingKind.REFUSED else "",
        description=description if kind is EndingKind.REFUSED else "",
        service=service,
    )


def _location(authorization: Authorization, **told: str | None) -> str | None:
    """Give `return_url` with what the application is told; its own query is kept."""
    if authorization.return_url is None:
        return None
    fields = {"connection_id": authorization.connection_id, **told}
    query = urlencode({name: value for name, value in fields.items() if value is not None})
    return f"{authorization.return_url}{'&' if '?' in authorization.return_url else '?'}{query}"


def not_yours() -> CallbackRejectedError:
    """Give what a browser is told that brings another's answer, or none of ours."""
    return CallbackRejectedError("the answer is to nothing that this browser began here")
