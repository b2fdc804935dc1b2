"""A callback that comes again: it ends as it ended first, or waits for that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from oauth_broker.attempt import RESCUE_TURN
from oauth_broker.doors.store import LONGEST_CALL
from oauth_broker.errors import UnavailableError
from oauth_broker.flows.ending import failed_ending, not_yours, success
from oauth_broker.flows.exchange import EXCHANGE_FAILED
from oauth_broker.protocol.state import Derived, hash_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from oauth_broker.connection import Connection
    from oauth_broker.flows.ending import Ending
    from oauth_broker.flows.kit import Kit
    from oauth_broker.transaction import Authorization

LOOK_AGAIN: Final = 0.3


def ended_before(
    kit: Kit,
    there: Authorization | None,
    resource_id: str | None,
    derived: Derived,
    remaining: Callable[[], float],
) -> Ending:
    """End a reload as the first one ended; await the first one while it is under way.

    Raises CallbackRejectedError for what is no reload, UnavailableError where the end is not known in time.
    """
    if (
        there is None
        or there.consumed_at is None
        or hash_of(derived.state_bits) != there.consumed_by
        or (resource_id != there.resource_id if resource_id is not None else not there.shared_callback)
    ):
        raise not_yours()
    until = kit.machine.now() + kit.numbers.reader_wait
    while True:
        if there.outcome is not None:
            return failed_ending(there, there.outcome)
        connection = kit.store.connections.get(there.resource_id, there.connection_id)
        if connection is not None and _arrived(connection, there, there.consumed_at):
            return success(there, derived)
        if there.missed_at is not None and kit.machine.now() > there.missed_at + RESCUE_TURN:
            return failed_ending(there, EXCHANGE_FAILED)
        _miss(kit, there, there.consumed_at)
        if kit.machine.now() + LOOK_AGAIN > until or remaining() <= LOOK_AGAIN + LONGEST_CALL:
            message = "the exchange is still under way"
            raise UnavailableError(message, retry_after=1)
        kit.machine.sleep(LOOK_AGAIN)
        there = kit.store.authorizations.get(there.authorization_id) or there


def _miss(kit: Kit, authorization: Authorization, consumed_at: int) -> None:
    """Write down that nothing came of an exchange whose process is over by now, once the table takes writes.

    It may lie in the rescue queue, whose turn begins then: after an outage of the table that is long after
    the exchange.
    """
    now = kit.machine.now()
    if authorization.missed_at is None and now * 1000 > consumed_at + kit.numbers.lease * 1000:
        kit.store.authorizations.miss(authorization.authorization_id, now=int(now))


def _arrived(connection: Connection, authorization: Authorization, consumed_at: int) -> bool:
    """Say whether what the authorization brought, or something newer, was committed."""
    proposed_at = 0 if connection.proposal is None else connection.proposal.consented_at
    same = connection.created_at == authorization.connection_created_at
    return same and max(connection.consented_at, proposed_at, connection.ended_consent) >= consumed_at
