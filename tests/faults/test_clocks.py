"""Clocks five minutes apart, ours and the provider's: what matters is how long, never when.

The judge gives its clock no tolerance, so a token that is served after its end is seen at once.
"""

from __future__ import annotations

import io
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from local.console import Console
from local.stack import Options, Stack
from tests.faults.alterations import Clock, on_a_clock
from tests.integration.circle.broker import side_by_side
from tests.integration.oidc.broker import OpenIdBroker, PersonsBrowser, an_id
from tests.servers.openid_provider import ACCESS_TOKEN_LIFETIME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.openid_provider import Client, OpenIdProvider

APART = 300
LOOKS_FOR = 1.5 * ACCESS_TOKEN_LIFETIME
HALF = ACCESS_TOKEN_LIFETIME // 2
BUILDS = {
    "behind": (-APART, ()),
    "ahead": (APART, ()),
    "naive": (-APART, ("expiry_by_the_provider",)),
}


@dataclass
class Apart:
    """A broker whose clock differs, its client at the provider, and the connection `ada` of a resource."""

    broker: OpenIdBroker
    client: Client
    resource_id: str
    read: int = 0
    dead: int = 0

    def look(self) -> None:
        """For a while, read tokens and ask the provider whether they live."""
        until = time.monotonic() + LOOKS_FOR
        while time.monotonic() < until:
            answer = self.broker.token(self.resource_id, "ada", f"?min_ttl={HALF}")
            asked = time.monotonic()
            if answer.status_code != 200:
                assert answer.status_code == 503, answer.text
                continue
            lives = self.client.is_active(answer.json()["access_token"])
            if time.monotonic() - asked < HALF - 1:  # else it may have come to its end while we asked
                self.read += 1
                self.dead += not lives
            time.sleep(0.3)


@pytest.fixture(scope="module")
def looked(
    openid_provider: OpenIdProvider, dynamodb_local: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Apart]]:
    """Each build, looked at for a while, side by side."""
    folder = tmp_path_factory.mktemp("clocks")
    with ExitStack() as opened:
        builds = {
            name: opened.enter_context(
                apart(openid_provider, dynamodb_local, folder / name, seconds, *alterations)
            )
            for name, (seconds, alterations) in BUILDS.items()
        }
        side_by_side(Apart.look, builds.values())
        yield builds


@contextmanager
def apart(
    provider: OpenIdProvider, store: str, file: Path, seconds: float, *alterations: str
) -> Iterator[Apart]:
    """One whose clock differs by so many seconds."""
    functions = ("AccessFunction", "RefreshWorkerFunction", "CallbackFunction")
    options = Options(
        demo=False,
        schedule_period=1,
        extra_env={"SHARDS": "1"},
        function_env=on_a_clock(Clock(file, seconds), **dict.fromkeys(functions, alterations)),
        dynamodb_endpoint=store,
    )
    with Stack(options, Console(io.StringIO())) as stack:
        broker = OpenIdBroker(stack, provider)
        resource_id = an_id()
        client = broker.client(resource_id)
        broker.at(client, resource_id, require_confirmation=False)
        asked = broker.ask(resource_id, connection_id="ada", return_url=broker.landing)
        assert PersonsBrowser().connect(asked["start_url"]).status_code == 303
        yield Apart(broker, client, resource_id)


@pytest.mark.parametrize("name", ["behind", "ahead"])
def test_another_clock_changes_nothing(looked: dict[str, Apart], name: str) -> None:
    """No refresh token is spent twice, and every token that is read lives at the provider."""
    its = looked[name]
    assert (its.dead, its.read > 3) == (0, True)
    calls = its.client.calls("refresh_token")
    assert [call["error_detail"] for call in calls if call["error"]] == []
    assert len(calls) > 1
    assert its.client.revocations() == []
    assert its.broker.connection(its.resource_id, "ada")["status"] == "active"


def test_by_the_providers_clock_dead_tokens_are_served(looked: dict[str, Apart]) -> None:
    """The test of the test above: with ours behind, what the provider calls fresh is dead for minutes."""
    assert looked["naive"].dead > 0
