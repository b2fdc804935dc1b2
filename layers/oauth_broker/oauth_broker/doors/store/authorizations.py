"""Authorizations in the table: found by their random id in one call, whatever the browser brings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from oauth_broker.doors.store.authorization_rows import authorization_item, authorization_of
from oauth_broker.doors.store.change import Change
from oauth_broker.doors.store.keys import authorization_key
from oauth_broker.doors.store.table import ConditionFailedError, Table
from oauth_broker.transaction import MOST_STATES, Authorization

if TYPE_CHECKING:
    from oauth_broker.doors.store.values import Item

KEPT_FOR: Final = 86_400

MAY_BE_STARTED: Final = (
    "th = :ticket AND su > :now"
    # the same browser may open the link as often as it likes; other browsers up to a limit
    " AND (attribute_not_exists(hs) OR contains(hs, :state) OR size(hs) < :most)"
)
MAY_BE_CONSUMED: Final = "contains(hs, :state) AND cu > :now AND attribute_not_exists(ua) AND sh = :shared"
AT_ITS_OWN_ADDRESS: Final = "ri = :resource"
"""An answer at another resource's address is refused (RFC 9700 section 4.4.2)."""

OF_ITS_ISSUER: Final = "(attribute_not_exists(iss) OR iss = :iss)"
"""RFC 9207: another issuer does not use it up, either."""

NOT_MISSED_BEFORE: Final = "attribute_exists(ua) AND attribute_not_exists(ma)"


@dataclass(frozen=True, slots=True)
class NotConsumed:
    """The exchange may not begin; `there` is the authorization as it is, None where there is none."""

    there: Authorization | None


class AuthorizationTable:
    """Authorizations."""

    def __init__(self, table: Table) -> None:
        """Share the table."""
        self._table = table

    def add(self, authorization: Authorization) -> None:
        """Keep a new authorization."""
        self._table.put(new_authorization_item(authorization))

    def open(
        self, authorization_id: str, *, ticket_hash: bytes, state_hash: bytes, now: int, callback_until: int
    ) -> Authorization | None:
        """Note that a browser opened the start link; None: it is unknown, expired or opened too often."""
        change = Change(MAY_BE_STARTED).given(ticket=ticket_hash, now=now, state=state_hash, most=MOST_STATES)
        change.add_to_set("hs", state_hash).set({"cu": callback_until})
        try:
            return authorization_of(
                self._table.update(authorization_key(authorization_id), change, returning="ALL_NEW")
            )
        except ConditionFailedError:
            return None

    def consume(  # noqa: PLR0913 - one argument a clause of the condition
        self,
        authorization_id: str,
        *,
        state_hash: bytes,
        resource_id: str | None,
        iss: str | None,
        consumed_at: int,
        consumer: bytes,
    ) -> Authorization | NotConsumed:
        """Use the authorization up: what happens once is the exchange. `consumed_at` in epoch milliseconds.

        `resource_id` is that of the callback's address, None at the shared one; `consumer` a random id that
        tells a lost response from a lost race.
        """
        change = Change(MAY_BE_CONSUMED).given(
            state=state_hash, now=consumed_at // 1000, shared=resource_id is None
        )
        if resource_id is not None:
            change.also(AT_ITS_OWN_ADDRESS).given(resource=resource_id)
        if iss is not None:
            change.also(OF_ITS_ISSUER).given(iss=iss)
        change.set({"ua": consumed_at, "us": state_hash, "ub": consumer})
        try:
            return authorization_of(
                self._table.update(authorization_key(authorization_id), change, returning="ALL_NEW")
            )
        except ConditionFailedError as lost:
            if lost.item is None:
                return NotConsumed(None)
            there = authorization_of(lost.item)
            return there if lost.item.get("ub") == consumer else NotConsumed(there)

    def get(self, authorization_id: str) -> Authorization | None:
        """Give an authorization."""
        item = self._table.get(authorization_key(authorization_id))
        return None if item is None else authorization_of(item)

    def fail(self, authorization_id: str, *, outcome: str) -> None:
        """Keep the error code with which a consumed authorization ended, for a reload of its callback."""
        change = Change("attribute_exists(ua)").set({"oc": outcome})
        try:
            self._table.update(authorization_key(authorization_id), change)
        except ConditionFailedError:
            return

    def miss(self, authorization_id: str, *, now: int) -> None:
        """Keep when it was first missed what a consumed authorization ought to have brought."""
        change = Change(NOT_MISSED_BEFORE).set({"ma": now})
        try:
            self._table.update(authorization_key(authorization_id), change)
        except ConditionFailedError:
            return


def new_authorization_item(authorization: Authorization) -> Item:
    """Write a new authorization; TTL only sweeps, every condition checks time itself."""
    return authorization_item(authorization, ttl=authorization.start_until + KEPT_FOR)
