"""The last attempts at a connection's tokens: a ring of eight bytes each on its item, newest last.

A consent's commit knows nothing of the item that it changes, so it cannot add to the ring; but it leaves
`consented_at` on the item, from which its entry is made whenever the ring is read or added to.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauth_broker.connection import Connection, Lease

MOST: Final = 20
LONGEST_MS: Final = 0xFFFE
"""The longest duration that is told apart; what took longer reads as this."""

REFRESHED: Final = "refreshed"
CONNECTED: Final = "connected"
OUTCOME_UNKNOWN: Final = "outcome_unknown"
OTHER: Final = "other"

CODES: Final[Mapping[str, int]] = {
    OTHER: 0,
    REFRESHED: 1,
    CONNECTED: 2,
    "grant_gone": 3,
    "rate_limited": 4,
    "provider_unavailable": 5,
    "redirected": 6,
    "invalid_client": 7,
    "unauthorized_client": 8,
    "refused": 9,
    "unusable_answer": 10,
    "egress_refused": 11,
    "not_connected": 12,
    OUTCOME_UNKNOWN: 13,
    "ran_out": 14,
    "cannot_be_opened": 15,
    "sealing_unavailable": 16,
    "store_unavailable": 17,
    "unfit": 18,
    "unfit_value": 19,
    "unfit_template": 20,
    "broken": 21,
    "store_refused": 22,
    "unreadable": 23,
    "signing_unavailable": 24,
    "signing_refused": 25,
}
"""Outcome → its number in the table for good: a number is never given to another outcome."""

OUTCOMES: Final = {code: outcome for outcome, code in CODES.items()}

_ENTRY: Final = struct.Struct(">IHBB")  # when, how long, outcome, who
_LATEST: Final = 0xFFFF_FFFF
_NO_DURATION: Final = 0xFFFF
_BY_WORKER: Final = 1


@dataclass(frozen=True, slots=True)
class PastAttempt:
    """An attempt that ended at `at`, in epoch seconds.

    `outcome`: one of `CODES`, as `LastError.category` names it, or `refreshed`, `connected`. `by_worker`: the
    schedule made it, not somebody who asked. `duration_ms`: from the lease to the answer, None where no
    answer tells.
    """

    at: int
    outcome: str
    by_worker: bool = False
    duration_ms: int | None = None


def ended(outcome: str, lease: Lease, *, now: float) -> PastAttempt:
    """Give the attempt that the lease's holder ends at `now`, in epoch seconds."""
    return PastAttempt(int(now), outcome, lease.by_worker, int(now * 1000) - lease.taken_at)


def lapsed(lease: Lease, *, now: float) -> PastAttempt:
    """Give the attempt of a holder who never ended it, as it is found at `now`, in epoch seconds."""
    return PastAttempt(int(now), OUTCOME_UNKNOWN, lease.by_worker)


def ring_with(connection: Connection, attempt: PastAttempt) -> bytes:
    """Give the connection's ring with one attempt more."""
    return b"".join([*_entries(connection), _packed(attempt)][-MOST:])


def attempts_of(connection: Connection) -> list[PastAttempt]:
    """Give the connection's last attempts and its last consent, oldest first; at most `MOST`."""
    return [_unpacked(entry) for entry in _entries(connection)[-MOST:]]


def _entries(connection: Connection) -> list[bytes]:
    ring, size = connection.attempts, _ENTRY.size
    entries = [ring[start : start + size] for start in range(0, len(ring) - size + 1, size)]
    if not connection.consented_at:
        return entries
    consent = _packed(PastAttempt(connection.consented_at // 1000, CONNECTED))
    if consent not in entries:
        # big-endian: the bytes of two times compare as the times do
        later = (place for place, entry in enumerate(entries) if entry[:4] >= consent[:4])
        entries.insert(next(later, len(entries)), consent)
    return entries


def _packed(attempt: PastAttempt) -> bytes:
    duration = attempt.duration_ms
    return _ENTRY.pack(
        min(max(attempt.at, 0), _LATEST),
        _NO_DURATION if duration is None else min(max(duration, 0), LONGEST_MS),
        CODES.get(attempt.outcome, CODES[OTHER]),
        _BY_WORKER if attempt.by_worker else 0,
    )


def _unpacked(entry: bytes) -> PastAttempt:
    at, duration, code, who = _ENTRY.unpack(entry)
    return PastAttempt(
        at=at,
        outcome=OUTCOMES.get(code, OTHER),
        by_worker=bool(who & _BY_WORKER),
        duration_ms=None if duration == _NO_DURATION else duration,
    )
