"""The system's own Chromium, and one stack with a demo provider for what people do at the console."""

from __future__ import annotations

import io
import shutil
from typing import TYPE_CHECKING, Final

import pytest
from playwright.sync_api import sync_playwright

from local.console import Console
from local.stack import Options, Stack
from tests.browser.visitor import Visitor
from tests.integration.circle.broker import Broker
from tests.servers.programs import MissingProgramError, unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, ViewportSize

WINDOW: Final[ViewportSize] = {"width": 1280, "height": 900}


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--screenshots FOLDER` keeps the pictures that the documentation shows."""
    parser.addoption("--screenshots", metavar="FOLDER", help="where to keep a picture of each view")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The system's own Chromium."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        unavailable(MissingProgramError("chromium is missing: sudo apt-get install chromium"))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    """A running broker with the demo provider beside it, whose tokens live for an hour."""
    options = Options(schedule_period=1, demo_options=["--controls", "--access-token-lifetime", "3600"])
    with Stack(options, Console(io.StringIO())) as stack:
        yield Broker(stack)


@pytest.fixture
def visitor(chromium: Browser, broker: Broker) -> Iterator[Visitor]:
    """Somebody at the console with a browser of their own; the page had no trouble when they leave."""
    context = chromium.new_context(viewport=WINDOW)
    somebody = Visitor(broker, context)
    yield somebody
    context.close()
    assert somebody.troubles == []
