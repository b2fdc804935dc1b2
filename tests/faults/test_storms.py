"""Storms: readers, refreshes and the schedule at once, judged by a provider that forgives nothing.

ROUNDS (default 1) is how often all of CONNECTIONS (default 50) come due. With `pytest -s` the figures are
shown.
"""

from __future__ import annotations

import io
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from local.console import Console
from local.stack import Options, Stack
from tests.faults.storm import PROCESSES, Storm, storm
from tests.integration.oidc.broker import OpenIdBroker
from tests.servers.programs import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.servers.openid_provider import OpenIdProvider

CONNECTIONS = int(os.environ.get("CONNECTIONS") or 50)
FEW = 50
"""As many as moto, which takes one request at a time, refreshes before somebody loses patience."""

MOST_ROUNDS = 3
ROUNDS = int(os.environ.get("ROUNDS") or 1)
WITHOUT_LEASE = Path(__file__).with_name("without_lease")
FOLDERS = {"AccessFunction": "access", "RefreshWorkerFunction": "refresh_worker"}


@pytest.fixture
def store(request: pytest.FixtureRequest) -> str | None:
    """The URL of the store that the fixture of this name starts; None: the local stack's own."""
    return None if request.param is None else str(request.getfixturevalue(request.param))


@contextmanager
def stormed(
    judge: OpenIdProvider,
    store: str | None,
    connections: int,
    function_env: Mapping[str, Mapping[str, str]] | None = None,
) -> Iterator[Storm]:
    """A stack of its own for a storm, its schedule once a second; the figures are printed at the end."""
    console = io.StringIO()
    options = Options(
        demo=False,
        schedule_period=1,
        extra_env={"SHARDS": "4"},
        function_env=function_env or {},
        dynamodb_endpoint=store,
    )
    with (
        Stack(options, Console(console)) as stack,
        storm(OpenIdBroker(stack, judge), console, connections) as prepared,
    ):
        yield prepared
        print(f"\n{prepared.figures()}")  # noqa: T201 - the figures are what `-s` is for


def without_lease(folder: str) -> dict[str, str]:
    """The environment that makes a function run with leases that exclude nobody."""
    path = [CHECKOUT / "functions" / folder, WITHOUT_LEASE, CHECKOUT / "layers" / "oauth_broker"]
    return {"_HANDLER": "without_lease.handler", "PYTHONPATH": os.pathsep.join(map(str, path))}


@pytest.mark.parametrize(
    "store, connections",
    [
        pytest.param(None, min(FEW, CONNECTIONS), id="in moto"),
        pytest.param("dynamodb_local", CONNECTIONS, id="in DynamoDB Local"),
    ],
    indirect=["store"],
)
def test_every_refresh_token_is_spent_once(
    judge: OpenIdProvider, store: str | None, connections: int
) -> None:
    """No family ends, each generation took one call, and each is one access token, whoever was given it.

    Fails when the lease's condition is taken out, as the test below does.
    """
    with stormed(judge, store, connections) as held:
        for _ in range(ROUNDS):
            held.blow()
        held.calm()
        shown = held.shown()
        assert held.client.revocations() == []
        assert held.refusals() == []
        assert {one["status"] for one in shown} == {"active"}
        # Each generation took a call at least, so that no call more was made in all means none for any.
        assert held.calls_by_grant() == sorted(one["generation"] - 1 for one in shown)
        assert min(one["generation"] for one in shown) > ROUNDS
        assert held.by_schedule() > 0
        assert_answered(held, shown)


def assert_answered(held: Storm, shown: list[dict[str, Any]]) -> None:
    """Who was not given a token was told when to come back, and all tokens given last live."""
    connections = len(held.connection_ids)
    assert len(held.answers) == ROUNDS * PROCESSES * connections
    unexpected = [answer for answer in held.answers if answer.status_code not in {200, 503}]
    assert unexpected == [], held.log_of(unexpected)
    handed_out = held.tokens_by_generation()
    assert len(handed_out) >= connections
    assert [tokens for tokens in handed_out.values() if len(tokens) > 1] == []
    for one in shown:
        token = held.broker.token(held.resource_id, one["connection_id"]).json()
        assert token["generation"] == one["generation"]
        assert held.client.is_active(token["access_token"])


@pytest.mark.parametrize(
    "store, function, connections",
    [
        pytest.param(None, "AccessFunction", 10, id="those who ask, in moto"),
        pytest.param("dynamodb_local", "RefreshWorkerFunction", 30, id="the schedule, in DynamoDB Local"),
    ],
    indirect=["store"],
)
def test_without_the_lease_families_die(
    judge: OpenIdProvider, store: str | None, function: str, connections: int
) -> None:
    """The test of the test above: where one of the two takes a lease that is held, the judge sees it."""
    with stormed(judge, store, connections, {function: without_lease(FOLDERS[function])}) as held:
        for _ in range(MOST_ROUNDS):
            held.blow()
            if held.dead():
                break
        assert held.dead()
        assert "refresh token already used" in held.refusals()
