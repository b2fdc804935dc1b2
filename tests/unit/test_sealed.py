"""The sealed format: it opens in its place and nowhere else."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth_broker.errors import SealError
from oauth_broker.sealed import FORMAT, Place, VaultKey, parts_of

VECTORS: Final = json.loads((Path(__file__).parents[1] / "vectors" / "sealing.json").read_text())["vectors"]
KEY: Final = VaultKey(plain=bytes(range(32)), wrapped=b"wrapped-by-kms")
PLACE: Final = Place("token-set", "acme", "d1", "c1", b"set-1")
NONCE: Final = bytes(12)
BLOB: Final = KEY.seal(b"plaintext", PLACE, nonce=NONCE)


def place_of(vector: dict[str, Any]) -> Place:
    """Read a vector's place."""
    members = vector["place"] | {"token_set_id": bytes.fromhex(vector["place"]["token_set_id"])}
    return Place(**members)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["name"]))
def test_the_vectors(vector: dict[str, Any]) -> None:
    """What was sealed by the format's description opens, and is sealed the same here."""
    key = VaultKey(bytes.fromhex(vector["vault_key"]), bytes.fromhex(vector["wrapped"]))
    blob, place, plaintext = bytes.fromhex(vector["blob"]), place_of(vector), vector["plaintext"].encode()
    assert place.additional_data().hex() == vector["additional_data"]
    assert key._key(place).hex() == vector["derived_key"]
    assert key.open(blob, place) == plaintext
    assert key.seal(plaintext, place, nonce=bytes.fromhex(vector["nonce"])) == blob


@given(
    plaintext=st.binary(max_size=200),
    nonce=st.binary(min_size=12, max_size=12),
    wrapped=st.binary(min_size=1, max_size=400),
)
def test_what_is_sealed_opens(plaintext: bytes, nonce: bytes, wrapped: bytes) -> None:
    """In its place, under its key."""
    key = VaultKey(KEY.plain, wrapped)
    blob = key.seal(plaintext, PLACE, nonce=nonce)
    assert key.open(blob, PLACE) == plaintext
    assert parts_of(blob)[:2] == (wrapped, nonce)


@pytest.mark.parametrize(
    "moved",
    [
        {"purpose": "resource"},
        {"resource_id": "globex"},
        {"destinations_id": "d2"},
        {"connection_id": "c2"},
        {"token_set_id": b"set-2"},
        {"token_set_id": b""},
    ],
)
def test_what_was_moved_does_not_open(moved: dict[str, Any]) -> None:
    """A blob in another row, an old one in a newer row, one of another purpose or destination: none opens."""
    assert KEY.open(BLOB, PLACE) == b"plaintext"
    with pytest.raises(SealError):
        KEY.open(BLOB, replace(PLACE, **moved))


def test_another_vault_key_does_not_open_it() -> None:
    """Whatever wrapped form stands in front."""
    with pytest.raises(SealError):
        VaultKey(bytes(32), KEY.wrapped).open(BLOB, PLACE)


@given(position=st.integers(min_value=0, max_value=len(BLOB) * 8 - 1))
def test_no_flipped_bit_opens(position: int) -> None:
    """Every bit counts, but those of the wrapped key, with which another key would have been opened."""
    flipped = bytearray(BLOB)
    flipped[position // 8] ^= 1 << position % 8
    if 3 <= position // 8 < 3 + len(KEY.wrapped):
        assert parts_of(bytes(flipped))[0] != KEY.wrapped
        return
    with pytest.raises(SealError):
        KEY.open(bytes(flipped), PLACE)


@pytest.mark.parametrize("length", range(len(BLOB)))
def test_what_was_cut_off_does_not_open(length: int) -> None:
    """Wherever it was cut."""
    with pytest.raises(SealError):
        KEY.open(BLOB[:length], PLACE)


@given(blob=st.binary(max_size=100))
def test_no_noise_opens(blob: bytes) -> None:
    """And nothing but SealError comes of it."""
    with pytest.raises(SealError):
        KEY.open(blob, PLACE)


def test_another_format_is_refused() -> None:
    """The first byte says which format it is."""
    assert BLOB[0] == FORMAT
    with pytest.raises(SealError, match="known format"):
        parts_of(bytes([FORMAT + 1]) + BLOB[1:])


def test_a_blob_without_a_wrapped_key_is_none() -> None:
    """KMS would not even be asked in a way that it understands."""
    with pytest.raises(SealError, match="known format"):
        parts_of(bytes([FORMAT, 0, 0]) + bytes(60))
    assert parts_of(bytes([FORMAT, 0, 1]) + bytes(60))[0] == bytes(1)


def test_no_two_places_share_their_data() -> None:
    """Parts that run together to the same text are told apart by their lengths."""
    alike = [
        Place("token-set", "acme", "d1", "c1", b"x"),
        Place("token-set", "acmed", "1", "c1", b"x"),
        Place("token-set", "acme", "d1c", "1", b"x"),
        Place("token-set", "acme", "d1", "", b"c1x"),
        Place("token-set", "acme", "d1", "c1x", b""),
        Place("token-seta", "cme", "d1", "c1", b"x"),
    ]
    for one, other in combinations(alike, 2):
        assert one.additional_data() != other.additional_data()
        with pytest.raises(SealError):
            KEY.open(KEY.seal(b"x", one, nonce=NONCE), other)


PLACES = st.builds(Place, st.text(), st.text(), st.text(), st.text(), st.binary())


@given(one=PLACES, other=PLACES)
def test_additional_data_tells_places_apart(one: Place, other: Place) -> None:
    """Equal data means equal places."""
    assert (one.additional_data() == other.additional_data()) == (one == other)


def test_each_resource_and_destinations_id_has_its_own_key() -> None:
    """A key of one resource opens nothing of another, even in the same words."""
    keys = {KEY._key(Place("x", *ids)) for ids in [("ab", "c"), ("a", "bc"), ("abc", ""), ("ab", "d")]}
    assert len(keys) == 4


def test_a_vault_key_shows_nothing() -> None:
    """Neither repr nor str have the key in them."""
    assert KEY.plain.hex() not in repr(KEY) + str(KEY)
    assert str(KEY.plain) not in repr(KEY) + str(KEY)
