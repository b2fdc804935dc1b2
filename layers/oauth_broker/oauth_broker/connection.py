"""A connection: what is stored of one grant, its statuses, and what may follow on what.

Some statuses are computed, never stored: a pending connection reads `awaiting_confirmation` while a token
set that was obtained for it waits for its confirmation, and `expired` once its start link, or that
confirmation, is too late. A connection whose destinations were changed, or whose token expired with nothing
to refresh it, reads `needs_reauthorization`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

LINK_LIFETIME: Final = 600
"""Seconds that a start link, a callback after a start, and a confirmation after a callback each have."""


class Status(StrEnum):
    """The status words of the HTTP contract."""

    PENDING = "pending"
    AWAITING_CONFIRMATION = "awaiting_confirmation"
    ACTIVE = "active"
    NEEDS_REAUTHORIZATION = "needs_reauthorization"
    EXPIRED = "expired"


class Happening(StrEnum):
    """What can befall a stored connection."""

    PROPOSED = "proposed"
    CONSENTED = "consented"
    REFRESHED = "refreshed"
    GRANT_GONE = "grant_gone"
    RAN_OUT = "ran_out"
    TRY_LATER = "try_later"
    OUTCOME_UNKNOWN = "outcome_unknown"
    CONSENT_FAILED = "consent_failed"


_P, _A, _N = Status.PENDING, Status.ACTIVE, Status.NEEDS_REAUTHORIZATION

AFTER: Final[Mapping[tuple[Status, Happening], Status]] = {
    (_P, Happening.PROPOSED): _P,
    (_A, Happening.PROPOSED): _A,
    (_N, Happening.PROPOSED): _N,
    (_P, Happening.CONSENTED): _A,
    (_A, Happening.CONSENTED): _A,
    (_N, Happening.CONSENTED): _A,
    (_P, Happening.CONSENT_FAILED): _P,
    (_A, Happening.CONSENT_FAILED): _A,
    (_N, Happening.CONSENT_FAILED): _N,
    (_A, Happening.REFRESHED): _A,
    (_N, Happening.REFRESHED): _A,  # the rescue brought the token set whose predecessor was refused meanwhile
    (_A, Happening.GRANT_GONE): _N,
    (_A, Happening.RAN_OUT): _N,
    (_A, Happening.TRY_LATER): _A,  # an outage never costs a grant
    (_A, Happening.OUTCOME_UNKNOWN): _A,
}
"""(stored status, what happened) → stored status. A pair that is missing cannot happen."""


class Note(StrEnum):
    """A change that someone must know of: the detail-type of the EventBridge event that the worker sends."""

    CONNECTED = "connection connected"
    NEEDS_REAUTHORIZATION = "connection needs reauthorization"
    DISCONNECTED = "connection disconnected"
    REVOCATION_ENDED = "connection revocation ended"
    REFRESH_FAILING = "connection refresh failing"
    EXPIRING = "connection expiring"


@dataclass(frozen=True, slots=True)
class LastError:
    """What went wrong last: `at` in epoch seconds; the provider's words and the request are masked."""

    at: int
    category: str
    error: str | None = None
    error_description: str | None = None
    http_status: int | None = None
    request: str | None = None


@dataclass(frozen=True, slots=True)
class SealedTokenSet:
    """A token set as it lies in the table. `token_set_id` is random and ours; times are epoch seconds.

    `refresh_expires_at` is what the provider told of the refresh token, `refresh_issued_at` when a refresh
    token of that expiry first came: before `issued_at`, if refreshing does not put the expiry off.
    """

    token_set_id: bytes
    sealed: bytes
    issued_at: int
    expires_at: int | None
    scopes: tuple[str, ...]
    metadata: Mapping[str, str | int | float | bool]
    destinations_id: str
    refreshable: bool
    refresh_expires_at: int | None = None
    refresh_issued_at: int | None = None

    def lives(self, now: float) -> bool:
        """Say whether the access token has not expired."""
        return self.expires_at is None or self.expires_at > now

    def ran_out(self, now: float) -> bool:
        """Say whether the access token has expired and nothing can bring another."""
        return not self.refreshable and not self.lives(now)

    @property
    def lifetime(self) -> int | None:
        """Seconds from issue to expiry."""
        return None if self.expires_at is None else max(0, self.expires_at - self.issued_at)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A token set kept apart until it is confirmed: by whom (hash), with which code (hash), until when.

    `user_hash` None: nobody asked for it, since the provider began; whoever brings the code first confirms.
    """

    token_set: SealedTokenSet
    variables: Mapping[str, str]
    code_hash: bytes
    user_hash: bytes | None
    consented_at: int
    until: int


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to refresh: times in epoch milliseconds.

    `first_taken_at`: when the first of leases that were taken over from each other, the token perhaps spent,
    was taken. `by_worker`: it was taken for whatever was due, so not for a refresh that was not.
    """

    lease_id: bytes
    taken_at: int
    until: int
    first_taken_at: int
    by_worker: bool = False

    def live(self, now: float) -> bool:
        """Say whether its holder may still be at work; `now` in epoch seconds."""
        return self.until > now * 1000

    @property
    def follows(self) -> bool:
        """Say whether it was taken over from one whose holder may have spent the token."""
        return self.first_taken_at != self.taken_at


@dataclass(frozen=True, slots=True)
class Connection:
    """One grant under a resource. `created_at`, `consented_at`: epoch milliseconds; all other times: seconds.

    `created_at` tells a connection from a later one of the same id. `asked_scopes` are what
    client_credentials ask for each time; `ended_consent` is the `consented_at` of the last proposal that was
    not confirmed.

    `refresh_at` is the index's key: when the worker should look at it; `next_refresh` is when it should be
    refreshed, `warn_at` when it should be told that the grant will die. `warned_of` are the deaths that were
    told. `attempts` is the ring of the last ones, packed by `attempts.py`.
    """

    resource_id: str
    connection_id: str
    status: Status
    created_at: int
    start_until: int | None = None
    owner: bytes | None = None
    labels: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    token_set: SealedTokenSet | None = None
    proposal: Proposal | None = None
    generation: int = 0
    consented_at: int = 0
    next_refresh: int | None = None
    refresh_at: int | None = None
    lease: Lease | None = None
    unknown_since: int | None = None
    failures: int = 0
    last_error: LastError | None = None
    notes: tuple[Note, ...] = ()
    asked_scopes: tuple[str, ...] = ()
    ended_consent: int = 0
    attempts: bytes = b""
    warn_at: int | None = None
    warned_of: tuple[int, ...] = ()

    def shown_status(self, now: float, destinations_ids: frozenset[str]) -> Status:
        """Give the status a caller sees; `destinations_ids`: those under which its tokens count."""
        if self.status is Status.PENDING:
            if self.proposal is not None and self.proposal.until > now:
                return Status.AWAITING_CONFIRMATION
            if self.start_until is None or self.start_until <= now:
                return Status.EXPIRED
            return Status.PENDING
        held = self.token_set
        if held is not None and (held.destinations_id not in destinations_ids or held.ran_out(now)):
            return Status.NEEDS_REAUTHORIZATION
        return self.status

    def is_due_for_refresh(self, now: float) -> bool:
        """Say whether the time of its refresh has come."""
        return self.next_refresh is not None and self.next_refresh <= now

    @property
    def due_for_refresh_alone(self) -> bool:
        """Say whether there is nothing to do about it but the refresh, once that is due."""
        held = self.token_set
        return (
            self.status is Status.ACTIVE
            and held is not None
            and held.refreshable
            and not self.notes
            and self.refresh_at == self.next_refresh
        )

    def due_at(self, now: int) -> int | None:
        """Give the due index's key: the earliest of what there is to do; None when there is nothing."""
        if self.notes:
            return now
        times = [None if self.proposal is None else self.proposal.until]
        if self.status is Status.ACTIVE and self.token_set is not None:
            # a token that cannot be refreshed is looked at when it expires: somebody must consent again
            times.append(self.next_refresh if self.token_set.refreshable else self.token_set.expires_at)
            times.append(self.warn_at)
        return min((time for time in times if time is not None), default=None)
