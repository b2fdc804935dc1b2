"""What we answer, as API Gateway takes it."""

from __future__ import annotations

import json

import pytest

from oauth_broker.response import Response, empty, json_response, page, redirect, set_cookie
from oauth_broker.secret import Secret

EVERY_ANSWER = [
    json_response(200, {"a": 1}),
    json_response(201, {}, headers={"etag": '"1"'}),
    page(200, "<!doctype html>"),
    redirect(302, "https://provider.test/authorize"),
    redirect(303, "https://app.test/"),
    empty(),
]


@pytest.mark.parametrize("answer", EVERY_ANSWER)
def test_no_answer_is_cached_sniffed_or_shared(answer: Response) -> None:
    """Every answer is no-store and nosniff, and none has a CORS header."""
    headers = answer.as_event()["headers"]
    assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")
    assert not [name for name in headers if name.startswith("access-control-")]


@pytest.mark.parametrize("answer", EVERY_ANSWER)
def test_an_answer_can_be_written_as_json(answer: Response) -> None:
    """What a function returns is plain JSON with a whole number as its status."""
    event = answer.as_event()
    assert json.loads(json.dumps(event)) == event
    assert type(event["statusCode"]) is int
    assert {name.lower() for name in event["headers"]} == set(event["headers"])


def test_json_goes_out_as_it_is() -> None:
    """Text is not escaped beyond need, and the content type is JSON."""
    answer = json_response(201, {"name": "Bücher", "expires_at": None}, headers={"etag": '"1"'})
    assert (answer.status, answer.body) == (201, '{"name":"Bücher","expires_at":null}')
    assert answer.headers == {"content-type": "application/json", "etag": '"1"'}


def test_bytes_go_out_as_base64() -> None:
    """API Gateway sends what it is told is base64 as the bytes that it stands for."""
    event = Response(200, {"content-encoding": "gzip"}, compressed=b"\x1f\x8b\xff").as_event()
    assert (event["body"], event["isBase64Encoded"]) == ("H4v/", True)


def test_a_secret_is_never_written_by_accident() -> None:
    """A secret in an answer is an error, as is a number that is not JSON."""
    with pytest.raises(TypeError):
        json_response(200, {"access_token": Secret("hunter2")})
    with pytest.raises(ValueError, match="JSON"):
        json_response(200, {"expires_at": float("nan")})


def test_a_page_runs_and_loads_nothing() -> None:
    """A page has the policy of the contract to the letter, and tells no other site where the browser was."""
    headers = page(200, "<!doctype html>").as_event()["headers"]
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("status", [302, 303])
def test_a_redirect_leaves_no_trace(status: int) -> None:
    """A browser is sent on without a referrer, which would hold the ticket or the code."""
    event = redirect(status, "https://app.test/?a=1").as_event()
    assert (event["statusCode"], event["headers"]["location"]) == (status, "https://app.test/?a=1")
    assert event["headers"]["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("status", [200, 301, 304, 307, 308])
def test_no_other_redirect_exists(status: int) -> None:
    """A permanent redirect would be remembered; a 307 would send a form on to another site."""
    with pytest.raises(ValueError, match="not a redirect"):
        redirect(status, "https://app.test/")


def test_an_empty_answer_has_no_body() -> None:
    """204 unless another status is given."""
    assert (empty().status, empty().body, empty(202).status) == (204, "", 202)


def test_cookies_go_out_one_by_one() -> None:
    """Each cookie is an item of its own, and without cookies there is no list."""
    assert redirect(302, "https://a.test/", cookies=("a=1", "b=2")).as_event()["cookies"] == ["a=1", "b=2"]
    assert "cookies" not in redirect(302, "https://a.test/").as_event()


@pytest.mark.parametrize("secure,end", [(True, "; Secure"), (False, "SameSite=Lax")])
def test_a_cookie_is_out_of_reach_of_scripts_and_other_sites(secure: bool, end: str) -> None:
    """HttpOnly, Lax, for the whole host and for a time; Secure except on plain-http loopback."""
    cookie = set_cookie("__Host-oauth-broker-01", Secret("value"), max_age=3600, secure=secure)
    assert cookie.startswith("__Host-oauth-broker-01=value; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax")
    assert cookie.endswith(end)
    assert ("Secure" in cookie) is secure
    assert "Domain" not in cookie


def test_what_is_noted_stays_out_of_the_answer() -> None:
    """Notes are for the log line; the answer itself does not change."""
    plain = json_response(200, {"a": 1})
    noted = plain.noting(connection_id="ada").noting(outcome="connected")
    assert noted.logged == {"connection_id": "ada", "outcome": "connected"}
    assert noted.as_event() == plain.as_event()


def test_an_answer_shows_only_its_status() -> None:
    """Neither body, nor headers, nor cookies stand in the representation."""
    assert repr(Response(200, {"a": "hunter2"}, "hunter2", ("a=hunter2",))) == "Response(200)"
