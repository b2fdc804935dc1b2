"""Authorizations as items of the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oauth_broker.doors.store.keys import authorization_key
from oauth_broker.transaction import Authorization

if TYPE_CHECKING:
    from oauth_broker.doors.store.values import Item


def authorization_item(authorization: Authorization, *, ttl: int) -> Item:
    """Write a new authorization."""
    pk, sk = authorization_key(authorization.authorization_id)
    return {
        "pk": pk,
        "sk": sk,
        "ri": authorization.resource_id,
        "ci": authorization.connection_id,
        "th": authorization.ticket_hash,
        "su": authorization.start_until,
        "au": authorization.authorization_url,
        "ru": authorization.redirect_uri,
        "tu": authorization.token_url,
        "cl": authorization.client_id,
        "di": authorization.destinations_id,
        "rc": authorization.require_confirmation,
        "cr": authorization.connection_created_at,
        "iss": authorization.issuer,
        "sh": authorization.shared_callback,
        "rt": authorization.return_url,
        "uh": authorization.user_hash,
        "sc": list(authorization.scopes) or None,
        "va": dict(authorization.variables) or None,
        "mk": authorization.makes_connection or None,
        "ttl": ttl,
    }


def authorization_of(item: Item) -> Authorization:
    """Read an authorization."""
    return Authorization(
        authorization_id=item["pk"].removeprefix("A#"),
        resource_id=item["ri"],
        connection_id=item["ci"],
        ticket_hash=item["th"],
        start_until=item["su"],
        authorization_url=item["au"],
        redirect_uri=item["ru"],
        token_url=item["tu"],
        client_id=item["cl"],
        destinations_id=item["di"],
        require_confirmation=item["rc"],
        connection_created_at=item["cr"],
        issuer=item.get("iss"),
        shared_callback=item["sh"],
        return_url=item.get("rt"),
        user_hash=item.get("uh"),
        scopes=tuple(item.get("sc", ())),
        variables=item.get("va", {}),
        state_hashes=item.get("hs", frozenset()),
        callback_until=item.get("cu"),
        consumed_at=item.get("ua"),
        consumed_by=item.get("us"),
        outcome=item.get("oc"),
        missed_at=item.get("ma"),
        makes_connection=item.get("mk", False),
    )
