"""Resources that start from a catalogue entry: filled when they are saved, and theirs from then on."""

from __future__ import annotations

from typing import Any, Final

import pytest

from oauth_broker.doors.catalogue import Catalogue
from oauth_broker.errors import InvalidError
from oauth_broker.flows.manage_resources import (
    create_resource,
    patch_resource,
    replace_resource,
    show_resource,
)
from tests.doubles.broker import ADDRESSES, BASE, Broker

GOOGLE: Final = Catalogue().entry("google")
GITLAB: Final = Catalogue().entry("gitlab")
MINE: Final[dict[str, Any]] = {
    "resource_id": "mine",
    "name": "Mine",
    "provider": "google",
    "client_id": "client-1",
    "client_secret": "client-secret-1",
    "scopes": ["https://www.googleapis.com/auth/calendar.readonly"],
}


@pytest.fixture
def broker() -> Broker:
    """A broker with a resource at Google."""
    made = Broker()
    create_resource(made.kit, ADDRESSES, MINE, loopback=False, entry=GOOGLE)
    return made


def shown(broker: Broker) -> dict[str, Any]:
    """What GET shows."""
    return dict(show_resource(broker.kit, BASE, "mine").body)


def put(broker: Broker, body: dict[str, Any], entry: Any = None) -> dict[str, Any]:
    """What PUT answers."""
    changed = replace_resource(
        broker.kit, ADDRESSES, "mine", body, if_match=None, loopback=False, entry=entry
    )
    return dict(changed.body)


def patch(broker: Broker, entry: Any = None, **body: Any) -> dict[str, Any]:
    """What PATCH answers."""
    changed = patch_resource(broker.kit, ADDRESSES, "mine", body, if_match=None, loopback=False, entry=entry)
    return dict(changed.body)


def test_a_resource_shows_all_that_it_was_filled_with(broker: Broker) -> None:
    """What is stored is whole: the entry's part, and what was given."""
    assert GOOGLE is not None
    assert GOOGLE["registration"].items() <= shown(broker).items()
    assert {**MINE, "client_secret": "***"}.items() <= shown(broker).items()


def test_an_upgrade_of_the_catalogue_changes_no_stored_resource(broker: Broker) -> None:
    """It is read without the catalogue, and a patch of something else does not look at it either."""
    before = shown(broker)
    after = patch(broker, name="Renamed")
    assert after == {**before, "name": "Renamed", "updated_at": after["updated_at"]}


def test_what_was_read_can_be_put_back(broker: Broker) -> None:
    """Nothing changes, what was taken away included."""
    patch(broker, revocation=None)
    before = shown(broker)
    assert before["revocation"] is None
    after = put(broker, before, GOOGLE)
    assert {name for name in before if after[name] != before[name]} <= {"updated_at"}


def test_the_least_of_a_registration_can_be_put_again(broker: Broker) -> None:
    """Who keeps registrations as files sends the same short one each time."""
    before = shown(broker)
    assert put(broker, MINE, GOOGLE) == {**before, "updated_at": shown(broker)["updated_at"]}


def test_another_provider_asks_for_the_secret_again(broker: Broker) -> None:
    """Its addresses are new origins for it: nothing of it is sent there unless whoever asks knows it."""
    with pytest.raises(InvalidError) as refused:
        patch(broker, GITLAB, provider="gitlab")
    assert {problem.pointer for problem in refused.value.problems} == {"/token/url", "/revocation/url"}
    assert shown(broker)["provider"] == "google"
    after = patch(broker, GITLAB, provider="gitlab", client_secret="client-secret-2")
    assert GITLAB is not None
    assert GITLAB["registration"].items() <= after.items()
    assert (after["name"], after["client_id"]) == ("Mine", "client-1")
    assert not {"issuer", "scopes"} & after.keys()


def test_a_provider_named_again_brings_back_what_was_changed(broker: Broker) -> None:
    """As it is in the catalogue of the day, but for what the patch gives with it."""
    assert GOOGLE is not None
    patch(broker, scopes=[], revocation=None)
    after = patch(broker, GOOGLE, provider="google", scopes=["openid"])
    assert GOOGLE["registration"].items() <= after.items()
    assert after["scopes"] == ["openid"]


def test_a_provider_can_be_taken_off(broker: Broker) -> None:
    """All that it filled in stays."""
    before = shown(broker)
    after = patch(broker, provider=None)
    assert set(before) - set(after) == {"provider"}
