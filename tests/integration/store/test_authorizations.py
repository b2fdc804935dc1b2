"""Conditions of an authorization: its start link, and its one exchange."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from oauth_broker.doors.store import NotConsumed, Store
from oauth_broker.transaction import MOST_STATES, Authorization
from tests.doubles.samples import NOW, authorization

GOOD: dict[str, Any] = {
    "state_hash": b"state",
    "resource_id": "acme",
    "iss": None,
    "consumed_at": (NOW + 60) * 1000,
    "consumer": b"consumer",
}


def opened(store: Store, authorization_id: str = "a1", **arguments: Any) -> Authorization | None:
    """Open a start link."""
    usual = {"ticket_hash": b"ticket", "state_hash": b"state", "now": NOW, "callback_until": NOW + 600}
    return store.authorizations.open(authorization_id, **{**usual, **arguments})


def consumed(store: Store, authorization_id: str = "a1", **arguments: Any) -> Authorization | NotConsumed:
    """Use an authorization up."""
    return store.authorizations.consume(authorization_id, **{**GOOD, **arguments})


def test_an_authorization_comes_back_whole(store: Store) -> None:
    """Every member is kept as it was pinned."""
    full = authorization(
        issuer="https://acme.example",
        shared_callback=True,
        return_url="https://app.example/back",
        user_hash=b"user",
        scopes=("read",),
        variables={"tenant": "t1"},
    )
    store.authorizations.add(full)
    assert store.authorizations.get("a1") == full
    store.authorizations.add(authorization(authorization_id="a2"))
    assert store.authorizations.get("a2") == authorization(authorization_id="a2")


def test_opening_notes_the_browser(store: Store) -> None:
    """The state's hash is kept and the callback gets ten minutes from now."""
    store.authorizations.add(authorization())
    made = opened(store, now=NOW + 599, callback_until=NOW + 1199)
    assert made == authorization(state_hashes=frozenset({b"state"}), callback_until=NOW + 1199)
    assert store.authorizations.get("a1") == made


@pytest.mark.parametrize(
    "arguments", [{"ticket_hash": b"other"}, {"now": NOW + 600}, {"authorization_id": "a2"}]
)
def test_each_clause_refuses_a_start(store: Store, arguments: dict[str, Any]) -> None:
    """A wrong ticket, a link that expired, an unknown one: nothing is written."""
    store.authorizations.add(authorization())
    assert opened(store, **arguments) is None
    assert store.authorizations.get("a1") == authorization()
    assert store.authorizations.get("a2") is None
    assert opened(store) is not None


def test_twenty_browsers_may_open_a_link(store: Store) -> None:
    """The 21st is refused; one of the twenty may come again."""
    store.authorizations.add(authorization())
    for number in range(MOST_STATES):
        assert opened(store, state_hash=b"state %d" % number)
    assert opened(store, state_hash=b"one more") is None
    assert opened(store, state_hash=b"state 7") is not None


def test_it_is_used_up_once(store: Store) -> None:
    """The first callback gets it; every other learns how it stands, and whose consent it was."""
    store.authorizations.add(authorization())
    opened(store)
    opened(store, state_hash=b"another browser")
    made = consumed(store)
    assert isinstance(made, Authorization)
    assert (made.consumed_at, made.consumed_by) == ((NOW + 60) * 1000, b"state")
    assert consumed(store) == made  # the same process again: the answer to its first try was lost
    assert consumed(store, consumer=b"another process") == NotConsumed(made)
    assert consumed(store, consumer=b"x", state_hash=b"another browser") == NotConsumed(made)


@pytest.mark.parametrize(
    "changes, arguments",
    [
        ({}, {"state_hash": b"foreign"}),
        ({}, {"consumed_at": (NOW + 600) * 1000}),
        ({}, {"resource_id": "globex"}),
        ({}, {"resource_id": None}),
        ({"shared_callback": True}, {}),
        ({"issuer": "https://acme.example"}, {"iss": "https://evil.example"}),
        ({"issuer": "https://acme.example"}, {"iss": "https://acme.example/"}),
    ],
)
def test_each_clause_refuses_an_exchange(
    store: Store, changes: dict[str, Any], arguments: dict[str, Any]
) -> None:
    """A foreign browser, a late one, another address, another issuer: refused, and nothing is used up."""
    store.authorizations.add(authorization(**changes))
    made = opened(store)
    assert made is not None
    assert consumed(store, **arguments) == NotConsumed(made)
    assert store.authorizations.get("a1") == made


@pytest.mark.parametrize(
    "changes, arguments",
    [
        ({}, {"consumed_at": (NOW + 599) * 1000 + 999}),
        ({}, {"iss": "https://acme.example"}),
        ({"issuer": "https://acme.example"}, {"iss": "https://acme.example"}),
        ({"issuer": "https://acme.example"}, {"iss": None}),
        ({"shared_callback": True}, {"resource_id": None}),
    ],
)
def test_a_good_callback_is_let_through(
    store: Store, changes: dict[str, Any], arguments: dict[str, Any]
) -> None:
    """Until the last second, with the issuer or without, at its own address or at the shared one."""
    store.authorizations.add(authorization(**changes))
    opened(store)
    assert isinstance(consumed(store, **arguments), Authorization)


def test_what_never_was_is_not_used_up(store: Store) -> None:
    """An unknown id makes no item, and one that nobody opened has no state to come back with."""
    assert consumed(store) == NotConsumed(None)
    assert store.authorizations.get("a1") is None
    store.authorizations.add(authorization())
    assert consumed(store) == NotConsumed(authorization())


def test_only_what_was_used_up_can_fail(store: Store) -> None:
    """The outcome is kept for a reload; it makes no item and ends no open authorization."""
    store.authorizations.fail("a1", outcome="access_denied")
    assert store.authorizations.get("a1") is None
    store.authorizations.add(authorization())
    opened(store)
    store.authorizations.fail("a1", outcome="access_denied")
    made = consumed(store)
    assert isinstance(made, Authorization)
    assert made.outcome is None
    store.authorizations.fail("a1", outcome="access_denied")
    assert store.authorizations.get("a1") == replace(made, outcome="access_denied")
