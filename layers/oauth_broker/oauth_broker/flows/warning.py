"""When the worker tells that a grant will die, and what is kept of that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from oauth_broker.forecast import deaths_of, next_warning

if TYPE_CHECKING:
    from collections.abc import Collection

    from oauth_broker.connection import Connection
    from oauth_broker.flows.kit import Kit
    from oauth_broker.flows.shelf import HeldResource
    from oauth_broker.forecast import Death

UNTOLD: Final = 60
"""Seconds after which an event that the bus did not take is sent again."""


def warn_at_of(kit: Kit, held: HeldResource, connection: Connection) -> int | None:
    """Give when to tell next that the grant will die, maybe in the past; None for nothing to tell."""
    death = _next(kit, held, connection, connection.warned_of)
    return None if death is None else death.warn_at(kit.schedule.expiry_notice)


def due_warning(kit: Kit, held: HeldResource, connection: Connection, *, now: float) -> Death | None:
    """Give the death that is to be told now.

    A refresh that is due may put that off: it comes first, until it fails. What ran out is dead, which is
    told instead.
    """
    death = _next(kit, held, connection, connection.warned_of)
    token_set = connection.token_set
    if death is None or token_set is None or token_set.ran_out(now):
        return None
    refresh_first = connection.is_due_for_refresh(now) and not connection.failures
    return None if refresh_first or death.warn_at(kit.schedule.expiry_notice) > now else death


def after_warning(
    kit: Kit, held: HeldResource, connection: Connection, told: Death | None, *, now: int
) -> tuple[int | None, tuple[int, ...]]:
    """Give `warn_at` and `warned_of` once `told` was told (None: nothing was), by the resource as it is held.

    What is due and was not told is tried again soon; a death that was put off is told anew.
    """
    known = {death.at for death in deaths_of(connection, held.resource)}
    both = (*connection.warned_of, *(() if told is None else (told.at,)))
    warned_of = tuple(at for at in both if at in known)
    death = _next(kit, held, connection, warned_of)
    if death is None:
        return None, warned_of
    warn_at = death.warn_at(kit.schedule.expiry_notice)
    return (warn_at if warn_at > now else now + UNTOLD), warned_of


def _next(kit: Kit, held: HeldResource, connection: Connection, told: Collection[int]) -> Death | None:
    if not held.counts(connection):
        return None
    known = deaths_of(connection, held.resource)
    return next_warning(known, told=told, notice=kit.schedule.expiry_notice)
