"""Connections, token sets and commits to try decisions and conditions on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from oauth_broker.commits import ConsentCommit, ProposalCommit, RefreshCommit
from oauth_broker.connection import Connection, Lease, Proposal, SealedTokenSet, Status
from oauth_broker.doors.store import ResourceRow
from oauth_broker.transaction import Authorization
from tests.doubles.machine import BEGINNING

NOW = BEGINNING
NOW_MS = NOW * 1000
SHARD = "00"


def token_set(**changes: Any) -> SealedTokenSet:
    """Give a token set of an hour, issued now."""
    usual = SealedTokenSet(
        token_set_id=b"set-1",
        sealed=b"sealed-1",
        issued_at=NOW,
        expires_at=NOW + 3600,
        scopes=("read",),
        metadata={},
        destinations_id="there",
        refreshable=True,
    )
    return replace(usual, **changes)


def connection(**changes: Any) -> Connection:
    """Give an active connection whose refresh is due."""
    usual = Connection(
        resource_id="acme",
        connection_id="c1",
        status=Status.ACTIVE,
        created_at=NOW_MS,
        token_set=token_set(),
        generation=1,
        consented_at=NOW_MS + 100,
        next_refresh=NOW,
        refresh_at=NOW,
    )
    return replace(usual, **changes)


def pending(**changes: Any) -> Connection:
    """Give a connection that waits for its consent."""
    usual = Connection("acme", "c1", Status.PENDING, NOW_MS, start_until=NOW + 600)
    return replace(usual, **changes)


def lease(lease_id: bytes = b"lease-1", *, taken: float = NOW, first: float | None = None) -> Lease:
    """Give a lease of half a minute; `first`: when the first of the leases it goes back to was taken."""
    first_taken_at = int((taken if first is None else first) * 1000)
    return Lease(lease_id, int(taken * 1000), int((taken + 30) * 1000), first_taken_at)


def proposal(**changes: Any) -> Proposal:
    """Give a proposal that may be confirmed for ten minutes."""
    usual = Proposal(
        token_set=token_set(token_set_id=b"set-p"),
        variables={"realm": "7"},
        code_hash=b"code-hash",
        user_hash=b"user-hash",
        consented_at=NOW_MS + 200,
        until=NOW + 600,
    )
    return replace(usual, **changes)


def refresh_commit(**changes: Any) -> RefreshCommit:
    """Give the commit of a refresh that spent `set-1`."""
    usual = RefreshCommit(
        resource_id="acme",
        connection_id="c1",
        created_at=NOW_MS,
        spent=b"set-1",
        token_set=token_set(token_set_id=b"set-2", sealed=b"sealed-2"),
        next_refresh=NOW + 3300,
        refresh_at=NOW + 3300,
        shard=SHARD,
        variables={},
    )
    return replace(usual, **changes)


def consent_commit(**changes: Any) -> ConsentCommit:
    """Give the commit of a consent later than the connection's own."""
    usual = ConsentCommit(
        resource_id="acme",
        connection_id="c1",
        created_at=NOW_MS,
        token_set=token_set(token_set_id=b"set-3", sealed=b"sealed-3"),
        variables={"realm": "8"},
        consented_at=NOW_MS + 200,
        next_refresh=NOW + 3300,
        due=NOW,
        shard=SHARD,
    )
    return replace(usual, **changes)


def proposal_commit(**changes: Any) -> ProposalCommit:
    """Give the commit of a proposal."""
    usual = ProposalCommit("acme", "c1", created_at=NOW_MS, proposal=proposal(), shard=SHARD)
    return replace(usual, **changes)


def resource_row(**changes: Any) -> ResourceRow:
    """Give a resource as it lies in the table."""
    usual = ResourceRow(
        resource_id="acme",
        document={"name": "Acme", "client_id": "client-1"},
        sealed=b"sealed",
        destinations_id="there",
        carried=(),
        etag="e1",
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(usual, **changes)


def authorization(**changes: Any) -> Authorization:
    """Give an authorization whose link was just made."""
    usual = Authorization(
        authorization_id="a1",
        resource_id="acme",
        connection_id="c1",
        ticket_hash=b"ticket",
        start_until=NOW + 600,
        authorization_url="https://acme.example/authorize",
        redirect_uri="https://broker.example/oauth/acme/callback",
        token_url="https://acme.example/token",
        client_id="client-1",
        destinations_id="there",
        require_confirmation=True,
        connection_created_at=NOW_MS,
    )
    return replace(usual, **changes)
