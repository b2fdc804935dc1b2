"""The door to keys in KMS: what is asked of them, and what an error means."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from joserfc import jwk, jws

from oauth_broker.doors.signing import SPECS, Signing
from oauth_broker.errors import SigningRefusedError, SigningUnavailableError
from oauth_broker.protocol.signing_keys import ALGORITHMS, public_jwk_of_kms, raw_signature
from tests.doubles.kms import MemoryKms, memory_signing

pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")


def test_every_algorithm_has_its_spec() -> None:
    """What a registration may name, KMS can sign."""
    assert SPECS.keys() == ALGORITHMS.keys()


@pytest.mark.parametrize("algorithm", SPECS)
@pytest.mark.parametrize("size", [300, 5000])
def test_others_accept_what_kms_signs(algorithm: str, size: int) -> None:
    """By the public half that KMS shows; what is longer than KMS takes is sent as its digest.

    Ed25519 has no digest to send: KMS says no to what is too long.
    """
    kms = MemoryKms()
    signing, key = memory_signing(kms), kms.make_key(SPECS[algorithm])
    signing_input = b"eyJhbGciOiI" + b"A" * size
    found = signing.public_key(key)
    assert algorithm in found.algorithms
    signature = raw_signature(signing.sign(key, algorithm, signing_input), algorithm)
    public = jwk.import_key(public_jwk_of_kms(found.der, algorithm))
    assert jws.JWSRegistry.algorithms[algorithm].verify(signing_input, signature, public)
    assert not jws.JWSRegistry.algorithms[algorithm].verify(signing_input + b"A", signature, public)
    [asked] = kms.signed
    is_digest = size > 4096 and "ED25519" not in SPECS[algorithm]
    assert asked["MessageType"] == ("DIGEST" if is_digest else "RAW")


class Refusing:
    """A KMS client that answers every call with one error code."""

    def __init__(self, code: str) -> None:
        self.code = code

    def __getattr__(self, operation: str) -> Any:
        def refuse(**_: Any) -> None:
            raise ClientError({"Error": {"Code": self.code, "Message": "of arn:aws:kms:…"}}, operation)

        return refuse


@pytest.mark.parametrize(
    "code, error",
    [
        ("AccessDeniedException", SigningRefusedError),
        ("DisabledException", SigningRefusedError),
        ("KMSInvalidStateException", SigningRefusedError),
        ("NotFoundException", SigningRefusedError),
        ("InvalidKeyUsageException", SigningRefusedError),
        ("DependencyTimeoutException", SigningUnavailableError),
        ("KeyUnavailableException", SigningUnavailableError),
        ("KMSInternalException", SigningUnavailableError),
        ("ThrottlingException", SigningUnavailableError),
    ],
)
def test_an_error_says_whether_another_try_is_worth_it(code: str, error: type[Exception]) -> None:
    """A key that was disabled stays so for who waits; a throttled one does not."""
    signing = Signing()
    signing._kms._made = Refusing(code)
    for ask in (lambda: signing.sign("arn", "ES256", b"x"), lambda: signing.public_key("arn")):
        with pytest.raises(error) as caught:
            ask()
        assert str(caught.value) == f"KMS refused: {code}"


def test_a_kms_that_does_not_answer_is_unavailable() -> None:
    """The error says so and no more."""
    kms = MemoryKms()
    kms.down = True
    with pytest.raises(SigningUnavailableError, match="KMS cannot be reached: ReadTimeoutError"):
        memory_signing(kms).resources_of("arn")


def test_a_keys_owner_names_its_resources() -> None:
    """In one tag, separated by spaces; without it there is none."""
    kms = MemoryKms()
    signing = memory_signing(kms)
    assert signing.resources_of(kms.make_key(owner="acme acme-2")) == {"acme", "acme-2"}
    assert signing.resources_of(kms.make_key(owner="")) == frozenset()
