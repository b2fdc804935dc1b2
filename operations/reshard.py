"""`reshard`: moves every item of the due index to the shard where a number of shards puts it."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from oauth_broker.doors.store.values import from_item
from oauth_broker.schedule import shard_names
from operations.judgement import shard_for
from operations.remedy import PLACE, conditional_update

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from operations.remedy import StoredItem
    from operations.report import Progress
    from operations.table import OperatedTable

TRIES: Final = 5
ATTRIBUTES: Final = ("pk", "sk", *PLACE)


@dataclass
class Resharded:
    """What it came to. `before`: how many items each shard had; `unserved`: of those, in a dropped one.

    `unreadable`: keys from which no shard follows; `contended`: items that changed with every try.
    """

    table: str
    shards: int
    applied: bool
    read: int = 0
    to_move: int = 0
    moved: int = 0
    before: Counter[str] = field(default_factory=Counter)
    after: Counter[str] = field(default_factory=Counter)
    unreadable: list[str] = field(default_factory=list)
    contended: list[str] = field(default_factory=list)

    @property
    def unserved(self) -> int:
        """Count the items that stood in a shard beyond the number."""
        served = set(shard_names(self.shards))
        return sum(count for shard, count in self.before.items() if shard not in served)

    @property
    def status(self) -> int:
        """1 when something is left to do."""
        return int(bool(self.unreadable or self.contended or self.moved < self.to_move))

    def lines(self) -> Iterator[str]:
        """Give what was read, what moved, and how full the shards are then."""
        yield f"{self.table}: {self.read:,} items read, {self.before.total():,} of them in the due index."
        yield f"{self.unserved:,} stood in a shard that {self.shards} shards do not have."
        yield from (f"No shard follows from the key {key}" for key in sorted(self.unreadable))
        yield from (f"Changed with every try: {key}" for key in sorted(self.contended))
        if self.after:
            fullest, emptiest = max(self.after.values()), min(self.after[s] for s in shard_names(self.shards))
            yield f"A shard then has {emptiest:,} to {fullest:,} items."
        if self.applied:
            yield f"{self.moved:,} items moved."
        else:
            yield f"Nothing was written. --apply moves {self.to_move:,} items."

    def members(self) -> Mapping[str, object]:
        """Give everything."""
        return {
            "table": self.table,
            "shards": self.shards,
            "applied": self.applied,
            "read": self.read,
            "in_index": self.before.total(),
            "unserved": self.unserved,
            "to_move": self.to_move,
            "moved": self.moved,
            "before": dict(sorted(self.before.items())),
            "after": dict(sorted(self.after.items())),
            "unreadable": sorted(self.unreadable),
            "contended": sorted(self.contended),
        }


class Reshard:
    """One run over the table. It may be broken off and run again: what has moved stays where it is."""

    def __init__(self, table: OperatedTable, shards: int, *, apply: bool, progress: Progress) -> None:
        self._table = table
        self._progress = progress
        self._lock = threading.Lock()
        self._result = Resharded(table.name, shards, apply)

    def run(self) -> Resharded:
        """Look at every item, and move those that stand in another shard if that was asked for."""
        self._table.scan(self._visit, attributes=ATTRIBUTES)
        self._result.read = self._progress.count
        return self._result

    def _visit(self, stored: StoredItem) -> None:
        if all(name in stored for name in PLACE):
            self._place(stored)
        self._progress.step()

    def _place(self, stored: StoredItem) -> None:
        item, result = from_item(stored), self._result
        key = f"{item['pk']}  {item['sk']}"
        try:
            right = shard_for(item, result.shards)
        except (IndexError, ValueError):
            with self._lock:
                result.unreadable.append(key)
            return
        moves = item["shard"] != right
        moved = moves and result.applied and self._move(stored, right)
        with self._lock:
            result.before[item["shard"]] += 1
            result.after[right] += 1
            result.to_move += moves
            result.moved += moved
            if moves and result.applied and not moved:
                result.contended.append(key)

    def _move(self, stored: StoredItem, right: str) -> bool:
        """Write the shard and nothing else: whoever holds the item's lease goes by neither.

        What takes it off the index meanwhile, or puts it where it belongs, has done the work.
        """
        for _ in range(TRIES):
            there = self._table.update(conditional_update(stored, {"shard": right}, as_seen=PLACE))
            if there is None or "shard" not in there or there["shard"] == {"S": right}:
                return True
            stored = there
        return False
