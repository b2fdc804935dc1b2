"""What a process holds between events: resources for a minute, and the vault key of the period."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from oauth_broker import log
from oauth_broker.errors import NotFoundError, SealError, UnreadableError
from oauth_broker.flows.resource_secrets import secrets_place, signer_of, unpacked_secrets
from oauth_broker.protocol.template import names_in
from oauth_broker.registration.document import resource_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from oauth_broker.connection import Connection
    from oauth_broker.doors.machine import Machine
    from oauth_broker.doors.sealing import Sealing
    from oauth_broker.doors.signing import Signing
    from oauth_broker.doors.store import ResourceRow, Store
    from oauth_broker.pause import Pause
    from oauth_broker.resource import Resource, ResourceSecrets
    from oauth_broker.sealed import VaultKey

HELD_FOR: Final = 60
HELD_WHILE_PAUSED: Final = 5
"""Seconds: that a pause ended, perhaps since the resource was mended, is learned soon."""

REVOKE: Final = "revoke"
"""How a resource is being deleted that takes its connections with it; `IF_EMPTY`: one that must have none."""

IF_EMPTY: Final = "if_empty"
MOST_HELD: Final = 2000
VAULT_KEY_KEPT: Final = 86_400


@dataclass(frozen=True, slots=True)
class HeldResource:
    """A resource as it is held. `destinations_ids`: those under which its connections' token sets count."""

    resource: Resource
    row: ResourceRow
    since: float

    @property
    def destinations_ids(self) -> frozenset[str]:
        """Give the resource's own destinations id and those that a rebind carried over."""
        return frozenset({self.row.destinations_id, *self.row.carried})

    def counts(self, connection: Connection) -> bool:
        """Say whether a connection has a token set, and it may be sent where the resource points now."""
        token_set = connection.token_set
        return token_set is not None and token_set.destinations_id in self.destinations_ids

    @property
    def provider(self) -> str:
        """Name the provider for caps on calls: its token endpoint's authority, templates and all."""
        return self.resource.refresh.url.split("/", 3)[2]

    @property
    def alike(self) -> bool:
        """Say whether all connections call the same token URL, so that the trouble of one is that of all."""
        resource = self.resource
        own = {*resource.connection_variables, *resource.callback_variables, *resource.metadata}
        return own.isdisjoint(names_in(resource.refresh.url))


class Shelf:
    """Brings what is not held in one call, with whatever else is needed at the time."""

    def __init__(self, store: Store, sealing: Sealing, machine: Machine, signing: Signing) -> None:
        """Hold nothing yet."""
        self._signing = signing
        self._store = store
        self._sealing = sealing
        self._machine = machine
        self._held: dict[str, HeldResource] = {}
        self._unreadable: dict[str, float] = {}

    def resource(self, resource_id: str) -> HeldResource:
        """Give a resource, with a call unless it is held. Raises NotFoundError."""
        return in_use(self.even_deleting(resource_id))

    def even_deleting(self, resource_id: str) -> HeldResource:
        """Give a resource that may be on its way out: its secrets serve until the last revocation ended.

        Raises NotFoundError, and UnreadableError where its row was found to be so within the last minute.
        """
        held = self.held(resource_id)
        if held is None and self.unreadable(resource_id):
            message = "the resource's row cannot be read"
            raise UnreadableError(message)
        return held or self._keep(resource_id, self._store.resources.load(resource_id=resource_id).resource)

    def resource_and_key(self, resource_id: str) -> tuple[HeldResource, VaultKey]:
        """Give a resource and the open vault key: one call to the table for both, none for what is held.

        Raises NotFoundError.
        """
        now = self._machine.now()
        held, key = self.held(resource_id), self._sealing.current(now)
        if held is not None and key is not None:
            return in_use(held), key
        loaded = self._store.resources.load(
            resource_id=None if held else resource_id,
            period=None if key else self._sealing.period(now),
        )
        held = in_use(held or self._keep(resource_id, loaded.resource))
        return held, key or self._vault_key(loaded.wrapped_key, now)

    def connection(self, resource_id: str, connection_id: str) -> tuple[HeldResource, Connection | None]:
        """Give a resource and a connection of it, read consistently: one call.

        The call that brings the resource brings the vault key as well, unopened: a refresh may have to seal.
        Raises NotFoundError for the resource.
        """
        held = self.held(resource_id)
        if held is not None:
            return in_use(held), self._store.connections.get(resource_id, connection_id)
        now = self._machine.now()
        loaded = self._store.resources.load(
            resource_id=resource_id,
            connection=(resource_id, connection_id),
            period=None if self._sealing.knows_current(now) else self._sealing.period(now),
        )
        if loaded.wrapped_key is not None:
            self._sealing.remember(loaded.wrapped_key, now)
        return in_use(self._keep(resource_id, loaded.resource)), loaded.connection

    def bring(self, resource_ids: Iterable[str]) -> None:
        """Bring the resources that are not held, and the vault key with them: one call for each 100."""
        now = self._machine.now()
        wanted = list(dict.fromkeys(resource_ids))
        if not wanted:
            return
        missing = [one for one in wanted if self.held(one) is None and not self.unreadable(one)]
        key = self._sealing.current(now)
        if not missing and key is not None:
            return
        rows, wrapped = self._store.resources.load_all(
            missing, period=None if key else self._sealing.period(now)
        )
        for resource_id, row in rows.items():
            try:
                if row is None:
                    message = "the resource's row cannot be read"
                    raise UnreadableError(message)  # noqa: TRY301 - as what its document raises
                self._keep(resource_id, row)
            except Exception as error:  # noqa: BLE001 - one bad row must not keep the others from their refresh
                self._unreadable[resource_id] = now
                log.line("resource cannot be read", failed=True, **log.fault(error), resource_id=resource_id)
        if key is None:
            self._vault_key(wrapped, now)

    def vault_key(self) -> VaultKey:
        """Give the open vault key of this period; made if there is none yet."""
        now = self._machine.now()
        key = self._sealing.current(now)
        if key is None:
            loaded = self._store.resources.load(period=self._sealing.period(now))
            key = self._vault_key(loaded.wrapped_key, now)
        return key

    def secrets(self, held: HeldResource) -> ResourceSecrets:
        """Open a resource's secrets, its first signing key ready to sign. Raises SealError."""
        secrets = self.sealed_secrets(held.row)
        if secrets.carried != held.row.carried:
            message = "the row names other destinations than were sealed with it"
            raise SealError(message)
        return replace(secrets, signer=signer_of(secrets.signing_keys, self._signing))

    def sealed_secrets(self, row: ResourceRow) -> ResourceSecrets:
        """Open the secrets of a row. Raises SealError."""
        return unpacked_secrets(self._sealing.open(row.sealed, secrets_place(row), self._machine.now()))

    def drop(self, resource_id: str) -> None:
        """Hold a resource no more: it was changed here."""
        self._held.pop(resource_id, None)

    def held(self, resource_id: str) -> HeldResource | None:
        """Give a resource if it is held, without a call."""
        held = self._held.get(resource_id)
        if held is None:
            return None
        longest = HELD_FOR if held.row.pause is None else HELD_WHILE_PAUSED
        return held if self._machine.now() - held.since < longest else None

    def last_known(self, resource_id: str) -> HeldResource | None:
        """Give a resource as this process knows it, however old that is; None if it does not."""
        return self._held.get(resource_id)

    def unreadable(self, resource_id: str) -> bool:
        """Say whether a resource's row could not be read when it was brought within the last minute."""
        since = self._unreadable.get(resource_id)
        return since is not None and self._machine.now() - since < HELD_FOR

    def repaused(self, held: HeldResource, pause: Pause | None) -> None:
        """Hold a resource with another pause, of which this process just learned."""
        if held.row.deleting is None:
            row = replace(held.row, pause=pause)
            self._held[row.resource_id] = replace(held, row=row, since=self._machine.now())

    def _keep(self, resource_id: str, row: ResourceRow | None) -> HeldResource:
        if row is None:
            self.drop(resource_id)
            raise _no_resource(resource_id)
        if len(self._held) >= MOST_HELD:
            self._held.clear()
        self._unreadable.pop(resource_id, None)
        held = HeldResource(resource_of(resource_id, row.document), row, self._machine.now())
        if row.deleting is None:
            self._held[resource_id] = held
        return held

    def _vault_key(self, wrapped: bytes | None, now: float) -> VaultKey:
        if wrapped is None:
            period = self._sealing.period(now)
            made = self._sealing.make(now)
            wrapped = self._store.resources.keep_vault_key(
                period, made.wrapped, ttl=self._sealing.period_end(now) + VAULT_KEY_KEPT
            )
        return self._sealing.adopt(wrapped, now)


def in_use(held: HeldResource) -> HeldResource:
    """Give the resource back, unless it is being deleted with its connections. Raises NotFoundError.

    One that is deleted only if it has none serves those that it has until they are counted.
    """
    if held.row.deleting == REVOKE:
        raise _no_resource(held.row.resource_id)
    return held


def _no_resource(resource_id: str) -> NotFoundError:
    return NotFoundError(f"there is no resource {resource_id}")
