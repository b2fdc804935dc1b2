"""When a grant will die if nothing is done, and when to tell of it.

All times are epoch seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from oauth_broker.connection import Status
from oauth_broker.resource import GrantType

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from oauth_broker.connection import Connection, SealedTokenSet
    from oauth_broker.resource import Resource

EARLIEST_WARNING: Final = 4
"""A warning comes once this part of the time is left, a quarter, and no earlier.

Keep-alive comes by then: only where it failed, or cannot help, is there anything to tell.
"""


@dataclass(frozen=True, slots=True)
class Death:
    """One way in which a grant ends by itself, at `at`; `since`: from when that end stood."""

    since: int
    at: int

    def warn_at(self, notice: int) -> int:
        """Give when to tell: `notice` seconds ahead, or a quarter of the whole time if that is less."""
        return self.at - min(notice, max(0, self.at - self.since) // EARLIEST_WARNING)


def deaths_of(connection: Connection, resource: Resource) -> tuple[Death, ...]:
    """Give every known end of a connection's grant; none if it has no grant, or no longer.

    An end for each cause, since refreshing puts off disuse, and not the end of what was consented to.
    """
    token_set = connection.token_set
    if connection.status is not Status.ACTIVE or token_set is None:
        return ()
    if resource.grant_type is GrantType.CLIENT_CREDENTIALS:
        return ()
    if not token_set.refreshable:
        expires_at = token_set.expires_at
        return () if expires_at is None else (Death(token_set.issued_at, expires_at),)
    found = []
    behaviour, consented = resource.refresh_token, connection.consented_at // 1000
    if behaviour.lifetime is not None:
        found.append(Death(consented, consented + behaviour.lifetime))
    if behaviour.idle_lifetime is not None:
        found.append(Death(token_set.issued_at, token_set.issued_at + behaviour.idle_lifetime))
    if token_set.refresh_expires_at is not None:
        since = token_set.refresh_issued_at
        found.append(Death(token_set.issued_at if since is None else since, token_set.refresh_expires_at))
    return tuple(found)


def dies_at(connection: Connection, resource: Resource) -> int | None:
    """Give when a connection's grant will die if nothing is done; None where that is not known."""
    return min((death.at for death in deaths_of(connection, resource)), default=None)


def next_warning(known: Iterable[Death], *, told: Collection[int], notice: int) -> Death | None:
    """Give the death to tell of next; `told`: when those die that were told of."""
    untold = (death for death in known if death.at not in told)
    return min(untold, key=lambda death: death.warn_at(notice), default=None)


def refresh_expiry(
    spent: SealedTokenSet, told: int | None, *, same_token: bool, now: int
) -> tuple[int | None, int | None]:
    """Give `refresh_issued_at` and `refresh_expires_at` of the token set that an answer at `now` brought.

    `told`: the expiry of the refresh token by that answer, None if it does not say; `same_token`: it kept the
    one that was spent. An end that refreshing does not move is told as a smaller number of seconds each time,
    give or take the network: it stays as it was first told, with its time.
    """
    before = spent.refresh_issued_at, spent.refresh_expires_at
    if told is None:
        return before if same_token else (None, None)
    since, expired_at = before
    if since is not None and expired_at is not None and abs(told - expired_at) * 2 < now - since:
        return before
    return now, told
