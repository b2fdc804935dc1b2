"""What a story works with: the doors, what the process holds, and the numbers of the refresh rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from oauth_broker.protocol.functions import moment_values
from oauth_broker.schedule import shard_of

if TYPE_CHECKING:
    from oauth_broker.commits import Commit
    from oauth_broker.doors.machine import Machine
    from oauth_broker.doors.sealing import Sealing
    from oauth_broker.doors.signing import Signing
    from oauth_broker.doors.store import Store
    from oauth_broker.flows.circuits import Circuits
    from oauth_broker.flows.issuers import Issuers
    from oauth_broker.flows.shelf import Shelf
    from oauth_broker.protocol.destinations import Destinations
    from oauth_broker.protocol.http import HttpRequest, HttpResponse
    from oauth_broker.settings import RefreshNumbers, Schedule


class Sender(Protocol):
    """The way out to providers."""

    def send(
        self,
        request: HttpRequest,
        destinations: Destinations,
        *,
        deadline: float | None = None,
        since: float | None = None,
    ) -> HttpResponse:
        """Send within `deadline` seconds from `since` (epoch; else from now), and give the answer.

        Raises ProviderError.
        """
        ...


class Rescuer(Protocol):
    """Where commits are kept that could not be made."""

    def send(self, commit: Commit) -> None:
        """Keep one; raises QueueUnavailableError."""
        ...


@dataclass(frozen=True)
class Kit:
    """One a process."""

    store: Store
    sealing: Sealing
    egress: Sender
    rescue: Rescuer
    machine: Machine
    schedule: Schedule
    numbers: RefreshNumbers
    shelf: Shelf
    circuits: Circuits
    issuers: Issuers
    signing: Signing

    def moment(self) -> dict[str, str]:
        """Give what a request's templates read as the moment: the time, and random bits of its own."""
        return moment_values(int(self.machine.now() * 1000), self.machine.random(16))

    def shard(self, resource_id: str, connection_id: str) -> str:
        """Give a connection's shard of the due index."""
        return shard_of(resource_id, connection_id, self.schedule.shards)
