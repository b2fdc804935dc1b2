"""Connections as items of the table. Attribute names are short: a connection should stay under 1 KB."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from oauth_broker.connection import Connection, LastError, Lease, Note, Proposal, SealedTokenSet, Status
from oauth_broker.doors.store.keys import connection_key, ids_of

if TYPE_CHECKING:
    from oauth_broker.doors.store.values import Item

STATUS_LETTERS: Final = {Status.PENDING: "p", Status.ACTIVE: "a", Status.NEEDS_REAUTHORIZATION: "r"}
LETTER_STATUSES: Final = {letter: status for status, letter in STATUS_LETTERS.items()}


def token_set_attributes(token_set: SealedTokenSet) -> Item:
    """Write a token set, as attributes of its connection or of a map."""
    return {
        "ts": token_set.token_set_id,
        "t": token_set.sealed,
        "ia": token_set.issued_at,
        "ex": token_set.expires_at,
        "sc": list(token_set.scopes) or None,
        "md": json.dumps(dict(token_set.metadata)) if token_set.metadata else None,
        "di": token_set.destinations_id,
        "nf": None if token_set.refreshable else True,
        "rx": token_set.refresh_expires_at,
        "ri": None if token_set.refresh_issued_at == token_set.issued_at else token_set.refresh_issued_at,
    }


def token_set_of(item: Item) -> SealedTokenSet | None:
    """Read a token set, where there is one."""
    if "t" not in item:
        return None
    return SealedTokenSet(
        token_set_id=item.get("ts", b""),
        sealed=item["t"],
        issued_at=item["ia"],
        expires_at=item.get("ex"),
        scopes=tuple(item.get("sc", ())),
        metadata=json.loads(item.get("md", "{}")),
        destinations_id=item["di"],
        refreshable="nf" not in item,
        refresh_expires_at=item.get("rx"),
        refresh_issued_at=item.get("ri", item["ia"]) if "rx" in item else None,
    )


def proposal_attributes(proposal: Proposal) -> Item:
    """Write a proposal as a map."""
    return {
        **token_set_attributes(proposal.token_set),
        "va": dict(proposal.variables) or None,
        "ch": proposal.code_hash,
        "uh": proposal.user_hash,
        "cs": proposal.consented_at,
        "un": proposal.until,
    }


def _proposal_of(item: Item) -> Proposal | None:
    token_set = token_set_of(item)
    if token_set is None:
        return None
    return Proposal(
        token_set=token_set,
        variables=item.get("va", {}),
        code_hash=item["ch"],
        user_hash=item.get("uh"),
        consented_at=item["cs"],
        until=item["un"],
    )


def lease_attributes(lease: Lease) -> Item:
    """Write a lease as a map."""
    first = lease.first_taken_at if lease.follows else None
    worker = lease.by_worker or None
    return {"i": lease.lease_id, "t": lease.taken_at, "u": lease.until, "f": first, "w": worker}


def lease_of(item: Item) -> Lease | None:
    """Read the lease of an item."""
    held = item.get("l")
    if held is None:
        return None
    return Lease(
        lease_id=held["i"],
        taken_at=held["t"],
        until=held["u"],
        first_taken_at=held.get("f", held["t"]),
        by_worker="w" in held,
    )


def last_error_attributes(error: LastError) -> Item:
    """Write what went wrong as a map."""
    return {
        "a": error.at,
        "c": error.category,
        "e": error.error,
        "d": error.error_description,
        "h": error.http_status,
        "r": error.request,
    }


def _last_error_of(item: Item | None) -> LastError | None:
    if item is None:
        return None
    return LastError(
        at=item["a"],
        category=item["c"],
        error=item.get("e"),
        error_description=item.get("d"),
        http_status=item.get("h"),
        request=item.get("r"),
    )


def connection_of(item: Item) -> Connection:
    """Read a connection."""
    resource_id, connection_id = ids_of((item["pk"], item["sk"]))
    return Connection(
        resource_id=resource_id,
        connection_id=connection_id,
        status=LETTER_STATUSES[item["st"]],
        created_at=item["cr"],
        start_until=item.get("su"),
        owner=item.get("ow"),
        labels=tuple(item.get("lb", ())),
        variables=item.get("va", {}),
        token_set=token_set_of(item),
        proposal=_proposal_of(item.get("p", {})),
        generation=item.get("g", 0),
        consented_at=item.get("cs", 0),
        next_refresh=item.get("nr"),
        refresh_at=item.get("refresh_at"),
        lease=lease_of(item),
        unknown_since=item.get("uk"),
        failures=item.get("f", 0),
        last_error=_last_error_of(item.get("le")),
        notes=tuple(Note(note) for note in item.get("n", ())),
        asked_scopes=tuple(item.get("aq", ())),
        ended_consent=item.get("pe", 0),
        attempts=item.get("at", b""),
        warn_at=item.get("wa"),
        warned_of=tuple(item.get("wd", ())),
    )


def connection_item(connection: Connection, *, shard: str | None, ttl: int | None) -> Item:
    """Write a new connection; `shard` where it is due for something."""
    pk, sk = connection_key(connection.resource_id, connection.connection_id)
    token_set = {} if connection.token_set is None else token_set_attributes(connection.token_set)
    return {
        "pk": pk,
        "sk": sk,
        "st": STATUS_LETTERS[connection.status],
        "cr": connection.created_at,
        "su": connection.start_until,
        "ow": connection.owner,
        "lb": list(connection.labels) or None,
        "va": dict(connection.variables) or None,
        **token_set,
        "g": connection.generation,
        "cs": connection.consented_at,
        "nr": connection.next_refresh,
        "refresh_at": connection.refresh_at,
        "shard": None if connection.refresh_at is None else shard,
        "n": [str(note) for note in connection.notes] or None,
        "aq": list(connection.asked_scopes) or None,
        "at": connection.attempts or None,
        "wa": connection.warn_at,
        "wd": list(connection.warned_of) or None,
        "ttl": ttl,
    }
