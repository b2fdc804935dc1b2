"""What is to be committed once a provider has answered, and as a message of the rescue queue.

A commit is a value, complete and sealed, so that whoever can reach the table may make it: the process that
got the answer, or the rescue function minutes later. Its condition travels with it.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Self

from oauth_broker.connection import Connection, Proposal, SealedTokenSet

if TYPE_CHECKING:
    from collections.abc import Mapping


PLACE: Final = ("resource_id", "connection_id", "created_at", "shard")
"""What every commit has. `created_at` is the connection's: none of it is for a later one of the same id."""


@dataclass(frozen=True, slots=True)
class RefreshCommit:
    """A refreshed token set, in place of the one that was spent. `refresh_at` is the due index's key.

    `attempts` is the connection's ring with this attempt, as it was when the lease was taken; empty, it
    leaves what is there. Committed late, it replaces what was noted while its outcome was unknown.
    `warn_at`: when to tell that the grant will die (epoch seconds).
    """

    resource_id: str
    connection_id: str
    created_at: int
    spent: bytes
    token_set: SealedTokenSet
    next_refresh: int | None
    refresh_at: int | None
    shard: str
    variables: Mapping[str, str]
    attempts: bytes = b""
    warn_at: int | None = None

    def in_doubt(self) -> Self:
        """Give it as what is committed after the spent set was tried again, and refused: it is due at once.

        A provider that detects reuse has ended this set with the spent one (RFC 9700 section 4.14.2); one
        more refresh tells.
        """
        due = self.token_set.issued_at if self.token_set.refreshable else None
        return replace(self, next_refresh=due)


@dataclass(frozen=True, slots=True)
class ConsentCommit:
    """The token set of a new consent. `consented_at` in epoch milliseconds: the newest consent wins.

    `confirmed` is the hash of the confirmation code, where the set was a proposal.
    """

    resource_id: str
    connection_id: str
    created_at: int
    token_set: SealedTokenSet
    variables: Mapping[str, str]
    consented_at: int
    next_refresh: int | None
    due: int
    shard: str
    confirmed: bytes | None = None


@dataclass(frozen=True, slots=True)
class ProposalCommit:
    """A token set to be kept apart until it is confirmed."""

    resource_id: str
    connection_id: str
    created_at: int
    proposal: Proposal
    shard: str


Commit = RefreshCommit | ConsentCommit | ProposalCommit


@dataclass(frozen=True, slots=True)
class Committed:
    """It is in the table."""


@dataclass(frozen=True, slots=True)
class Superseded:
    """A newer token set or consent stands; `there` is the connection as it is."""

    there: Connection


@dataclass(frozen=True, slots=True)
class Gone:
    """The connection was disconnected: what the provider gave must be revoked."""


CommitOutcome = Committed | Superseded | Gone


def to_message(commit: Commit) -> str:
    """Write a commit as the body of a queue's message."""
    match commit:
        case RefreshCommit():
            body: dict[str, Any] = {
                "kind": "refresh",
                "spent": _text(commit.spent),
                "token_set": _token_set_json(commit.token_set),
                "next_refresh": commit.next_refresh,
                "refresh_at": commit.refresh_at,
                "warn_at": commit.warn_at,
                "variables": dict(commit.variables),
                "attempts": _text(commit.attempts),
            }
        case ConsentCommit():
            body = {
                "kind": "consent",
                "token_set": _token_set_json(commit.token_set),
                "variables": dict(commit.variables),
                "consented_at": commit.consented_at,
                "next_refresh": commit.next_refresh,
                "due": commit.due,
                "confirmed": None if commit.confirmed is None else _text(commit.confirmed),
            }
        case ProposalCommit(proposal=proposal):
            body = {
                "kind": "proposal",
                "token_set": _token_set_json(proposal.token_set),
                "variables": dict(proposal.variables),
                "code_hash": _text(proposal.code_hash),
                "user_hash": None if proposal.user_hash is None else _text(proposal.user_hash),
                "consented_at": proposal.consented_at,
                "until": proposal.until,
            }
    body |= {name: getattr(commit, name) for name in PLACE}
    return json.dumps(body, separators=(",", ":"))


def from_message(text: str) -> Commit:
    """Read a commit from a queue's message, which is our own writing.

    An earlier version's says nothing of a grant's end, which counts as unknown then: messages outlive a
    deployment. Raises ValueError or KeyError for another's.
    """
    body = json.loads(text)
    place = {name: body[name] for name in PLACE}
    token_set = _token_set_of(body["token_set"])
    match body["kind"]:
        case "refresh":
            return RefreshCommit(
                spent=_bytes(body["spent"]),
                token_set=token_set,
                next_refresh=body["next_refresh"],
                refresh_at=body["refresh_at"],
                warn_at=body.get("warn_at"),
                variables=body["variables"],
                attempts=_bytes(body.get("attempts", "")),
                **place,
            )
        case "consent":
            return ConsentCommit(
                token_set=token_set,
                variables=body["variables"],
                consented_at=body["consented_at"],
                next_refresh=body["next_refresh"],
                due=body["due"],
                confirmed=None if body["confirmed"] is None else _bytes(body["confirmed"]),
                **place,
            )
        case "proposal":
            proposal = Proposal(
                token_set=token_set,
                variables=body["variables"],
                code_hash=_bytes(body["code_hash"]),
                user_hash=None if body["user_hash"] is None else _bytes(body["user_hash"]),
                consented_at=body["consented_at"],
                until=body["until"],
            )
            return ProposalCommit(proposal=proposal, **place)
    message = "not a commit's kind"
    raise ValueError(message)


def token_set_in(commit: Commit) -> SealedTokenSet:
    """Give the token set that a commit carries."""
    return commit.proposal.token_set if isinstance(commit, ProposalCommit) else commit.token_set


def variables_in(commit: Commit) -> Mapping[str, str]:
    """Give the connection's variables that a commit carries: what is to be revoked may need them."""
    return commit.proposal.variables if isinstance(commit, ProposalCommit) else commit.variables


def _token_set_json(token_set: SealedTokenSet) -> dict[str, Any]:
    return {
        "id": _text(token_set.token_set_id),
        "sealed": _text(token_set.sealed),
        "issued_at": token_set.issued_at,
        "expires_at": token_set.expires_at,
        "scopes": list(token_set.scopes),
        "metadata": dict(token_set.metadata),
        "destinations_id": token_set.destinations_id,
        "refreshable": token_set.refreshable,
        "refresh_expires_at": token_set.refresh_expires_at,
        "refresh_issued_at": token_set.refresh_issued_at,
    }


def _token_set_of(body: Mapping[str, Any]) -> SealedTokenSet:
    return SealedTokenSet(
        token_set_id=_bytes(body["id"]),
        sealed=_bytes(body["sealed"]),
        issued_at=body["issued_at"],
        expires_at=body["expires_at"],
        scopes=tuple(body["scopes"]),
        metadata=body["metadata"],
        destinations_id=body["destinations_id"],
        refreshable=body["refreshable"],
        refresh_expires_at=body.get("refresh_expires_at"),
        refresh_issued_at=body.get("refresh_issued_at"),
    )


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
