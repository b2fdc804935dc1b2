"""Writes down each event that it gets, and fails as the messages' bodies ask for."""

from __future__ import annotations

import json
import os
import time
import uuid
from typing import Any

import boto3

TABLE = os.environ["TABLE_NAME"]
DYNAMODB = boto3.client("dynamodb")


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Reports the messages whose body has `fail`; raises when one has `raise`; sleeps for `sleep` seconds.

    An event with `warm` takes so many seconds and is not written down.
    """
    began = time.time()
    if "warm" in event:
        time.sleep(event["warm"])
        return {}
    wishes = {record["messageId"]: json.loads(record["body"]) for record in event.get("Records", [])}
    time.sleep(max((wish.get("sleep", 0) for wish in wishes.values()), default=0))
    item = {
        "pk": {"S": context.function_name},
        "sk": {"S": f"{began:.6f}#{uuid.uuid4()}"},
        "event": {"S": json.dumps(event)},
        "began": {"N": str(began)},
        "ended": {"N": str(time.time())},
        "process": {"N": str(os.getpid())},
    }
    DYNAMODB.put_item(TableName=TABLE, Item=item)
    if any("raise" in wish for wish in wishes.values()):
        raise ValueError("as asked for")
    return {
        "batchItemFailures": [{"itemIdentifier": name} for name, wish in wishes.items() if wish.get("fail")]
    }
