"""kill -9 at each step of a refresh: who refreshes dies there, the schedule's worker and a reader by turns.

KILLS (default 10) is how many die at each step.
"""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.faults.grants import strict_grants
from tests.faults.stops import BATCHES, LEASE, Stops, stoppable

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.grants import DemoGrants, Grants, StrictGrants
    from tests.servers.openid_provider import OpenIdProvider

NOTHING_SENT: Final = ("before the lease",)
"""Nothing was taken: who comes next begins as if nobody had been there."""

NOBODY_KNOWS: Final = ("after the lease", "before the request")
"""Nothing was sent, but the lease that is left does not tell."""

SPENT: Final = ("after the request", "after the answer", "before the commit")
"""The provider has rotated, and its answer is lost."""

KEPT: Final = ("after the commit",)

STEPS: Final = (*NOTHING_SENT, *NOBODY_KNOWS, *SPENT, *KEPT)


@dataclass
class Killed:
    """Connections whose refresher was killed, by step; `looked`: how each was shown since, oldest first."""

    grants: Grants
    by_step: dict[str, list[str]]
    looked: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def of(self, *steps: str) -> list[str]:
        """Those whose refresher was killed at one of these steps."""
        return [one for step in steps for one in self.by_step[step]]

    def asked(self, *steps: str) -> list[str]:
        """Those whose refresher was a reader: the schedule does not know of them yet."""
        return [one for step in steps for one in self.by_step[step][1::2]]

    def look(self, ids: list[str]) -> dict[str, dict[str, Any]]:
        """Each as the API shows it."""
        with ThreadPoolExecutor(4) as threads:
            shown = dict(zip(ids, threads.map(self.grants.shown, ids), strict=True))
        for one, as_shown in shown.items():
            self.looked.setdefault(one, []).append(as_shown)
        return shown

    def until(self, ids: list[str], generation: int) -> None:
        """Await a generation of all."""
        self.grants.until(lambda: all(one["generation"] >= generation for one in self.look(ids).values()))


def killed(grants: Grants, stops: Stops, steps: tuple[str, ...], count: int) -> Killed:
    """For each step so many connections, their refreshers killed there."""
    return Killed(grants, {step: killed_at(grants, stops, step, count) for step in steps})


def killed_at(grants: Grants, stops: Stops, step: str, count: int) -> list[str]:
    """So many connections, half due and half asked for, their refreshers killed at a step."""
    ids = grants.connected(count)
    for one in ids:
        stops.order(one, step, signal.SIGKILL)
    for one in ids[::2]:
        grants.make_due(one)
    answers = [grants.refresh(one) for one in ids[1::2]]
    grants.until(lambda: all(stops.stopped(one) for one in ids))
    assert {answer.result().status_code for answer in answers} <= {500}, "API Gateway's: a function died"
    assert len({stops.stopped(one) for one in ids}) == len(ids), "each died of its own connection"
    return ids


def assert_refreshed_once(gone: Killed, ids: list[str], calls: int) -> None:
    """All are in their second generation, which is live, after so many calls each."""
    ended = gone.grants.ended()
    for one in ids:
        shown = gone.grants.shown(one)
        assert (shown["status"], shown["generation"], shown["last_error"]) == ("active", 2, None), one
        token = gone.grants.token(one)
        assert token.status_code == 200, token.text
        assert gone.grants.lives(token.json()["access_token"])
        assert gone.grants.calls(one) == calls, one
        assert not ended.keys() & set(gone.grants.grants()[one])


@pytest.mark.parametrize("count", BATCHES)
def test_a_strict_provider_costs_at_most_what_was_in_flight(
    strict: StrictGrants, stops: Stops, count: int
) -> None:
    """Killed before the call or after the commit nothing is lost; between, what was in flight is.

    While an old access token lives it is served, its grant not touched, and the doubt is shown; the refresh
    token is tried once near expiry, and what is lost then reads `needs_reauthorization`.
    """
    gone = killed(strict, stops, STEPS, count)
    doubtful = gone.of(*NOBODY_KNOWS, *SPENT)
    for one in gone.asked(*NOTHING_SENT, *NOBODY_KNOWS, *SPENT):
        strict.make_due(one)
    strict.until(lambda: all("uk" in strict.item(one) for one in doubtful))
    gone.until(gone.of(*NOTHING_SENT, *KEPT), 2)
    assert_refreshed_once(gone, gone.of(*NOTHING_SENT, *KEPT), calls=1)
    assert_doubt_is_shown(gone, strict, doubtful)

    for one in doubtful:
        strict.make_due(one, expired=True)
    strict.until(lambda: all(is_settled(one) for one in gone.look(doubtful).values()))
    assert_refreshed_once(gone, gone.of(*NOBODY_KNOWS), calls=1)
    for one in gone.of(*SPENT):
        assert gone.grants.shown(one)["status"] == "needs_reauthorization"
        assert strict.token(one).status_code == 409
        assert strict.calls(one) == 2, "spent, and once more in doubt"
    for one in doubtful:
        assert all(is_honest(shown) for shown in gone.looked[one])
    stops.clear()


def assert_doubt_is_shown(gone: Killed, strict: StrictGrants, doubtful: list[str]) -> None:
    """The first access token is served, the grant lives, and the error says what is not known."""
    assert strict.ended().keys().isdisjoint(grant for one in doubtful for grant in strict.grants()[one])
    for one, shown in gone.look(doubtful).items():
        assert (shown["status"], shown["generation"]) == ("active", 1)
        assert shown["last_error"]["category"] == "outcome_unknown"
        token = strict.token(one)
        assert token.json()["generation"] == 1
        assert strict.lives(token.json()["access_token"])


def is_settled(shown: dict[str, Any]) -> bool:
    """Whether it is known what became of a grant."""
    return bool(shown["status"] == "needs_reauthorization" or shown["generation"] > 1)


def is_honest(shown: dict[str, Any]) -> bool:
    """Whether a connection does not read healthy in its first generation: its refresh token may be spent."""
    return bool(shown["generation"] > 1 or shown["last_error"])


@pytest.mark.parametrize("count", BATCHES)
def test_within_the_grace_period_nothing_is_lost(graceful: DemoGrants, stops: Stops, count: int) -> None:
    """Whatever was in flight is spent again while the provider forgives it."""
    gone = killed(graceful, stops, SPENT, count)
    for one in gone.asked(*SPENT):
        graceful.make_due(one)
    gone.until(gone.of(*SPENT), 2)
    assert_refreshed_once(gone, gone.of(*SPENT), calls=2)
    stops.clear()


def test_without_the_rule_of_the_lapsed_lease_grants_end(
    tmp_path: Path, dynamodb_local: str, judge: OpenIdProvider
) -> None:
    """The test of the tests above: who takes what lapsed ends grants whose access tokens would live on."""
    with stoppable(tmp_path, dynamodb_local, without="lapsed lease") as stack:
        grants = strict_grants(stack, judge, "naive-kills")
        gone = killed(grants, Stops(tmp_path), ("after the answer",), 2)
        ids = gone.of("after the answer")
        time.sleep(LEASE)
        for one in ids:
            grants.make_due(one)
        grants.until(lambda: len(grants.ended()) == len(ids))
        assert set(grants.ended().values()) == {"token"}
        assert {grants.shown(one)["status"] for one in ids} == {"needs_reauthorization"}
