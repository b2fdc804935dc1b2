"""One local stack for these tests, whose /jwt takes the tokens of the certified provider."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from local.console import Console
from local.stack import Options, Stack
from tests.integration.jwt.callers import AUDIENCE, RIGHTS, JwtCaller, subject
from tests.integration.oidc.broker import OpenIdBroker, an_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.openid_provider import OpenIdProvider


@pytest.fixture(scope="package")
def broker(openid_provider: OpenIdProvider) -> Iterator[OpenIdBroker]:
    """A running broker, called as IAM callers do; the provider is the issuer for /jwt."""
    options = Options(demo=False, schedule=False, oidc_issuer=openid_provider.url, oidc_audience=[AUDIENCE])
    with Stack(options, Console(io.StringIO())) as stack:
        yield OpenIdBroker(stack, openid_provider)


@pytest.fixture(scope="package")
def admin(broker: OpenIdBroker) -> JwtCaller:
    """Somebody with the scope `broker/admin` and no other."""
    return subject(broker, "admin")


@pytest.fixture(scope="package")
def ada(broker: OpenIdBroker) -> JwtCaller:
    """Somebody with every scope but `broker/admin`."""
    return subject(broker, *RIGHTS)


@pytest.fixture(scope="package")
def bob(broker: OpenIdBroker) -> JwtCaller:
    """Somebody else with the same scopes."""
    return subject(broker, *RIGHTS)


@pytest.fixture
def resource_id(broker: OpenIdBroker, admin: JwtCaller) -> str:
    """A resource that the admin made, at the provider."""
    client = broker.client(made := an_id())
    return admin.at(client, made)
