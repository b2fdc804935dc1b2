"""/token and its dialects: what each grant brings, and what ends it."""

from __future__ import annotations

import base64
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.demo_provider.visitor import BASIC, REDIRECT_URI, VERIFIER, Visitor

if TYPE_CHECKING:
    import requests

KEEPS = ("demo-keeps", "demo-secret")
GET = ("demo-get", "demo-secret")
OWN = ("grant_type", "client_credentials")


def error(response: requests.Response) -> tuple[int, str]:
    """Status and error code of an RFC 6749 section 5.2 answer."""
    assert response.headers["Content-Type"] == "application/json"
    return response.status_code, response.json()["error"]


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({"code_verifier": VERIFIER[:-1] + "x"}, "invalid_grant"),
        ({"code_verifier": ""}, "invalid_request"),
        ({"code_verifier": "short"}, "invalid_request"),
        ({"redirect_uri": f"{REDIRECT_URI}/"}, "invalid_grant"),
        ({"redirect_uri": ""}, "invalid_grant"),
        ({"code": "nonsense"}, "invalid_grant"),
        ({"code": ""}, "invalid_request"),
        ({"auth": KEEPS}, "invalid_grant"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
def test_an_exchange_that_differs(visitor: Visitor, changes: dict[str, Any], expected: str) -> None:
    """The exchange must bring what the authorization was bound to; the right one still works afterwards."""
    code = visitor.code()
    assert error(visitor.exchange(code, **changes)) == (400, expected)
    assert visitor.exchange(code).status_code == 200


def test_a_code_works_once(visitor: Visitor) -> None:
    """RFC 6749 section 4.1.2: a second use is refused and revokes what the first gave."""
    code = visitor.code()
    tokens = visitor.exchange(code).json()
    assert visitor.me(tokens["access_token"]).status_code == 200
    assert error(visitor.exchange(code)) == (400, "invalid_grant")
    assert visitor.me(tokens["access_token"]).status_code == 401
    assert error(visitor.refresh(tokens["refresh_token"])) == (400, "invalid_grant")
    assert [family["ended"] for family in visitor.families()] == ["authorization_code_reused"]


def test_parallel_exchanges(visitor: Visitor) -> None:
    """Of many exchanges of one code at once exactly one brings tokens."""
    code = visitor.code()
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: Visitor(visitor.url).exchange(code), range(16)))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 15


def test_rotation(visitor: Visitor) -> None:
    """Each refresh brings a new access token and a new refresh token for the same account and scope."""
    first = visitor.connect()
    second = visitor.refresh(first["refresh_token"]).json()
    third = visitor.refresh(second["refresh_token"]).json()
    for name in ("access_token", "refresh_token"):
        assert len({first[name], second[name], third[name]}) == 3
    assert (third["account"], third["scope"]) == ("ada", first["scope"])
    assert visitor.me(third["access_token"]).json()["account"] == "ada"
    [family] = visitor.families()
    assert [token["refreshes"] for token in family["generations"]] == [1, 1, 0]


def test_reuse_ends_the_family(visitor: Visitor) -> None:
    """RFC 9700 section 4.14.2: a rotated refresh token seen again ends all that came of the consent."""
    other = visitor.connect()
    first = visitor.connect()
    second = visitor.refresh(first["refresh_token"]).json()
    assert visitor.me(second["access_token"]).status_code == 200
    assert error(visitor.refresh(first["refresh_token"])) == (400, "invalid_grant")
    assert error(visitor.refresh(second["refresh_token"])) == (400, "invalid_grant")
    assert [visitor.me(tokens["access_token"]).status_code for tokens in (first, second)] == [401, 401]
    assert [family["ended"] for family in visitor.families()] == [None, "refresh_token_reused"]
    assert visitor.refresh(other["refresh_token"]).status_code == 200


def test_grace_period(visitor: Visitor) -> None:
    """Within the grace a rotated token brings its successor again, until that was used itself."""
    assert visitor.call("PATCH", "/control/rules", json={"grace_period": 60}).status_code == 200
    first = visitor.connect()
    second = visitor.refresh(first["refresh_token"]).json()
    again = visitor.refresh(first["refresh_token"]).json()
    assert again["refresh_token"] == second["refresh_token"]
    assert again["access_token"] != second["access_token"]
    third = visitor.refresh(second["refresh_token"]).json()
    assert visitor.me(third["access_token"]).status_code == 200
    assert error(visitor.refresh(first["refresh_token"])) == (400, "invalid_grant")
    assert visitor.me(third["access_token"]).status_code == 401


def test_the_grace_period_ends(visitor: Visitor) -> None:
    """After the grace a rotated token is a reused one."""
    visitor.call("PATCH", "/control/rules", json={"grace_period": 0.2})
    first = visitor.connect()
    visitor.refresh(first["refresh_token"])
    time.sleep(0.4)
    assert error(visitor.refresh(first["refresh_token"])) == (400, "invalid_grant")
    assert [family["ended"] for family in visitor.families()] == ["refresh_token_reused"]


@pytest.mark.parametrize("grace_period, winners", [(0, 1), (60, 16)])
def test_parallel_refreshes(visitor: Visitor, grace_period: int, winners: int) -> None:
    """Of many at once exactly one wins, and the others end the family; in the grace all get one successor."""
    visitor.call("PATCH", "/control/rules", json={"grace_period": grace_period})
    token = visitor.connect()["refresh_token"]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: Visitor(visitor.url).refresh(token), range(16)))
    won = [answer.json() for answer in answers if answer.status_code == 200]
    assert len(won) == winners
    assert len({tokens["refresh_token"] for tokens in won}) == 1
    [family] = visitor.families()
    assert family["ended"] == (None if grace_period else "refresh_token_reused")
    assert [token["refreshes"] for token in family["generations"]] == [winners, 0]
    assert family["generations"][0]["refusals"] == 16 - winners


def test_refresh_tokens_that_stay(visitor: Visitor) -> None:
    """demo-keeps never gets another refresh token, and uses its own again and again."""
    token = visitor.connect(KEEPS)["refresh_token"]
    answers = [visitor.refresh(token, auth=KEEPS) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert not any("refresh_token" in answer.json() for answer in answers)


def test_scope_of_a_refresh(visitor: Visitor) -> None:
    """RFC 6749 section 6: less may be asked for, for one access token; more may not, and spends nothing."""
    first = visitor.connect()
    wider = visitor.refresh(first["refresh_token"], scope="profile notes.write")
    assert error(wider) == (400, "invalid_scope")
    narrow = visitor.refresh(first["refresh_token"], scope="notes.read").json()
    assert narrow["scope"] == "notes.read"
    assert visitor.me(narrow["access_token"]).status_code == 403
    assert visitor.refresh(narrow["refresh_token"]).json()["scope"] == first["scope"]


def test_a_foreign_refresh_token(visitor: Visitor) -> None:
    """Another client's refresh token is unknown, and takes no harm."""
    token = visitor.connect()["refresh_token"]
    assert error(visitor.refresh(token, auth=KEEPS)) == (400, "invalid_grant")
    assert visitor.refresh(token).status_code == 200


def test_access_tokens_expire(visitor: Visitor) -> None:
    """An access token opens the API for as long as expires_in said, a refresh token works on."""
    visitor.call("PATCH", "/control/rules", json={"access_token_lifetime": 1})
    tokens = visitor.connect()
    assert tokens["expires_in"] == 1
    assert visitor.me(tokens["access_token"]).status_code == 200
    time.sleep(1.1)
    assert visitor.me(tokens["access_token"]).status_code == 401
    assert visitor.refresh(tokens["refresh_token"]).status_code == 200


def test_refresh_tokens_may_expire(visitor: Visitor) -> None:
    """With a lifetime set, an unused refresh token is worth nothing after it."""
    visitor.call("PATCH", "/control/rules", json={"refresh_token_lifetime": 1})
    token = visitor.connect()["refresh_token"]
    time.sleep(1.1)
    assert error(visitor.refresh(token)) == (400, "invalid_grant")


def test_client_credentials(visitor: Visitor) -> None:
    """A client's own token has no refresh token, no account and nothing to stay connected to."""
    tokens = visitor.token(grant_type="client_credentials").json()
    assert set(tokens) == {"access_token", "token_type", "expires_in", "scope"}
    assert tokens["scope"] == "profile"
    assert visitor.me(tokens["access_token"]).json() == {"client_id": "demo-client"}


def basic(credentials: bytes) -> dict[str, str]:
    """An Authorization header with these credentials."""
    return {"Authorization": f"Basic {base64.b64encode(credentials).decode()}"}


@pytest.mark.parametrize(
    "headers, fields, expected",
    [
        (basic(b"demo-client:demo-secret"), {}, 200),
        (basic(b"demo%2Dclient:demo%2dsecret"), {}, 200),
        (basic(b"demo-client:demo-secret"), {"client_id": "demo-client"}, 200),
        ({}, {"client_id": "demo-client", "client_secret": "demo-secret"}, 200),
        ({}, {}, 401),
        ({}, {"client_id": "demo-client"}, 401),
        ({}, {"client_id": "demo-client", "client_secret": "wrong"}, 401),
        ({}, {"client_id": "demo-client", "client_secret": "schlüssel"}, 401),
        ({}, {"client_id": "nobody", "client_secret": "demo-secret"}, 400),
        (basic(b"demo-client:wrong"), {}, 401),
        (basic(b"nobody:demo-secret"), {}, 401),
        (basic(b"demo-client"), {}, 401),
        (basic(b"\xff\xfe:\xff"), {}, 401),
        ({"Authorization": "Basic ###"}, {}, 401),
        ({"Authorization": "Bearer demo-secret"}, {}, 401),
    ],
)
def test_client_authentication(
    visitor: Visitor, headers: dict[str, str], fields: dict[str, str], expected: int
) -> None:
    """Basic and post are taken; whatever else is invalid_client, as RFC 6749 section 5.2 writes it."""
    response = visitor.call(
        "POST", "/token", headers=headers, data={"grant_type": "client_credentials", **fields}
    )
    assert response.status_code == expected
    if expected != 200:
        assert response.json()["error"] == "invalid_client"
    if expected == 401:
        assert response.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize(
    "parts, expected",
    [
        ({"data": [OWN]}, (200, None)),
        ({"data": [OWN, ("client_secret", "demo-secret")]}, (400, "invalid_request")),
        ({"data": [OWN, ("client_id", "demo-keeps")]}, (400, "invalid_request")),
        ({"data": [OWN, ("scope", "profile"), ("scope", "profile")]}, (400, "invalid_request")),
        ({"data": [OWN, ("scope", "everything")]}, (400, "invalid_scope")),
        ({"data": [("grant_type", "")]}, (400, "invalid_request")),
        ({"data": [("scope", "profile")], "params": [OWN]}, (400, "invalid_request")),
        ({"json": dict([OWN])}, (400, "invalid_request")),
        ({"files": [("grant_type", "client_credentials")]}, (400, "invalid_request")),
    ],
)
def test_malformed_token_requests(
    visitor: Visitor, parts: dict[str, Any], expected: tuple[int, str | None]
) -> None:
    """Two authentications, repeats, no form, or parameters in the query are an invalid_request."""
    response = visitor.call("POST", "/token", auth=BASIC, **parts)
    assert (response.status_code, response.json().get("error")) == expected


def test_dialects(visitor: Visitor) -> None:
    """demo-get exchanges by GET with a query and refreshes with a JSON body."""
    fields = {
        "grant_type": "authorization_code",
        "code": visitor.code(client_id="demo-get"),
        "redirect_uri": REDIRECT_URI,
        "code_verifier": VERIFIER,
        "client_id": "demo-get",
        "client_secret": "demo-secret",
    }
    tokens = visitor.call("GET", "/token-get", params=fields).json()
    body = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    refreshed = visitor.call("POST", "/token-json", json=body, auth=GET)
    assert visitor.me(refreshed.json()["access_token"]).status_code == 200


@pytest.mark.parametrize(
    "method, path, client",
    [("POST", "/token", GET), ("GET", "/token-get", BASIC), ("POST", "/token-json", KEEPS)],
)
def test_each_client_speaks_its_own_dialect(
    visitor: Visitor, method: str, path: str, client: tuple[str, str]
) -> None:
    """A client at another one's token endpoint is unauthorized_client."""
    place = {"/token": "data", "/token-get": "params", "/token-json": "json"}[path]
    parts: dict[str, Any] = {place: {"grant_type": "client_credentials"}}
    assert error(visitor.call(method, path, auth=client, **parts)) == (400, "unauthorized_client")


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b'{"grant_type": 1}', b"\xff"])
def test_json_that_is_no_object_of_strings(visitor: Visitor, body: bytes) -> None:
    """It is an invalid_request."""
    headers = {"Content-Type": "application/json"}
    assert error(visitor.call("POST", "/token-json", data=body, headers=headers, auth=GET)) == (
        400,
        "invalid_request",
    )
