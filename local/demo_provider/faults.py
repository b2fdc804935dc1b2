"""What tests ask of the endpoints: failures and delays on demand, and a record of what arrived.

Without `--controls` nothing adds a fault, and nothing is recorded.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

MAX_CALLS = 10_000  # the record keeps the latest
MAX_DELAY = 120.0  # seconds
STATUSES = range(HTTPStatus.OK, 600)
BESIDE_TOKENS = frozenset({"/revoke", "/introspect"})


class BadControlError(ValueError):
    """A control request that cannot be understood; the message is for whoever wrote the test."""


@dataclass(frozen=True)
class Fault:
    """What happens to the next `count` calls that match `endpoint`, `grant_type` and `client_id` (None: any).

    `endpoint` is a path: `/revoke` or `/introspect`, which no other fault meets, or one of the token
    endpoints (None: all of these). With `status` None the call is answered as it should be, only later.
    Otherwise the answer is `status`, `headers` and `body` (a string goes out as it is, anything else as
    JSON); with `processed` the call is carried out all the same, so the client cannot know. Delays are
    seconds.
    """

    count: int = 1
    endpoint: str | None = None
    grant_type: str | None = None
    client_id: str | None = None
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = ""
    processed: bool = False
    delay_before: float = 0.0
    delay_after: float = 0.0


@dataclass(frozen=True)
class TokenCall:
    """A call that arrived; what it belongs to is None where the call did not get that far.

    `at` is the arrival in seconds since 1970; `own_status` is what the server itself made of it, None where a
    fault kept the call from it; `status` is what was sent.
    """

    at: float
    endpoint: str
    grant_type: str | None
    client_id: str | None
    family_id: str | None
    generation: int | None
    own_status: int | None
    status: int


@dataclass
class Journal:
    """The faults still to come, in order, and the calls that came."""

    recording: bool = False
    faults: list[Fault] = field(default_factory=list)
    calls: deque[TokenCall] = field(default_factory=lambda: deque(maxlen=MAX_CALLS))

    def take(self, endpoint: str, grant_type: str | None, client_id: str | None) -> Fault | None:
        """The first fault that this call meets; its count goes down."""
        named = {endpoint} if endpoint in BESIDE_TOKENS else {endpoint, None}
        for place, fault in enumerate(self.faults):
            if fault.endpoint not in named:
                continue
            if fault.grant_type in {None, grant_type} and fault.client_id in {None, client_id}:
                left = fault.count - 1
                self.faults[place : place + 1] = [replace(fault, count=left)] if left else []
                return fault
        return None

    def record(self, call: TokenCall) -> None:
        """Keep a call, if anybody asked for records."""
        if self.recording:
            self.calls.append(call)


TYPES: dict[str, tuple[type, ...]] = {
    "count": (int,),
    "endpoint": (str,),
    "grant_type": (str,),
    "client_id": (str,),
    "status": (int,),
    "headers": (dict,),
    "body": (object,),
    "processed": (bool,),
    "delay_before": (int, float),
    "delay_after": (int, float),
}


def parse_fault(body: object) -> Fault:
    """The fault that a JSON object describes, its members named as in `Fault`.

    Raises BadControlError: no object, an unknown member, a wrong type, a number out of range.
    """
    members = typed_members(body, TYPES)
    members["headers"] = {name: str(value) for name, value in members.get("headers", {}).items()}
    fault = Fault(**members)
    if fault.count < 1:
        raise BadControlError("count is 1 or more")
    if fault.status is not None and fault.status not in STATUSES:
        raise BadControlError("status is 200 to 599")
    if not all(0 <= delay <= MAX_DELAY for delay in (fault.delay_before, fault.delay_after)):
        raise BadControlError(f"a delay is 0 to {MAX_DELAY:.0f} seconds")
    if not all(text.isprintable() for pair in fault.headers.items() for text in pair):
        raise BadControlError("headers have no control characters")
    return fault


def typed_members(body: object, types: dict[str, tuple[type, ...]]) -> dict[str, Any]:
    """The members of a JSON object, each of one of the types that `types` gives its name.

    Raises BadControlError for anything else.
    """
    if not isinstance(body, dict):
        raise BadControlError("the body is not a JSON object")
    for name, value in body.items():
        if name not in types:
            raise BadControlError(f"{name} is unknown; known are {', '.join(types)}")
        if not is_one_of(value, types[name]):
            raise BadControlError(f"{name} has the wrong type")
    return dict(body)


def is_one_of(value: object, types: tuple[type, ...]) -> bool:
    """Whether a JSON value has one of these types; a bool is no number, although Python says so."""
    if object in types:
        return True
    return type(value) in types
