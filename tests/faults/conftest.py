"""The judge, which ends the family of every refresh token that comes twice, and what stands before it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.faults.grants import DemoGrants, StrictGrants, graceful_grants, strict_grants
from tests.faults.stops import Stops, stoppable
from tests.servers.openid_provider import OpenIdProvider, serving
from tests.servers.programs import MissingProgramError, unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.stack import Stack

ACCESS_TOKEN_LIFETIME = 3600
"""Seconds: what has been refreshed is not due again before a test makes it so."""


@pytest.fixture(scope="session")
def judge() -> Iterator[OpenIdProvider]:
    """The certified provider, its access tokens long-lived."""
    with ExitStack() as opened:
        try:
            provider = opened.enter_context(serving(ACCESS_TOKEN_LIFETIME))
        except MissingProgramError as error:
            unavailable(error)
        yield provider


@pytest.fixture(scope="session")
def stops(tmp_path_factory: pytest.TempPathFactory) -> Stops:
    """Where tests order the processes of the stack below to stop."""
    return Stops(tmp_path_factory.mktemp("stops"))


@pytest.fixture(scope="session")
def stoppable_stack(stops: Stops, dynamodb_local: str) -> Iterator[Stack]:
    """A stack whose functions stop where they are ordered to."""
    with stoppable(stops.folder, dynamodb_local) as stack:
        yield stack


@pytest.fixture(scope="session")
def strict(stoppable_stack: Stack, judge: OpenIdProvider) -> StrictGrants:
    """A resource at the provider that forgives nothing."""
    return strict_grants(stoppable_stack, judge)


@pytest.fixture(scope="session")
def graceful(stoppable_stack: Stack) -> DemoGrants:
    """A resource at a provider with a grace period, which it says."""
    return graceful_grants(stoppable_stack)
