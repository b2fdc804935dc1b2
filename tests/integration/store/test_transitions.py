"""The table of what may follow on what, walked through the store's own writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from oauth_broker.connection import AFTER, Connection, Happening, LastError, Status
from oauth_broker.doors.store import Store
from tests.doubles.samples import (
    NOW,
    SHARD,
    authorization,
    connection,
    consent_commit,
    lease,
    pending,
    proposal_commit,
    refresh_commit,
)
from tests.integration.store.placing import place, raw, there

ERROR = LastError(NOW, "refused")
MINE = lease(b"mine")
STORED = {
    Status.PENDING: pending(lease=MINE, refresh_at=NOW),
    Status.ACTIVE: connection(lease=MINE),
    Status.NEEDS_REAUTHORIZATION: connection(lease=MINE, status=Status.NEEDS_REAUTHORIZATION),
}
WRITES: Mapping[Happening, Callable[[Store, Connection], Any]] = {
    Happening.PROPOSED: lambda store, _: store.connections.commit(proposal_commit()),
    Happening.CONSENTED: lambda store, _: store.connections.commit(consent_commit()),
    Happening.REFRESHED: lambda store, _: store.connections.commit(refresh_commit()),
    Happening.GRANT_GONE: lambda store, seen: store.leases.end_grant(
        seen, spent=b"set-1", error=ERROR, now=NOW, shard=SHARD
    ),
    Happening.RAN_OUT: lambda store, seen: store.leases.end_grant(
        seen, spent=b"set-1", error=replace(ERROR, category="ran_out"), now=NOW, shard=SHARD
    ),
    Happening.TRY_LATER: lambda store, seen: store.leases.put_off(
        seen, MINE, error=ERROR, failures=1, next_refresh=NOW + 60, notes=[], now=NOW, shard=SHARD
    ),
    Happening.OUTCOME_UNKNOWN: lambda store, seen: store.leases.mark_unknown(
        seen, MINE, error=ERROR, harmless=False, again=NOW + 60, notes=[], shard=SHARD
    ),
    Happening.CONSENT_FAILED: lambda store, _: store.connections.note_failed_consent(authorization(), ERROR),
}


@pytest.mark.parametrize("before", STORED)
@pytest.mark.parametrize("happening", Happening)
def test_the_writes_agree_with_the_table(store: Store, before: Status, happening: Happening) -> None:
    """A pair of the table is written and ends in its status; a pair that it lacks writes nothing at all."""
    seen = place(store, STORED[before])
    item = raw(store, seen)
    WRITES[happening](store, seen)
    after = AFTER.get((before, happening))
    if after is None:
        assert raw(store, seen) == item
    else:
        assert raw(store, seen) != item
        assert there(store, seen).status is after
