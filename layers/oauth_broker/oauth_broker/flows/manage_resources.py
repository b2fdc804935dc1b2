"""Registrations: made, shown, changed, and carried over to new destinations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from oauth_broker.breaker import state_of
from oauth_broker.doors.store import ResourceRow
from oauth_broker.errors import FieldProblem, InvalidError
from oauth_broker.flows.delete_resource import current_row
from oauth_broker.flows.discover import with_urls
from oauth_broker.flows.resource_secrets import packed_secrets, secrets_place
from oauth_broker.flows.settle_keys import SettledKeys, settled_keys
from oauth_broker.flows.show_connection import time_text
from oauth_broker.flows.start_link import callback_url
from oauth_broker.registration.discovered import forgotten
from oauth_broker.registration.document import document_json, patched, resource_id_from_name
from oauth_broker.registration.origins import check_not_ourselves, destinations_of, unproved_origins
from oauth_broker.registration.parsing import parse_registration
from oauth_broker.registration.prefill import prefilled, refilled
from oauth_broker.resource import ResourceSecrets
from oauth_broker.return_url import return_url_problem

if TYPE_CHECKING:
    from oauth_broker.flows.kit import Kit
    from oauth_broker.flows.start_link import Addresses
    from oauth_broker.pause import Pause
    from oauth_broker.registration.parsing import ParsedRegistration
    from oauth_broker.resource import Resource

Entry = Mapping[str, Any] | None
"""A catalogue entry; None where a body names no provider."""

MOST_FORMER: Final = 20
SHOWN_ONLY: Final = ("callback_url", "created_at", "updated_at")
"""What GET shows beside the registration: PUT passes it over when it is as GET showed it."""

PROVIDER_STATE: Final = "provider_state"
"""It is shown as well, and moves by itself: PUT passes it over whatever it is."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A resource as a caller sees it, and its version."""

    body: dict[str, Any]
    etag: str


def create_resource(
    kit: Kit, addresses: Addresses, body: Mapping[str, Any], *, loopback: bool, entry: Entry = None
) -> Shown:
    """Keep a new registration, filled from the catalogue `entry` that it names, and from its issuer.

    Raises InvalidError, IdInUseError.
    """
    given = with_urls(kit.issuers, prefilled(entry, body) if entry else body, loopback=loopback)
    parsed = parse_registration(given, loopback=loopback)
    _check_addresses(parsed.resource, addresses)
    if not parsed.resource.resource_id:
        parsed = parsed.with_id(resource_id_from_name(parsed.resource.name, kit.machine.random(4)))
    now = int(kit.machine.now())
    client_secret, variables = parsed.secrets.over(None, {})
    secrets = ResourceSecrets(client_secret, variables, destinations_of(parsed.resource))
    keys = _keys(kit, parsed, SettledKeys())
    row = _row(kit, parsed, secrets, keys, destinations_id=_random_text(kit), created_at=now)
    kit.store.resources.create(row)
    kit.shelf.drop(row.resource_id)
    return _shown(kit, addresses.base, row)


def show_resource(kit: Kit, base: str, resource_id: str) -> Shown:
    """Give a registration. Raises NotFoundError."""
    return _shown(kit, base, current_row(kit, resource_id, None))


def list_resources(
    kit: Kit, base: str, *, limit: int, after: str | None
) -> tuple[list[dict[str, Any]], str | None]:
    """Give a page of registrations by id, and the id to go on after."""
    rows, last = kit.store.resources.page(limit=limit, after=after)
    return [_shown(kit, base, row).body for row in rows], last


def replace_resource(  # noqa: PLR0913 - the request's parts
    kit: Kit,
    addresses: Addresses,
    resource_id: str,
    body: Mapping[str, Any],
    *,
    if_match: frozenset[str] | None,
    loopback: bool,
    entry: Entry = None,
) -> Shown:
    """Put a registration in the place of another; secrets that it does not give are kept.

    `entry` as in `create_resource`. Raises InvalidError, NotFoundError, PreconditionFailedError.
    """
    row = current_row(kit, resource_id, if_match)
    shown = _shown(kit, addresses.base, row).body
    given = {
        name: value
        for name, value in body.items()
        if name != PROVIDER_STATE and (name not in SHOWN_ONLY or value != shown[name])
    }
    return _change(kit, addresses, row, prefilled(entry, given) if entry else given, loopback=loopback)


def patch_resource(  # noqa: PLR0913 - the request's parts
    kit: Kit,
    addresses: Addresses,
    resource_id: str,
    body: Mapping[str, Any],
    *,
    if_match: frozenset[str] | None,
    loopback: bool,
    entry: Entry = None,
) -> Shown:
    """Replace the top-level members that the body names; a provider among them begins anew from its `entry`.

    An issuer among them brings its URLs, as far as the body does not. Raises as `replace_resource`.
    """
    row = current_row(kit, resource_id, if_match)
    document = row.document
    changed = refilled(entry, document, body) if entry else patched(forgotten(document, body), body)
    return _change(kit, addresses, row, changed, loopback=loopback)


def _change(
    kit: Kit, addresses: Addresses, row: ResourceRow, body: Mapping[str, Any], *, loopback: bool
) -> Shown:
    about: Any = {"resource_id": row.resource_id, "loopback": loopback, "stored": row.document}
    parsed = parse_registration(with_urls(kit.issuers, body, **about), **about)
    _check_addresses(parsed.resource, addresses)
    held = kit.shelf.sealed_secrets(row)
    problems = unproved_origins(parsed, stored=row.document, allowed=held.destinations)
    if problems:
        raise InvalidError(*problems)
    client_secret, variables = parsed.secrets.over(held.client_secret, held.variables)
    destinations = destinations_of(parsed.resource)
    secrets = ResourceSecrets(client_secret, variables, destinations, held.carried, held.former)
    destinations_id = row.destinations_id
    if not held.destinations.covers(destinations):
        former = (*held.former, *held.carried, row.destinations_id)[-MOST_FORMER:]
        secrets = replace(secrets, carried=(), former=former)
        destinations_id = _random_text(kit)
    keys = _keys(kit, parsed, SettledKeys(held.signing_keys, row.public_keys))
    changed = _row(kit, parsed, secrets, keys, destinations_id=destinations_id, created_at=row.created_at)
    return _replaced(kit, addresses.base, row, changed)


def _check_addresses(resource: Resource, addresses: Addresses) -> None:
    check_not_ourselves(resource, addresses.base)
    if resource.install_return_url is not None and (
        problem := return_url_problem(resource.install_return_url, addresses.may_return_to)
    ):
        raise InvalidError(FieldProblem("/install_return_url", problem))


def rebind(kit: Kit, base: str, resource_id: str, *, if_match: frozenset[str] | None) -> Shown:
    """Carry the connections of earlier destinations over: their tokens may be sent to the present ones now.

    Raises NotFoundError, PreconditionFailedError.
    """
    row = current_row(kit, resource_id, if_match)
    held = kit.shelf.sealed_secrets(row)
    carried = (*held.carried, *held.former)[-MOST_FORMER:]
    secrets = replace(held, carried=carried, former=())
    sealed = kit.sealing.seal(kit.shelf.vault_key(), packed_secrets(secrets), secrets_place(row))
    changed = replace(
        row,
        sealed=sealed,
        carried=carried,
        etag=_random_text(kit),
        updated_at=int(kit.machine.now()),
        pause=None,
    )
    return _replaced(kit, base, row, changed)


def _replaced(kit: Kit, base: str, row: ResourceRow, changed: ResourceRow) -> Shown:
    kit.store.resources.replace(changed, was=row.etag)
    kit.shelf.drop(row.resource_id)
    return _shown(kit, base, changed)


def _keys(kit: Kit, parsed: ParsedRegistration, held: SettledKeys) -> SettledKeys:
    return settled_keys(kit.signing, parsed.resource.resource_id, parsed.secrets.signing_keys, held)


def _row(  # noqa: PLR0913 - what a row is made of
    kit: Kit,
    parsed: ParsedRegistration,
    secrets: ResourceSecrets,
    keys: SettledKeys,
    *,
    destinations_id: str,
    created_at: int,
) -> ResourceRow:
    secrets = replace(secrets, signing_keys=keys.keys)
    row = ResourceRow(
        resource_id=parsed.resource.resource_id,
        document=parsed.with_keys(keys.keys).resource.document,
        sealed=b"",
        destinations_id=destinations_id,
        carried=secrets.carried,
        etag=_random_text(kit),
        created_at=created_at,
        updated_at=int(kit.machine.now()),
        public_keys=keys.public,
    )
    sealed = kit.sealing.seal(kit.shelf.vault_key(), packed_secrets(secrets), secrets_place(row))
    return replace(row, sealed=sealed)


def _shown(kit: Kit, base: str, row: ResourceRow) -> Shown:
    shared = row.document.get("callback") == "shared"
    body = {
        **document_json(row.resource_id, row.document),
        "callback_url": callback_url(base, None if shared else row.resource_id),
        "created_at": time_text(row.created_at),
        "updated_at": time_text(row.updated_at),
        PROVIDER_STATE: provider_state_json(row.pause, now=kit.machine.now()),
    }
    return Shown(body, row.etag)


def provider_state_json(pause: Pause | None, *, now: float) -> dict[str, Any]:
    """Give the circuit breaker's state as a caller sees it, with why it opened, in the provider's words."""
    return {
        "state": str(state_of(pause, now)),
        "since": None if pause is None else time_text(pause.since),
        "until": None if pause is None else time_text(pause.until),
        "times": 0 if pause is None else pause.times,
        "category": None if pause is None else pause.category,
        "error": None if pause is None else pause.error,
        "error_description": None if pause is None else pause.error_description,
        "http_status": None if pause is None else pause.http_status,
    }


def _random_text(kit: Kit) -> str:
    return kit.machine.random(8).hex()
