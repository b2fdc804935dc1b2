"""A browser opens a start link: one write, then off to the provider."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from oauth_broker.connection import LINK_LIFETIME
from oauth_broker.errors import NotFoundError
from oauth_broker.flows.browser import BrowserCookie, cookie_for
from oauth_broker.protocol.authorization import completed
from oauth_broker.protocol.pkce import code_challenge
from oauth_broker.protocol.state import derive, hash_of, join_state, split_ticket

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oauth_broker.doors.machine import Machine
    from oauth_broker.doors.store import Store
    from oauth_broker.secret import Secret


@dataclass(frozen=True, slots=True)
class Started:
    """Where to send the browser, and the cookie it must bring back."""

    url: str
    cookie: BrowserCookie


def start_authorization(
    store: Store, machine: Machine, *, ticket: str, cookies: Sequence[tuple[str, Secret]], secure: bool
) -> Started:
    """Begin an authorization in this browser.

    Raises NotFoundError for a link unknown, expired or opened too often. The link is not used up: reload,
    back and whatever looks at links ahead of people break nothing. What happens once is the exchange.
    """
    parts = split_ticket(ticket)
    if parts is None:
        raise _no_such_link()
    authorization_id, bits = parts
    cookie = cookie_for(cookies, machine, secure=secure)
    derived = derive(cookie.value, authorization_id)
    now = int(machine.now())
    authorization = store.authorizations.open(
        authorization_id,
        ticket_hash=hash_of(bits),
        state_hash=hash_of(derived.state_bits),
        now=now,
        callback_until=now + LINK_LIFETIME,
    )
    if authorization is None:
        raise _no_such_link()
    url = completed(
        authorization.authorization_url,
        state=join_state(authorization_id, derived.state_bits),
        code_challenge=code_challenge(derived.code_verifier),
        nonce=derived.nonce.reveal(),
    )
    return Started(url, cookie)


def _no_such_link() -> NotFoundError:
    return NotFoundError("the start link is unknown, expired, or was opened too often")
