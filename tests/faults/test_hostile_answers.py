"""Answers that never end, are far too large, unpack to more, or lead elsewhere: through the whole worker.

Egress alone is tested, over TLS too, in tests/integration/egress. With `pytest -s` the figures are shown.
"""

from __future__ import annotations

import io
import time
from collections import Counter
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from local.console import Console
from local.stack import Options, Stack
from tests.faults.alterations import altered
from tests.faults.hostile_provider import DRIPS_FOR, Hostile, hostile
from tests.integration.circle.broker import Broker, Browser, eventually, place_of, query_of, send

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

WORKER = "RefreshWorkerFunction"
DEADLINE = 3
NUMBERS = {"SHARDS": "1", "PROVIDER_DEADLINE": str(DEADLINE)}
MEASURED_WITHIN = 0.5
SLOW_MACHINE = 1.5
MOST_MEMORY = 20_000  # kB
PROC = Path("/proc")

pytestmark = pytest.mark.skipif(
    not (PROC / "self/status").is_file(), reason="memory is read in /proc (Linux)"
)


@contextmanager
def attacked(function_env: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[Broker, Hostile]]:
    """A broker with a connection for each misdeed, and one at a token endpoint that is good."""
    options = Options(demo=False, schedule_period=1, extra_env=NUMBERS, function_env=function_env)
    with hostile() as provider, Stack(options, Console(io.StringIO())) as stack:
        broker = Broker(stack)
        for path in ("/good", *provider.misdeeds):
            connect(broker, provider, path)
        for path in ("/good", *provider.misdeeds):
            assert eventually(partial(has_no_news, broker, path))
        yield broker, provider


def connect(broker: Broker, provider: Hostile, path: str) -> None:
    """A resource whose token endpoint is at that path, and its one connection; the page is left out."""
    resource_id = broker.register(
        resource_id=f"at-{path[1:]}",
        authorization={"url": f"{provider.url}/authorize"},
        token={"url": f"{provider.url}{path}"},
        revocation=None,
        require_confirmation=False,
        scopes=None,
    )
    asked = broker.ask(resource_id, connection_id="ada", return_url="http://127.0.0.1:9/app")
    browser = Browser()
    sent = query_of(browser.start(asked["start_url"]))
    returned = browser.open(f"{sent['redirect_uri']}?{urlencode({'code': 'code', 'state': sent['state']})}")
    assert "error" not in query_of(returned.headers["Location"])


def has_no_news(broker: Broker, path: str) -> bool:
    """Whether the worker has told of the connection, and is done with it."""
    return "n" not in broker.item(*place_of(f"at-{path[1:]}", "ada"))


def attack(broker: Broker, *paths: str) -> None:
    """The connections at these paths come due, all at once."""
    for path in paths:
        for name in ("nr", "refresh_at"):
            broker.set_number(*place_of(f"at-{path[1:]}", "ada"), name, time.time() - 1)


def most_memory(broker: Broker) -> dict[int, int]:
    """The most memory (kB) that each of the worker's processes ever had (proc(5), VmHWM)."""
    found = {}
    for pid in broker.stack.function_pids(WORKER):
        lines = (PROC / str(pid) / "status").read_text().splitlines()
        [line] = [line for line in lines if line.startswith("VmHWM:")]
        found[pid] = int(line.split()[1])
    return found


def attacked_all(broker: Broker, provider: Hostile) -> dict[int, int]:
    """What the worker's memory grew by (kB) from a good answer to the last of the bad ones."""
    attack(broker, "/good")
    assert eventually(lambda: "/good" in provider.refreshes)
    assert eventually(lambda: broker.connection("at-good", "ada")["generation"] == 2)
    before = most_memory(broker)
    attack(broker, *provider.misdeeds)
    assert eventually(lambda: set(provider.misdeeds) <= set(provider.refreshes))
    assert eventually(lambda: provider.dripped)
    time.sleep(1)
    after = most_memory(broker)
    return {pid: after[pid] - before[pid] for pid in before if pid in after}


def test_no_answer_holds_or_fills_or_leads_the_worker() -> None:
    """The deadline holds, memory stays, one call each, and the second host gets not a byte.

    A redirect is a refusal; what came to no whole answer is an attempt of unknown outcome.
    """
    with attacked({}) as (broker, provider):
        grown = attacked_all(broker, provider)
        asked = Counter(provider.refreshes)
        assert provider.second_host.arrivals == 0
        print(f"\ndripped for {provider.dripped[0]:.2f} s of {DEADLINE}; memory + {grown} kB")  # noqa: T201 - for `-s`
        assert DEADLINE - MEASURED_WITHIN < provider.dripped[0] < DEADLINE + MEASURED_WITHIN + SLOW_MACHINE
        assert grown
        assert max(grown.values()) < MOST_MEMORY
        for path in provider.misdeeds:
            shown = broker.connection(f"at-{path[1:]}", "ada")
            assert (shown["status"], shown["generation"]) == ("active", 1)
            if path[1:].isdigit():
                assert shown["last_error"]["category"] == "redirected"
            else:
                assert asked[path] == 1
                assert "l" in broker.item(*place_of(f"at-{path[1:]}", "ada"))
        # the second host is there, for whoever is led to it
        assert send("GET", f"http://127.0.0.1:{provider.second_host.port}/token").status_code == 200


def test_a_plain_client_is_held_and_filled_and_led() -> None:
    """The test of the test above: a client as one would write it fails in all three ways."""
    with attacked({WORKER: altered(WORKER, "plain_requests")}) as (broker, provider):
        grown = attacked_all(broker, provider)
        led = [request for request in provider.second_host.requests if b"refresh_token=" in request]
        assert led
        assert provider.dripped[0] > DRIPS_FOR - 1
        assert max(grown.values()) > MOST_MEMORY
