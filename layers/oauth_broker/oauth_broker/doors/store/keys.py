"""Where everything lies in the table.

| item | pk · sk |
|---|---|
| resource | `R` · id |
| connection | `C#resource#b` · id, with b one hex digit of the id's hash |
| what is left to revoke of a disconnected one | `D#resource` · id#random |
| how a revocation ended | `E#resource` · time#id#random |
| authorization | `A#id` · `A` |
| vault key | `K` · period |
"""

from __future__ import annotations

import hashlib
from typing import Final

Key = tuple[str, str]

CONNECTION_PARTITIONS: Final = "0123456789abcdef"


def resource_key(resource_id: str) -> Key:
    """Give a resource's key."""
    return "R", resource_id


def partition_of(resource_id: str, digit: str) -> str:
    """Give the partition of a resource's connections whose hash begins with `digit`."""
    return f"C#{resource_id}#{digit}"


def connection_key(resource_id: str, connection_id: str) -> Key:
    """Give a connection's key."""
    return partition_of(resource_id, hashlib.sha256(connection_id.encode()).hexdigest()[0]), connection_id


def left_key(resource_id: str, sort: str) -> Key:
    """Give the key of what is left to revoke."""
    return f"D#{resource_id}", sort


def ended_key(resource_id: str, at: int, sort: str) -> Key:
    """Give the key of how a revocation ended `at` (epoch seconds): in a partition, the oldest comes first."""
    return f"E#{resource_id}", f"{at:010d}#{sort}"


def authorization_key(authorization_id: str) -> Key:
    """Give an authorization's key."""
    return f"A#{authorization_id}", "A"


def vault_key_key(period: int) -> Key:
    """Give the key of a period's wrapped vault key."""
    return "K", str(period)


def ids_of(key: Key) -> tuple[str, str]:
    """Give (resource id, connection id) of a connection's key."""
    return key[0].split("#")[1], key[1]
