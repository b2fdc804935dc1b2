"""Connections in the table: made, listed, committed, disconnected.

Every write has a condition with a name.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from oauth_broker.commits import (
    Commit,
    CommitOutcome,
    Committed,
    ConsentCommit,
    Gone,
    ProposalCommit,
    RefreshCommit,
    Superseded,
)
from oauth_broker.connection import Connection, LastError, Note, Proposal
from oauth_broker.doors.store.authorizations import new_authorization_item
from oauth_broker.doors.store.change import Change
from oauth_broker.doors.store.connection_rows import (
    connection_item,
    connection_of,
    last_error_attributes,
    proposal_attributes,
    token_set_attributes,
)
from oauth_broker.doors.store.keys import (
    CONNECTION_PARTITIONS,
    Key,
    connection_key,
    partition_of,
    resource_key,
)
from oauth_broker.doors.store.left_rows import LeftToRevoke, left_item
from oauth_broker.doors.store.table import ConditionFailedError, Table
from oauth_broker.doors.store.values import key_of, to_item, to_value
from oauth_broker.errors import IdInUseError, NotFoundError

if TYPE_CHECKING:
    from oauth_broker.transaction import Authorization

STILL_THE_SPENT_SET: Final = "ts = :spent"
"""A newer set or a reconnect wins; what was disconnected has no set."""

THE_SPENT_SET_SERVES: Final = f"{STILL_THE_SPENT_SET} AND st = :active"
THE_SPENT_SET_WAS_REFUSED: Final = f"{STILL_THE_SPENT_SET} AND st = :ended"
"""While its successor was on its way by the rescue, the spent set was tried again, and refused."""

THE_NEWEST_CONSENT: Final = "cr = :cr AND (attribute_not_exists(cs) OR cs < :cs)"
"""It is the connection that was asked for, not a later one of its id, and no later consent is there."""

THE_NEWEST_PROPOSAL: Final = (
    f"{THE_NEWEST_CONSENT} AND (attribute_not_exists(p) OR p.cs < :cs)"
    # one that was ended does not come back by its copy in the rescue queue
    " AND (attribute_not_exists(pe) OR pe < :cs)"
)
NOT_DUE_SOONER: Final = "(attribute_not_exists(refresh_at) OR refresh_at > :until)"
STILL_THAT_PROPOSAL: Final = "p.ch = :code"
THE_PROPOSAL_CONFIRMED: Final = f"{THE_NEWEST_CONSENT} AND {STILL_THAT_PROPOSAL}"
THE_VERY_CONNECTION: Final = "cr = :cr"


class ConnectionTable:
    """Connections."""

    def __init__(self, table: Table, *, commits: Table) -> None:
        """Share the table; `commits` is the same, for who is in a hurry."""
        self._table = table
        self._commits = commits

    def get(self, resource_id: str, connection_id: str) -> Connection | None:
        """Give a connection."""
        item = self._table.get(connection_key(resource_id, connection_id))
        return None if item is None else connection_of(item)

    def create(
        self, connection: Connection, authorization: Authorization | None, *, shard: str, ttl: int | None
    ) -> None:
        """Keep a new connection, and the authorization that is to fill it, under a resource that is in use.

        Raises IdInUseError, NotFoundError for the resource.
        """
        resource = {
            "ConditionCheck": {
                "Key": key_of(resource_key(connection.resource_id)),
                "ConditionExpression": "attribute_exists(pk) AND attribute_not_exists(dg)",
            }
        }
        item = to_item(connection_item(connection, shard=shard, ttl=ttl))
        put = {
            "Put": {
                "Item": item,
                "ConditionExpression": "attribute_not_exists(pk)",
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }
        writes = [resource, put]
        if authorization is not None:
            writes.append({"Put": {"Item": to_item(new_authorization_item(authorization))}})
        try:
            self._table.transact(writes)
        except ConditionFailedError as lost:
            if lost.item is None:
                message = f"there is no resource {connection.resource_id}"
                raise NotFoundError(message) from None
            message = (
                f"a connection {connection.connection_id} exists: its reauthorize gives a new start link"
            )
            raise IdInUseError(message) from None

    def renew_link(self, connection: Connection, authorization: Authorization, *, ttl: int) -> None:
        """Keep another authorization for a connection never connected: it is pending while the link lives.

        Raises NotFoundError where the connection is gone.
        """
        key = connection_key(connection.resource_id, connection.connection_id)
        change = Change(THE_VERY_CONNECTION).given(cr=connection.created_at)
        change.set({"su": authorization.start_until, "ttl": ttl})
        writes = [
            {"Update": {"Key": key_of(key), **change.arguments()}},
            {"Put": {"Item": to_item(new_authorization_item(authorization))}},
        ]
        try:
            self._table.transact(writes)
        except ConditionFailedError:
            message = "there is no such connection"
            raise NotFoundError(message) from None

    def page(
        self, resource_id: str, *, limit: int, after: tuple[str, str] | None
    ) -> tuple[list[Connection], tuple[str, str] | None]:
        """List up to `limit` connections, partition after partition; gives the key to go on after."""
        found: list[Connection] = []
        digits = (
            CONNECTION_PARTITIONS
            if after is None
            else CONNECTION_PARTITIONS[CONNECTION_PARTITIONS.index(after[0]) :]
        )
        for digit in digits:
            pk = partition_of(resource_id, digit)
            start = {"ExclusiveStartKey": {"pk": pk, "sk": after[1]}} if after and after[1] else {}
            items, last = self._table.query(
                "pk = :pk", {":pk": pk}, Limit=limit - len(found), ConsistentRead=True, **start
            )
            found.extend(connection_of(item) for item in items)
            after = None
            if last is not None:
                return found, (digit, str(last["sk"]))
            if len(found) >= limit:
                following = CONNECTION_PARTITIONS[CONNECTION_PARTITIONS.index(digit) + 1 :]
                return found, (following[0], "") if following else None
        return found, None

    def commit(self, commit: Commit, *, hurried: bool = False) -> CommitOutcome:
        """Make a commit, or say what stands in its way. Making it twice is the same as once.

        `hurried`: say soon that the table cannot be reached, since there is the rescue.
        """
        table = self._commits if hurried else self._table
        key = connection_key(commit.resource_id, commit.connection_id)
        try:
            match commit:
                case RefreshCommit():
                    self._refresh(table, key, commit)
                case ProposalCommit():
                    self._propose(table, key, commit)
                case ConsentCommit():
                    table.update(key, _consenting(commit))
        except ConditionFailedError as lost:
            if lost.item is None:
                return Gone()
            there = connection_of(lost.item)
            if there.created_at != commit.created_at:
                return Gone()
            if _is_in(there, commit) or (isinstance(commit, RefreshCommit) and self._revived(commit)):
                return Committed()
            return Superseded(there)
        return Committed()

    @staticmethod
    def _refresh(table: Table, key: Key, commit: RefreshCommit) -> None:
        change = _refreshing(commit, THE_SPENT_SET_SERVES).given(active="a")
        shard = None if commit.refresh_at is None else commit.shard
        change.set({"refresh_at": commit.refresh_at, "shard": shard})
        written = connection_of(table.update(key, change, returning="ALL_NEW"))
        # What came since the lease was taken (a note, a proposal) must not wait for the next refresh.
        due = written.due_at(commit.token_set.issued_at)
        if due is not None and due != commit.refresh_at and (written.notes or written.proposal):
            again = Change(STILL_THE_SPENT_SET).given(spent=commit.token_set.token_set_id)
            with suppress(ConditionFailedError):
                table.update(key, again.set({"refresh_at": due, "shard": commit.shard}))

    @staticmethod
    def _propose(table: Table, key: Key, commit: ProposalCommit) -> None:
        """Keep a proposal; the worker comes to forget it at its end, unless it is due sooner anyway."""
        until = commit.proposal.until
        sooner = _proposing(commit).also(NOT_DUE_SOONER).given(until=until)
        try:
            table.update(key, sooner.set({"refresh_at": until, "shard": commit.shard}))
        except ConditionFailedError as lost:
            if lost.item is None or lost.item.get("refresh_at", until + 1) > until:
                raise
            table.update(key, _proposing(commit))

    def _revived(self, commit: RefreshCommit) -> bool:
        """Commit over a grant that was ended meanwhile: it may live. False where nothing of the kind was."""
        change = _refreshing(commit.in_doubt(), THE_SPENT_SET_WAS_REFUSED).given(ended="r")
        change.set({"st": "a", "refresh_at": commit.token_set.issued_at, "shard": commit.shard})
        try:
            self._table.update(
                connection_key(commit.resource_id, commit.connection_id),
                change.append("n", [str(Note.CONNECTED)]),
            )
        except ConditionFailedError:
            return False
        return True

    def end_proposal(self, connection: Connection, proposal: Proposal) -> None:
        """Forget a proposal whose confirmation failed: a copy that the rescue still has is void, too."""
        change = Change(STILL_THAT_PROPOSAL).given(code=proposal.code_hash).remove("p", "su")
        change.set({"pe": proposal.consented_at})
        try:
            self._table.update(connection_key(connection.resource_id, connection.connection_id), change)
        except ConditionFailedError:
            return

    def note_failed_consent(self, authorization: Authorization, error: LastError) -> None:
        """Keep why a consent failed; the status stays."""
        change = Change(THE_VERY_CONNECTION).given(cr=authorization.connection_created_at)
        change.set({"le": last_error_attributes(error)})
        try:
            self._table.update(connection_key(authorization.resource_id, authorization.connection_id), change)
        except ConditionFailedError:
            return

    def disconnect(self, connection: Connection, left: LeftToRevoke | None, *, shard: str, now: int) -> bool:
        """Delete a connection and keep what is left to revoke, or neither; False: it changed meanwhile."""
        pk, sk = connection_key(connection.resource_id, connection.connection_id)
        held = connection.token_set
        delete = {
            "Key": key_of((pk, sk)),
            "ConditionExpression": "cr = :cr AND attribute_not_exists(ts)"
            if held is None
            else STILL_THE_SPENT_SET,
            "ExpressionAttributeValues": (
                {":cr": to_value(connection.created_at)}
                if held is None
                else {":spent": to_value(held.token_set_id)}
            ),
        }
        writes = [{"Delete": delete}]
        if left is not None:
            writes.append({"Put": {"Item": to_item(left_item(left, shard=shard, refresh_at=now))}})
        try:
            self._table.transact(writes)
        except ConditionFailedError:
            return False
        return True


def _consenting(commit: ConsentCommit) -> Change:
    condition = THE_NEWEST_CONSENT if commit.confirmed is None else THE_PROPOSAL_CONFIRMED
    change = Change(condition).given(cr=commit.created_at, cs=commit.consented_at)
    if commit.confirmed is not None:
        change.given(code=commit.confirmed)
    change.set(token_set_attributes(commit.token_set))
    change.set({"st": "a", "cs": commit.consented_at, "va": dict(commit.variables) or None})
    change.set({"nr": commit.next_refresh, "refresh_at": commit.due, "shard": commit.shard})
    change.append("n", [str(Note.CONNECTED)]).increment("g")
    # the worker, whom the note brings, sees when this grant will die
    return change.remove("p", "pe", "l", "uk", "f", "le", "sa", "su", "ttl", "wa", "wd")


def _proposing(commit: ProposalCommit) -> Change:
    change = Change(THE_NEWEST_PROPOSAL).given(cr=commit.created_at, cs=commit.proposal.consented_at)
    return change.set({"p": proposal_attributes(commit.proposal)}).remove("le")


def _refreshing(commit: RefreshCommit, condition: str) -> Change:
    change = Change(condition).given(spent=commit.spent).set(token_set_attributes(commit.token_set))
    change.set({"at": commit.attempts} if commit.attempts else {})
    change.set({"nr": commit.next_refresh, "wa": commit.warn_at})
    return change.increment("g").remove("l", "uk", "f", "le", "sa")


def _is_in(there: Connection, commit: Commit) -> bool:
    match commit:
        case RefreshCommit(token_set=token_set):
            return there.token_set is not None and there.token_set.token_set_id == token_set.token_set_id
        case ConsentCommit():
            return there.consented_at == commit.consented_at
        case ProposalCommit(proposal=proposal):
            proposed_at = 0 if there.proposal is None else there.proposal.consented_at
            return proposal.consented_at in {there.consented_at, proposed_at}
