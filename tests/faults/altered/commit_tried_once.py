"""A naive build: a commit that the table does not take is dropped; no further try, no rescue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oauth_broker.errors import StoreUnavailableError
from oauth_broker.flows import commit_refreshed, exchange
from oauth_broker.flows.commit import settled

if TYPE_CHECKING:
    from oauth_broker.commits import Commit, CommitOutcome
    from oauth_broker.flows.kit import Kit


def commit_once(kit: Kit, commit: Commit) -> CommitOutcome | None:
    """Try, and forget."""
    try:
        return settled(kit.store, commit, now=int(kit.machine.now()), hurried=True)
    except StoreUnavailableError:
        return None


for module in (commit_refreshed, exchange):
    if "commit_surely" not in vars(module):
        message = f"{module.__name__} does not commit by commit_surely"
        raise RuntimeError(message)
    vars(module)["commit_surely"] = commit_once
