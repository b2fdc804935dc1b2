"""The study: what each size of deployment does, what saturates in it first, and what it costs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final

from tests.benchmarks.scale.prices import Usage, monthly
from tests.benchmarks.scale.shard import Outcome, Setting, Shard, Times

if TYPE_CHECKING:
    from collections.abc import Mapping

MEASURED: Final = Path(__file__).parents[1] / "measured.json"
LAMBDA_SLOWER: Final = 1.5
"""A Lambda vCPU (Graviton) is reckoned to take so many times the processor time that was measured here."""

LEASE: Final = 0.006
COMMIT: Final = 0.008
QUERY: Final = 0.015
"""Seconds that DynamoDB takes: its single-digit milliseconds, and a page of 400 keys."""

PROVIDER: Final = 0.2
PARTITION_WRITES: Final = 1000
PARTITION_READS: Final = 3000
TABLE_WRITES: Final = 40_000
"""Write units a second of an on-demand table, and of its index: an account's default quota."""

FIFO_MESSAGES: Final = 300
LAMBDA_CONCURRENCY: Final = 1000
PARTITIONS_A_RESOURCE: Final = 16
WARM_UP: Final = 3600
MEASURED_FOR: Final = 3600


def measurements() -> dict[str, Any]:
    """What `make bench` measured with the real worker."""
    told: dict[str, Any] = json.loads(MEASURED.read_text("utf-8"))
    return told


def times(measured: Mapping[str, Any]) -> Times:
    """A refresh in Lambda: the measured milliseconds, TLS added, for a slower processor.

    What is neither DynamoDB's nor egress's part is spent about equally before the call and after it.
    """
    alone = measured["runs"][0]
    dynamodb, egress = alone["cpu_dynamodb_ms"] / 2, alone["cpu_egress_ms"] + measured["tls_handshake_cpu_ms"]
    rest = (alone["cpu_ms"] - alone["cpu_dynamodb_ms"] - alone["cpu_egress_ms"]) / 2
    scale = LAMBDA_SLOWER / 1000
    return Times(
        cpu_lease=dynamodb * scale,
        cpu_send=(rest + egress) * scale,
        cpu_commit=(rest + dynamodb) * scale,
        lease=LEASE,
        commit=COMMIT,
        provider=PROVIDER,
        query=QUERY,
    )


@dataclass(frozen=True, slots=True)
class Load:
    """How much of a limit is used."""

    what: str
    used: float
    limit: float

    @property
    def share(self) -> float:
        """Of the limit; over 1 is more than there is."""
        return self.used / self.limit


@dataclass(frozen=True)
class Point:
    """One size and setting, simulated: of one of so many `stacks` of an account that are alike."""

    setting: Setting
    outcome: Outcome
    measured: Mapping[str, Any]
    stacks: int = 1

    @property
    def refreshes(self) -> float:
        """A second, over all shards."""
        return self.outcome.rate * self.setting.shards

    @cached_property
    def loads(self) -> list[Load]:
        """What is used of each limit, the nearest to it first."""
        setting, outcome, units = self.setting, self.outcome, self.measured["units"]
        under_way = self.refreshes / setting.providers * (LEASE + COMMIT + PROVIDER)
        table = self.refreshes * max(units["index_writes"], units["writes"] - units["index_writes"])
        found = [
            Load("a shard's worker, of the time", outcome.utilisation, 1),
            Load("threads of one provider", under_way, setting.width * setting.shards),
            Load(
                "writes a second at a shard's index key",
                outcome.busiest_second * units["index_writes"],
                PARTITION_WRITES,
            ),
            Load(
                "reads a second at a shard's index key", outcome.rate * units["query_reads"], PARTITION_READS
            ),
            Load(
                "writes a second at one of a resource's 16 partition keys",
                self.refreshes / setting.providers / PARTITIONS_A_RESOURCE * 2,
                PARTITION_WRITES,
            ),
            Load("writes a second of the table, quota", table, TABLE_WRITES),
            Load("workers at the same time, quota", setting.shards * self.stacks, LAMBDA_CONCURRENCY),
            Load(
                "messages a second",
                outcome.invocations / outcome.seconds * setting.shards,
                FIFO_MESSAGES,
            ),
        ]
        return sorted(found, key=lambda load: load.share, reverse=True)

    @property
    def usage(self) -> Usage:
        """What is paid for."""
        setting, outcome, units = self.setting, self.outcome, self.measured["units"]
        return Usage(
            connections=setting.connections,
            item_bytes=self.measured["item_bytes"],
            refreshes=self.refreshes,
            write_units=units["writes"],
            read_units=units["query_reads"] + units["other_reads"],
            worker_gb=outcome.utilisation * setting.shards * setting.memory / 1024,
            invocations=outcome.invocations / outcome.seconds * setting.shards,
            shards=setting.shards,
        )

    @property
    def dollars(self) -> Mapping[str, float]:
        """A month of all stacks, by service."""
        return {service: price * self.stacks for service, price in monthly(self.usage).items()}


def simulated(setting: Setting, measured: Mapping[str, Any], stacks: int = 1) -> Point:
    """Simulate one setting: an hour to settle, an hour that counts. The same chances each time."""
    chances = Random(1)  # noqa: S311 - a simulation's, not a secret's
    outcome = Shard(setting, times(measured), chances).run(warm_up=WARM_UP, measured=MEASURED_FOR)
    return Point(setting, outcome, measured, stacks)
