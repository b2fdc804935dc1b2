"""A function's kit, put together once from its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oauth_broker.doors.egress import Egress
from oauth_broker.doors.machine import Machine
from oauth_broker.doors.queues import RescueQueue
from oauth_broker.doors.sealing import Sealing
from oauth_broker.doors.signing import Signing
from oauth_broker.doors.store import Store
from oauth_broker.flows.circuits import Circuits
from oauth_broker.flows.issuers import Issuers
from oauth_broker.flows.kit import Kit
from oauth_broker.flows.shelf import Shelf

if TYPE_CHECKING:
    from oauth_broker.settings import AccessSettings, CallbackSettings, ResourcesApiSettings, WorkerSettings

    ProviderCallingSettings = AccessSettings | CallbackSettings | ResourcesApiSettings | WorkerSettings


def kit_of(given: ProviderCallingSettings) -> Kit:
    """Make the kit; no call is made."""
    store, sealing, machine = Store(given.table).connect(), Sealing(given.sealing), Machine()
    signing = Signing()
    shelf = Shelf(store, sealing, machine, signing)
    egress = Egress.of_settings(given.public_url, given.loopback, deadline=given.numbers.provider_deadline)
    return Kit(
        store=store,
        sealing=sealing,
        egress=egress,
        rescue=RescueQueue(given.rescue_queue_url),
        machine=machine,
        schedule=given.schedule,
        numbers=given.numbers,
        shelf=shelf,
        signing=signing,
        circuits=Circuits(store, shelf, machine, period=given.schedule.period),
        issuers=Issuers(egress, machine),
    )
