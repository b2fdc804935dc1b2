"""One refresh of one connection, its lease taken: prepare, send, judge, commit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, assert_never

from oauth_broker import log
from oauth_broker.attempt import harmless_to_repeat
from oauth_broker.attempts import ended, ring_with
from oauth_broker.breaker import Call, longest_wait
from oauth_broker.connection import LastError, Lease, Note, SealedTokenSet
from oauth_broker.errors import BrokerError, ProviderError, SealError
from oauth_broker.flows.commit_refreshed import Spent, commit_refreshed
from oauth_broker.flows.refresh_outcome import Failed, GrantEnded, Moved, Outcome, Paused, Vanished
from oauth_broker.flows.token_sets import opened, values_of
from oauth_broker.protocol.token import (
    Granted,
    GrantGone,
    TryLater,
    Unknown,
    client_credentials_request,
    failure_of,
    refresh_request,
    token_verdict,
)
from oauth_broker.resource import GrantType
from oauth_broker.schedule import FAILING_AFTER, LONGEST_BACKOFF, backoff

if TYPE_CHECKING:
    from oauth_broker.attempt import Take
    from oauth_broker.connection import Connection
    from oauth_broker.flows.kit import Kit
    from oauth_broker.flows.shelf import HeldResource
    from oauth_broker.protocol.failure import Failure
    from oauth_broker.protocol.http import HttpRequest
    from oauth_broker.protocol.token import Verdict
    from oauth_broker.resource import ResourceSecrets


SET_ASIDE: Final = 3600
"""Seconds after which an item that cannot be opened, or makes our code raise, is looked at again."""


@dataclass(frozen=True, slots=True)
class _Prepared:
    request: HttpRequest
    secrets: ResourceSecrets
    spent: Spent


def new_lease(kit: Kit, *, after: Take | None = None, by_worker: bool = False) -> Lease:
    """Make a lease from now; one that follows another's, where that one's holder may have spent the token."""
    now = int(kit.machine.now() * 1000)
    over = after.over if after is not None and after.spent else None
    return Lease(
        lease_id=kit.machine.random(9),
        taken_at=now,
        until=now + kit.numbers.lease * 1000,
        first_taken_at=now if over is None else over.first_taken_at,
        by_worker=by_worker,
    )


def refresh_leased(
    kit: Kit, held: HeldResource, connection: Connection, lease: Lease, *, began: float
) -> Outcome:
    """Refresh a connection whose lease was taken; `connection` is as it was when it was.

    Everything that can fail is done before the call: nothing is sent without the keys to keep the answer, nor
    when too much time has gone since `began` (epoch seconds), when there was enough for all of it. Nor while
    the resource is paused, unless the token may have been spent already: that may not wait.

    The outcome of an attempt that this one follows stays unknown until a provider's answer settles it.
    """
    unknown = lease.follows and not harmless_to_repeat(held.resource)
    token_set = connection.token_set
    if token_set is None:
        kit.store.leases.give_back(connection, lease)
        return Failed(retry_after=kit.schedule.period)
    try:
        prepared = _prepare(kit, held, connection, token_set)
    except BrokerError as error:
        failure = LastError(int(kit.machine.now()), error.category)
        return _put_off(
            kit,
            connection,
            lease,
            failure,
            unknown=unknown,
            ours=error.retryable,
            set_aside=isinstance(error, SealError),
        )
    if not lease.follows and not kit.circuits.admits(held, hold=kit.numbers.lease):
        kit.store.leases.give_back(connection, lease)
        return Paused(retry_after=wait_for_pause(kit, held))
    now = kit.machine.now()
    if now - began > kit.numbers.send_margin:
        if not unknown:
            kit.store.leases.give_back(connection, lease)
        return Failed(retry_after=1)
    verdict, timed_out = _sent(kit, held, prepared, since=now)
    shift = kit.circuits.hear(held, call_of(verdict, now, timed_out=timed_out))
    if isinstance(verdict, Granted):
        outcome = commit_refreshed(
            kit, held, connection, lease, spent=prepared.spent, granted=verdict.token_set
        )
    else:
        outcome = _without_tokens(kit, held, connection, lease, verdict, timed_out=timed_out, unknown=unknown)
    kit.circuits.keep(shift)
    return outcome


def call_of(verdict: Verdict, began: float, *, timed_out: bool) -> Call:
    """Give a call to the token endpoint as the breaker hears of it."""
    match verdict:
        case Granted():
            return Call(began)
        case GrantGone(failure=failure) | Unknown(failure=failure):
            return Call(began, failure, timed_out=timed_out)
        case TryLater(failure=failure, retry_after=retry_after):
            return Call(began, failure, retry_after, timed_out=timed_out)
        case _:
            assert_never(verdict)


def wait_for_pause(kit: Kit, held: HeldResource) -> int:
    """Give the seconds until a resource's pause ends; 1 where that has come."""
    until = kit.circuits.paused_until(held.row.resource_id)
    return 1 if until is None else max(1, int(until - kit.machine.now()))


def _without_tokens(  # noqa: PLR0913 - what came of the call, and for what
    kit: Kit,
    held: HeldResource,
    connection: Connection,
    lease: Lease,
    verdict: GrantGone | TryLater | Unknown,
    *,
    timed_out: bool,
    unknown: bool,
) -> Outcome:
    match verdict:
        case GrantGone(failure=failure):
            if held.resource.grant_type is GrantType.CLIENT_CREDENTIALS:
                # there is no grant to end, and nobody who could consent to another
                return _put_off(kit, connection, lease, last_error_of(kit, failure))
            return _end(kit, connection, lease, last_error_of(kit, failure))
        case TryLater(failure=failure, retry_after=retry_after):
            outcome = _put_off(
                kit,
                connection,
                lease,
                last_error_of(kit, failure),
                retry_after=retry_after,
                longest=longest_wait(failure, alike=held.alike, period=kit.schedule.period),
                unknown=unknown,
            )
            return replace(outcome, timed_out=timed_out)
        case Unknown():
            # The lease is left: whoever finds it run out knows that the provider may have answered.
            return Failed(retry_after=kit.numbers.lease, timed_out=timed_out)
        case _:
            assert_never(verdict)


def _prepare(kit: Kit, held: HeldResource, connection: Connection, token_set: SealedTokenSet) -> _Prepared:
    now = kit.machine.now()
    ids = {"resource_id": connection.resource_id, "connection_id": connection.connection_id}
    spent = opened(kit.sealing, token_set, **ids, now=now)
    key = kit.shelf.vault_key()
    secrets = kit.shelf.secrets(held)
    variables = {**values_of(held.resource, connection.variables, token_set), **kit.moment()}
    if held.resource.grant_type is GrantType.CLIENT_CREDENTIALS:
        request = client_credentials_request(
            held.resource, secrets, scopes=connection.asked_scopes, variables=variables
        )
    elif spent.refresh_token is None:
        message = "there is no refresh token"
        raise BrokerError(message)
    else:
        request = refresh_request(
            held.resource,
            secrets,
            refresh_token=spent.refresh_token,
            variables=variables,
            scopes=token_set.scopes,
        )
    known = (*request.secrets, *spent.access_tokens)  # a provider that refuses may name it
    return _Prepared(replace(request, secrets=known), secrets, Spent(token_set, spent, key))


def _sent(kit: Kit, held: HeldResource, prepared: _Prepared, *, since: float) -> tuple[Verdict, bool]:
    """Send; `since`: when there was time enough, so that a process paused after that sends nothing late."""
    try:
        response = kit.egress.send(
            prepared.request,
            prepared.secrets.destinations,
            deadline=kit.numbers.provider_deadline,
            since=since,
        )
    except ProviderError as error:
        return failure_of(error, prepared.request), error.timed_out
    return token_verdict(held.resource, prepared.request, response, now=int(kit.machine.now())), False


def _end(kit: Kit, connection: Connection, lease: Lease, error: LastError) -> Outcome:
    spent = connection.token_set
    if spent is None:
        return Vanished()
    moved = kit.store.leases.end_grant(
        connection,
        spent=spent.token_set_id,
        error=error,
        now=error.at,
        shard=kit.shard(connection.resource_id, connection.connection_id),
        attempts=ring_with(connection, ended(error.category, lease, now=kit.machine.now())),
    )
    return GrantEnded() if moved is None else Moved(moved)


def _put_off(  # noqa: PLR0913 - what is written about an attempt in vain
    kit: Kit,
    connection: Connection,
    lease: Lease,
    error: LastError,
    *,
    retry_after: int | None = None,
    longest: int = LONGEST_BACKOFF,
    unknown: bool = False,
    ours: bool = False,
    set_aside: bool = False,
) -> Failed:
    """Write down an attempt in vain. `ours`: no key or no table for now, so no call was made.

    That is not counted: when it is over, nobody must be waiting for an hour. `set_aside`: what is stored
    cannot be opened.
    """
    failures = max(1, connection.failures) if ours else connection.failures + 1
    wait = SET_ASIDE
    if set_aside:
        log.line("item set aside", failed=True, category=error.category, resource_id=connection.resource_id)
    else:
        wait = backoff_of(kit, connection, 1 if ours else failures, retry_after, longest)
    kit.store.leases.put_off(
        connection,
        lease,
        error=error,
        failures=failures,
        next_refresh=error.at + wait,
        notes=[] if ours else notes_of_failure(failures),
        unknown=unknown,
        set_aside=set_aside,
        now=error.at,
        shard=kit.shard(connection.resource_id, connection.connection_id),
        attempts=ring_with(connection, ended(error.category, lease, now=kit.machine.now())),
    )
    return Failed(retry_after=wait, set_aside=set_aside)


def backoff_of(kit: Kit, connection: Connection, failures: int, retry_after: int | None, longest: int) -> int:
    """Give the seconds to wait after a connection's `failures`-th attempt in vain in a row."""
    expires_at = None if connection.token_set is None else connection.token_set.expires_at
    return backoff(
        failures=failures,
        retry_after=retry_after,
        period=kit.schedule.period,
        draw=kit.machine.draw(),
        left=None if expires_at is None else expires_at - kit.machine.now(),
        longest=longest,
    )


def notes_of_failure(failures: int) -> list[Note]:
    """Give what is to be announced of the `failures`-th attempt in vain in a row: that they are many."""
    return [Note.REFRESH_FAILING] if failures == FAILING_AFTER else []


def last_error_of(kit: Kit, failure: Failure) -> LastError:
    """Give a failure as the connection shows it."""
    return LastError(
        at=int(kit.machine.now()),
        category=str(failure.category),
        error=failure.error,
        error_description=failure.error_description,
        http_status=failure.http_status,
        request=failure.request,
    )
