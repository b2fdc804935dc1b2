"""One local stack for these tests: the certified provider, AWS's DynamoDB engine, a quick schedule."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from local.console import Console
from local.stack import Options, Stack
from tests.integration.oidc.broker import OpenIdBroker
from tests.integration.oidc.forging_issuer import ForgingIssuer, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.openid_provider import OpenIdProvider


@pytest.fixture(scope="package")
def broker(openid_provider: OpenIdProvider, dynamodb_local: str) -> Iterator[OpenIdBroker]:
    """A running broker and the provider."""
    options = Options(
        demo=False, schedule_period=1, extra_env={"SHARDS": "4"}, dynamodb_endpoint=dynamodb_local
    )
    with Stack(options, Console(io.StringIO())) as stack:
        yield OpenIdBroker(stack, openid_provider)


@pytest.fixture(scope="package")
def forging() -> Iterator[ForgingIssuer]:
    """An OpenID provider that signs and publishes what a test wants."""
    with serving() as issuer:
        yield issuer
