"""The provider sends the browser back: consume the authorization once, exchange the code, commit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from oauth_broker.attempt import RESCUE_TURN
from oauth_broker.connection import LastError
from oauth_broker.doors.store import LONGEST_CALL, NotConsumed
from oauth_broker.errors import CallbackRejectedError, NotFoundError, UnavailableError
from oauth_broker.flows.browser import cookies_of_ours
from oauth_broker.flows.exchange import EXCHANGE_FAILED, ConsentFailedError, commit_consent, exchange
from oauth_broker.protocol.authorization import Refused, callback_parameters, callback_verdict, parameter
from oauth_broker.protocol.state import Derived, hash_of, matching_cookie, split_state

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from oauth_broker.connection import Connection
    from oauth_broker.flows.kit import Kit
    from oauth_broker.flows.shelf import HeldResource
    from oauth_broker.resource import ResourceSecrets
    from oauth_broker.sealed import VaultKey
    from oauth_broker.secret import Secret
    from oauth_broker.transaction import Authorization

RESOURCE_CHANGED: Final = "resource_changed"
CONSUMER_BYTES: Final = 9
MOST_CANDIDATES: Final = 4
LOOK_AGAIN: Final = 0.3


class EndingKind(Enum):
    """How a trip ended."""

    CONNECTED = auto()
    TO_BE_CONFIRMED = auto()
    REFUSED = auto()
    EXCHANGE_FAILED = auto()
    RESOURCE_CHANGED = auto()
    NOT_STARTED_HERE = auto()


@dataclass(frozen=True, slots=True)
class Ending:
    """What the browser is told: at `location`, the application's, where there is one, else on a page.

    `error` and `description` are the provider's words; `service` is the resource's name where it is known.
    `failure` is for the log.
    """

    kind: EndingKind
    location: str | None = None
    failure: LastError | None = None
    error: str = ""
    description: str = ""
    service: str = ""


def finish_authorization(  # noqa: PLR0913 - what came, where, from which browser, with how much time
    kit: Kit,
    *,
    resource_id: str | None,
    raw_query: str,
    cookies: Sequence[tuple[str, Secret]],
    secure: bool,
    remaining: Callable[[], float],
) -> Ending:
    """Judge a callback at a resource's address (None: the shared one), and end the trip.

    Everything that can fail is done before the authorization is used up. Raises CallbackRejectedError
    (nothing is used up) for another browser, a state unknown, expired or of another address, another issuer,
    and repeats; UnavailableError where there is no time, or the end is not known yet: reload.
    """
    parameters = callback_parameters(raw_query)
    found = _own_state(parameters, [cookie.value for cookie in cookies_of_ours(cookies, secure=secure)])
    if found is None:
        return Ending(EndingKind.NOT_STARTED_HERE)
    state, authorization_id, derived = found
    ready = _ready(kit, resource_id or _resource_of(kit, authorization_id))
    iss = parameters.get("iss")
    if ready is not None:
        if parameter(ready.held.resource, parameters, "state") != state:
            raise _not_yours()
        # What brings neither a code nor an error uses nothing up; the issuer is the condition's to compare.
        callback_verdict(ready.held.resource, parameters, authorization_iss=None)
        iss = parameter(ready.held.resource, parameters, "iss")
    if remaining() < kit.numbers.attempt_margin:
        message = "there is not enough time left to exchange the code"
        raise UnavailableError(message, retry_after=1)
    consumed = kit.store.authorizations.consume(
        authorization_id,
        state_hash=hash_of(derived.state_bits),
        resource_id=resource_id,
        iss=iss,
        consumed_at=int(kit.machine.now() * 1000),
        consumer=kit.machine.random(CONSUMER_BYTES),
    )
    if isinstance(consumed, NotConsumed):
        _check_issuer(consumed.there, iss)
        return _ended_before(kit, consumed.there, resource_id, derived, remaining)
    service = "" if ready is None else ready.held.resource.name
    try:
        _finish(kit, ready, authorization=consumed, parameters=parameters, derived=derived)
    except ConsentFailedError as failed:
        kit.store.authorizations.fail(authorization_id, outcome=failed.outcome)
        kit.store.connections.note_failed_consent(consumed, failed.failure)
        ending = _failure(consumed, failed.outcome, failed.failure.error_description or "", service)
        return replace(ending, failure=failed.failure)
    return _success(consumed, derived, service)


@dataclass(frozen=True, slots=True)
class _Ready:
    """A resource, its secrets open, and the open key under which what it gives will be sealed."""

    held: HeldResource
    secrets: ResourceSecrets
    key: VaultKey


def _ready(kit: Kit, resource_id: str) -> _Ready | None:
    """Bring what an exchange needs; None where the resource is gone."""
    try:
        held, key = kit.shelf.resource_and_key(resource_id)
    except NotFoundError:
        return None
    return _Ready(held, kit.shelf.secrets(held), key)


def _resource_of(kit: Kit, authorization_id: str) -> str:
    """Say whose a callback at the shared address is."""
    authorization = kit.store.authorizations.get(authorization_id)
    if authorization is None:
        raise _not_yours()
    return authorization.resource_id


def _own_state(parameters: Mapping[str, str], cookies: Sequence[Secret]) -> tuple[str, str, Derived] | None:
    """Find the state that this browser's cookie made: another browser's costs no call.

    By its value, since its name is the resource's to say. None: nothing that looks like a state came at all.
    """
    candidates = [(value, parts) for value in parameters.values() if (parts := split_state(value))][
        :MOST_CANDIDATES
    ]
    for value, (authorization_id, bits) in candidates:
        derived = matching_cookie(cookies, authorization_id, bits)
        if derived is not None:
            return value, authorization_id, derived
    if candidates or parameters.get("state"):
        raise _not_yours()
    return None


def _changed(held: HeldResource, authorization: Authorization) -> bool:
    return (
        held.resource.client_id != authorization.client_id
        or held.row.destinations_id != authorization.destinations_id
    )


def _as_pinned(kit: Kit, ready: _Ready | None, authorization: Authorization) -> _Ready:
    """See that the resource is the one for which the link was made, if need be as it is now."""
    if ready is not None and not _changed(ready.held, authorization):
        return ready
    kit.shelf.drop(authorization.resource_id)
    now_ready = _ready(kit, authorization.resource_id)
    if now_ready is None or _changed(now_ready.held, authorization):
        failure = LastError(int(kit.machine.now()), RESOURCE_CHANGED)
        raise ConsentFailedError(RESOURCE_CHANGED, failure)
    return now_ready


def _finish(
    kit: Kit,
    ready: _Ready | None,
    *,
    authorization: Authorization,
    parameters: Mapping[str, str],
    derived: Derived,
) -> None:
    """Exchange the code and commit. Raises ConsentFailedError, UnavailableError."""
    pinned = _as_pinned(kit, ready, authorization)
    resource = pinned.held.resource
    client_secret = pinned.secrets.client_secret
    known = (derived.nonce, *pinned.secrets.variables.values(), *([client_secret] if client_secret else []))
    verdict = callback_verdict(resource, parameters, authorization_iss=authorization.issuer, known=known)
    if isinstance(verdict, Refused):
        at = int(kit.machine.now())
        failure = LastError(at, "refused", error=verdict.error, error_description=verdict.description)
        raise ConsentFailedError(verdict.error, failure)
    exchanged = exchange(
        kit, pinned.held, pinned.secrets, authorization=authorization, callback=verdict, derived=derived
    )
    commit_consent(
        kit, pinned.held, pinned.key, authorization=authorization, exchanged=exchanged, derived=derived
    )


def _check_issuer(there: Authorization | None, iss: str | None) -> None:
    """Say so where it was the issuer that refused an answer: that is a resource to mend, or an attack."""
    if there is not None and there.consumed_at is None and there.issuer and iss not in {None, there.issuer}:
        raise CallbackRejectedError("the answer names another issuer than the resource does (RFC 9207)")


def _ended_before(
    kit: Kit,
    there: Authorization | None,
    resource_id: str | None,
    derived: Derived,
    remaining: Callable[[], float],
) -> Ending:
    """End a reload as the first one ended; await the first one while it is under way."""
    if (
        there is None
        or there.consumed_at is None
        or hash_of(derived.state_bits) != there.consumed_by
        or (resource_id != there.resource_id if resource_id is not None else not there.shared_callback)
    ):
        raise _not_yours()
    until = kit.machine.now() + kit.numbers.reader_wait
    while True:
        if there.outcome is not None:
            return _failure(there, there.outcome, "", "")
        connection = kit.store.connections.get(there.resource_id, there.connection_id)
        if connection is not None and _arrived(connection, there, there.consumed_at):
            return _success(there, derived, "")
        if there.missed_at is not None and kit.machine.now() > there.missed_at + RESCUE_TURN:
            return _failure(there, EXCHANGE_FAILED, "", "")
        _miss(kit, there, there.consumed_at)
        if kit.machine.now() + LOOK_AGAIN > until or remaining() <= LOOK_AGAIN + LONGEST_CALL:
            message = "the exchange is still under way"
            raise UnavailableError(message, retry_after=1)
        kit.machine.sleep(LOOK_AGAIN)
        there = kit.store.authorizations.get(there.authorization_id) or there


def _miss(kit: Kit, authorization: Authorization, consumed_at: int) -> None:
    """Write down that nothing came of an exchange whose process is over by now, once the table takes writes.

    It may lie in the rescue queue, whose turn begins then: after an outage of the table that is long after
    the exchange.
    """
    now = kit.machine.now()
    if authorization.missed_at is None and now * 1000 > consumed_at + kit.numbers.lease * 1000:
        kit.store.authorizations.miss(authorization.authorization_id, now=int(now))


def _arrived(connection: Connection, authorization: Authorization, consumed_at: int) -> bool:
    """Say whether what the authorization brought, or something newer, was committed."""
    proposed_at = 0 if connection.proposal is None else connection.proposal.consented_at
    same = connection.created_at == authorization.connection_created_at
    return same and max(connection.consented_at, proposed_at, connection.ended_consent) >= consumed_at


def _success(authorization: Authorization, derived: Derived, service: str) -> Ending:
    code = derived.confirmation_code if authorization.require_confirmation else None
    return Ending(
        kind=EndingKind.TO_BE_CONFIRMED if code else EndingKind.CONNECTED,
        location=_location(
            authorization,
            confirmation_code=None if code is None else code.reveal(),
        ),
        service=service,
    )


def _failure(authorization: Authorization, outcome: str, description: str, service: str) -> Ending:
    kinds = {EXCHANGE_FAILED: EndingKind.EXCHANGE_FAILED, RESOURCE_CHANGED: EndingKind.RESOURCE_CHANGED}
    kind = kinds.get(outcome, EndingKind.REFUSED)
    return Ending(
        kind=kind,
        location=_location(authorization, error=outcome),
        error=outcome if kind is EndingKind.REFUSED else "",
        description=description if kind is EndingKind.REFUSED else "",
        service=service,
    )


def _location(authorization: Authorization, **told: str | None) -> str | None:
    """Give `return_url` with what the application is told; its own query is kept."""
    if authorization.return_url is None:
        return None
    fields = {"connection_id": authorization.connection_id, **told}
    query = urlencode({name: value for name, value in fields.items() if value is not None})
    return f"{authorization.return_url}{'&' if '?' in authorization.return_url else '?'}{query}"


def _not_yours() -> CallbackRejectedError:
    return CallbackRejectedError("the answer is to nothing that this browser began here")
