"""What binds a transaction to its browser."""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth_broker.protocol.state import (
    MAX_COOKIES,
    derive,
    encoded,
    hash_of,
    is_cookie,
    join_state,
    join_ticket,
    matching_cookie,
    split_state,
    split_ticket,
)
from oauth_broker.secret import Secret
from tests.unit.protocol.examples import vectors

CASES = vectors("state_derivation")["cases"]
COOKIE = Secret(CASES[0]["cookie"])
ID = CASES[0]["authorization_id"]
BITS = encoded(bytes(range(32)))


def cookie(number: int) -> Secret:
    """Give the value of one of many cookies."""
    return encoded(number.to_bytes(32, "big"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["authorization_id"])
def test_the_derivation_never_changes(case: dict[str, str]) -> None:
    """What derives from a cookie and an id is what another implementation of RFC 5869 says."""
    derived = derive(Secret(case["cookie"]), case["authorization_id"])
    shown = {name: getattr(derived, name).reveal() for name in derived.__slots__}
    assert {**shown, "cookie": case["cookie"], "authorization_id": case["authorization_id"]} == case


def test_all_that_derives_is_different() -> None:
    """Purposes, ids and cookies each give secrets of their own, and none of them is the cookie."""
    derived = [derive(COOKIE, ID), derive(COOKIE, ID + "x"), derive(cookie(1), ID)]
    secrets = {getattr(one, name).reveal() for one in derived for name in one.__slots__}
    assert len(secrets) == 12
    assert COOKIE.reveal() not in secrets


def test_a_verifier_is_one() -> None:
    """The code verifier has the length and the characters of RFC 7636 section 4.1."""
    assert re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", derive(COOKIE, ID).code_verifier.reveal())


def test_what_derives_hides_itself() -> None:
    """The representation holds none of the values, which it does hold when they are revealed."""
    derived = derive(COOKIE, ID)
    assert derived.nonce.reveal() not in repr(derived)
    assert derived.nonce.reveal() in repr(derived.nonce.reveal())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A" * 42,
        "A" * 44,
        "A" * 42 + "=",
        "A" * 42 + "\n",
        "A" * 43 + "\n",
        "A" * 42 + "B",
        "A" * 42 + "+",
        "é" * 43,
        "A" * 10_000,
    ],
)
def test_what_is_no_cookie_of_ours_derives_nothing(text: str) -> None:
    """Another length, alphabet or spelling is not a cookie's value."""
    assert not is_cookie(text)
    with pytest.raises(ValueError, match="not a cookie") as caught:
        derive(Secret(text), ID)
    assert text == "" or text not in str(caught.value)


@given(st.binary(min_size=32, max_size=32))
def test_every_cookie_is_one(random: bytes) -> None:
    """Any 32 bytes make a cookie that is read back as the same bytes."""
    value = encoded(random).reveal()
    assert is_cookie(value)
    assert urlsafe_b64decode(value + "=") == random


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_only_256_bits_make_a_cookie(length: int) -> None:
    """Fewer or more than 32 bytes are refused."""
    with pytest.raises(ValueError, match="32 bytes"):
        encoded(bytes(length))


@pytest.mark.parametrize("place", [0, 7, MAX_COOKIES - 1])
def test_the_cookie_of_the_transaction_is_found_among_others(place: int) -> None:
    """Wherever it stands among the first twenty, with odd ones beside it, it is found."""
    cookies = [cookie(number) for number in range(1, MAX_COOKIES)]
    cookies[3] = Secret("not ours")
    cookies.insert(place, COOKIE)
    assert matching_cookie(cookies, ID, derive(COOKIE, ID).state_bits) == derive(COOKIE, ID)


@pytest.mark.parametrize(
    "cookies, authorization_id, bits",
    [
        ([], ID, derive(COOKIE, ID).state_bits),
        ([cookie(1), Secret("")], ID, derive(COOKIE, ID).state_bits),
        ([COOKIE], "another", derive(COOKIE, ID).state_bits),
        ([COOKIE], ID, derive(COOKIE, ID).nonce),
        ([COOKIE], ID, Secret("")),
        ([cookie(number) for number in range(1, 21)] + [COOKIE], ID, derive(COOKIE, ID).state_bits),
    ],
    ids=["none", "foreign", "another transaction", "other bits", "no bits", "the twenty-first"],
)
def test_a_foreign_browser_finds_nothing(cookies: list[Secret], authorization_id: str, bits: Secret) -> None:
    """Without the cookie that the state was derived from, no cookie fits."""
    assert matching_cookie(cookies, authorization_id, bits) is None


def test_the_hash_is_sha_256() -> None:
    """A secret and its text have the same SHA-256."""
    assert hash_of("abc") == hash_of(Secret("abc")) == hashlib.sha256(b"abc").digest()


@given(st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True), st.binary(min_size=32, max_size=32))
def test_a_state_is_read_as_it_was_written(authorization_id: str, random: bytes) -> None:
    """Id and bits come back from a state and from a ticket."""
    bits = encoded(random)
    assert split_state(join_state(authorization_id, bits)) == (authorization_id, bits)
    assert split_ticket(join_ticket(authorization_id, bits)) == (authorization_id, bits)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        BITS.reveal(),
        f".{BITS.reveal()}",
        f"id {BITS.reveal()}",
        f"id.{BITS.reveal()}.",
        f"id.{BITS.reveal()}\n",
        f"id.{BITS.reveal()}=",
        f"id.{BITS.reveal()[:-1]}",
        f"id.{BITS.reveal()[:-1]}9",
        f"i/d.{BITS.reveal()}",
        f"ïd.{BITS.reveal()}",
        f"{'i' * 65}.{BITS.reveal()}",
        f"a.b.{BITS.reveal()}",
        "x" * 100_000,
    ],
)
def test_what_was_not_written_by_us_is_no_state(text: str) -> None:
    """Any other length, alphabet or form is read as nothing."""
    assert split_state(f"id.{BITS.reveal()}") is not None
    assert split_state(text) is None
    assert split_ticket(text) is None
