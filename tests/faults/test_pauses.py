"""The lease's holder paused (SIGSTOP) past its lease, others served meanwhile, and let go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.faults.grants import (
    DemoGrants,
    Grants,
    StrictGrants,
    graceful_grants,
    keeping_grants,
    own_tokens,
    strict_grants,
)
from tests.faults.pausing import pause, pause_at, pausing
from tests.faults.stops import Stops, stoppable

if TYPE_CHECKING:
    from pathlib import Path

    from local.stack import Stack
    from tests.servers.openid_provider import OpenIdProvider

BEFORE: Final = "before the request"
LATE: Final = ("after the request", "after the answer", "before the commit")
NEWEST: Final = 4


@pytest.fixture(scope="module")
def kinds(stoppable_stack: Stack, graceful: DemoGrants) -> list[Grants]:
    """Where a credential may be spent again at once: in a grace period, a token that is kept, no token."""
    return [graceful, keeping_grants(stoppable_stack), own_tokens(stoppable_stack)]


def refreshed_by_the_schedule(pairs: list[tuple[Grants, str]], generation: int) -> None:
    """All due, until they have this generation."""
    for grants, one in pairs:
        grants.make_due(one)
    pairs[0][0].until(lambda: all(grants.shown(one)["generation"] == generation for grants, one in pairs))


def overtaken(kinds: list[Grants], stops: Stops, steps: tuple[str, ...]) -> list[tuple[Grants, str, Any]]:
    """Of each kind a holder paused at each step, overtaken and let go on; the token sets it then met."""
    ids = [grants.connected(len(steps)) for grants in kinds]
    pairs = [(grants, one) for grants, its in zip(kinds, ids, strict=True) for one in its]
    with pausing(stops) as paused:
        for grants, its in zip(kinds, ids, strict=True):
            pause_at(grants, stops, dict(zip(its, steps, strict=True)), paused)
        # So often that the provider's grace for what the holder brings at last is over.
        for generation in (2, 3, NEWEST):
            refreshed_by_the_schedule(pairs, generation)
        return [(grants, one, grants.item(one)["ts"]) for grants, one in pairs]


def test_no_newer_token_set_is_overwritten(kinds: list[Grants], stops: Stops) -> None:
    """What the holder does at last changes nothing: the newest token set stands, and can be refreshed."""
    met = overtaken(kinds, stops, (BEFORE, *LATE[:2]))
    for grants, one, token_set in met:
        assert grants.item(one)["ts"] == token_set
        assert grants.shown(one)["generation"] == NEWEST
    refreshed_by_the_schedule([(grants, one) for grants, one, _ in met], NEWEST + 1)
    for grants, one, _ in met:
        assert grants.lives(grants.token(one).json()["access_token"])
        assert not grants.ended().keys() & set(grants.grants().get(one, ()))


@pytest.mark.parametrize("step", LATE)
def test_no_late_answer_is_lost(strict: StrictGrants, stops: Stops, step: str) -> None:
    """The provider's answer is committed when the holder goes on, though its lease was taken for lost."""
    with pausing(stops) as paused:
        one = pause(strict, stops, step, paused)
        strict.make_due(one)
        strict.until(lambda: "uk" in strict.item(one))
    assert paused[one].result().json()["generation"] == 2
    shown = strict.shown(one)
    assert (shown["status"], shown["generation"], shown["last_error"]) == ("active", 2, None)
    refreshed_by_the_schedule([(strict, one)], 3)
    assert strict.lives(strict.token(one).json()["access_token"])


def test_an_answer_whose_grant_has_ended_meanwhile_is_found_out(strict: StrictGrants, stops: Stops) -> None:
    """The spent token was tried again, and refused: what the holder has died with it, and soon reads so."""
    with pausing(stops) as paused:
        one = pause(strict, stops, "before the commit", paused)
        strict.make_due(one)
        strict.until(lambda: "uk" in strict.item(one))
        strict.make_due(one, expired=True)
        strict.until(lambda: strict.shown(one)["status"] == "needs_reauthorization")
    assert strict.shown(one)["generation"] == 2
    strict.until(lambda: strict.shown(one)["status"] == "needs_reauthorization")
    assert strict.token(one).status_code == 409


def test_what_was_not_sent_in_time_is_not_sent(strict: StrictGrants, stops: Stops) -> None:
    """The refresh token was tried again near expiry: its paused holder does not bring it once more."""
    with pausing(stops) as paused:
        one = pause(strict, stops, BEFORE, paused)
        strict.make_due(one)
        strict.until(lambda: "uk" in strict.item(one))
        strict.make_due(one, expired=True)
        strict.until(lambda: strict.shown(one)["generation"] == 2)
    assert strict.calls(one) == 1
    assert not strict.ended().keys() & set(strict.grants()[one])
    assert strict.lives(strict.token(one).json()["access_token"])


def test_without_the_commits_condition_newer_token_sets_are_overwritten(
    tmp_path: Path, dynamodb_local: str
) -> None:
    """The test of the first: a commit over whatever is there puts a spent refresh token back."""
    with stoppable(tmp_path, dynamodb_local, without="spent set") as stack:
        grants = graceful_grants(stack)
        ((_, one, token_set),) = overtaken([grants], Stops(tmp_path), ("after the answer",))
        assert grants.item(one)["ts"] != token_set
        grants.make_due(one)
        grants.until(lambda: grants.shown(one)["status"] == "needs_reauthorization")
        assert set(grants.ended().values()) == {"refresh_token_reused"}


def test_a_commit_that_asks_for_its_lease_loses_late_answers(
    tmp_path: Path, dynamodb_local: str, judge: OpenIdProvider
) -> None:
    """The test of the second: the answer is there, and nobody keeps it."""
    with stoppable(tmp_path, dynamodb_local, without="late commit") as stack:
        strict = strict_grants(stack, judge, "naive-pauses")
        stops = Stops(tmp_path)
        with pausing(stops) as paused:
            one = pause(strict, stops, "after the answer", paused)
            strict.make_due(one)
            strict.until(lambda: "uk" in strict.item(one))
        assert strict.shown(one)["generation"] == 1
        strict.make_due(one, expired=True)
        strict.until(lambda: strict.shown(one)["status"] == "needs_reauthorization")
