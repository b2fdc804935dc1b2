"""How the property tests run."""

from __future__ import annotations

from hypothesis import settings

# Without a deadline: on a busy machine a first import alone takes longer than the default 200 ms.
settings.register_profile("unit", deadline=None)
settings.load_profile("unit")
