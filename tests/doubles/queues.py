"""The queues and the event bus in memory; a message is written and read as it would be on its way."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from oauth_broker.commits import Commit, from_message, to_message
from oauth_broker.doors.announcements import Announcements
from oauth_broker.doors.queues import Nudge, WorkQueue
from oauth_broker.errors import AnnouncementError, QueueUnavailableError


class MemoryRescue:
    """The rescue queue; while `down`, it takes nothing."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.down = False

    def send(self, commit: Commit) -> None:
        """Keep a commit."""
        if self.down:
            raise QueueUnavailableError("down")
        self.messages.append(to_message(commit))

    def received(self) -> list[Commit]:
        """Give what lies in the queue, read again."""
        return [from_message(message) for message in self.messages]


class MemoryWorkQueue(WorkQueue):
    """The work queue: every nudge that was sent."""

    def __init__(self) -> None:
        super().__init__("memory")
        self.nudges: list[Nudge] = []

    def send(self, nudge: Nudge) -> None:
        """Keep a nudge, once it is seen to be JSON."""
        json.dumps(nudge.after)
        self.nudges.append(nudge)


class MemoryAnnouncements(Announcements):
    """The event bus: (detail-type, detail) of every event; while `down`, it takes nothing."""

    def __init__(self) -> None:
        super().__init__("memory")
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.down = False

    def send(self, names: Sequence[str], detail: Mapping[str, Any]) -> None:
        """Keep the events."""
        if self.down:
            raise AnnouncementError("down")
        self.events += [(name, json.loads(json.dumps(detail))) for name in names]

    @property
    def names(self) -> list[str]:
        """Give what was announced, in order."""
        return [name for name, _ in self.events]
