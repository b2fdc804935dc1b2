"""One run of everything, watched from all sides, for the tests that say what must never be seen in it."""

from __future__ import annotations

import contextlib
import io
import logging
from typing import TYPE_CHECKING

import pytest

from local.stack import Options, Stack
from tests.integration.circle.broker import Broker, eventually
from tests.integration.circle.conftest import NUMBERS, OF_THE_CALLBACK, OF_THE_WORKER
from tests.integration.watched import kept, misfortunes, story
from tests.integration.watched.planted import Planted
from tests.integration.watched.planting_provider import AUDIENCE, serving
from tests.integration.watched.run import Gate, Listener, Run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.watched.planted import Kept

# Each function counts periods of its own length, so each comes to make a vault key.
PERIODS = {
    "CallbackFunction": 86_400,
    "RefreshWorkerFunction": 90_000,
    "ResourcesApiFunction": 93_600,
    "AccessFunction": 97_200,
}
# The worker begins an attempt only with nearly all its time left, and one at a time: so it must go on.
HURRIED = {"ATTEMPT_MARGIN": "43", "PROVIDER_CONCURRENCY": "1"}


@pytest.fixture(scope="session")
def run() -> Iterator[Run]:
    """The broker after all that can befall it; it still runs."""
    planted, gate, printed = Planted(), Gate(), io.StringIO()
    console = Listener(printed)
    environment = {name: {"DATA_KEY_PERIOD": str(seconds)} for name, seconds in PERIODS.items()}
    environment["CallbackFunction"] |= OF_THE_CALLBACK
    environment["RefreshWorkerFunction"] |= OF_THE_WORKER | HURRIED
    with contextlib.ExitStack() as opened:
        provider = opened.enter_context(serving(planted))
        options = Options(
            schedule_period=1,
            extra_env=NUMBERS,
            function_env=environment,
            demo_options=["--controls", "--access-token-lifetime", "3600"],
            aws_gate=gate,
            oidc_issuer=provider.url,
            oidc_audience=[AUDIENCE],
        )
        stack = opened.enter_context(Stack(options, console))
        made = Run(Broker(stack), provider, planted, gate, console)
        rescue = made.queue("RescueQueue")
        stack.client("sqs").set_queue_attributes(QueueUrl=rescue, Attributes={"VisibilityTimeout": "1"})
        with supervised(printed):
            for chapter in (*story.CHAPTERS, *misfortunes.CHAPTERS):
                chapter(made)
            assert eventually(provider.is_through)
        note_vault_keys(made)
        yield made


@contextlib.contextmanager
def supervised(printed: io.StringIO) -> Iterator[None]:
    """What this process prints or logs meanwhile, the supervisor's part of it among the rest, is kept too."""
    handler = logging.StreamHandler(printed)
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            yield
    finally:
        root.removeHandler(handler)


def note_vault_keys(run: Run) -> None:
    """The keys under which all is sealed, opened with the rights of the stack's owner."""
    for item in run.items():
        if item["pk"]["S"] == "K":
            opened = run.stack.client("kms").decrypt(
                CiphertextBlob=item["w"]["B"], EncryptionContext={"oauth-broker": "vault-key"}
            )
            run.planted.add("vault key", opened["Plaintext"])


@pytest.fixture(scope="session")
def all_kept(run: Run) -> list[Kept]:
    """All that is kept of the run, before any test adds to it."""
    return kept.everything(run)
