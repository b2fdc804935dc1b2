"""What a process holds: resources for a minute, open vault keys for their age; and one vault key a period."""

from __future__ import annotations

import pytest

from oauth_broker.errors import NotFoundError, SealError, SealingUnavailableError, StoreUnavailableError
from oauth_broker.flows.kit import Kit
from oauth_broker.flows.manage_resources import patch_resource
from oauth_broker.flows.shelf import HELD_FOR, VAULT_KEY_KEPT
from oauth_broker.sealed import Place
from tests.doubles.broker import ADDRESSES, Broker
from tests.doubles.samples import NOW

PLACE = Place("token-set", "acme", "d1", "c1", b"set-1")
DAY = 86_400


@pytest.fixture
def broker() -> Broker:
    """A broker with Acme; calls are counted from here."""
    made = Broker()
    made.register()
    made.dynamodb.calls.clear()
    made.kms.calls.clear()
    return made


def test_a_resource_is_held_for_a_minute(broker: Broker) -> None:
    """Then it is asked for again."""
    kit = broker.process()
    first = kit.shelf.resource("acme")
    broker.machine.time += HELD_FOR - 1
    assert kit.shelf.resource("acme") is first
    assert broker.dynamodb.calls == {"batch_get_item": 1}
    broker.machine.time += 1
    assert kit.shelf.resource("acme") is not first
    assert broker.dynamodb.calls == {"batch_get_item": 2}


def test_a_change_here_is_seen_at_once_and_elsewhere_in_a_minute(broker: Broker) -> None:
    """Who changed it drops what it holds."""
    other = broker.process()
    other.shelf.resource("acme")
    patch_resource(broker.kit, ADDRESSES, "acme", {"name": "New"}, if_match=None, loopback=False)
    assert broker.kit.shelf.resource("acme").resource.name == "New"
    assert other.shelf.resource("acme").resource.name == "Acme"
    broker.machine.time += HELD_FOR
    assert other.shelf.resource("acme").resource.name == "New"


def test_a_resource_that_is_not_there_is_not_held(broker: Broker) -> None:
    """It may be made a moment later."""
    kit = broker.process()
    with pytest.raises(NotFoundError):
        kit.shelf.resource("globex")
    broker.register(resource_id="globex", name="Globex")
    assert kit.shelf.resource("globex").resource.name == "Globex"


def test_resource_and_key_are_one_call(broker: Broker) -> None:
    """And one to KMS; none at all once they are held."""
    kit = broker.process()
    for _ in range(2):
        kit.shelf.resource_and_key("acme")
    assert broker.dynamodb.calls == {"batch_get_item": 1}
    assert broker.kms.calls == {"decrypt": 1}


def test_resource_and_connection_are_one_call(broker: Broker) -> None:
    """Held, the connection alone is read."""
    broker.connect()
    kit = broker.process()
    broker.dynamodb.calls.clear()
    kit.shelf.connection("acme", "c1")
    assert broker.dynamodb.calls == {"batch_get_item": 1}
    kit.shelf.connection("acme", "c1")
    assert broker.dynamodb.calls == {"batch_get_item": 1, "get_item": 1}


def test_many_are_brought_at_once(broker: Broker) -> None:
    """With the key; what is held is not asked for."""
    broker.register(resource_id="globex", name="Globex")
    kit = broker.process()
    broker.dynamodb.calls.clear()
    kit.shelf.bring(["acme", "globex", "acme", "none"])
    kit.shelf.bring(["acme", "globex"])
    assert broker.dynamodb.calls == {"batch_get_item": 1}
    assert kit.shelf.held("none") is None


def test_the_first_seal_of_a_period_makes_its_key() -> None:
    """GenerateDataKey and PutItem, once; the next period has another, and the first still opens."""
    broker = Broker()
    first = broker.kit.shelf.vault_key()
    assert (broker.kms.calls["generate_data_key"], broker.dynamodb.calls["put_item"]) == (1, 1)
    assert broker.kit.shelf.vault_key() == first
    blob = broker.kit.sealing.seal(first, b"plain", PLACE)
    broker.machine.time += DAY
    second = broker.kit.shelf.vault_key()
    assert second.wrapped != first.wrapped
    assert broker.kms.calls["generate_data_key"] == 2
    assert broker.kit.sealing.open(blob, PLACE, broker.machine.now()) == b"plain"


def test_two_processes_at_once_seal_under_the_same_key() -> None:
    """Both find no key and make one; the table keeps the first, and both use that."""
    broker = Broker()
    kits = [broker.process(), broker.process()]
    period = kits[0].sealing.period(NOW)
    assert [kit.store.resources.load(period=period).wrapped_key for kit in kits] == [None, None]
    keys = [kit.shelf._vault_key(None, NOW) for kit in kits]
    assert keys[0] == keys[1]
    assert broker.kms.calls["generate_data_key"] == 2
    assert kits[1].sealing.current(NOW) == keys[0]
    blob = kits[1].sealing.seal(keys[1], b"plain", PLACE)
    assert kits[0].sealing.open(blob, PLACE, NOW) == b"plain"


def test_a_vault_key_outlives_its_period_in_the_table() -> None:
    """The TTL sweeps it a day after the period is over, however long the period is."""
    broker = Broker()
    broker.kit.shelf.vault_key()
    [item] = [item for key, item in broker.dynamodb.items.items() if key[0] == "K"]
    end = (NOW // DAY + 1) * DAY
    assert int(item["ttl"]["N"]) == end + VAULT_KEY_KEPT


@pytest.mark.parametrize(
    "max_age, later, opened", [(300, 299, 1), (300, 300, 2), (0, 0, 2), (1, 0.5, 1), (1, 1, 2)]
)
def test_an_open_key_is_held_for_its_age(max_age: int, later: float, opened: int) -> None:
    """0 holds none at all: one KMS call each time."""
    broker = Broker()
    broker.kit.shelf.vault_key()
    kit = broker.process(data_key_max_age=max_age)
    broker.kms.calls.clear()
    kit.shelf.vault_key()
    broker.machine.time += later
    kit.shelf.vault_key()
    assert broker.kms.calls == {"decrypt": opened}
    assert bool(kit.sealing._held) is (max_age > 0)


def test_with_no_key_held_everything_still_works() -> None:
    """DATA_KEY_MAX_AGE 0, through a whole trip."""
    broker = Broker()
    broker.kit = broker.process(data_key_max_age=0)
    broker.connect()
    assert broker.status() == "active"
    assert broker.kit.sealing._held == {}


@pytest.mark.parametrize("kms_down", [True, False])
def test_without_kms_or_table_there_is_no_key(kms_down: bool) -> None:
    """It says which, and the next call may succeed."""
    broker = Broker()
    broker.kms.down = kms_down
    if not kms_down:
        broker.dynamodb.fail_next("put_item")
    error = SealingUnavailableError if kms_down else StoreUnavailableError
    with pytest.raises(error) as caught:
        broker.kit.shelf.vault_key()
    assert caught.value.retryable
    broker.kms.down = False
    assert broker.kit.shelf.vault_key() == broker.kit.sealing.current(NOW)


def test_a_key_that_is_not_ours_opens_nothing(broker: Broker) -> None:
    """A blob under a forged wrapped key is no outage: it does not open."""
    kit: Kit = broker.kit
    blob = kit.sealing.seal(kit.shelf.vault_key(), b"plain", PLACE)
    forged = (
        blob[:3] + bytes(len(kit.shelf.vault_key().wrapped)) + blob[3 + len(kit.shelf.vault_key().wrapped) :]
    )
    with pytest.raises(SealError):
        kit.sealing.open(forged, PLACE, NOW)


def test_no_nonce_comes_twice(broker: Broker) -> None:
    """Each seal has its own."""
    key = broker.kit.shelf.vault_key()
    blobs = {broker.kit.sealing.seal(key, b"plain", PLACE) for _ in range(200)}
    assert len(blobs) == 200
