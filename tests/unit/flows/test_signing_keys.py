"""Keys that sign for the client: made, sealed, published, turned over, and used in each request."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import pytest
from joserfc import jwk, jws

from oauth_broker.errors import InvalidError, SigningUnavailableError
from oauth_broker.flows.disconnect import disconnect
from oauth_broker.flows.manage_resources import patch_resource, rebind, replace_resource, show_resource
from oauth_broker.flows.read_token import refresh_now
from oauth_broker.flows.resource_secrets import unpacked_secrets
from oauth_broker.protocol.client_assertion import ASSERTION_TYPE
from oauth_broker.protocol.http import HttpRequest
from oauth_broker.protocol.signing_keys import made, public_jwk_of_kms
from oauth_broker.schedule import FAILING_AFTER
from tests.doubles.broker import ACME, ADDRESSES, ADMIN, BASE, Broker, plenty
from tests.doubles.kms import MemoryKms
from tests.doubles.provider import answered, granted

PEM, OTHER = made("ES256"), made("ES256")
GIVEN = {"kid": "given", "alg": "ES256", "private_key": PEM.reveal()}
MADE = {"kid": "made", "alg": "ES256", "generate": True}
TOKEN = {"url": "https://acme.example/token", "auth_method": "private_key_jwt"}
PEM_LINES = [line for line in PEM.reveal().splitlines() if "-" not in line]


@pytest.fixture
def broker() -> Broker:
    """A broker without a resource."""
    return Broker()


def register(broker: Broker, *keys: dict[str, Any], **members: Any) -> None:
    """Register Acme with signing keys and without a secret."""
    broker.register(**{"client_secret": None, "token": TOKEN, "signing_keys": list(keys), **members})


def patch(broker: Broker, **body: Any) -> dict[str, Any]:
    """Patch Acme; what it then reads."""
    return patch_resource(broker.kit, ADDRESSES, "acme", body, if_match=None, loopback=False).body


def published(broker: Broker) -> list[dict[str, Any]]:
    """What `jwks.json` shows of Acme."""
    row = broker.kit.store.resources.load(resource_id="acme").resource
    assert row is not None
    return [dict(key) for key in row.public_keys]


def fields_of(request: HttpRequest) -> dict[str, str]:
    """The form of a request."""
    return {name: values[0] for name, values in parse_qs((request.body or b"").decode()).items()}


def signer_of(broker: Broker, request: HttpRequest) -> str:
    """Who signed a request: a published key whose signature holds, and that is for where it was sent."""
    fields = fields_of(request)
    assert fields["client_assertion_type"] == ASSERTION_TYPE
    assert "client_secret" not in fields
    assert "Authorization" not in request.headers
    header = json.loads(urlsafe_b64decode(fields["client_assertion"].partition(".")[0] + "=="))
    [key] = [key for key in published(broker) if key["kid"] == header["kid"]]
    checked = jws.deserialize_compact(
        fields["client_assertion"], jwk.import_key(key), algorithms=[header["alg"]]
    )
    claims = json.loads(checked.payload)
    assert (claims["iss"], claims["sub"]) == ("client-1", "client-1")
    assert claims["aud"] == request.url
    return str(header["kid"])


KEYS: dict[str, Callable[[MemoryKms], dict[str, Any]]] = {
    "given": lambda _: GIVEN,
    "made": lambda _: MADE,
    "in KMS": lambda kms: in_kms(kms.make_key()),
}


def in_kms(arn: str, kid: str = "kms", algorithm: str = "ES256") -> dict[str, str]:
    """A key of KMS's."""
    return {"kid": kid, "alg": algorithm, "kms_key": arn}


@pytest.mark.parametrize("key", KEYS)
def test_every_request_is_signed(broker: Broker, key: str) -> None:
    """The exchange, the refresh and the revocation, each with an assertion of its own."""
    asked = KEYS[key](broker.kms)
    register(broker, asked)
    broker.connect()
    broker.scripted.will(granted("access-2"), answered(200), answered(200))
    refresh_now(broker.kit, ADMIN, "acme", "c1", remaining=plenty)
    disconnect(broker.kit, broker.connection())
    broker.work()
    requests = broker.scripted.requests
    assert [request.url.rpartition("/")[2] for request in requests] == ["token", "token", "revoke", "revoke"]
    assert {signer_of(broker, request) for request in requests} == {asked["kid"]}
    assert len({fields_of(request)["client_assertion"] for request in requests}) == len(requests)
    assert broker.kms.calls["sign"] == (4 if key == "in KMS" else 0)


def test_a_key_that_is_made_stays(broker: Broker) -> None:
    """What GET shows can be put back, and the same registration again, and no other key is made."""
    register(broker, MADE)
    shown = show_resource(broker.kit, BASE, "acme").body
    assert shown["signing_keys"] == [{"kid": "made", "alg": "ES256", "private_key": "***"}]
    before = published(broker)
    again = {**ACME, "client_secret": None, "token": TOKEN, "signing_keys": [MADE]}
    for body in (shown, again):
        after = replace_resource(broker.kit, ADDRESSES, "acme", body, if_match=None, loopback=False).body
        assert after["signing_keys"] == shown["signing_keys"]
        assert published(broker) == before
    rebind(broker.kit, BASE, "acme", if_match=None)
    assert published(broker) == before
    broker.connect()
    assert signer_of(broker, broker.scripted.requests[0]) == "made"


def test_a_key_without_an_id_gets_its_thumbprint(broker: Broker) -> None:
    """Made, given or in KMS (RFC 7638)."""
    arn = broker.kms.make_key("RSASSA_PSS_SHA_256")
    named: list[dict[str, Any]] = [MADE, GIVEN, in_kms(arn, algorithm="PS256")]
    register(broker, *({name: key[name] for name in key if name != "kid"} for key in named))
    shown = [key["kid"] for key in show_resource(broker.kit, BASE, "acme").body["signing_keys"]]
    assert shown == [jwk.import_key(key).thumbprint() for key in published(broker)]
    assert [key["alg"] for key in published(broker)] == ["ES256", "ES256", "PS256"]


def test_one_key_in_kms_is_not_listed_twice(broker: Broker) -> None:
    """By its thumbprint it has one id."""
    same = {"alg": "ES256", "kms_key": broker.kms.make_key()}
    with pytest.raises(InvalidError, match="kid of another key"):
        register(broker, {**same, "kid": jwk_kid(broker, same["kms_key"])}, same)


def jwk_kid(broker: Broker, arn: str) -> str:
    """The thumbprint of a key in KMS."""
    return str(public_jwk_of_kms(broker.kit.signing.public_key(arn).der, "ES256")["kid"])


def test_a_key_is_turned_over_with_an_overlap(broker: Broker) -> None:
    """The new one is published before it signs, the old one after; the connection goes on through all of it.

    Another process signs with the new key within the minute for which it holds the resource.
    """
    register(broker, GIVEN)
    broker.connect()
    elsewhere = broker.process()
    broker.scripted.will(*[granted(f"access-{number}") for number in range(2, 7)])
    refresh_now(elsewhere, ADMIN, "acme", "c1", remaining=plenty)
    kept = {"kid": "given", "alg": "ES256"}
    for keys, here, there in (
        ([kept, MADE], "given", "given"),
        ([{"kid": "made", "alg": "ES256"}, kept], "made", "given"),
    ):
        patch(broker, signing_keys=keys)
        assert {key["kid"] for key in published(broker)} == {"given", "made"}
        for kit, signs in ((broker.kit, here), (elsewhere, there)):
            shown = refresh_now(kit, ADMIN, "acme", "c1", remaining=plenty)
            assert shown["status"] == "active"
            assert signer_of(broker, broker.scripted.requests[-1]) == signs
    broker.machine.time += 60
    patch(broker, signing_keys=[{"kid": "made", "alg": "ES256"}])
    broker.scripted.will(granted("access-7"))
    assert refresh_now(elsewhere, ADMIN, "acme", "c1", remaining=plenty)["status"] == "active"
    assert signer_of(broker, broker.scripted.requests[-1]) == "made"
    assert [key["kid"] for key in published(broker)] == ["made"]


def test_a_client_secret_is_turned_over_without_breaking_a_connection(broker: Broker) -> None:
    """It is no new destination; another process sends it within the minute it holds the resource."""
    broker.register(token={**TOKEN, "auth_method": "client_secret_post"})
    broker.connect()
    elsewhere = broker.process()
    broker.scripted.will(*[granted(f"access-{number}") for number in range(2, 6)])
    refresh_now(elsewhere, ADMIN, "acme", "c1", remaining=plenty)
    destinations_id = broker.kit.shelf.resource("acme").row.destinations_id
    patch(broker, client_secret="client-secret-2")
    assert broker.kit.shelf.resource("acme").row.destinations_id == destinations_id
    assert broker.status() == "active"

    def sent_by(kit: Any) -> str:
        refresh_now(kit, ADMIN, "acme", "c1", remaining=plenty)
        return fields_of(broker.scripted.requests[-1])["client_secret"]

    assert sent_by(broker.kit) == "client-secret-2"
    assert sent_by(elsewhere) == "client-secret-1"
    broker.machine.time += 60
    assert sent_by(elsewhere) == "client-secret-2"


def test_no_private_key_lies_open(broker: Broker) -> None:
    """Not in the table, not in what is shown; the public half is found, so what is searched is searched."""
    register(broker, GIVEN, MADE)
    kept = broker.kit.shelf.sealed_secrets(broker.kit.shelf.resource("acme").row).signing_keys
    assert [key.kid for key in kept] == ["given", "made"]
    everything = str(broker.dynamodb.items) + str(show_resource(broker.kit, BASE, "acme")) + repr(kept)
    for key in kept:
        assert key.private_key is not None
        lines = [line for line in key.private_key.reveal().splitlines() if "-" not in line]
        assert not [line for line in lines if line in everything]
    assert PEM_LINES[0] in PEM.reveal()
    assert published(broker)[0]["x"] in everything


@pytest.mark.parametrize(
    "key, words",
    [
        (in_kms("arn:aws:kms:eu-central-1:123456789012:key/none"), "KMS refused: NotFoundException"),
        (("ECDSA_SHA_256", "other", "ES256"), "oauth-broker-resource=acme"),
        (("ECDSA_SHA_256", "acm acme-2", "ES256"), "oauth-broker-resource=acme"),
        (("ECDSA_SHA_384", "acme", "ES256"), "no key in KMS that signs ES256"),
        (("RSASSA_PKCS1_V1_5_SHA_256", "acme", "PS256"), "no key in KMS that signs PS256"),
    ],
)
def test_a_key_in_kms_must_be_this_resources_and_fit(
    broker: Broker, key: dict[str, str] | tuple[str, str, str], words: str
) -> None:
    """Who may change one resource cannot sign for another: the key's owner says whose it is.

    Nothing is stored.
    """
    if isinstance(key, tuple):
        spec, owner, algorithm = key
        key = in_kms(broker.kms.make_key(spec, owner=owner), algorithm=algorithm)
    with pytest.raises(InvalidError) as caught:
        register(broker, GIVEN, key)
    [problem] = caught.value.problems
    assert problem.pointer == "/signing_keys/1/kms_key"
    assert words in problem.detail
    assert ("R", "acme") not in broker.dynamodb.items


def test_a_key_in_kms_is_looked_up_once(broker: Broker) -> None:
    """A change of anything else asks KMS nothing about it; while KMS is away it can be made."""
    register(broker, in_kms(broker.kms.make_key()))
    before = broker.kms.calls.copy()
    patch(broker, name="Other")
    assert broker.kms.calls == before
    broker.kms.down = True
    with pytest.raises(SigningUnavailableError):
        patch(broker, signing_keys=[in_kms(broker.kms.make_key(), kid="second")])
    assert [key["kid"] for key in published(broker)] == ["kms"]


@pytest.mark.parametrize(
    "refusal, category, counted",
    [("ThrottlingException", "signing_unavailable", 0), ("DisabledException", "signing_refused", 1)],
)
def test_without_a_signature_nothing_is_sent(
    broker: Broker, refusal: str, category: str, counted: int
) -> None:
    """The connection shows why and is tried again; where KMS said no it is told as failing, as any other."""
    register(broker, in_kms(broker.kms.make_key()))
    broker.connect()
    broker.kms.refusal = refusal
    for _ in range(FAILING_AFTER):
        due = broker.connection().refresh_at
        assert due is not None
        broker.machine.time = due
        broker.work()
    broker.work()  # what is to be told
    after = broker.connection()
    assert after.last_error is not None
    assert (str(after.status), after.last_error.category) == ("active", category)
    assert len(broker.scripted.requests) == 1
    assert broker.announcements.names.count("connection refresh failing") == counted
    broker.kms.refusal = ""
    broker.scripted.will(granted("access-2"))
    due = broker.connection().refresh_at
    assert due is not None
    broker.machine.time = due
    broker.work()
    assert broker.connection().generation == 2


def test_a_consent_without_a_signature_fails(broker: Broker) -> None:
    """The code was not sent, so the person may start again."""
    register(broker, in_kms(broker.kms.make_key()))
    ticket = broker.ask()
    broker.kms.refusal = "KMSInternalException"
    broker.consent(ticket)
    found = broker.connection()
    assert found.last_error is not None
    assert (str(found.status), found.last_error.category) == ("pending", "signing_unavailable")
    assert broker.scripted.requests == []


def test_a_revocation_without_a_signature_is_made_later(broker: Broker) -> None:
    """The job waits for KMS as it does for a provider."""
    register(broker, in_kms(broker.kms.make_key()))
    broker.connect()
    broker.kms.refusal = "KMSInternalException"
    disconnect(broker.kit, broker.connection())
    broker.work()
    told = broker.announcements.events[-1][1]
    assert (told["revocation"], told["category"]) == ("retrying", "signing_unavailable")
    assert len(broker.scripted.requests) == 1


def test_what_the_row_says_signs_nothing(broker: Broker) -> None:
    """Somebody wrote another key in KMS into the row: what was sealed signs."""
    arn, other = broker.kms.make_key(), broker.kms.make_key()
    register(broker, in_kms(arn))
    item = broker.dynamodb.items["R", "acme"]
    item["doc"] = {"S": item["doc"]["S"].replace(arn, other)}
    broker.kit.shelf.drop("acme")
    broker.connect()
    assert {asked["KeyId"] for asked in broker.kms.signed} == {arn}


def test_secrets_sealed_before_there_were_keys_open(broker: Broker) -> None:
    """A resource from before is read as one without keys."""
    old: dict[str, Any] = {"client_secret": None, "variables": {}, "origins": [], "carried": [], "former": []}
    assert unpacked_secrets(json.dumps(old).encode()).signing_keys == ()
    broker.register()
    assert published(broker) == []
