"""Functions whose surroundings or rules are altered, and a clock of theirs that a test moves on."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.servers.programs import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDERS: Final = {
    "StartAuthorizationFunction": "start_authorization",
    "CallbackFunction": "callback",
    "RefreshDispatcherFunction": "refresh_dispatcher",
    "RefreshWorkerFunction": "refresh_worker",
    "ResourcesApiFunction": "resources_api",
    "AccessFunction": "access",
}
"""The functions that have a clock, and where each stands."""

_ALTERED: Final = tuple(Path(__file__).with_name(name) for name in ("altered", "without_lease"))


class Clock:
    """What the functions' clocks differ by from the machine's, in a file that they read."""

    def __init__(self, file: Path, seconds: float = 0) -> None:
        self.file = file
        self._seconds = seconds
        file.write_text(str(seconds))

    def pass_by(self, seconds: float) -> None:
        """Move on."""
        self._seconds += seconds
        made = self.file.with_suffix(".new")
        made.write_text(str(self._seconds))
        made.rename(self.file)

    def now(self) -> float:
        """Epoch seconds as the functions have them."""
        return time.time() + self._seconds


def altered(function: str, *alterations: str, **more: str) -> dict[str, str]:
    """The environment that makes `function` run with these modules of `altered/`, or `without_lease`.

    `more` goes with it.
    """
    folder = CHECKOUT / "functions" / FOLDERS[function]
    path = [folder, *_ALTERED, CHECKOUT / "layers" / "oauth_broker"]
    return {
        "_HANDLER": "altered.handler",
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "ALTERATIONS": ",".join(alterations),
        **more,
    }


def on_a_clock(clock: Clock, **alterations: tuple[str, ...]) -> dict[str, Mapping[str, str]]:
    """All functions on the clock that `clock` is, some with further alterations."""
    return {
        name: altered(name, "shifted_clock", *alterations.get(name, ()), CLOCK_FILE=str(clock.file))
        for name in FOLDERS
    }
