"""What a token must have: the API's audience, and one of the scopes that open the route."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from local.routes import Authorization
from tests.integration.circle.broker import assert_problem
from tests.integration.jwt.callers import RIGHTS, JwtCaller, subject
from tests.integration.oidc.broker import OpenIdBroker, an_id

RESOURCE = "/v1/resources/{resource_id}"
CONNECTION = f"{RESOURCE}/connections/{{connection_id}}"
OPENED_BY: dict[str, set[str]] = {
    "GET /v1/providers": {"read", "admin"},
    "GET /v1/providers/{provider}": {"read", "admin"},
    "POST /v1/discovery": {"admin"},
    "POST /v1/preview": {"admin"},
    "GET /v1/callback-url": {"read", "admin"},
    "GET /v1/resources": {"read", "admin"},
    "POST /v1/resources": {"admin"},
    f"GET {RESOURCE}": {"read", "admin"},
    f"PUT {RESOURCE}": {"admin"},
    f"PATCH {RESOURCE}": {"admin"},
    f"DELETE {RESOURCE}": {"admin"},
    "POST /v1/rebind/{resource_id}": {"admin"},
    f"GET {RESOURCE}/connections": {"read", "admin"},
    f"POST {RESOURCE}/connections": {"write", "admin"},
    f"POST {RESOURCE}/imports": {"write", "admin"},
    f"GET {CONNECTION}": {"read", "admin"},
    f"DELETE {CONNECTION}": {"write", "admin"},
    f"POST {CONNECTION}/confirm": {"write", "admin"},
    f"POST {CONNECTION}/reauthorize": {"write", "admin"},
    f"POST {CONNECTION}/refresh": {"write", "admin"},
    "GET /v1/tokens/{resource_id}/{connection_id}": {"token", "admin"},
}
"""The routes that take a JWT; each also stands under /v1 for IAM callers."""


@pytest.fixture(scope="package")
def callers(broker: OpenIdBroker) -> dict[str, JwtCaller]:
    """One caller for each scope, with that scope alone."""
    return {scope: subject(broker, scope) for scope in (*RIGHTS, "admin")}


def test_no_route_is_left_out(broker: OpenIdBroker) -> None:
    """The table has every route of the template that takes a JWT; each stands under /v1 for IAM too."""
    found = {
        kind: {route.key for route in broker.stack.routes if route.authorization is kind}
        for kind in Authorization
    }
    assert found[Authorization.JWT] == {key.replace(" /", " /jwt/") for key in OPENED_BY}
    assert found[Authorization.IAM] == set(OPENED_BY)


@pytest.mark.parametrize("key", OPENED_BY)
def test_scopes_decide(callers: dict[str, JwtCaller], key: str) -> None:
    """403 without one of the route's scopes, before any function runs; with one, the function answers.

    Fails when a route of the template names another scope, or none.
    """
    method, template = key.split(" ")
    path = template.format(resource_id=an_id(), connection_id="nobodys", provider="google")
    body: dict[str, str] | None = {} if method in {"POST", "PUT", "PATCH"} else None
    answers = {scope: caller.call(method, path, body) for scope, caller in callers.items()}
    refused = {scope for scope, answer in answers.items() if answer.status_code == 403}
    assert refused == set(answers) - OPENED_BY[key]
    assert all(answers[scope].json() == {"message": "Forbidden"} for scope in refused)
    assert {answers[scope].status_code for scope in OPENED_BY[key]} <= {200, 404, 422}


def no_token(_: OpenIdBroker) -> str:
    """Nothing after the scheme."""
    return ""


def for_another_api(broker: OpenIdBroker) -> str:
    """A token of the same issuer, with the right scope, for another audience."""
    return subject(broker, "read", audience="urn:oauth-broker:another").access_token


def with_more_rights_than_signed(broker: OpenIdBroker) -> str:
    """A token whose scope was changed after it was signed."""
    header, payload, signature = subject(broker, "token").access_token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    changed = json.dumps(claims | {"scope": "broker/read broker/admin"}).encode()
    return ".".join((header, base64.urlsafe_b64encode(changed).decode().rstrip("="), signature))


def unsigned(broker: OpenIdBroker) -> str:
    """A token with `alg` none (RFC 8725 section 2.1)."""
    payload = subject(broker, "read").access_token.split(".")[1]
    header = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt","kid":"signing"}').decode().rstrip("=")
    return f"{header}.{payload}."


def opaque(broker: OpenIdBroker) -> str:
    """A token of the same issuer for no resource, which is no JWT."""
    answer = broker.openid.register().post("/token", grant_type="client_credentials")
    return str(answer.json()["access_token"])


@pytest.mark.parametrize("bad", [no_token, for_another_api, with_more_rights_than_signed, unsigned, opaque])
def test_a_bad_token_is_a_401(broker: OpenIdBroker, bad: Callable[[OpenIdBroker], str]) -> None:
    """API Gateway's own answer, where a good token reads. Fails when the authorizer leaves its check out."""
    good = subject(broker, "read")
    assert good.call("GET", "/v1/resources").status_code == 200
    answer = replace(good, access_token=bad(broker)).call("GET", "/v1/resources")
    assert (answer.status_code, answer.json()) == (401, {"message": "Unauthorized"})


@pytest.mark.parametrize("method, change", [("PUT", None), ("PATCH", {"name": "Mine"}), ("DELETE", None)])
def test_only_an_admin_changes_a_resource(
    resource_id: str, ada: JwtCaller, admin: JwtCaller, method: str, change: dict[str, str] | None
) -> None:
    """All scopes but `admin` are not enough, and the resource stays as it is; an admin may.

    Fails when one of these routes names another scope beside `admin`.
    """
    place = f"/v1/resources/{resource_id}"
    before = ada.call("GET", place)
    shown = before.json()
    given = {name: shown[name] for name in ("name", "client_id", "authorization", "token", "scopes")}
    body = None if method == "DELETE" else change or given | {"resource_id": resource_id, "name": "Mine"}
    assert ada.call(method, place, body).status_code == 403
    assert ada.call("GET", place).headers["ETag"] == before.headers["ETag"]
    changed = admin.call(method, place, body)
    assert changed.ok, changed.text
    after = ada.call("GET", place)
    if method == "DELETE":
        assert_problem(after, 404, "not-found")
    else:
        assert after.json()["name"] == "Mine"
