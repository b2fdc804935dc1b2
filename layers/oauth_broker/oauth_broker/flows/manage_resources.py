"""Registrations: made, shown, changed, and carried over to new destinations."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from oauth_broker.breaker import state_of
from oauth_broker.doors.store import ResourceRow
from oauth_broker.errors import FieldProblem, InvalidError
from oauth_broker.flows.ask import callback_url
from oauth_broker.flows.delete_resource import current_row
from oauth_broker.flows.shelf import packed_secrets, secrets_place
from oauth_broker.flows.show_connection import time_text
from oauth_broker.protocol.destinations import origin_of
from oauth_broker.registration.document import document_json, patched, resource_id_from_name
from oauth_broker.registration.origins import destinations_of, origins_by_url, unproved_origins
from oauth_broker.registration.parsing import parse_registration
from oauth_broker.resource import ResourceSecrets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauth_broker.flows.kit import Kit
    from oauth_broker.pause import Pause
    from oauth_broker.registration.parsing import ParsedRegistration

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


def create_resource(kit: Kit, base: str, body: Mapping[str, Any], *, loopback: bool) -> Shown:
    """Keep a new registration. Raises InvalidError, IdInUseError."""
    parsed = parse_registration(body, loopback=loopback)
    _check_not_ourselves(parsed, base)
    if not parsed.resource.resource_id:
        parsed = parsed.with_id(resource_id_from_name(parsed.resource.name, kit.machine.random(4)))
    now = int(kit.machine.now())
    client_secret, variables = parsed.secrets.over(None, {})
    secrets = ResourceSecrets(client_secret, variables, destinations_of(parsed.resource))
    row = _row(kit, parsed, secrets, destinations_id=_random_text(kit), created_at=now)
    kit.store.resources.create(row)
    kit.shelf.drop(row.resource_id)
    return _shown(kit, base, row)


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
    base: str,
    resource_id: str,
    body: Mapping[str, Any],
    *,
    if_match: frozenset[str] | None,
    loopback: bool,
) -> Shown:
    """Put a registration in the place of another; secrets that it does not give are kept.

    Raises InvalidError, NotFoundError, PreconditionFailedError.
    """
    row = current_row(kit, resource_id, if_match)
    shown = _shown(kit, base, row).body
    given = {
        name: value
        for name, value in body.items()
        if name != PROVIDER_STATE and (name not in SHOWN_ONLY or value != shown[name])
    }
    return _change(kit, base, row, given, loopback=loopback)


def patch_resource(  # noqa: PLR0913 - the request's parts
    kit: Kit,
    base: str,
    resource_id: str,
    body: Mapping[str, Any],
    *,
    if_match: frozenset[str] | None,
    loopback: bool,
) -> Shown:
    """Replace the top-level members that the body names. Raises as `replace_resource`."""
    row = current_row(kit, resource_id, if_match)
    return _change(kit, base, row, patched(row.document, body), loopback=loopback)


def _change(kit: Kit, base: str, row: ResourceRow, body: Mapping[str, Any], *, loopback: bool) -> Shown:
    parsed = parse_registration(body, resource_id=row.resource_id, loopback=loopback, stored=row.document)
    _check_not_ourselves(parsed, base)
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
    changed = _row(kit, parsed, secrets, destinations_id=destinations_id, created_at=row.created_at)
    return _replaced(kit, base, row, changed)


def _check_not_ourselves(parsed: ParsedRegistration, base: str) -> None:
    """See that no secret is to be sent to the broker itself. Raises InvalidError."""
    own = origin_of(base)
    problems = [
        FieldProblem(pointer, "is the broker's own address")
        for pointer, origins in origins_by_url(parsed.resource).items()
        if own in origins
    ]
    if problems:
        raise InvalidError(*problems)


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


def _row(
    kit: Kit, parsed: ParsedRegistration, secrets: ResourceSecrets, *, destinations_id: str, created_at: int
) -> ResourceRow:
    row = ResourceRow(
        resource_id=parsed.resource.resource_id,
        document=parsed.resource.document,
        sealed=b"",
        destinations_id=destinations_id,
        carried=secrets.carried,
        etag=_random_text(kit),
        created_at=created_at,
        updated_at=int(kit.machine.now()),
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
