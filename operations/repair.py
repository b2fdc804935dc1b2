"""`repair`: finds what ought to be in the due index and is not, and the reverse, and mends it."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from oauth_broker.doors.store.resource_rows import resource_row
from oauth_broker.doors.store.values import from_item
from oauth_broker.registration.document import resource_of
from operations.judgement import NOT_MENDED, Finding, Judged, KnownResources, judge
from operations.remedy import conditional_update

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from operations.judgement import Deployed
    from operations.remedy import StoredItem
    from operations.report import Progress
    from operations.table import OperatedTable

TRIES: Final = 3
SHOWN: Final = 20
"""Items that are listed of each finding, for a person; JSON has all of them."""

FOUND, MENDED, SETTLED = "found", "mended", "settled meanwhile"


@dataclass(frozen=True, slots=True)
class Case:
    """An item that something is, or was, wrong with. `outcome`: found, mended, or settled meanwhile."""

    pk: str
    sk: str
    findings: tuple[Finding, ...]
    detail: str
    mendable: bool
    outcome: str

    @property
    def left(self) -> bool:
        """Say whether something is still to be done about it."""
        # What is merely misplaced is served all the same.
        return self.outcome == FOUND and self.findings != (Finding.MISPLACED,)


@dataclass
class Repaired:
    """What a repair came to. `busy`: items that somebody has a lease of, which were not judged."""

    table: str
    applied: bool
    read: int = 0
    busy: int = 0
    cases: list[Case] = field(default_factory=list)

    @property
    def status(self) -> int:
        """1 when something is left to do."""
        return int(any(case.left for case in self.cases))

    @property
    def counts(self) -> Counter[Finding]:
        """Count the items of each finding."""
        return Counter(finding for case in self.cases for finding in case.findings)

    def lines(self) -> Iterator[str]:
        """Give each finding with its first items, then what was, or would be, written."""
        yield f"{self.table}: {self.read:,} items read, {self.busy:,} of them under way."
        for finding, count in sorted(self.counts.items()):
            yield f"\n{count:,} × {finding}"
            cases = [case for case in self.cases if finding in case.findings]
            for case in cases[:SHOWN]:
                outcome = "" if case.outcome == FOUND else f"   {case.outcome}"
                yield f"    {case.pk}  {case.sk}   {case.detail}{outcome}".rstrip()
            if len(cases) > SHOWN:
                yield f"    … and {len(cases) - SHOWN:,} more (--json lists them all)"
        yield f"\n{self._summary()}" if self.cases else "Nothing is wrong."

    def _summary(self) -> str:
        outcomes = Counter(case.outcome for case in self.cases)
        if self.applied:
            left = sum(case.left for case in self.cases)
            return f"{outcomes[MENDED]:,} items mended, {left:,} left to look at."
        mendable = sum(case.mendable for case in self.cases)
        return f"Nothing was written. --apply mends {mendable:,} of these {len(self.cases):,} items."

    def members(self) -> Mapping[str, object]:
        """Give everything."""
        cases = [
            {
                "pk": case.pk,
                "sk": case.sk,
                "findings": [finding.name.lower() for finding in case.findings],
                "detail": case.detail,
                "mendable": case.mendable,
                "outcome": case.outcome,
            }
            for case in self.cases
        ]
        counts = {finding.name.lower(): count for finding, count in sorted(self.counts.items())}
        head = {"table": self.table, "applied": self.applied, "read": self.read, "busy": self.busy}
        return {**head, "counts": counts, "items": cases}


def known_resources(table: OperatedTable) -> KnownResources:
    """Read which resources there are; one that cannot be read is there, and what it says unknown."""
    there, readable = set(), {}
    for stored in table.items_of("R"):
        resource_id = stored["sk"]["S"]
        there.add(resource_id)
        try:
            readable[resource_id] = resource_of(resource_id, resource_row(from_item(stored)).document)
        except (AttributeError, KeyError, TypeError, ValueError):
            continue
    return KnownResources(frozenset(there), readable)


class Repair:
    """One run over the table. `now` gives epoch seconds, `draw` a random number in [0, 1)."""

    def __init__(  # noqa: PLR0913 - what it works on, and the doors to clock, chance and terminal
        self,
        table: OperatedTable,
        deployed: Deployed,
        *,
        apply: bool,
        now: Callable[[], float],
        draw: Callable[[], float],
        progress: Progress,
    ) -> None:
        self._table = table
        self._deployed = deployed
        self._now = now
        self._draw = draw
        self._progress = progress
        self._lock = threading.Lock()
        self._resources = KnownResources(frozenset(), {})
        self._result = Repaired(table.name, apply)

    def run(self) -> Repaired:
        """Judge every item, and mend what can be mended if that was asked for."""
        self._resources = known_resources(self._table)
        self._table.scan(self._visit)
        result = self._result
        result.read = self._progress.count
        if any(Finding.ORPHANED in case.findings for case in result.cases):
            self._forget_orphans_of_new_resources()
        result.cases.sort(key=lambda case: (case.pk, case.sk))
        return result

    def _visit(self, stored: StoredItem) -> None:
        judged = self._judge(stored)
        outcome = FOUND
        if self._result.applied and judged.change:
            judged, outcome = self._mend(stored, judged)
        with self._lock:
            self._result.busy += judged.busy
            if judged.findings:
                self._result.cases.append(_case(stored, judged, outcome))
        self._progress.step()

    def _judge(self, stored: StoredItem) -> Judged:
        return judge(
            from_item(stored),
            now=int(self._now()),
            deployed=self._deployed,
            resources=self._resources,
            draw=self._draw(),
        )

    def _mend(self, stored: StoredItem, judged: Judged) -> tuple[Judged, str]:
        """Write what was judged; where the item has changed meanwhile, judge it anew."""
        last = judged
        for _ in range(TRIES):
            there = self._table.update(conditional_update(stored, last.change))
            if there is None:
                return last, MENDED if not NOT_MENDED & set(last.findings) else FOUND
            if not there:
                return judged, SETTLED
            stored, last = there, self._judge(there)
            if not last.change:
                return (last, FOUND) if last.busy or last.findings else (judged, SETTLED)
        return last, FOUND

    def _forget_orphans_of_new_resources(self) -> None:
        """Ask again: a resource may have been made after the first look, and a connection under it."""
        self._resources = known_resources(self._table)
        self._result.cases = [
            case
            for case in self._result.cases
            if Finding.ORPHANED not in case.findings or case.pk.split("#")[1] not in self._resources.there
        ]


def _case(stored: StoredItem, judged: Judged, outcome: str) -> Case:
    mendable = bool(judged.change)
    return Case(stored["pk"]["S"], stored["sk"]["S"], judged.findings, judged.detail, mendable, outcome)
