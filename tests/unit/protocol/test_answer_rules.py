"""What a resource knows of its provider's answers: errors of odd shape, and further tokens."""

from __future__ import annotations

from typing import Any

import pytest

from oauth_broker.protocol.failure import Failure, FailureCategory
from oauth_broker.protocol.token import (
    Granted,
    GrantGone,
    NamedTokenSet,
    TryLater,
    Unknown,
    Verdict,
    refresh_request,
    token_verdict,
)
from oauth_broker.protocol.token_set import MAX_TOKENS_LENGTH
from oauth_broker.resource import NamedToken, TokenResponseRules
from oauth_broker.secret import Secret
from tests.unit.protocol.examples import ACME, SECRETS, acme, answer

NOW = 1_800_000_000
REQUEST = refresh_request(ACME, SECRETS, refresh_token=Secret("refresh-token-1"), variables={})
SLACK = TokenResponseRules(success="ok", error_categories={"token_revoked": "grant_gone"})
FACEBOOK = TokenResponseRules(
    error="error.code",
    error_description="error.message",
    error_categories={"190": "grant_gone", "4": "rate_limited"},
)
TIKTOK = TokenResponseRules(
    access_token="data.access_token",
    success="code == `0`",
    error="code",
    error_description="message",
    error_categories={"105001": "invalid_client"},
)
TWO = {
    "user": NamedToken(
        access_token="authed_user.access_token",
        expires_in="authed_user.expires_in",
        scope="authed_user.scope",
        token_type="authed_user.token_type",
    ),
    "plain": NamedToken(access_token="plain"),
}


def judged(rules: TokenResponseRules, body: object, status: int = 200) -> Verdict:
    """The verdict on an answer under a resource's rules."""
    return token_verdict(acme(token_response=rules), REQUEST, answer(body, status), now=NOW)


@pytest.mark.parametrize(
    "rules, status, body, verdict",
    [
        (SLACK, 200, {"ok": False, "error": "token_revoked"}, GrantGone),
        (SLACK, 200, {"ok": False, "error": "ratelimited"}, TryLater),
        (SLACK, 200, {"ok": False, "access_token": "a"}, TryLater),
        (SLACK, 200, {"access_token": "a"}, TryLater),
        (SLACK, 200, {"ok": True, "access_token": "a"}, Granted),
        (SLACK, 200, {"ok": True}, Unknown),
        (FACEBOOK, 400, {"error": {"code": 190, "type": "OAuthException", "message": "gone"}}, GrantGone),
        (FACEBOOK, 400, {"error": {"code": 4, "message": "too many"}}, TryLater),
        (FACEBOOK, 400, {"error": {"code": 1, "message": "unknown"}}, TryLater),
        (FACEBOOK, 500, {"error": {"code": 190, "message": "gone"}}, GrantGone),
        (TIKTOK, 200, {"code": 0, "data": {"access_token": "a"}}, Granted),
        (TIKTOK, 200, {"code": 105001, "message": "no", "data": {"access_token": "a"}}, TryLater),
        (TIKTOK, 200, {"code": 105001, "message": "no"}, TryLater),
    ],
)
def test_an_error_is_recognised_by_the_resources_rule(
    rules: TokenResponseRules, status: int, body: object, verdict: type[Verdict]
) -> None:
    """In a success without `ok`, under a number, or where the status says something else."""
    assert type(judged(rules, body, status)) is verdict


@pytest.mark.parametrize(
    "rules, status, body, failure",
    [
        (
            FACEBOOK,
            400,
            {"error": {"code": 4, "type": "OAuthException", "message": "too many"}},
            Failure(FailureCategory.RATE_LIMITED, "4", "too many", 400),
        ),
        (
            TIKTOK,
            200,
            {"code": 105001, "message": "no app"},
            Failure(FailureCategory.INVALID_CLIENT, "105001", "no app", 200),
        ),
        (SLACK, 200, {"ok": False}, Failure(FailureCategory.REFUSED, http_status=200)),
    ],
)
def test_an_error_is_kept_in_the_providers_words(
    rules: TokenResponseRules, status: int, body: object, failure: Failure
) -> None:
    """Code and description from where the resource says."""
    verdict = judged(rules, body, status)
    assert isinstance(verdict, TryLater)
    assert verdict.failure == failure


@pytest.mark.parametrize("token", ["access-token-of-the-answer", "refresh-token-of-the-answer"])
def test_the_words_of_an_error_hold_no_token_of_the_answer(token: str) -> None:
    """An answer that is an error by a rule may bring tokens all the same."""
    rules = TokenResponseRules(success="ok", error="message", error_description="message")
    tokens = {"access_token": "access-token-of-the-answer", "refresh_token": "refresh-token-of-the-answer"}
    verdict = judged(rules, {**tokens, "message": f"not {token}"})
    assert isinstance(verdict, TryLater)
    assert verdict.failure.error == verdict.failure.error_description == "not ***"


def further(body: dict[str, Any], **tokens: NamedToken) -> dict[str, NamedTokenSet]:
    """The further tokens of an answer that brings a first one."""
    verdict = judged(TokenResponseRules(tokens=tokens or TWO), {"access_token": "a", **body})
    assert isinstance(verdict, Granted)
    return dict(verdict.token_set.named)


def test_a_further_token_of_the_same_answer_is_read_by_its_name() -> None:
    """With its own type, scopes and expiry."""
    user = {
        "access_token": "xoxp-1",
        "token_type": "user",
        "scope": "chat:write,users:read",
        "expires_in": 60,
    }
    assert further({"authed_user": user}) == {
        "user": NamedTokenSet(Secret("xoxp-1"), "user", NOW, NOW + 60, ("chat:write", "users:read"))
    }
    assert further({"plain": "b"}) == {"plain": NamedTokenSet(Secret("b"), "Bearer", NOW, None, None)}


@pytest.mark.parametrize("token", [None, "", 7, "two words", {"a": 1}])
def test_what_is_odd_about_a_further_token_costs_that_one_alone(token: object) -> None:
    """The first token came, and with it perhaps a rotated refresh token."""
    assert further({"plain": token}) == {}


def test_further_tokens_count_as_the_first_does() -> None:
    """All tokens of an answer together have a bound."""
    half = "x" * (MAX_TOKENS_LENGTH // 2)
    rules = TokenResponseRules(tokens=TWO)
    assert isinstance(judged(rules, {"access_token": half, "plain": half}), Granted)
    assert isinstance(judged(rules, {"access_token": half, "plain": half + "x"}), Unknown)


def test_a_further_token_hides_itself() -> None:
    """Neither the set nor the token shows it."""
    verdict = judged(TokenResponseRules(tokens=TWO), {"access_token": "a", "plain": "hush-hush"})
    assert isinstance(verdict, Granted)
    assert "hush" not in repr(verdict) + repr(verdict.token_set.named)
