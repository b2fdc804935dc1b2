"""A naive build: requests go out by `requests.request`, with the deadline as its timeout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import requests

from oauth_broker.doors.egress import Egress
from oauth_broker.errors import OutcomeUnknownError
from oauth_broker.protocol.http import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from oauth_broker.protocol.destinations import Destinations


def send(
    self: Egress,  # noqa: ARG001 - it takes a method's place
    request: HttpRequest,
    destinations: Destinations,  # noqa: ARG001 - the same
    *,
    deadline: float | None = None,
    since: float | None = None,  # noqa: ARG001 - the same
) -> HttpResponse:
    """Send, and read whatever comes."""
    try:
        answer = requests.request(
            request.method, request.url, data=request.body, headers=dict(request.headers), timeout=deadline
        )
    except requests.RequestException:
        message = "no answer"
        raise OutcomeUnknownError(message) from None
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return HttpResponse(answer.status_code, headers, answer.content)


Egress.send = send  # type: ignore[method-assign]  # whoever holds an Egress sends through it
