"""The judge of the storms: it ends the family of every refresh token that comes twice."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.servers.openid_provider import OpenIdProvider, serving
from tests.servers.programs import MissingProgramError, unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

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
