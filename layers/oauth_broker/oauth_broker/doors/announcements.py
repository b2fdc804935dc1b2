"""EventBridge: every change of a connection that someone must know of."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from oauth_broker.doors.aws import AwsClient
from oauth_broker.errors import AnnouncementError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SOURCE: Final = "oauth-broker"


class Announcements:
    """The event bus."""

    def __init__(self, event_bus_name: str) -> None:
        """Name the bus; no call is made."""
        self._bus = event_bus_name
        self._events = AwsClient("events")

    def send(self, names: Sequence[str], detail: Mapping[str, Any]) -> None:
        """Send an event for each name (detail-type), all with the same detail. Raises AnnouncementError."""
        text = json.dumps(detail, separators=(",", ":"))
        entries = [
            {"EventBusName": self._bus, "Source": SOURCE, "DetailType": name, "Detail": text}
            for name in names
        ]
        try:
            answer = self._events.get().put_events(Entries=entries)
        except (ClientError, BotoCoreError) as error:
            message = f"EventBridge did not take the event: {type(error).__name__}"
            raise AnnouncementError(message) from None
        if answer.get("FailedEntryCount"):
            message = "EventBridge did not take every event"
            raise AnnouncementError(message)
