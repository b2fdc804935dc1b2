"""An authorization (transaction): one trip of a browser through the provider, from start link to callback.

What it pins is used as it was when the link was made; no secret of it lies in the table: ticket and state
only as hashes, the PKCE verifier, the nonce and the confirmation code not at all (they are derived from the
browser's cookie).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_STATES: Final = 20
"""Browsers that may open one start link."""


@dataclass(frozen=True, slots=True)
class Authorization:
    """Times are epoch seconds, `consumed_at` and `connection_created_at` epoch milliseconds.

    `consumed_by` is the hash of the state that came with the code: of the one browser whose consent counts.
    `authorization_url` is complete but for `{{state}}`, `{{code_challenge}}` and `{{nonce}}`; `token_url`
    is the resource's, templates and all. `outcome` is the error code with which a consumed one failed.
    `missed_at`: when nothing of its exchange was found, its process over and the table writable.
    `makes_connection`: nobody asked for the connection, so it is made when the callback comes.
    """

    authorization_id: str
    resource_id: str
    connection_id: str
    ticket_hash: bytes
    start_until: int
    authorization_url: str
    redirect_uri: str
    token_url: str
    client_id: str
    destinations_id: str
    require_confirmation: bool
    connection_created_at: int
    issuer: str | None = None
    shared_callback: bool = False
    return_url: str | None = None
    user_hash: bytes | None = None
    scopes: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    state_hashes: frozenset[bytes] = frozenset()
    callback_until: int | None = None
    consumed_at: int | None = None
    consumed_by: bytes | None = None
    outcome: str | None = None
    missed_at: int | None = None
    makes_connection: bool = False
