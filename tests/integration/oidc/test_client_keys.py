"""The broker authenticates by keys at a provider that checks each assertion (RFC 7523)."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc.jwk import JWKRegistry

from tests.contract.answers import check
from tests.integration.circle.broker import assert_problem, eventually
from tests.integration.oidc.broker import SCOPES, OpenIdBroker, PersonsBrowser, an_id
from tests.servers.openid_provider import ACCESS_TOKEN_LIFETIME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.servers.openid_provider import Client

MADE = {"kid": "made", "alg": "ES256", "generate": True}


def given(kid: str, algorithm: str = "RS256") -> tuple[dict[str, Any], Mapping[str, Any]]:
    """A key pair of the client's own making: as the broker is given it, and what the provider is told."""
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public: Mapping[str, Any] = JWKRegistry.import_key(pem, "RSA").as_dict(private=False)
    return {"kid": kid, "alg": algorithm, "private_key": pem}, {**public, "kid": kid, "use": "sig"}


def in_kms(broker: OpenIdBroker, resource_id: str, spec: str, algorithm: str) -> dict[str, Any]:
    """A key that KMS made and keeps, which its owner lets the resource sign with."""
    tags = [{"TagKey": "oauth-broker-resource", "TagValue": resource_id}]
    kms = broker.stack.client("kms")
    made = kms.create_key(KeyUsage="SIGN_VERIFY", KeySpec=spec, Tags=tags)
    return {"kid": "kms", "alg": algorithm, "kms_key": made["KeyMetadata"]["Arn"]}


def published(broker: OpenIdBroker, resource_id: str) -> requests.Response:
    """What anybody is told of a resource's keys, without a right; it is as it is described."""
    path = f"/oauth/{resource_id}/jwks.json"
    response = requests.get(broker.stack.url + path, timeout=30)
    check("GET", path, response)
    return response


def registered(
    broker: OpenIdBroker, resource_id: str, algorithm: str, jwks: list[Mapping[str, Any]] | None = None
) -> Client:
    """A client that authenticates by a key: of these, or by default of those that the broker publishes."""
    keys: dict[str, Any] = {"jwks_uri": f"{broker.stack.url}/oauth/{resource_id}/jwks.json"}
    if jwks is not None:
        keys = {"jwks": {"keys": jwks}}
    return broker.client(
        resource_id,
        token_endpoint_auth_method="private_key_jwt",
        token_endpoint_auth_signing_alg=algorithm,
        **keys,
    )


def at(broker: OpenIdBroker, client: Client, resource_id: str, *keys: Mapping[str, Any]) -> None:
    """The resource of a client, with its signing keys."""
    assert broker.at(client, resource_id, signing_keys=list(keys)) == resource_id


def refreshed(broker: OpenIdBroker, resource_id: str, connection_id: str) -> None:
    """A refresh now, whose token works."""
    path = f"/v1/resources/{resource_id}/connections/{connection_id}/refresh"
    answer = broker.call("POST", path)
    assert (answer.status_code, answer.json()["status"]) == (200, "active"), answer.text
    token = broker.token(resource_id, connection_id).json()["access_token"]
    assert broker.openid.userinfo(token).status_code == 200


@pytest.mark.parametrize(
    "kind, algorithm",
    [
        ("given", "RS256"),
        ("given", "PS256"),
        ("made", "ES256"),
        ("RSA_2048", "RS256"),
        ("ECC_NIST_P256", "ES256"),
    ],
)
def test_the_circle(broker: OpenIdBroker, kind: str, algorithm: str) -> None:
    """Connect, refresh, be refreshed, revoke: signed with a sealed key, one that was made, or one in KMS.

    The provider knows a given key from its registration, the others by asking for `jwks.json`. Fails with the
    token endpoint's neighbour as audience, and with ECDSA's signature as KMS gives it.
    """
    resource_id = an_id()
    key, public = given("given", algorithm)
    if kind == "given":
        client = registered(broker, resource_id, algorithm, [public])
    else:
        client = registered(broker, resource_id, algorithm)
        key = dict(MADE) if kind == "made" else in_kms(broker, resource_id, kind, algorithm)
    at(broker, client, resource_id, key)
    [shown] = published(broker, resource_id).json()["keys"]
    assert (shown["kid"], shown["alg"], shown["use"]) == (key["kid"], algorithm, "sig")
    assert not shown.keys() & {"d", "p", "q", "dp", "dq", "qi"}
    connection_id = broker.connect(resource_id)
    refreshed(broker, resource_id, connection_id)

    def renewed() -> bool:
        return bool(broker.connection(resource_id, connection_id)["generation"] >= 3)

    assert eventually(renewed, 4 * ACCESS_TOKEN_LIFETIME)
    calls = client.calls("authorization_code") + client.calls("refresh_token")
    assert {(one["auth_method"], one["kid"], one["error"]) for one in calls} == {
        ("private_key_jwt", key["kid"], None)
    }
    assert client.revocations() == []
    path = f"/v1/resources/{resource_id}/connections/{connection_id}"
    assert broker.call("DELETE", path).status_code == 204
    assert eventually(client.revocations)
    assert [one["by"] for one in client.revocations()] == ["revocation"]


def test_an_issuer_and_a_key_are_enough(broker: OpenIdBroker) -> None:
    """No secret, no URL, no method: metadata says the rest. What a preview shows needs no signature.

    Fails when a client without a secret counts as one that cannot authenticate.
    """
    resource_id = an_id()
    client = registered(broker, resource_id, "ES256")
    body = {
        "resource_id": resource_id,
        "name": "OpenID provider",
        "issuer": broker.provider,
        "client_id": client.client_id,
        "signing_keys": [MADE],
        "authorization": {"params": {"prompt": "consent"}},
        "scopes": SCOPES,
    }
    preview = broker.call("POST", "/v1/preview", body)
    assert preview.status_code == 200, preview.text
    assert preview.json()["token"]["url"] == f"{broker.provider}/token"
    assert preview.json()["refresh"]["body"].endswith("&client_assertion=***")
    assert_problem(broker.call("GET", f"/v1/resources/{resource_id}"), 404, "not-found")
    made = broker.call("POST", "/v1/resources", body)
    assert made.status_code == 201, made.text
    assert made.json()["token"]["auth_method"] == "private_key_jwt"
    refreshed(broker, resource_id, broker.connect(resource_id))
    calls = client.calls("authorization_code") + client.calls("refresh_token")
    assert {(one["auth_method"], one["error"]) for one in calls} == {("private_key_jwt", None)}


def test_the_client_secret_can_sign(broker: OpenIdBroker) -> None:
    """client_secret_jwt: the secret itself is never sent."""
    resource_id = an_id()
    client = broker.client(resource_id, token_endpoint_auth_method="client_secret_jwt")
    broker.at(client, resource_id)
    refreshed(broker, resource_id, broker.connect(resource_id))
    calls = client.calls("authorization_code") + client.calls("refresh_token")
    assert {(one["auth_method"], one["error"]) for one in calls} == {("client_secret_jwt", None)}
    assert_problem(published(broker, resource_id), 404, "not-found")


def test_a_key_is_turned_over_while_the_connection_goes_on(broker: OpenIdBroker) -> None:
    """A new key stands behind, then in front, then alone; the provider never refuses.

    It keeps what it read of `jwks.json` for as long as that says, so a new key is published before it signs.
    Fails when a key in front is the only one that is published.
    """
    resource_id = an_id()
    client = registered(broker, resource_id, "ES256")
    at(broker, client, resource_id, MADE)
    path = f"/v1/resources/{resource_id}"
    old, new = {"kid": "made", "alg": "ES256"}, {"kid": "next", "alg": "ES256"}
    connection_id = ""
    turns: list[list[dict[str, Any]]] = [[old, {**new, "generate": True}], [new, old], [new]]
    for keys in turns:
        answer = broker.call("PATCH", path, {"signing_keys": keys})
        assert answer.status_code == 200, answer.text
        names = [key["kid"] for key in keys]
        assert [key["kid"] for key in answer.json()["signing_keys"]] == names
        assert [key["kid"] for key in published(broker, resource_id).json()["keys"]] == names
        connection_id = connection_id or broker.connect(resource_id)
        for pid in broker.stack.function_pids("AccessFunction"):
            os.kill(pid, signal.SIGKILL)  # it would hold the resource, and the old order, for a minute
        refreshed(broker, resource_id, connection_id)
        calls = client.calls("refresh_token")
        assert names[0] in {call["kid"] for call in calls}
        assert {call["error"] for call in calls} == {None}


def test_a_key_that_the_provider_does_not_know_is_refused(broker: OpenIdBroker) -> None:
    """A control of the circle: the provider checks what was signed."""
    resource_id = an_id()
    key, _ = given("given")
    _, public = given("given")
    client = registered(broker, resource_id, "RS256", [public])
    at(broker, client, resource_id, key)
    shown = broker.ask(resource_id, connection_id="ada", return_url=broker.landing, user="ada")
    PersonsBrowser().connect(shown["start_url"])
    assert broker.connection(resource_id, "ada")["last_error"]["error"] == "invalid_client"


def test_anothers_key_in_kms_is_refused(broker: OpenIdBroker) -> None:
    """Its owner tagged it for another resource: 422, nothing stored, nothing published."""
    resource_id = an_id()
    client = registered(broker, resource_id, "ES256")
    members = {
        "resource_id": resource_id,
        "name": "Not mine",
        "client_id": client.client_id,
        "authorization": {"url": f"{broker.provider}/auth"},
        "token": {"url": f"{broker.provider}/token", "auth_method": "private_key_jwt"},
        "signing_keys": [in_kms(broker, "another", "ECC_NIST_P256", "ES256")],
    }
    answer = broker.call("POST", "/v1/resources", members)
    assert_problem(answer, 422, "invalid", "/signing_keys/0/kms_key")
    assert_problem(published(broker, resource_id), 404, "not-found")
