"""How a refresh ended: a closed union."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oauth_broker.connection import Connection
    from oauth_broker.flows.token_sets import Tokens


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The connection as it was committed, and the tokens in it."""

    connection: Connection
    tokens: Tokens


@dataclass(frozen=True, slots=True)
class GrantEnded:
    """The provider says the grant is gone: nobody is asked again."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A newer token set stands; `there` is the connection as it is."""

    there: Connection


@dataclass(frozen=True, slots=True)
class Vanished:
    """The connection was disconnected meanwhile."""


@dataclass(frozen=True, slots=True)
class Failed:
    """No new token set; try again in `retry_after` seconds.

    `timed_out`: the provider let us wait to the end. `set_aside`: the token set cannot be opened.
    """

    retry_after: int
    timed_out: bool = False
    set_aside: bool = False


@dataclass(frozen=True, slots=True)
class Paused:
    """The resource is paused: nothing was sent, and what was due stays so. `retry_after` in seconds."""

    retry_after: int


Outcome = Refreshed | GrantEnded | Moved | Vanished | Failed | Paused
