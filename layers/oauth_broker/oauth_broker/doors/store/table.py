"""DynamoDB's own calls: values in and out, and its errors as ours."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from oauth_broker.doors.aws import AwsClient
from oauth_broker.doors.store.change import Change
from oauth_broker.doors.store.values import Item, from_item, key_of, to_item, to_value
from oauth_broker.errors import StoreRefusedError, StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

BATCH_GET_LIMIT: Final = 100
UNPROCESSED_TRIES: Final = 5
CONFLICT_TRIES: Final = 5
INVALID: Final = "ValidationException"
"""What an item has that the change does not fit: an attribute of another type, or more than 400 KB."""

HURRIED: Final[Mapping[str, Any]] = {"read_timeout": 1.0, "attempts": 1}
"""Two tries of a commit and the rescue queue must fit into what an attempt leaves after the provider."""


class ConditionFailedError(Exception):
    """A condition was not met; `item` is what is there instead, None where nothing is."""

    def __init__(self, item: Item | None) -> None:
        """Keep the item out of the message: it is data, not words."""
        super().__init__()
        self.item = item


class _TransactionConflictError(StoreUnavailableError):
    """Another transaction with one of the items was under way: nothing was written."""


class Table:
    """One DynamoDB table. Reads are consistent."""

    def __init__(self, name: str, *, hurried: bool = False) -> None:
        """Name the table; no call is made. `hurried`: its callers try again."""
        self.name = name
        self.client = AwsClient("dynamodb", **(HURRIED if hurried else {}))

    def get(self, key: tuple[str, str]) -> Item | None:
        """Give the item."""
        answer = self.call("get_item", Key=key_of(key), ConsistentRead=True)
        return from_item(answer["Item"]) if "Item" in answer else None

    def get_many(self, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Item]:
        """Give the items that exist: a BatchGetItem for each 100 keys, more for what was not processed."""
        wanted = [key_of(key) for key in dict.fromkeys(keys)]
        found: dict[tuple[str, str], Item] = {}
        for start in range(0, len(wanted), BATCH_GET_LIMIT):
            self._get_batch(wanted[start : start + BATCH_GET_LIMIT], found)
        return found

    def _get_batch(self, keys: list[dict[str, Any]], found: dict[tuple[str, str], Item]) -> None:
        for attempt in range(UNPROCESSED_TRIES):
            request = {self.name: {"Keys": keys, "ConsistentRead": True}}
            answer = self._raw("batch_get_item", RequestItems=request)
            for stored in answer["Responses"].get(self.name, []):
                item = from_item(stored)
                found[item["pk"], item["sk"]] = item
            keys = answer.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", [])
            if not keys:
                return
            time.sleep(0.05 * 2**attempt)
        message = "DynamoDB left keys unprocessed"
        raise StoreUnavailableError(message)

    def put(
        self,
        item: Mapping[str, Any],
        *,
        condition: str | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> None:
        """Write a whole item. Raises ConditionFailedError."""
        self.call("put_item", Item=to_item(item), **_conditional(condition, values))

    def update(self, key: tuple[str, str], change: Change, *, returning: str = "NONE") -> Item:
        """Change an item under the change's condition. Raises ConditionFailedError with what is there."""
        answer = self.call("update_item", Key=key_of(key), ReturnValues=returning, **change.arguments())
        return from_item(answer.get("Attributes", {}))

    def delete(
        self, key: tuple[str, str], *, condition: str, values: Mapping[str, Any] | None = None
    ) -> None:
        """Delete an item under a condition. Raises ConditionFailedError."""
        self.call("delete_item", Key=key_of(key), **_conditional(condition, values))

    def query(
        self, condition: str, values: Mapping[str, Any], **options: Any
    ) -> tuple[list[Item], Item | None]:
        """Give a page and the key to go on from."""
        if "ExclusiveStartKey" in options:
            options["ExclusiveStartKey"] = to_item(options["ExclusiveStartKey"])
        answer = self.call(
            "query",
            KeyConditionExpression=condition,
            ExpressionAttributeValues={name: to_value(value) for name, value in values.items()},
            **options,
        )
        last = answer.get("LastEvaluatedKey")
        return [from_item(item) for item in answer["Items"]], from_item(last) if last else None

    def transact(self, writes: Sequence[Mapping[str, Any]]) -> None:
        """Make all writes or none.

        Raises ConditionFailedError with the item of the first that was refused. Transactions that meet at an
        item cancel each other, if one merely checks it, and botocore does not try again: so this does.
        """
        named = [{kind: {"TableName": self.name, **write} for kind, write in one.items()} for one in writes]
        for attempt in range(CONFLICT_TRIES):
            try:
                self._raw("transact_write_items", TransactItems=named)
            except _TransactionConflictError:
                if attempt == CONFLICT_TRIES - 1:
                    raise
                # Apart from the one that it met.
                time.sleep(random.uniform(0.01, 0.04) * 2**attempt)  # noqa: S311 - no secret
            else:
                return

    def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """Call an operation of the table."""
        return self._raw(operation, TableName=self.name, **arguments)

    def _raw(self, operation: str, **arguments: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(self.client.get(), operation)(**arguments)
        except ClientError as error:
            _raise_if_cancelled(error.response)
            code = error.response["Error"]["Code"]
            message = f"DynamoDB refused: {code}"
            raise (StoreRefusedError if code == INVALID else StoreUnavailableError)(message) from None
        except BotoCoreError as error:
            message = f"DynamoDB cannot be reached: {type(error).__name__}"
            raise StoreUnavailableError(message) from None
        return answer


def _raise_if_cancelled(response: Mapping[str, Any]) -> None:
    if response["Error"]["Code"] == "ConditionalCheckFailedException":
        item = response.get("Item")
        raise ConditionFailedError(from_item(item) if item else None) from None
    for reason in response.get("CancellationReasons", []):
        if reason.get("Code") == "ConditionalCheckFailed":
            item = reason.get("Item")
            raise ConditionFailedError(from_item(item) if item else None) from None
    if any(one.get("Code") == "TransactionConflict" for one in response.get("CancellationReasons", [])):
        raise _TransactionConflictError("another transaction with one of the items is under way") from None


def _conditional(condition: str | None, values: Mapping[str, Any] | None) -> dict[str, Any]:
    if condition is None:
        return {}
    arguments: dict[str, Any] = {
        "ConditionExpression": condition,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    if values:
        arguments["ExpressionAttributeValues"] = {name: to_value(value) for name, value in values.items()}
    return arguments
