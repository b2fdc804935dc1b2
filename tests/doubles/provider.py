"""Providers in memory: one that says what a test scripted, and a strict one that rotates refresh tokens."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from oauth_broker.errors import EgressRefusedError, OutcomeUnknownError, ProviderError
from oauth_broker.protocol.destinations import Destinations
from oauth_broker.protocol.http import HttpRequest, HttpResponse

Answer = HttpResponse | ProviderError | Callable[[], HttpResponse]


def answered(status: int = 200, *, retry_after: str | None = None, **members: Any) -> HttpResponse:
    """Give a JSON answer with these members."""
    headers = {} if retry_after is None else {"retry-after": retry_after}
    return HttpResponse(status, headers, json.dumps(members).encode())


def granted(
    access_token: str = "access-1",
    *,
    refresh_token: str | None = "refresh-1",
    expires_in: int | None = 3600,
    **members: Any,
) -> HttpResponse:
    """Give an answer that brings tokens; what is None is left out."""
    tokens = {"access_token": access_token, "refresh_token": refresh_token, "expires_in": expires_in}
    told: dict[str, Any] = {name: value for name, value in tokens.items() if value is not None}
    return answered(200, **told, **members)


def fields_of(request: HttpRequest) -> dict[str, str]:
    """Give the form fields of a request."""
    return dict(parse_qsl((request.body or b"").decode(), keep_blank_values=True))


class ScriptedProvider:
    """Answers in the order in which they were scripted; asked for more, it fails the test."""

    def __init__(self) -> None:
        self.requests: list[HttpRequest] = []
        self.since: float | None = None  # the last request's
        self._answers: deque[Answer] = deque()
        self._lock = threading.Lock()

    def will(self, *answers: Answer) -> None:
        """Script what comes next."""
        self._answers.extend(answers)

    def send(
        self,
        request: HttpRequest,
        destinations: Destinations,
        *,
        deadline: float | None = None,
        since: float | None = None,
    ) -> HttpResponse:
        """Answer as scripted."""
        assert deadline is not None
        self.since = since
        if not destinations.allows(request.url):
            raise EgressRefusedError("not a destination")
        with self._lock:
            self.requests.append(request)
            answer = self._answers.popleft() if self._answers else None
        assert answer is not None, f"nobody scripted an answer to {request!r}"
        if isinstance(answer, ProviderError):
            raise answer
        return answer() if callable(answer) else answer


@dataclass
class StrictProvider:
    """Rotates refresh tokens; an old one that comes again kills the family (RFC 9700 section 4.14.2).

    `grace_period` (seconds of `clock`): how long a spent token gets what its first use brought.
    `lose_answers`: of the next ones, what the provider did is done and its answer lost.
    """

    clock: Callable[[], float]
    grace_period: float = 0
    lifetime: int = 3600
    lose_answers: int = 0
    calls: int = 0
    dead: bool = False
    newest: int = 0
    used_at: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send(
        self,
        request: HttpRequest,
        destinations: Destinations,
        *,
        deadline: float | None = None,
        since: float | None = None,  # noqa: ARG002 - the clock by hand stands still meanwhile
    ) -> HttpResponse:
        """Answer a code exchange or a refresh."""
        assert deadline is not None
        assert destinations.allows(request.url)
        with self._lock:
            self.calls += 1
            response = self._answer(fields_of(request))
            if self.lose_answers:
                self.lose_answers -= 1
                raise OutcomeUnknownError("no answer")
            return response

    def _answer(self, fields: dict[str, str]) -> HttpResponse:
        if fields["grant_type"] == "refresh_token":
            spent = fields["refresh_token"]
            if self.dead or not self._good(spent):
                self.dead = True
                return answered(400, error="invalid_grant")
            if self.used_at.setdefault(spent, self.clock()) < self.clock():
                return self._tokens()  # within the grace period: what its first use brought
        self.newest += 1
        return self._tokens()

    def _good(self, spent: str) -> bool:
        if spent == f"refresh-{self.newest}":
            return True
        used_at = self.used_at.get(spent)
        return (
            used_at is not None
            and spent == f"refresh-{self.newest - 1}"
            and self.clock() < used_at + self.grace_period
        )

    def _tokens(self) -> HttpResponse:
        return granted(
            f"access-{self.newest}", refresh_token=f"refresh-{self.newest}", expires_in=self.lifetime
        )
