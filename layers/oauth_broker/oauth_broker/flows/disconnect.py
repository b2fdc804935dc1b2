"""Disconnecting: the connection is gone at once, what it held is revoked by the worker and then forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from oauth_broker import log
from oauth_broker.connection import Connection, Note
from oauth_broker.doors.store import LeftToRevoke
from oauth_broker.errors import (
    AnnouncementError,
    BrokerError,
    SealingUnavailableError,
    UnavailableError,
    UnfitValueError,
)
from oauth_broker.flows.refresh import new_lease
from oauth_broker.flows.token_sets import opened, values_of
from oauth_broker.protocol.revocation import RevocationVerdict, revocation_request, revocation_verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauth_broker.connection import SealedTokenSet
    from oauth_broker.doors.announcements import Announcements
    from oauth_broker.flows.kit import Kit
    from oauth_broker.flows.shelf import HeldResource
    from oauth_broker.protocol.revocation import TokenTypeHint
    from oauth_broker.secret import Secret

TRIES: Final = 3
LOOK_AGAIN: Final = 60


def disconnect(kit: Kit, connection: Connection) -> None:
    """Delete a connection; what is left to revoke is due now.

    Raises UnavailableError where it keeps changing.
    """
    current: Connection | None = connection
    for _ in range(TRIES):
        if current is None or current.created_at != connection.created_at:
            return  # another connection took its id meanwhile: perhaps somebody else's
        now = int(kit.machine.now())
        shard = kit.shard(current.resource_id, current.connection_id)
        if kit.store.connections.disconnect(current, _left(kit, current), shard=shard, now=now):
            return
        current = kit.store.connections.get(current.resource_id, current.connection_id)
    message = "the connection is being changed: ask again"
    raise UnavailableError(message, retry_after=1)


def _left(kit: Kit, connection: Connection) -> LeftToRevoke | None:
    token_set = connection.token_set
    if token_set is None:
        return None
    return LeftToRevoke(
        resource_id=connection.resource_id,
        sort=f"{connection.connection_id}#{kit.machine.random(9).hex()}",
        connection_id=connection.connection_id,
        token_set=token_set,
        variables=connection.variables,
        notes=(Note.DISCONNECTED,),
    )


def revoke_left(kit: Kit, announcements: Announcements, held: HeldResource, sort: str) -> None:
    """Revoke what is left of a connection that is gone (one RFC 7009 call), say so, and forget it.

    Without KMS nothing can be called: it is looked at again. So it is while the event bus fails, and is not
    revoked twice.
    """
    lease = new_lease(kit)
    left = kit.store.leases.take_left(held.resource.resource_id, sort, lease, now_ms=lease.taken_at)
    if left is None:
        return
    again = int(kit.machine.now()) + LOOK_AGAIN
    try:
        outcome = left.revocation or _revoked(kit, held, left)
    except SealingUnavailableError:
        kit.store.leases.look_at_left_again(left, lease, revocation=None, again=again)
        return
    ids = {"resource_id": left.resource_id, "connection_id": left.connection_id}
    try:
        if left.notes:
            announcements.send([str(note) for note in left.notes], {**ids, "revocation": outcome})
    except AnnouncementError:
        kit.store.leases.look_at_left_again(left, lease, revocation=outcome, again=again)
        raise
    log.line("revocation", failed=False, **ids, outcome=outcome)
    kit.store.leases.forget_left(left, lease)


def _revoked(kit: Kit, held: HeldResource, left: LeftToRevoke) -> str:
    """Give the outcome: `revoked`, `not_supported`, or why it failed. Raises SealingUnavailableError."""
    if left.token_set is None or held.resource.revocation is None:
        return "not_supported"
    if left.token_set.destinations_id not in held.destinations_ids:
        return "destinations_changed"
    ids = {"resource_id": left.resource_id, "connection_id": left.connection_id}
    try:
        tokens = opened(kit.sealing, left.token_set, **ids, now=kit.machine.now())
        token, hint = _to_revoke(tokens.refresh_token, tokens.access_token)
        secrets = kit.shelf.secrets(held)
        request = revocation_request(
            held.resource, secrets, token, hint, variables=_values(held, left.variables, left.token_set)
        )
        if request is None:
            return "not_supported"
        response = kit.egress.send(request, secrets.destinations, deadline=kit.numbers.provider_deadline)
    except SealingUnavailableError:
        raise
    except BrokerError as error:
        return error.category
    return "revoked" if revocation_verdict(response) is RevocationVerdict.DONE else "refused"


def _values(held: HeldResource, variables: Mapping[str, str], token_set: SealedTokenSet) -> Mapping[str, str]:
    """Give the values that templates may use; metadata that does not fit may be why it is revoked."""
    try:
        return values_of(held.resource, variables, token_set)
    except UnfitValueError:
        return variables


def _to_revoke(refresh_token: Secret | None, access_token: Secret) -> tuple[Secret, TokenTypeHint]:
    """Choose: revoking the refresh token ends the grant's access tokens too (RFC 7009 section 2.1)."""
    if refresh_token is not None:
        return refresh_token, "refresh_token"
    return access_token, "access_token"
