"""`signing_keys` of a registration: what is wanted of each, and what PUT and PATCH keep."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from oauth_broker.protocol.signing_keys import made, problem_of, public_jwk, public_jwk_of_kms
from oauth_broker.registration.document import patched
from oauth_broker.registration.origins import destinations_of, unproved_origins
from oauth_broker.registration.signing_keys import WantedKey
from tests.unit.registration.samples import LEAST, as_shown, details_at, parsed, problems_of

PEM, OTHER, RSA = made("ES256"), made("ES256"), made("RS256")
THUMBPRINT = public_jwk(PEM, "ES256")["kid"]
ARN, OTHER_ARN = (f"arn:aws:kms:eu-central-1:123456789012:key/{number}" for number in (1, 2))
GIVEN = {"kid": "given", "alg": "ES256", "private_key": PEM.reveal()}
IN_KMS = {"kid": "kms", "alg": "RS256", "kms_key": ARN}
TOKEN = {"url": "https://acme.test/token", "auth_method": "private_key_jwt"}


def registration(*keys: dict[str, Any], **members: Any) -> dict[str, Any]:
    """The least registration that signs with these keys."""
    return {**LEAST, "token": TOKEN, "signing_keys": list(keys), **members}


STORED = parsed(registration(GIVEN, IN_KMS)).resource.document
KEPT = (WantedKey("given", "ES256"), WantedKey("kms", "RS256"))


def test_a_given_key_is_sealed_apart() -> None:
    """The document has id and algorithm; the key is with the secrets and shows itself nowhere."""
    registered = parsed(registration(GIVEN, IN_KMS))
    assert registered.secrets.signing_keys == (
        WantedKey("given", "ES256", private_key=PEM),
        WantedKey("kms", "RS256", kms_key=ARN),
    )
    hidden = {**GIVEN, "private_key": "***"}
    assert as_shown(registered.resource)["signing_keys"] == [hidden, IN_KMS]
    for text in (repr(registered), str(registered.resource.document)):
        assert PEM.reveal().splitlines()[1] not in text


def test_a_key_without_an_id_is_called_by_its_thumbprint() -> None:
    """RFC 7638; one that is still to be made, or to be asked for, has none yet."""
    keys: list[dict[str, Any]] = [
        {"alg": "ES256", "private_key": PEM.reveal()},
        {"alg": "ES256", "generate": True},
    ]
    first, second = parsed(registration(*keys)).secrets.signing_keys
    assert (first.kid, second.kid, second.generate) == (THUMBPRINT, None, True)


@pytest.mark.parametrize(
    "keys",
    [
        STORED["signing_keys"],
        [{"kid": "given", "alg": "ES256"}, {"kid": "kms", "alg": "RS256"}],
        [{"kid": "given", "alg": "ES256", "generate": True}, {"alg": "RS256", "kms_key": ARN}],
    ],
    ids=["as GET shows them", "by id alone", "as they were asked for"],
)
def test_a_key_that_is_not_given_again_is_kept(keys: list[dict[str, Any]]) -> None:
    """By its id, so that to save what was read, or to say the same twice, changes nothing."""
    again = parsed(registration(*keys), stored=STORED)
    assert again.secrets.signing_keys == KEPT
    assert again.resource.document == STORED


@pytest.mark.parametrize("given", [{}, {"name": "Other"}, {"client_secret": "x"}])
def test_what_does_not_name_the_keys_keeps_them(given: dict[str, Any]) -> None:
    """PUT without the member, and PATCH of others: what is write-only is not lost by being left out."""
    body = {**LEAST, "token": TOKEN, **given}
    assert parsed(body, stored=STORED).secrets.signing_keys == KEPT
    assert parsed(patched(STORED, given), stored=STORED).secrets.signing_keys == KEPT


def test_the_list_is_the_whole_of_it() -> None:
    """Order is who signs first; a key that is left out is gone; null and an empty list take all away."""
    new = {"kid": "new", "alg": "ES256", "private_key": OTHER.reveal()}
    turned = parsed(registration(new, {"kid": "given", "alg": "ES256"}), stored=STORED)
    assert [key.kid for key in turned.secrets.signing_keys] == ["new", "given"]
    assert [key["kid"] for key in turned.resource.document["signing_keys"]] == ["new", "given"]
    nothings: list[list[Any] | None] = [None, []]
    for nothing in nothings:
        gone = parsed({**LEAST, "signing_keys": nothing}, stored=STORED)
        assert gone.secrets.signing_keys == ()
        assert "signing_keys" not in gone.resource.document
    assert "is required" in details_at(
        "/signing_keys", patched(STORED, {"signing_keys": None}), stored=STORED
    )


def test_a_key_takes_the_place_of_another_of_its_id() -> None:
    """A given one, and another in KMS."""
    keys = [{**GIVEN, "private_key": OTHER.reveal()}, {**IN_KMS, "kms_key": OTHER_ARN}]
    assert parsed(registration(*keys), stored=STORED).secrets.signing_keys == (
        WantedKey("given", "ES256", private_key=OTHER),
        WantedKey("kms", "RS256", kms_key=OTHER_ARN),
    )


@pytest.mark.parametrize(
    "key, pointer, words",
    [
        ({**GIVEN, "alg": "ES384"}, "/private_key", "takes a key on P-384"),
        ({**GIVEN, "private_key": RSA.reveal()}, "/private_key", "for ES256"),
        ({**GIVEN, "private_key": PEM.reveal().replace("PRIVATE", "PUBLIC")}, "/private_key", "in PEM"),
        ({"kid": "given", "alg": "ES384"}, "/alg", "is ES256 for the key that is kept"),
        ({"kid": "given", "alg": "RS256", "private_key": "***"}, "/alg", "is ES256"),
        ({"kid": "kms", "alg": "PS256", "kms_key": ARN}, "/alg", "is RS256"),
        ({"kid": "kms", "alg": "RS256", "private_key": "***"}, "/private_key", "there is none"),
        ({"kid": "none", "alg": "ES256", "private_key": "***"}, "/private_key", "there is none"),
        ({"alg": "ES256", "private_key": "***"}, "/private_key", "there is none"),
        ({"kid": "none", "alg": "ES256"}, "", "needs private_key, kms_key or generate"),
    ],
)
def test_what_cannot_be_is_said_at_its_place(key: dict[str, Any], pointer: str, words: str) -> None:
    """When the resource is saved, and never with any of the key in it."""
    body = registration({"kid": "first", "alg": "ES256", "generate": True}, key)
    told = details_at(f"/signing_keys/1{pointer}", body, stored=STORED)
    assert words in told
    assert PEM.reveal().splitlines()[1] not in told


@pytest.mark.parametrize(
    "second", [{**GIVEN, "private_key": OTHER.reveal()}, {**IN_KMS, "kid": "given"}, {**GIVEN, "kid": "x"}]
)
def test_an_id_is_of_one_key(second: dict[str, Any]) -> None:
    """Also where it is a thumbprint."""
    first = {"alg": "ES256", "private_key": PEM.reveal(), "kid": "given"}
    if second["kid"] == "x":
        first, second = ({"alg": "ES256", "private_key": PEM.reveal()} for _ in range(2))
        second["kid"] = THUMBPRINT
    assert "kid of another key" in details_at("/signing_keys/1", registration(first, second))


def test_a_curve_without_a_name_is_refused() -> None:
    """It is no key of any algorithm of ours, and no fault of ours."""
    key = ec.generate_private_key(ec.BrainpoolP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    assert problem_of(pem, "ES256") == "ES256 takes a key on P-256, not on another curve"


@pytest.mark.parametrize("der", [b"", b"\x30\x00", b"no key"])
def test_what_kms_shows_must_be_a_key(der: bytes) -> None:
    """Whatever it shows, a key that cannot be published is none."""
    with pytest.raises(ValueError, match="is no key for ES256"):
        public_jwk_of_kms(der, "ES256")


ALLOWED = destinations_of(parsed(registration(GIVEN)).resource)
ELSEWHERE = {"url": "https://evil.test/token", "auth_method": "private_key_jwt"}


@pytest.mark.parametrize(
    "stored, keys, asked",
    [
        ([GIVEN], [{"kid": "given", "alg": "ES256"}], "signing key given"),
        ([GIVEN], [{"kid": "given", "alg": "ES256", "generate": True}], "signing key given"),
        ([GIVEN], [{"kid": "new", "alg": "ES256", "generate": True}, STORED["signing_keys"][0]], "given"),
        ([GIVEN], [GIVEN], ""),
        ([GIVEN], [{"kid": "new", "alg": "ES256", "generate": True}], ""),
        ([GIVEN, IN_KMS], [IN_KMS], ""),
    ],
    ids=["kept", "not made again", "kept for the overlap", "given again", "a new one", "in KMS"],
)
def test_a_new_origin_asks_for_the_private_keys_again(
    stored: list[dict[str, Any]], keys: list[dict[str, Any]], asked: str
) -> None:
    """Who can name an origin must know the key, or put another in its place; what signs in KMS proves itself.

    An assertion sent elsewhere with the provider's own audience would authenticate whoever got it.
    """
    document = parsed(registration(*stored)).resource.document
    moved = patched(document, {"token": ELSEWHERE, "signing_keys": keys})
    problems = unproved_origins(parsed(moved, stored=document), stored=document, allowed=ALLOWED)
    assert [problem.pointer for problem in problems] == (["/token/url"] if asked else [])
    assert all(asked in problem.detail for problem in problems)


@pytest.mark.parametrize(
    "audience, steps, refused",
    [
        (None, {}, False),
        ("https://acme.test/", {}, False),
        ("https://ACME.test:443", {}, False),
        ("https://login.acme.test/", {}, True),
        ("http://acme.test/", {}, True),
        ("acme", {}, True),
        ("https://acme.test/", {"revocation": {"url": "https://other.test/revoke"}}, True),
        ("https://acme.test/", {"refresh": {"url": "https://other.test/r", "auth_method": "none"}}, False),
        ("https://acme.test/", {"token": {**TOKEN, "url": "https://{{t}}.acme.test/token"}}, True),
    ],
)
def test_what_a_key_in_kms_signs_is_good_where_it_is_sent_alone(
    audience: str | None, steps: dict[str, Any], refused: bool
) -> None:
    """Nobody can be asked for such a key again, so its assertions may be for nobody else (RFC 7523, 3)."""
    members = {"client_assertion_audience": audience, **steps}
    if "{{t}}" in str(steps):
        members["connection_variables"] = {"t": {"hosts": ["*.acme.test"]}}
    if refused:
        told = details_at("/client_assertion_audience", registration(IN_KMS, **members))
        assert "must be of the origin of" in told
    else:
        assert parsed(registration(IN_KMS, **members)).resource.client_assertion_audience == audience
    assert parsed(registration(GIVEN, **members)).resource.client_assertion_audience == audience


@pytest.mark.parametrize("step", ["token", "refresh", "revocation"])
def test_a_signature_needs_its_key(step: str) -> None:
    """private_key_jwt needs a key of ours and no secret, client_secret_jwt the secret; in every step."""
    body = {**LEAST, step: {"url": "https://acme.test/x", "auth_method": "private_key_jwt"}}
    assert details_at("/signing_keys", body) == f"is required: /{step}/auth_method is private_key_jwt"
    assert [problem.pointer for problem in problems_of(body)] == ["/signing_keys"]
    parsed({**body, "signing_keys": [GIVEN]})
    body[step]["auth_method"] = "client_secret_jwt"
    assert "client_secret_jwt" in details_at("/client_secret", {**body, "signing_keys": [GIVEN]})
    parsed({**body, "client_secret": "not-a-real-secret"})


@pytest.mark.parametrize("step", ["token", "refresh", "revocation"])
def test_an_assertion_can_be_put_under_another_name(step: str) -> None:
    """Where the step, or the token step for it, makes one."""
    own = {"url": "https://acme.test/x", "params": {"jwt": "{{client_assertion}}"}}
    body = registration(GIVEN, **{step: {**own, "auth_method": "private_key_jwt"}})
    parsed(body)
    if step != "token":
        parsed(registration(GIVEN, **{step: own}))
    body[step] = {**own, "auth_method": "none"}
    assert "only where auth_method" in details_at(f"/{step}/params/jwt", body)
