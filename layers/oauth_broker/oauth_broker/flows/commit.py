"""Committing what a provider gave, whatever becomes of this process's way to the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from oauth_broker import log
from oauth_broker.commits import CommitOutcome, Gone, token_set_in, variables_in
from oauth_broker.doors.store import LeftToRevoke
from oauth_broker.errors import QueueUnavailableError, StoreUnavailableError

if TYPE_CHECKING:
    from oauth_broker.commits import Commit
    from oauth_broker.doors.store import Store
    from oauth_broker.flows.kit import Kit

TRIES_BEFORE_RESCUE: Final = 2
PAUSE: Final = 0.2


def commit_surely(kit: Kit, commit: Commit) -> CommitOutcome | None:
    """Commit within the commit deadline; after two failed tries the rescue queue has it as well.

    None: not committed by this process (the rescue will do it). What neither the table nor the queue would
    take is reported as lost. No token of it may be handed out then.
    """
    until = kit.machine.now() + kit.numbers.commit_deadline
    tries, rescued = 0, False
    while True:
        try:
            return settled(kit.store, commit, now=int(kit.machine.now()), hurried=True)
        except StoreUnavailableError:
            tries += 1
        if tries >= TRIES_BEFORE_RESCUE and not rescued:
            rescued = _rescued(kit, commit)
        if kit.machine.now() + PAUSE >= until:
            break
        kit.machine.sleep(PAUSE)
    rescued = rescued or _rescued(kit, commit)
    log.line(
        "token set left to the rescue" if rescued else "token set lost",
        failed=not rescued,
        resource_id=commit.resource_id,
        connection_id=commit.connection_id,
    )
    return None


def settled(store: Store, commit: Commit, *, now: int, hurried: bool = False) -> CommitOutcome:
    """Commit once; what came for a connection that is gone is left to the worker to revoke.

    Raises StoreUnavailableError.
    """
    outcome = store.connections.commit(commit, hurried=hurried)
    if isinstance(outcome, Gone):
        leave_to_revoke(store, commit, now=now)
    return outcome


def leave_to_revoke(store: Store, commit: Commit, *, now: int) -> None:
    """Leave what a commit carries to the worker to revoke. Raises StoreUnavailableError."""
    token_set = token_set_in(commit)
    left = LeftToRevoke(
        resource_id=commit.resource_id,
        sort=f"{commit.connection_id}#{token_set.token_set_id.hex()}",
        connection_id=commit.connection_id,
        token_set=token_set,
        variables=variables_in(commit),
    )
    store.revocations.leave(left, shard=commit.shard, now=now)


def _rescued(kit: Kit, commit: Commit) -> bool:
    try:
        kit.rescue.send(commit)
    except QueueUnavailableError:
        return False
    return True
