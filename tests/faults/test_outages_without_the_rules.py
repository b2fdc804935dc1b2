"""The test of test_outages.py: a build without the rule loses the grant, and its test would see it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.faults.outages import (
    LEASE,
    TURN,
    Rig,
    in_the_next_period,
    is_commit,
    is_kms,
    is_rescue,
    is_write,
    link,
    refresh_while,
    rig,
)
from tests.integration.circle.broker import assert_page, eventually, query_of

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def naive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A broker that leaves out a rule or two: the reader's and the callback's others than the worker's."""
    with rig(
        tmp_path_factory.mktemp("clock"),
        AccessFunction=("commit_tried_once", "key_after_the_call"),
        CallbackFunction=("commit_tried_once",),
        RefreshWorkerFunction=("lapsed_lease_taken",),
    ) as made:
        yield made


def test_a_commit_that_is_dropped_loses_the_grant(naive: Rig) -> None:
    """Without tries and rescue: what refresh and consent brought nobody has."""
    [grant] = naive.connected(1)
    browser, callback = link(naive, grant.resource_id, "late")
    with naive.outage(is_write, once=is_commit):
        assert naive.refresh(grant) == 503
    with naive.outage(is_write, once=is_commit):
        assert_page(browser.open(callback), 503)
    time.sleep(2 * TURN)
    assert (naive.calls(grant), naive.shown(grant)["generation"]) == (1, 1)
    for _ in range(2):
        assert_page(browser.open(callback), 503)
        naive.clock.pass_by(LEASE + 1)
    naive.clock.pass_by(LEASE + 1)
    assert query_of(browser.open(callback).headers["Location"])["error"] == "exchange_failed"


def test_a_lapsed_lease_that_is_taken_ends_the_grant(naive: Rig) -> None:
    """The next refresh overtakes the rescue: the provider sees the spent token again."""
    [grant] = naive.connected(1)
    with naive.outage(lambda call: is_write(call) and is_rescue(call)):
        with naive.outage(is_write, once=is_commit):
            refresh_while(naive, [grant])
            naive.clock.pass_by(LEASE + 1)
        assert eventually(lambda: naive.ended(grant)) == "refresh_token_reused"


def test_a_key_that_is_fetched_after_the_call_loses_the_grant(naive: Rig) -> None:
    """The answer cannot be sealed: the provider has rotated, and nobody has the successor."""
    grant = in_the_next_period(naive)
    with naive.outage(is_kms):
        naive.refresh(grant)
        assert (naive.calls(grant), naive.shown(grant)["generation"]) == (2, 2)
