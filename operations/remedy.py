"""What was judged as a write: made only if everything the judgement rests on is still as it was seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from oauth_broker.doors.store.values import to_value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from operations.judgement import Change

StoredItem = dict[str, dict[str, Any]]
"""An item as DynamoDB writes it: attribute → {type: value}."""

PLACE: Final = ("refresh_at", "shard")
JUDGED_BY: Final = (*PLACE, "cr", "dg", "ex", "l", "n", "nr", "p", "sa", "st", "ts", "wa")
"""All that decides when an item is due; the lease with it, so that nothing is written over its holder."""


def conditional_update(
    seen: StoredItem, change: Change, *, as_seen: Iterable[str] = JUDGED_BY
) -> dict[str, Any]:
    """Give UpdateItem's arguments for a change of an item: `as_seen` are to be as they were.

    A refused update brings the item that is there instead.
    """
    condition = ["attribute_exists(pk)"]
    names: dict[str, str] = {}
    values: dict[str, Any] = {}
    for name in as_seen:
        names[f"#{name}"] = name
        if name in seen:
            values[f":seen_{name}"] = seen[name]
            condition.append(f"#{name} = :seen_{name}")
        else:
            condition.append(f"attribute_not_exists(#{name})")
    names |= {f"#{name}": name for name in change}
    values |= {f":new_{name}": to_value(value) for name, value in change.items() if value is not None}
    sets = [f"#{name} = :new_{name}" for name, value in change.items() if value is not None]
    removes = [f"#{name}" for name, value in change.items() if value is None]
    clauses = (("SET", sets), ("REMOVE", removes))
    return {
        "Key": {"pk": seen["pk"], "sk": seen["sk"]},
        "UpdateExpression": " ".join(f"{word} {', '.join(parts)}" for word, parts in clauses if parts),
        "ConditionExpression": " AND ".join(condition),
        "ExpressionAttributeNames": names,
        **({"ExpressionAttributeValues": values} if values else {}),
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
