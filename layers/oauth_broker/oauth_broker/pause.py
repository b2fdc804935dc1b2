"""A resource's pause: since its provider would not answer any of its calls, none is made for a while."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pause:
    """Why and until when a resource's provider is not called; times are whole epoch seconds.

    `times` counts the pauses in a row, this one included. `probed`: somebody is trying one call, and has the
    right to until `until`. The provider's words are masked and bounded as those of a connection's last error.
    """

    since: int
    until: int
    times: int
    category: str
    error: str | None = None
    error_description: str | None = None
    http_status: int | None = None
    probed: bool = False
