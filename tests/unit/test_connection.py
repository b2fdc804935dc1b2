"""Statuses that are shown, and when a connection is due."""

from __future__ import annotations

from typing import Any

import pytest

from oauth_broker.connection import AFTER, Happening, Note, Status
from tests.doubles.samples import NOW, connection, lease, pending, proposal, token_set

HERE = frozenset({"there"})


@pytest.mark.parametrize(
    "made, expected",
    [
        (pending(), Status.PENDING),
        (pending(start_until=NOW + 1), Status.PENDING),
        (pending(start_until=NOW), Status.EXPIRED),
        (pending(start_until=None), Status.EXPIRED),
        (pending(proposal=proposal()), Status.AWAITING_CONFIRMATION),
        (pending(start_until=NOW - 1, proposal=proposal(until=NOW + 1)), Status.AWAITING_CONFIRMATION),
        (pending(start_until=NOW, proposal=proposal(until=NOW)), Status.EXPIRED),
        (pending(proposal=proposal(until=NOW)), Status.PENDING),
        (connection(), Status.ACTIVE),
        (connection(proposal=proposal()), Status.ACTIVE),
        (connection(lease=lease()), Status.ACTIVE),
        (connection(unknown_since=NOW - 90), Status.ACTIVE),
        (connection(failures=9), Status.ACTIVE),
        (connection(token_set=token_set(expires_at=NOW)), Status.ACTIVE),
        (connection(token_set=token_set(expires_at=NOW, refreshable=False)), Status.NEEDS_REAUTHORIZATION),
        (connection(token_set=token_set(expires_at=NOW + 1, refreshable=False)), Status.ACTIVE),
        (connection(token_set=token_set(expires_at=None, refreshable=False)), Status.ACTIVE),
        (connection(token_set=token_set(destinations_id="elsewhere")), Status.NEEDS_REAUTHORIZATION),
        (connection(status=Status.NEEDS_REAUTHORIZATION), Status.NEEDS_REAUTHORIZATION),
        (
            connection(status=Status.NEEDS_REAUTHORIZATION, proposal=proposal()),
            Status.NEEDS_REAUTHORIZATION,
        ),
    ],
)
def test_the_status_that_is_shown(made: Any, expected: Status) -> None:
    """A stored status is shown as what it means now; an expired access token alone costs nothing."""
    assert made.shown_status(NOW, HERE) is expected


def test_a_rebind_makes_former_destinations_count() -> None:
    """A token set counts under any of the resource's destinations ids."""
    made = connection(token_set=token_set(destinations_id="former"))
    assert made.shown_status(NOW, HERE) is Status.NEEDS_REAUTHORIZATION
    assert made.shown_status(NOW, HERE | {"former"}) is Status.ACTIVE


@pytest.mark.parametrize(
    "made, expected",
    [
        (pending(), None),
        (pending(proposal=proposal(until=NOW + 60)), NOW + 60),
        (connection(next_refresh=NOW + 50), NOW + 50),
        (connection(next_refresh=None), None),
        (connection(next_refresh=NOW + 50, proposal=proposal(until=NOW + 40)), NOW + 40),
        (connection(next_refresh=NOW + 50, proposal=proposal(until=NOW + 60)), NOW + 50),
        (connection(next_refresh=NOW + 50, notes=(Note.CONNECTED,)), NOW),
        (connection(next_refresh=None, token_set=token_set(refreshable=False)), NOW + 3600),
        (connection(next_refresh=NOW + 5, token_set=token_set(refreshable=False)), NOW + 3600),
        (connection(next_refresh=None, token_set=token_set(refreshable=False, expires_at=None)), None),
        (connection(status=Status.NEEDS_REAUTHORIZATION), None),
        (connection(status=Status.NEEDS_REAUTHORIZATION, notes=(Note.CONNECTED,)), NOW),
        (connection(status=Status.NEEDS_REAUTHORIZATION, proposal=proposal(until=NOW + 60)), NOW + 60),
    ],
)
def test_when_a_connection_is_due(made: Any, expected: int | None) -> None:
    """Notes are due now, an unconfirmed proposal when it is too late, a refresh in time; else nothing is."""
    assert made.due_at(NOW) == expected


def test_no_outage_costs_a_grant() -> None:
    """Only an answer that says so, or a token that ran out, makes a connection need reauthorization."""
    ends = {
        what for (before, what), after in AFTER.items() if before is Status.ACTIVE and after is not before
    }
    assert ends == {Happening.GRANT_GONE, Happening.RAN_OUT}


def test_only_stored_statuses_follow_on_each_other() -> None:
    """What is computed when it is read is never a state of the table."""
    computed = {Status.AWAITING_CONFIRMATION, Status.EXPIRED}
    assert not computed & ({before for before, _ in AFTER} | set(AFTER.values()))


def test_everything_that_can_happen_has_a_place() -> None:
    """No happening is without a status on which it can fall."""
    assert {what for _, what in AFTER} == set(Happening)


@pytest.mark.parametrize(
    "expires_at, refreshable, lives, ran_out",
    [
        (None, True, True, False),
        (None, False, True, False),
        (NOW + 1, False, True, False),
        (NOW, True, False, False),
        (NOW, False, False, True),
    ],
)
def test_a_token_set_at_its_end(
    expires_at: int | None, refreshable: bool, lives: bool, ran_out: bool
) -> None:
    """A token lives until the second of its expiry; it has run out when nothing can bring another."""
    made = token_set(expires_at=expires_at, refreshable=refreshable)
    assert (made.lives(NOW), made.ran_out(NOW)) == (lives, ran_out)


@pytest.mark.parametrize("later, live", [(0, True), (29.999, True), (30, False), (31, False)])
def test_a_lease_is_live_until_its_last_millisecond(later: float, live: bool) -> None:
    """A lease of 30 seconds is live for 30 seconds."""
    assert lease().live(NOW + later) is live
