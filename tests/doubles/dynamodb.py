"""DynamoDB in memory, behind the calls of a botocore client: the store's own code runs on it unchanged."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Final

from botocore.exceptions import ClientError, ReadTimeoutError

from oauth_broker.doors.store import Store
from oauth_broker.doors.store.table import Table
from tests.doubles.expressions import Context, InvalidExpressionError, Stored, comparable, condition, updated

Key = tuple[str, str]
Item = dict[str, Stored]

INDEX: Final = "due"
MOST_IN_A_BATCH: Final = 100
MOST_IN_A_TRANSACTION: Final = 100


class MemoryDynamoDB:
    """One table with its `due` index. Every call is atomic.

    `calls` counts the operations; `fail_next` makes the next calls of an operation fail before anything is
    written, `lose_answers` after it, and `meet_next` makes the next transactions meet another at an item.
    """

    def __init__(self) -> None:
        self.items: dict[Key, Item] = {}
        self.calls: Counter[str] = Counter()
        self._failing: Counter[str] = Counter()
        self._losing: Counter[str] = Counter()
        self._meeting = 0
        self._lock = threading.Lock()

    def fail_next(self, operation: str, times: int = 1) -> None:
        """Let the next calls of an operation find nobody."""
        self._failing[operation] = times

    def lose_answers(self, operation: str, times: int = 1) -> None:
        """Let the next calls of an operation act, and their answers be lost."""
        self._losing[operation] = times

    def meet_next(self, times: int) -> None:
        """Let the next transactions be cancelled, since another one with their first item is under way."""
        self._meeting = times

    def get_item(self, **arguments: Any) -> dict[str, Any]:
        """Give an item."""
        with self._lock:
            self._begin("get_item")
            item = self.items.get(_key(arguments["Key"]))
            return {} if item is None else {"Item": deepcopy(item)}

    def batch_get_item(self, **arguments: Any) -> dict[str, Any]:
        """Give the items that exist."""
        with self._lock:
            self._begin("batch_get_item")
            [(table, request)] = arguments["RequestItems"].items()
            keys = [_key(key) for key in request["Keys"]]
            if not 1 <= len(keys) <= MOST_IN_A_BATCH or len(set(keys)) != len(keys):
                raise _refused("ValidationException")
            found = [deepcopy(self.items[key]) for key in keys if key in self.items]
            return {"Responses": {table: found}, "UnprocessedKeys": {}}

    def put_item(self, **arguments: Any) -> dict[str, Any]:
        """Write an item."""
        return self._writing("put_item", "Put", arguments)

    def update_item(self, **arguments: Any) -> dict[str, Any]:
        """Change an item."""
        return self._writing("update_item", "Update", arguments)

    def delete_item(self, **arguments: Any) -> dict[str, Any]:
        """Delete an item."""
        return self._writing("delete_item", "Delete", arguments)

    def transact_write_items(self, **arguments: Any) -> dict[str, Any]:
        """Make all writes or none."""
        with self._lock:
            self._begin("transact_write_items")
            writes = [next(iter(one.items())) for one in arguments["TransactItems"]]
            keys = [_key_of(kind, write) for kind, write in writes]
            if len(set(keys)) != len(keys) or len(keys) > MOST_IN_A_TRANSACTION:
                raise _refused("ValidationException")
            reasons = [self._reason(kind, write) for kind, write in writes]
            if self._meeting:
                self._meeting -= 1
                reasons[0] = {"Code": "TransactionConflict"}
            if any(reason["Code"] != "None" for reason in reasons):
                raise _refused("TransactionCanceledException", CancellationReasons=reasons)
            for kind, write in writes:
                self._write(kind, write)
            self._end("transact_write_items")
            return {}

    def query(self, **arguments: Any) -> dict[str, Any]:
        """Give a page of a partition, of the table or of the index, in the sort key's order."""
        with self._lock:
            self._begin("query")
            on_index = arguments.get("IndexName") == INDEX
            if on_index and arguments.get("ConsistentRead"):
                raise _refused("ValidationException")
            by = ("shard", "refresh_at") if on_index else ("pk", "sk")
            test, mentioned = condition(arguments["KeyConditionExpression"])
            aliases = arguments.get("ExpressionAttributeNames", {})
            values = arguments["ExpressionAttributeValues"]
            _check_used(mentioned, aliases, values)
            found = [item for item in self.items.values() if set(by) <= item.keys()]
            found = [item for item in found if test(Context(item, aliases, values))]
            found.sort(key=lambda item: _order(item, by[1]))
            if "ExclusiveStartKey" in arguments:
                start = _order(arguments["ExclusiveStartKey"], by[1])
                found = [item for item in found if _order(item, by[1]) > start]
            page = found[: arguments["Limit"]]
            # As on AWS: a page as long as its limit has a key to go on from, whether or not more follows.
            names = {"pk", "sk", *by}
            last = {name: page[-1][name] for name in names} if len(page) == arguments["Limit"] else None
            projected = arguments.get("ProjectionExpression")
            shown = names if on_index else None if projected is None else set(projected.split(", "))
            items = [{n: v for n, v in item.items() if shown is None or n in shown} for item in page]
            return {"Items": deepcopy(items), **({"LastEvaluatedKey": last} if last else {})}

    def _writing(self, operation: str, kind: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        with self._lock:
            self._begin(operation)
            before = self.items.get(_key_of(kind, arguments), {})
            reason = self._reason(kind, arguments)
            if reason["Code"] != "None":
                item = {"Item": reason["Item"]} if "Item" in reason else {}
                raise _refused("ConditionalCheckFailedException", **item)
            after = self._write(kind, arguments)
            self._end(operation)
            shown = {"ALL_OLD": before, "ALL_NEW": after}.get(arguments.get("ReturnValues", "NONE"))
            return {"Attributes": deepcopy(shown)} if shown else {}

    def _reason(self, kind: str, write: Mapping[str, Any]) -> dict[str, Any]:
        """Say why a write is refused, as a transaction's cancellation says it."""
        item = self.items.get(_key_of(kind, write), {})
        names, values = write.get("ExpressionAttributeNames", {}), write.get("ExpressionAttributeValues", {})
        context = Context(item, names, values)
        met = True
        try:
            if "ConditionExpression" in write:
                test, mentioned = condition(write["ConditionExpression"])
                context.used |= mentioned
                met = test(context)
            if "UpdateExpression" in write:
                _check_update(write["UpdateExpression"], context, met=met)
        except InvalidExpressionError as error:
            raise _refused("ValidationException", detail=str(error)) from error
        _check_used(context.used, names, values)
        if met:
            return {"Code": "None"}
        shown = item and write.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
        return {"Code": "ConditionalCheckFailed", **({"Item": deepcopy(item)} if shown else {})}

    def _write(self, kind: str, write: Mapping[str, Any]) -> Item:
        key = _key_of(kind, write)
        match kind:
            case "Put":
                self.items[key] = deepcopy(write["Item"])
            case "Delete":
                self.items.pop(key, None)
            case "Update":
                context = Context(
                    self.items.get(key, dict(write["Key"])),
                    write.get("ExpressionAttributeNames", {}),
                    write.get("ExpressionAttributeValues", {}),
                )
                self.items[key] = deepcopy(updated(write["UpdateExpression"], context))
        return self.items.get(key, {})

    def _begin(self, operation: str) -> None:
        self.calls[operation] += 1
        if self._failing[operation] > 0:
            self._failing[operation] -= 1
            raise ReadTimeoutError(endpoint_url="memory")

    def _end(self, operation: str) -> None:
        if self._losing[operation] > 0:
            self._losing[operation] -= 1
            raise ReadTimeoutError(endpoint_url="memory")


def tables_of(store: Store) -> list[Table]:
    """Give the tables through which a store's parts call."""
    parts = (store.resources, store.authorizations, store.connections, store.leases, store.revocations)
    return [*(part._table for part in parts), store.connections._commits, store.resources._pauses]


def memory_store(dynamodb: MemoryDynamoDB) -> Store:
    """Give a store on a table in memory."""
    store = Store("memory")
    for table in tables_of(store):
        table.client._made = dynamodb
    return store


def _check_update(text: str, context: Context, *, met: bool) -> None:
    if met:
        updated(text, context)
    else:  # an expression is refused as invalid whether or not the condition holds
        updated(text, Context({}, context.names, context.values, context.used))


def _check_used(used: frozenset[str] | set[str], names: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    idle = {*names, *values} - used
    if idle:
        raise _refused("ValidationException", detail=f"not used: {sorted(idle)}")
    if any("NULL" in value for value in values.values()):
        raise _refused("ValidationException")


def _refused(code: str, *, detail: str = "", **members: Any) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": detail}, **members}
    return ClientError(response, "memory")


def _key(stored: Mapping[str, Stored]) -> Key:
    return str(stored["pk"]["S"]), str(stored["sk"]["S"])


def _key_of(kind: str, write: Mapping[str, Any]) -> Key:
    return _key(write["Item"] if kind == "Put" else write["Key"])


def _order(item: Mapping[str, Stored], sort: str) -> tuple[Any, Key]:
    found = comparable(item[sort])
    assert found is not None
    return found[1], _key(item)
