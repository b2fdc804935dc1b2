"""One attempt at revoking what a connection left behind: its tokens, one after the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from oauth_broker.errors import BrokerError, ProviderError, UnfitValueError
from oauth_broker.flows.token_sets import opened, values_of
from oauth_broker.protocol.revocation import (
    NotRevocable,
    RevokeLater,
    revocation_request,
    revocation_verdict,
)
from oauth_broker.revocation_job import Again, Done, GaveUp, Outcome, after, next_token, outcome_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauth_broker.connection import Lease, SealedTokenSet
    from oauth_broker.doors.store import LeftToRevoke
    from oauth_broker.flows.kit import Kit
    from oauth_broker.flows.shelf import HeldResource
    from oauth_broker.flows.token_sets import Tokens
    from oauth_broker.protocol.revocation import RevocationVerdict, TokenTypeHint
    from oauth_broker.protocol.token_set import NamedTokenSet
    from oauth_broker.resource import ResourceSecrets
    from oauth_broker.revocation_job import Which
    from oauth_broker.secret import Secret

LEAST_DEADLINE: Final = 0.1
"""Seconds that a call is given though the one before it took all the time: it fails, and is made later."""


@dataclass(frozen=True, slots=True)
class Attempted:
    """What an attempt came to.

    `through`: how it ended for the kinds of token that are through, those of earlier attempts among them.
    `timed_out`: the provider let the time run out.
    """

    step: Done | Again | GaveUp
    through: Mapping[str, Outcome] = field(default_factory=dict)
    timed_out: bool = False


def attempted(kit: Kit, held: HeldResource, left: LeftToRevoke, lease: Lease) -> Attempted:
    """Revoke the tokens of `left` that are not through, until one is to be tried again.

    All calls together have the time of one, from when `lease` was taken: it must not run out under them.
    """
    token_set = left.token_set
    if token_set is None or held.resource.revocation is None:
        return Attempted(Done(Outcome.NOT_SUPPORTED))
    if token_set.destinations_id not in held.destinations_ids:
        return Attempted(Done(Outcome.DESTINATIONS_CHANGED))
    through = {key: Outcome(ended) for key, ended in left.revoked.items()}
    ids = {"resource_id": left.resource_id, "connection_id": left.connection_id}
    try:
        tokens = opened(kit.sealing, token_set, **ids, now=kit.machine.now())
        secrets = kit.shelf.secrets(held)
    except BrokerError as error:
        return Attempted(_step(kit, left, RevokeLater(error.category)), through)
    endpoint = _Endpoint(kit, held, secrets, _values(held, left.variables, token_set))
    until = lease.taken_at / 1000 + kit.numbers.provider_deadline
    while which := next_token(
        refreshable=tokens.refresh_token is not None,
        lives=token_set.lives(kit.machine.now()),
        named=[name for name, one in tokens.named.items() if _lives(one, kit.machine.now())],
        through=through,
    ):
        verdict, timed_out = endpoint.told(_token(tokens, which), which.hint, until=until)
        step = _step(kit, left, verdict)
        if not isinstance(step, Done):
            return Attempted(step, through, timed_out)
        through[which.key] = step.outcome
    return Attempted(Done(outcome_of(through)), through)


def _token(tokens: Tokens, which: Which) -> Secret:
    if which.name is not None:
        return tokens.named[which.name].access_token
    refresh_token = tokens.refresh_token if which.hint == "refresh_token" else None
    return refresh_token or tokens.access_token


def _lives(one: NamedTokenSet, now: float) -> bool:
    return one.expires_at is None or one.expires_at > now


def _step(kit: Kit, left: LeftToRevoke, verdict: RevocationVerdict) -> Done | Again | GaveUp:
    now = int(kit.machine.now())
    return after(
        verdict,
        attempt=left.attempts + 1,
        first_tried=now if left.first_tried is None else left.first_tried,
        now=now,
        period=kit.schedule.period,
        draw=kit.machine.draw(),
    )


def _values(held: HeldResource, variables: Mapping[str, str], token_set: SealedTokenSet) -> Mapping[str, str]:
    """Give the values that templates may use; metadata that does not fit may be why it is revoked."""
    try:
        return values_of(held.resource, variables, token_set)
    except UnfitValueError:
        return variables


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """A resource's revocation endpoint, with all that a request to it needs but the token."""

    kit: Kit
    held: HeldResource
    secrets: ResourceSecrets
    values: Mapping[str, str]

    def told(self, token: Secret, hint: TokenTypeHint, *, until: float) -> tuple[RevocationVerdict, bool]:
        """Ask to revoke a token: the verdict, and whether the time ran out; no later than `until`."""
        try:
            known = {**self.values, **self.kit.moment()}
            request = revocation_request(self.held.resource, self.secrets, token, hint, variables=known)
            if request is None:
                return NotRevocable(), False
            response = self.kit.egress.send(
                request,
                self.secrets.destinations,
                deadline=max(until - self.kit.machine.now(), LEAST_DEADLINE),
            )
        except ProviderError as error:
            return RevokeLater(error.category), error.timed_out
        except BrokerError as error:  # a template that lacks a value: the resource may be mended
            return RevokeLater(error.category), False
        return revocation_verdict(response, now=int(self.kit.machine.now())), False
