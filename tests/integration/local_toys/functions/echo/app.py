"""Answers with the event it got, its environment and where it runs."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import toy_layer  # type: ignore[import-not-found]  # a layer is found by its path alone


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """The event and the surroundings as JSON; the query's `answer` is a whole answer to give instead."""
    answer = event.get("queryStringParameters", {}).get("answer")
    if answer is not None:
        made: dict[str, Any] = json.loads(answer)
        return made
    seen = {
        "event": event,
        "environment": dict(os.environ),
        "folder": os.getcwd(),  # noqa: PTH109 - what Lambda sets is this
        "path": sys.path,
        "layer": toy_layer.NAME,
        "context": {
            "function_name": context.function_name,
            "memory_limit_in_mb": context.memory_limit_in_mb,
            "aws_request_id": context.aws_request_id,
            "invoked_function_arn": context.invoked_function_arn,
            "remaining": context.get_remaining_time_in_millis(),
        },
    }
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(seen)}
