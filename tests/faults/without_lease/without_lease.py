"""A function whose leases exclude nobody: a test of the storms runs `handler` in place of `app.handler`.

All else of the lease's conditions stays: still due as the index showed, still the generation that was seen.
"""

from __future__ import annotations

import importlib

from oauth_broker.doors.store import leases

NOBODY_HAS_IT = " AND attribute_not_exists(l)"

for name in ("DUE_AS_SEEN", "GENERATION_AS_SEEN"):
    condition, clause, after = vars(leases)[name].partition(NOBODY_HAS_IT)
    if not clause:
        message = f"{name} has no such clause: {NOBODY_HAS_IT}"
        raise RuntimeError(message)
    vars(leases)[name] = condition + after

handler = importlib.import_module("app").handler
