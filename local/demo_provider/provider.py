"""The provider's state: one object, one lock, shared by every request."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from local.demo_provider.faults import Journal
from local.demo_provider.tokens import Rules, TokenStore


@dataclass
class Provider:
    """Everything that changes while the provider runs. A request holds `lock` to read or write any of it.

    `issuer` and `broker_url` are origins without a path; `clock` tells seconds since 1970.
    """

    issuer: str
    broker_url: str
    rules: Rules = field(default_factory=Rules)
    store: TokenStore = field(default_factory=TokenStore)
    notes: dict[str, list[str]] = field(default_factory=dict)
    journal: Journal = field(default_factory=Journal)
    clock: Callable[[], float] = time.time
    lock: threading.RLock = field(default_factory=threading.RLock)
