"""What a month costs in us-east-1, as known in 2026-11; free tiers are left out.

The pages beside each price are where to check it: they could not be read where this was written.

The callers' own traffic (API Gateway, token reads) is not in it: what is counted is keeping tokens fresh.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MONTH: Final = 730 * 3600
"""Seconds: AWS reckons with 730 hours."""

GB: Final = 2**30
MILLION: Final = 1_000_000

# https://aws.amazon.com/dynamodb/pricing/on-demand/ and …/provisioned/
WRITE_REQUEST_UNIT: Final = 0.625 / MILLION
READ_REQUEST_UNIT: Final = 0.125 / MILLION
WRITE_CAPACITY_UNIT_HOUR: Final = 0.00065
STORED_GB: Final = 0.25
RECOVERABLE_GB: Final = 0.20
"""Point-in-time recovery, of the table without its index."""

INDEXING_BYTES: Final = 100
"""What DynamoDB adds to the size of each item, and of each entry of an index, for storage."""

# https://aws.amazon.com/lambda/pricing/: arm64, by GB-seconds a month
LAMBDA_TIERS: Final = ((7.5e9, 0.0000133334), (11.25e9, 0.0000120001), (float("inf"), 0.0000106667))
LAMBDA_REQUEST: Final = 0.20 / MILLION
# https://aws.amazon.com/sqs/pricing/: a FIFO queue's requests; a message is sent, received and deleted
SQS_REQUEST: Final = 0.50 / MILLION
REQUESTS_A_MESSAGE: Final = 3
# https://aws.amazon.com/kms/pricing/
KMS_KEY: Final = 1.00
KMS_REQUEST: Final = 0.03 / 10_000
# https://aws.amazon.com/eventbridge/pricing/: EventBridge Scheduler
SCHEDULER_INVOCATION: Final = 1.00 / MILLION
# https://aws.amazon.com/cloudwatch/pricing/: logs taken in
LOGGED_GB: Final = 0.50
# https://aws.amazon.com/ec2/pricing/on-demand/#Data_Transfer, by GB a month
OUT_TIERS: Final = ((10_240, 0.09), (40_960, 0.085), (102_400, 0.07), (float("inf"), 0.05))

BYTES_OUT: Final = 2_000
"""To a provider for a refresh, reckoned: request and TLS handshake 700 each, a dozen packets' headers."""

LOG_LINE_BYTES: Final = 250
INDEX_ENTRY_BYTES: Final = 110
KEY_HELD: Final = 300
"""Seconds for which a worker holds an opened vault key: DataKeyMaxAge."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a stack uses: connections of `item_bytes`, refreshes a second, and the workers' part of it.

    `worker_gb`: GB-seconds of Lambda in a second, over all shards; `invocations`: a second, likewise.
    """

    connections: int
    item_bytes: float
    refreshes: float
    write_units: float
    read_units: float
    worker_gb: float
    invocations: float
    shards: int


def monthly(usage: Usage) -> Mapping[str, float]:
    """Dollars a month by service."""
    refreshes = usage.refreshes * MONTH
    invocations = usage.invocations * MONTH
    stored = usage.connections * (usage.item_bytes + INDEXING_BYTES) / GB
    indexed = usage.connections * (INDEX_ENTRY_BYTES + INDEXING_BYTES) / GB
    return {
        "DynamoDB writes": refreshes * usage.write_units * WRITE_REQUEST_UNIT,
        "DynamoDB reads": refreshes * usage.read_units * READ_REQUEST_UNIT,
        "DynamoDB storage": (stored + indexed) * STORED_GB + stored * RECOVERABLE_GB,
        "Lambda": tiered(usage.worker_gb * MONTH, LAMBDA_TIERS) + invocations * LAMBDA_REQUEST,
        "data out": tiered(refreshes * BYTES_OUT / GB, OUT_TIERS),
        "SQS": invocations * REQUESTS_A_MESSAGE * SQS_REQUEST,
        "KMS": KMS_KEY + usage.shards * MONTH / KEY_HELD * KMS_REQUEST,
        "Scheduler": MONTH / 60 * SCHEDULER_INVOCATION,
        "Logs": invocations * LOG_LINE_BYTES / GB * LOGGED_GB,
    }


def provisioned_writes(usage: Usage, *, used: float = 0.7) -> float:
    """Dollars a month for the same writes with provisioned capacity of which this share is used."""
    units = usage.refreshes * usage.write_units / used
    return units * WRITE_CAPACITY_UNIT_HOUR * MONTH / 3600


def tiered(amount: float, tiers: Sequence[tuple[float, float]]) -> float:
    """The price of an amount where each tier, of so much, has a price of its own."""
    price, left = 0.0, amount
    for size, each in tiers:
        price += min(left, size) * each
        left = max(0.0, left - size)
    return price
