"""Issuers, asked over the network and held for a while: their metadata, and the keys that sign ID tokens."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from oauth_broker.errors import FieldProblem, InvalidError, IssuerKeysError, ProviderError
from oauth_broker.protocol.destinations import Destinations, origin_of
from oauth_broker.protocol.discovery import metadata_requests, metadata_verdict
from oauth_broker.protocol.http import HttpRequest
from oauth_broker.protocol.id_token import keys_verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauth_broker.doors.machine import Machine
    from oauth_broker.flows.kit import Sender
    from oauth_broker.protocol.http import HttpResponse

METADATA_HELD_FOR: Final = 60
KEYS_HELD_FOR: Final = 600
KEYS_ASKED_AGAIN_AFTER: Final = 60
"""Seconds, so that whoever makes up key ids cannot make us ask more often."""

MOST_HELD: Final = 32
METADATA_DEADLINE: Final = 10.0
"""Seconds for all the places where metadata may be."""

KEYS_DEADLINE: Final = 5.0
"""Seconds: with the exchange before or after it and the commit, what is left when a callback begins."""


@dataclass
class _Held:
    """What was fetched, by address, oldest first."""

    answers: dict[str, tuple[float, Mapping[str, Any]]] = field(default_factory=dict)

    def younger_than(self, age: float, address: str, *, now: float) -> Mapping[str, Any] | None:
        since, answer = self.answers.get(address, (None, None))
        return answer if since is not None and now - since < age else None

    def keep(self, address: str, answer: Mapping[str, Any], *, now: float) -> None:
        self.answers.pop(address, None)
        while len(self.answers) >= MOST_HELD:
            del self.answers[next(iter(self.answers))]
        self.answers[address] = now, answer


class Issuers:
    """One a process."""

    def __init__(self, egress: Sender, machine: Machine) -> None:
        """Hold nothing yet."""
        self._egress = egress
        self._machine = machine
        self._metadata = _Held()
        self._keys = _Held()

    def metadata(self, issuer: str) -> Mapping[str, Any]:
        """Give an issuer's metadata. Raises InvalidError at `/issuer`, which says why there is none."""
        held = self._metadata.younger_than(METADATA_HELD_FOR, issuer, now=self._machine.now())
        if held is not None:
            return held
        until = self._machine.now() + METADATA_DEADLINE
        statuses = []
        for request in metadata_requests(issuer):
            try:
                response = self._asked(request, until - self._machine.now())
            except ProviderError as error:
                raise _no_metadata(f"cannot be fetched: {error.detail}") from None
            metadata = metadata_verdict(issuer, response)
            if metadata is not None:
                self._metadata.keep(issuer, metadata, now=self._machine.now())
                return metadata
            statuses.append(str(response.status))
        places = "RFC 8414 section 3, OpenID Connect Discovery 1.0 section 4"
        raise _no_metadata(f"is at none of its places ({places}): they answer {', '.join(statuses)}")

    def keys(self, jwks_uri: str) -> Mapping[str, Any]:
        """Give the keys (RFC 7517 section 5) published at an address. Raises IssuerKeysError."""
        return self._keys_of(jwks_uri, KEYS_HELD_FOR)

    def newer_keys(self, jwks_uri: str) -> Mapping[str, Any]:
        """Give the keys again, for a token whose key is not among them. Raises IssuerKeysError."""
        return self._keys_of(jwks_uri, KEYS_ASKED_AGAIN_AFTER)

    def _keys_of(self, jwks_uri: str, age: float) -> Mapping[str, Any]:
        held = self._keys.younger_than(age, jwks_uri, now=self._machine.now())
        if held is not None:
            return held
        request = HttpRequest("GET", jwks_uri, {"Accept": "application/jwk-set+json, application/json"})
        try:
            response = self._asked(request, KEYS_DEADLINE)
        except ProviderError as error:
            raise IssuerKeysError(f"the issuer's keys cannot be fetched: {error.detail}") from None
        keys = keys_verdict(response)
        if keys is None:
            raise IssuerKeysError(f"there are no keys at the issuer's jwks_uri: it answers {response.status}")
        self._keys.keep(jwks_uri, keys, now=self._machine.now())
        return keys

    def _asked(self, request: HttpRequest, seconds: float) -> HttpResponse:
        # No secret is in it: it may go where it is addressed to, and egress says whether that may be.
        destinations = Destinations(frozenset({origin_of(request.url)}))
        return self._egress.send(request, destinations, deadline=max(0.0, seconds))


def _no_metadata(why: str) -> InvalidError:
    return InvalidError(FieldProblem("/issuer", f"its metadata {why}; give the URLs, or another issuer"))
