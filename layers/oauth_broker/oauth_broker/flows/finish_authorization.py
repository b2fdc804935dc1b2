"""The provider sends the browser back: consume the authorization once, exchange the code, commit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from oauth_broker.connection import LastError
from oauth_broker.doors.store import NotConsumed
from oauth_broker.errors import CallbackRejectedError, NotFoundError, UnavailableError
from oauth_broker.flows.browser import cookies_of_ours
from oauth_broker.flows.check_id_token import bring_keys, check_id_token, expects_id_token
from oauth_broker.flows.ending import RESOURCE_CHANGED, Ending, EndingKind, failed_ending, not_yours, success
from oauth_broker.flows.exchange import ConsentFailedError, commit_consent, exchange
from oauth_broker.flows.install import make_connection
from oauth_broker.flows.reload import ended_before
from oauth_broker.protocol.authorization import Refused, callback_parameters, callback_verdict, parameter
from oauth_broker.protocol.state import Derived, hash_of, matching_cookie, split_state

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from oauth_broker.flows.kit import Kit
    from oauth_broker.flows.shelf import HeldResource
    from oauth_broker.resource import ResourceSecrets
    from oauth_broker.sealed import VaultKey
    from oauth_broker.secret import Secret
    from oauth_broker.transaction import Authorization

CONSUMER_BYTES: Final = 9
MOST_CANDIDATES: Final = 4


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
            raise not_yours()
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
        return ended_before(kit, consumed.there, resource_id, derived, remaining)
    service = "" if ready is None else ready.held.resource.name
    try:
        _finish(kit, ready, authorization=consumed, parameters=parameters, derived=derived)
    except ConsentFailedError as failed:
        kit.store.authorizations.fail(authorization_id, outcome=failed.outcome)
        kit.store.connections.note_failed_consent(consumed, failed.failure)
        ending = failed_ending(consumed, failed.outcome, failed.failure.error_description or "", service)
        return replace(ending, failure=failed.failure)
    return success(consumed, derived, service)


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
        raise not_yours()
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
        raise not_yours()
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
    if authorization.makes_connection:
        make_connection(kit, authorization)
    expects = expects_id_token(resource, authorization)
    if expects:
        bring_keys(kit, resource)
    exchanged = exchange(
        kit, pinned.held, pinned.secrets, authorization=authorization, callback=verdict, derived=derived
    )
    if expects:
        check_id_token(kit, resource, authorization, id_token=exchanged.token_set.id_token, derived=derived)
    commit_consent(
        kit, pinned.held, pinned.key, authorization=authorization, exchanged=exchanged, derived=derived
    )


def _check_issuer(there: Authorization | None, iss: str | None) -> None:
    """Say so where it was the issuer that refused an answer: that is a resource to mend, or an attack."""
    if there is not None and there.consumed_at is None and there.issuer and iss not in {None, there.issuer}:
        raise CallbackRejectedError("the answer names another issuer than the resource does (RFC 9207)")
