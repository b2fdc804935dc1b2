"""Revoking what a connection left behind: what follows on an answer, until it is done or given up.

All times are epoch seconds. `draw` is a random number in [0, 1), drawn anew by the caller each time.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, assert_never

from oauth_broker.connection import Note
from oauth_broker.protocol.revocation import NotRevocable, RevocationRefused, Revoked, RevokeLater
from oauth_broker.schedule import backoff

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from oauth_broker.protocol.revocation import RevocationVerdict, TokenTypeHint

REVOKE_FOR: Final = 3 * 86_400
"""Seconds from the first try to the last: over a weekend somebody may mend provider or resource.

Longer would keep tokens, and secrets of a resource that is to be deleted, for ever less hope.
"""

SECRETS_KEPT_FOR: Final = REVOKE_FOR + 3600
"""Seconds from a revocation's first try that the resource's deletion waits for it: its last try and event."""

RETRYING: Final = "retrying"


class Outcome(StrEnum):
    """How the revocation of a token, or of all that was left, ended."""

    REVOKED = "revoked"
    NOT_SUPPORTED = "not_supported"
    REFUSED = "refused"
    DESTINATIONS_CHANGED = "destinations_changed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Done:
    """No other try would change it."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Again:
    """Try again at `at`; `category` says what went wrong."""

    at: int
    category: str


@dataclass(frozen=True, slots=True)
class GaveUp:
    """It was tried for long enough; `category` says what went wrong last."""

    category: str


@dataclass(frozen=True, slots=True)
class News:
    """An event to send: its detail-type, and its members `revocation` and `category`."""

    note: Note
    revocation: str
    category: str | None = None


def after(  # noqa: PLR0913 - a verdict, and where the job stands
    verdict: RevocationVerdict, *, attempt: int, first_tried: int, now: int, period: int, draw: float
) -> Done | Again | GaveUp:
    """Say what follows on the verdict on a token, at the `attempt`-th attempt (1 is the first)."""
    match verdict:
        case Revoked():
            return Done(Outcome.REVOKED)
        case NotRevocable():
            return Done(Outcome.NOT_SUPPORTED)
        case RevocationRefused():
            return Done(Outcome.REFUSED)
        case RevokeLater(category=category, retry_after=retry_after):
            last = first_tried + REVOKE_FOR
            if now >= last:
                return GaveUp(category)
            wait = backoff(failures=attempt, retry_after=retry_after, period=period, draw=draw)
            return Again(min(now + wait, last), category)
        case _:
            assert_never(verdict)


@dataclass(frozen=True, slots=True)
class Which:
    """A token of a token set: by its kind, and by its name for a further token."""

    hint: TokenTypeHint
    name: str | None = None

    @property
    def key(self) -> str:
        """Give what stands for it among those that are through."""
        return self.hint if self.name is None else f"{self.hint} {self.name}"


REFRESH_TOKEN: Final = Which("refresh_token")
ACCESS_TOKEN: Final = Which("access_token")


def next_token(
    *, refreshable: bool, lives: bool, named: Iterable[str] = (), through: Mapping[str, Outcome]
) -> Which | None:
    """Choose the token to revoke next, of those that are not `through`; None when no other is.

    The refresh token comes first (`refreshable`: there is one), which should end the access tokens, too (RFC
    7009 section 2.1); not every provider does so. An access token that no longer `lives` is then left alone.
    `named` are the further tokens that live.
    """
    which = [REFRESH_TOKEN] if refreshable else []
    if lives or not refreshable:
        which.append(ACCESS_TOKEN)
    which += [Which("access_token", name) for name in named]
    return next((one for one in which if one.key not in through), None)


def outcome_of(through: Mapping[str, Outcome]) -> Outcome:
    """Give how all of it ended: as it did for the refresh token, which is the grant, where there was one."""
    return through.get(REFRESH_TOKEN.key) or through[ACCESS_TOKEN.key]


def news(notes: Sequence[Note], *, outcome: Outcome | None, category: str | None) -> News | None:
    """Say what is to be told now, given what is `notes` to be told yet; `outcome` is None while it goes on.

    `category`: why it goes on, or failed.
    """
    if Note.DISCONNECTED in notes:
        return News(Note.DISCONNECTED, outcome or RETRYING, category)
    if outcome is None or Note.REVOCATION_ENDED not in notes:
        return None
    if outcome is Outcome.REVOKED:
        return News(Note.REVOCATION_ENDED, outcome)
    return News(Note.REVOCATION_ENDED, Outcome.FAILED, category or outcome)


def notes_after(notes: Sequence[Note]) -> tuple[Note, ...]:
    """Give what is to be told yet once it was told that it goes on: how it ends."""
    return (Note.REVOCATION_ENDED,) if Note.DISCONNECTED in notes else tuple(notes)
