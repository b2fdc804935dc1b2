"""Items of the table that are as they should be, and items that are not: for judging and for mending."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from oauth_broker.connection import Connection, Note, Status
from oauth_broker.doors.store import ResourceRow
from oauth_broker.doors.store.connection_rows import connection_item, lease_attributes, proposal_attributes
from oauth_broker.doors.store.left_rows import LeftToRevoke, left_item
from oauth_broker.doors.store.resource_rows import resource_item
from oauth_broker.doors.store.values import from_item, to_item
from oauth_broker.registration.document import resource_of
from oauth_broker.schedule import USUAL_IDLE_LIFETIME, refresh_time, shard_of
from operations.judgement import LEASE_LEFT, PUT_OFF, Deployed, Finding, KnownResources
from tests.doubles.broker import ACME
from tests.doubles.samples import NOW, connection, lease, pending, proposal, resource_row, token_set

DEPLOYED: Final = Deployed(shards=16, period=60)
ROWS: Final[Mapping[str, ResourceRow]] = {
    "acme": resource_row(document=ACME),
    "lazy": resource_row(resource_id="lazy", document={**ACME, "refresh_policy": "lazy"}),
    "unread": resource_row(resource_id="unread", document={"name": "No token step"}),
}
RESOURCES: Final = KnownResources(
    frozenset(ROWS), {name: resource_of(name, ROWS[name].document) for name in ("acme", "lazy")}
)
RIGHT: Final = shard_of("acme", "c1", 16)
OTHER: Final = f"{(int(RIGHT, 16) + 1) % 16:02x}"
OF_RESOURCE: Final = shard_of("acme", "", 16)
DRAW: Final = 0.5
LONG_AGO: Final = NOW - 10 * 60 - 1
FAR_OFF: Final = NOW + PUT_OFF + 1
RAN_OUT: Final = replace(lease(taken=NOW - LEASE_LEFT - 31), by_worker=True)

Item = dict[str, Any]


def item_of(given: Connection, **changes: Any) -> Item:
    """Give a connection's item as it is read; a change to None takes an attribute off."""
    written = connection_item(given, shard=RIGHT, ttl=None)
    written |= {
        "p": None if given.proposal is None else proposal_attributes(given.proposal),
        "l": None if given.lease is None else lease_attributes(given.lease),
    }
    return from_item(to_item({**written, **changes}))


def left(**changes: Any) -> Item:
    """Give what is left to revoke of c1."""
    given = LeftToRevoke("acme", "c1#0011", "c1", token_set())
    return from_item(to_item({**left_item(given, shard=RIGHT, refresh_at=NOW), **changes}))


def deleting(**changes: Any) -> Item:
    """Give a resource on its way out."""
    item = {**resource_item(ROWS["acme"]), "dg": "revoke", "shard": OF_RESOURCE, "refresh_at": NOW}
    return from_item(to_item({**item, **changes}))


LATER: Final = connection(next_refresh=NOW + 900, refresh_at=NOW + 900)
FOREVER: Final = connection(token_set=token_set(expires_at=None), next_refresh=None, refresh_at=None)
UNTIMED: Final = connection(next_refresh=None, refresh_at=None)
KEPT_ALIVE: Final = NOW + int(USUAL_IDLE_LIFETIME * (0.5 + DRAW / 4))
ENDED: Final = connection(status=Status.NEEDS_REAUTHORIZATION, next_refresh=None, refresh_at=None)
CHANGED: Final = connection(next_refresh=NOW - 50, refresh_at=NOW + 3600)

FINE: Final[Mapping[str, Item]] = {
    "due": item_of(connection()),
    "later": item_of(LATER),
    "a little late": item_of(connection(refresh_at=NOW - 600)),
    "looked at sooner than it must be": item_of(replace(LATER, refresh_at=NOW + 5)),
    "never expires": item_of(FOREVER),
    "to be told that it dies": item_of(replace(LATER, warn_at=NOW + 600, refresh_at=NOW + 600)),
    "ends at its expiry": item_of(
        connection(token_set=token_set(refreshable=False), next_refresh=None, refresh_at=NOW + 3600)
    ),
    "its destinations changed: looked at every hour": item_of(CHANGED),
    "a note that the bus did not take": item_of(connection(notes=(Note.CONNECTED,), refresh_at=NOW + 60)),
    "pending": item_of(pending()),
    "pending, its link expired": item_of(pending(start_until=NOW - 9000)),
    "to be confirmed": item_of(pending(proposal=proposal(), refresh_at=NOW + 600)),
    "its proposal ended: the worker comes to see": item_of(pending(refresh_at=NOW + 600)),
    "over": item_of(ENDED),
    "over, to be told": item_of(replace(ENDED, notes=(Note.NEEDS_REAUTHORIZATION,), refresh_at=NOW - 3)),
    "its lease just ran out": item_of(connection(lease=lease(taken=NOW - 60))),
    "its lease ran out, and it is due": item_of(connection(refresh_at=NOW, lease=RAN_OUT)),
    "of a resource that cannot be read": {**item_of(UNTIMED), "pk": "C#unread#0"},
    "to be revoked": left(),
    "to be revoked again, put off": left(refresh_at=NOW + 5400),
    "a resource": from_item(to_item(resource_item(ROWS["acme"]))),
    "a resource being deleted": deleting(),
    "an authorization": {"pk": "A#a1", "sk": "A", "su": NOW - 1},
    "a vault key": {"pk": "K", "sk": "20000"},
    "something of another kind": {"pk": "E#acme", "sk": "1"},
}


REFRESH: Final = refresh_time(issued_at=NOW, expires_at=NOW + 3600, period=60, draw=DRAW)

WRONG: Final[Mapping[str, tuple[Item, tuple[Finding, ...], Mapping[str, Any]]]] = {
    "neither of its two attributes": (
        item_of(LATER, refresh_at=None, shard=None),
        (Finding.MISSING,),
        {"refresh_at": NOW + 900, "shard": RIGHT},
    ),
    "no shard": (item_of(LATER, shard=None), (Finding.MISSING,), {"refresh_at": NOW + 900, "shard": RIGHT}),
    "no time": (
        item_of(connection(next_refresh=NOW - 5), refresh_at=None),
        (Finding.MISSING,),
        {"refresh_at": NOW, "shard": RIGHT},
    ),
    "a note that nobody would send": (
        item_of(replace(ENDED, notes=(Note.NEEDS_REAUTHORIZATION,))),
        (Finding.MISSING,),
        {"refresh_at": NOW, "shard": RIGHT},
    ),
    "a proposal that nobody would forget": (
        item_of(pending(proposal=proposal(until=NOW + 60))),
        (Finding.MISSING,),
        {"refresh_at": NOW + 60, "shard": RIGHT},
    ),
    "an expiry that nobody would see": (
        item_of(connection(token_set=token_set(refreshable=False), next_refresh=None, refresh_at=None)),
        (Finding.MISSING,),
        {"refresh_at": NOW + 3600, "shard": RIGHT},
    ),
    "a revocation that nobody would make": (
        left(refresh_at=None, shard=None),
        (Finding.MISSING,),
        {"refresh_at": NOW, "shard": RIGHT},
    ),
    "a deletion that nobody would finish": (
        deleting(refresh_at=None, shard=None),
        (Finding.MISSING,),
        {"refresh_at": NOW, "shard": OF_RESOURCE},
    ),
    "a token set without a time to refresh it": (
        item_of(connection(next_refresh=None, refresh_at=None)),
        (Finding.UNSCHEDULED,),
        {"nr": REFRESH, "refresh_at": REFRESH, "shard": RIGHT},
    ),
    "a short one without a time to keep it alive": (
        item_of(replace(UNTIMED, token_set=token_set(expires_at=NOW + 200))),
        (Finding.UNSCHEDULED,),
        {"nr": KEPT_ALIVE, "refresh_at": KEPT_ALIVE, "shard": RIGHT},
    ),
    "a lazy one without a time to keep it alive": (
        {**item_of(UNTIMED), "pk": "C#lazy#0"},
        (Finding.UNSCHEDULED,),
        {"nr": KEPT_ALIVE, "refresh_at": KEPT_ALIVE, "shard": shard_of("lazy", "c1", 16)},
    ),
    "a death that nobody would tell": (
        item_of(replace(LATER, warn_at=NOW + 600)),
        (Finding.TOO_LATE,),
        {"refresh_at": NOW + 600},
    ),
    "an expired one without a time to refresh it": (
        item_of(
            connection(
                token_set=token_set(issued_at=NOW - 9000, expires_at=NOW - 10),
                next_refresh=None,
                refresh_at=None,
            )
        ),
        (Finding.UNSCHEDULED,),
        {"nr": NOW, "refresh_at": NOW, "shard": RIGHT},
    ),
    "over, and due next week": (
        item_of(replace(ENDED, refresh_at=FAR_OFF)),
        (Finding.NEEDLESS,),
        {"refresh_at": None, "shard": None},
    ),
    "over, and not looked at when it was due": (
        item_of(replace(ENDED, refresh_at=LONG_AGO)),
        (Finding.NEEDLESS,),
        {"refresh_at": None, "shard": None},
    ),
    "half an entry, of what has nothing to do": (
        item_of(ENDED, shard=RIGHT),
        (Finding.NEEDLESS,),
        {"refresh_at": None, "shard": None},
    ),
    "a resource that nobody deletes": (
        deleting(dg=None, refresh_at=FAR_OFF),
        (Finding.NEEDLESS,),
        {"refresh_at": None, "shard": None},
    ),
    "another of the shards": (item_of(LATER, shard=OTHER), (Finding.MISPLACED,), {"shard": RIGHT}),
    "a shard that was dropped": (item_of(LATER, shard="10"), (Finding.UNSERVED,), {"shard": RIGHT}),
    "overdue since its shard was dropped": (
        item_of(connection(refresh_at=LONG_AGO), shard="ff"),
        (Finding.UNSERVED,),
        {"shard": RIGHT},
    ),
    "a shard of no name": (left(shard="c1"), (Finding.UNSERVED,), {"shard": RIGHT}),
    "due now, and put off for long": (
        item_of(connection(refresh_at=FAR_OFF)),
        (Finding.TOO_LATE,),
        {"refresh_at": NOW},
    ),
    "due later, and put off": (
        item_of(replace(LATER, refresh_at=NOW + 900 + 61)),
        (Finding.TOO_LATE,),
        {"refresh_at": NOW + 900},
    ),
    "a revocation put off for long": (
        left(refresh_at=FAR_OFF),
        (Finding.TOO_LATE,),
        {"refresh_at": NOW},
    ),
    "overdue": (item_of(connection(refresh_at=LONG_AGO)), (Finding.OVERDUE,), {}),
    "a resource overdue": (deleting(refresh_at=LONG_AGO), (Finding.OVERDUE,), {}),
    "set aside": (
        item_of(CHANGED, sa=3),
        (Finding.SET_ASIDE,),
        {"refresh_at": NOW, "shard": RIGHT, "sa": None},
    ),
    "set aside, since it could not be opened": (
        item_of(LATER, sa=1, le={"a": NOW - 60, "c": "cannot_be_opened"}),
        (Finding.SET_ASIDE,),
        {"refresh_at": NOW, "shard": RIGHT, "nr": NOW, "sa": None},
    ),
    "set aside, its refresh put off by its provider": (
        item_of(LATER, sa=1, le={"a": NOW - 60, "c": "provider_unavailable"}),
        (Finding.SET_ASIDE,),
        {"refresh_at": NOW, "shard": RIGHT, "sa": None},
    ),
    "set aside and due again": (item_of(connection(), sa=1), (Finding.SET_ASIDE,), {"sa": None}),
    "set aside, in a dropped shard": (
        item_of(CHANGED, sa=1, shard="ff"),
        (Finding.UNSERVED, Finding.SET_ASIDE),
        {"refresh_at": NOW, "shard": RIGHT, "sa": None},
    ),
    "a lease left on what is read only": (
        item_of(replace(FOREVER, lease=RAN_OUT)),
        (Finding.LEASE_LEFT,),
        {"refresh_at": NOW, "shard": RIGHT},
    ),
    "a lease left on what is due in time": (
        item_of(replace(LATER, lease=RAN_OUT)),
        (Finding.LEASE_LEFT,),
        {"refresh_at": NOW, "shard": RIGHT},
    ),
    "a lease left on what nobody looks at": (
        item_of(connection(refresh_at=LONG_AGO, lease=RAN_OUT)),
        (Finding.OVERDUE,),
        {},
    ),
    "no such resource": ({**item_of(LATER), "pk": "C#gone#0"}, (Finding.ORPHANED,), {}),
    "no status": (item_of(LATER, st=None), (Finding.UNREADABLE,), {}),
    "a status of no meaning": (item_of(LATER, st="?"), (Finding.UNREADABLE,), {}),
    "a time that is text": (item_of(LATER, refresh_at="soon"), (Finding.UNREADABLE,), {}),
    "a lease that is text": (item_of(LATER, l="x"), (Finding.UNREADABLE,), {}),
    "a document that is not JSON": (deleting(doc="{"), (Finding.UNREADABLE,), {}),
    "a key of one part": ({**item_of(LATER), "pk": "C"}, (Finding.UNREADABLE,), {}),
    "of another kind, in the index": (
        {"pk": "E#acme", "sk": "1", "shard": "00", "refresh_at": NOW},
        (Finding.UNREADABLE,),
        {},
    ),
    "unreadable and set aside": (
        item_of(LATER, st=None, sa=7),
        (Finding.UNREADABLE, Finding.SET_ASIDE),
        {"refresh_at": NOW, "shard": RIGHT, "sa": None},
    ),
    "its key unreadable and set aside": (
        {"pk": "C", "sk": "c1", "sa": 1},
        (Finding.UNREADABLE, Finding.SET_ASIDE),
        {},
    ),
}
