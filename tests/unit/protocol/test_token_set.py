"""What is read of an answer that brings tokens."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth_broker.protocol.failure import FailureCategory
from oauth_broker.protocol.http import HttpResponse
from oauth_broker.protocol.token import (
    Granted,
    TokenSet,
    Verdict,
    refresh_request,
    token_verdict,
)
from oauth_broker.protocol.token_answer import MAX_LIFETIME, MAX_SCOPE_LENGTH, MAX_SCOPES
from oauth_broker.protocol.token_set import MAX_TOKENS_LENGTH
from oauth_broker.resource import ExpiresInUnit, RefreshPolicy, Resource, TokenResponseRules
from oauth_broker.secret import Secret
from tests.unit.protocol.examples import ACME, SECRETS, acme, answer, vectors

NOW = 1_800_000_000
REQUEST = refresh_request(ACME, SECRETS, refresh_token=Secret("refresh-token-1"), variables={})
TOKEN = {"access_token": "access-token-1"}
RFC = vectors("rfc6749_examples")


def judged(response: HttpResponse, resource: Resource = ACME) -> Verdict:
    """Give the verdict on an answer to a refresh."""
    return token_verdict(resource, REQUEST, response, now=NOW)


def granted(body: object, **changes: Any) -> TokenSet:
    """Give the token set that an answer brings."""
    verdict = judged(answer(body), acme(**changes))
    assert isinstance(verdict, Granted)
    return verdict.token_set


def category_of(verdict: Verdict) -> str:
    """Give a failure's category."""
    assert not isinstance(verdict, Granted)
    return verdict.failure.category


def test_the_answer_of_the_rfc_brings_its_tokens() -> None:
    """The example of RFC 6749 section 5.1, where the resource names the type `example`."""
    example = RFC["token_response"]["body"]
    rules = TokenResponseRules(token_type="token_type || ''")
    found = granted(example, token_response=rules, metadata=("example_parameter", "absent"))
    assert found == TokenSet(
        access_token=Secret(example["access_token"]),
        refresh_token=Secret(example["refresh_token"]),
        token_type="example",
        expires_at=NOW + 3600,
        scopes=None,
        metadata={"example_parameter": "example_value"},
    )
    assert category_of(judged(answer(example))) == FailureCategory.UNUSABLE_ANSWER


@pytest.mark.parametrize(
    "body",
    [
        '{"access_token": "access-token-1"}',
        '\ufeff {"access_token": "access-token-1"}\n',
        "access_token=access-token-1",
        "access_token=access-token-1&expires_in=&scope=",
        '{"access_token": "other", "access_token": "access-token-1"}',
        '{"access_token": "access-token-1", "junk": "\x00\x07", "n": NaN, "i": -Infinity}',
        '{"access_token": "access-token-1", "error": "warning"}',
        '{"access_token": "access-token-1", "refresh_token": "", "token_type": ""}',
        '{"access_token": "access-token-1", "refresh_token": null, "token_type": null, "error": null}',
        '{"access_token": "access-token-1", "token_type": "BEARER", "id": ' + "9" * 5000 + "}",
    ],
)
def test_odd_bodies_with_a_token_are_read(body: str) -> None:
    """JSON whatever it is called, a form, a byte order mark, members twice, what JSON does not have."""
    found = granted(body)
    assert found.access_token == Secret("access-token-1")
    assert (found.refresh_token, found.token_type, found.expires_at) == (None, "Bearer", None)


@pytest.mark.parametrize("status", [200, 201, 202, 203, 206])
def test_every_success_may_bring_tokens(status: int) -> None:
    """Some providers create a token with 201."""
    assert isinstance(judged(answer(TOKEN, status)), Granted)


@pytest.mark.parametrize(
    "value, unit, lifetime",
    [
        (3600, "seconds", 3600),
        ("3600", "seconds", 3600),
        (" 3600 ", "seconds", 3600),
        (3599.9, "seconds", 3599),
        ("3599.9", "seconds", 3599),
        (3_600_000, "milliseconds", 3600),
        ("3600000", "milliseconds", 3600),
        (1, "seconds", 1),
        (10**15, "seconds", MAX_LIFETIME),
        (10**30, "seconds", MAX_LIFETIME),
        ("9" * 18, "seconds", MAX_LIFETIME),
        (10**400, "seconds", None),
        (0, "seconds", None),
        (-1, "seconds", None),
        ("-1", "seconds", None),
        ("", "seconds", None),
        ("soon", "seconds", None),
        ("nan", "seconds", None),
        ("inf", "seconds", None),
        ("2030-01-01T00:00:00Z", "seconds", None),
        ("9" * 5000, "seconds", None),
        (None, "seconds", None),
        (True, "seconds", None),
        ([3600], "seconds", None),
        ({"seconds": 3600}, "seconds", None),
    ],
    ids=lambda value: str(value)[:20],
)
def test_an_expiry_is_read_where_it_can_be(value: object, unit: str, lifetime: int | None) -> None:
    """Numbers and their text, in the resource's unit, bounded; whatever else it is, the token counts."""
    rules = TokenResponseRules(expires_in_unit=ExpiresInUnit(unit))
    found = granted(TOKEN | {"expires_in": value}, token_response=rules)
    assert found.expires_at == (None if lifetime is None else NOW + lifetime)


@pytest.mark.parametrize(
    "name", ["refresh_token_expires_in", "refresh_expires_in", "x_refresh_token_expires_in"]
)
@pytest.mark.parametrize(
    "value, unit, lifetime",
    [
        (15_552_000, "seconds", 15_552_000),
        ("15552000", "seconds", 15_552_000),
        (1_800_000, "milliseconds", 1800),
        (10**15, "seconds", MAX_LIFETIME),
        (0, "seconds", None),  # Keycloak: an offline token
        (None, "seconds", None),
        ("", "seconds", None),
        (False, "seconds", None),
        ([7], "seconds", None),
    ],
    ids=str,
)
def test_the_refresh_tokens_expiry_is_found(
    name: str, value: object, unit: str, lifetime: int | None
) -> None:
    """Under each of the names that are usual, by the rules of `expires_in`; no RFC names one."""
    rules = TokenResponseRules(expires_in_unit=ExpiresInUnit(unit))
    found = granted(TOKEN | {name: value}, token_response=rules)
    assert found.refresh_expires_at == (None if lifetime is None else NOW + lifetime)


@pytest.mark.parametrize(
    "body, lifetime",
    [
        ({}, None),
        ({"refresh_expires_in": 1800}, 1800),
        ({"refresh_expires_in": 1800, "x_refresh_token_expires_in": 8}, 1800),
        ({"refresh_token_expires_in": 7, "refresh_expires_in": 1800}, 7),
        ({"refresh_token_expires_in": 0, "refresh_expires_in": 1800}, None),
        ({"refresh_token_expires_in": None, "refresh_expires_in": 1800}, 1800),
        ({"refresh_token_expires_in": "", "refresh_expires_in": 1800}, 1800),
        ({"refresh_token_expires_in": [], "refresh_expires_in": {}, "x_refresh_token_expires_in": 8}, 8),
        ({"refresh_token_expires_in": False, "refresh_expires_in": "1800"}, 1800),
    ],
    ids=str,
)
def test_alternatives_are_what_jmespath_says(body: dict[str, object], lifetime: int | None) -> None:
    """The names are looked up without the library, with the same outcome as with it: 0 is no false value."""
    plain = granted(TOKEN | body)
    asked = "(refresh_token_expires_in||refresh_expires_in)||x_refresh_token_expires_in"
    by_library = granted(TOKEN | body, token_response=TokenResponseRules(refresh_token_expires_in=asked))
    assert plain.refresh_expires_at == (None if lifetime is None else NOW + lifetime)
    assert by_library == plain


@pytest.mark.parametrize("value", [0, "0", 0.0, -5])
@pytest.mark.parametrize(
    "policy, expires_at", [("eager", None), ("lazy", None), ("after_expiry", NOW)], ids=str
)
def test_nothing_left_is_said_where_the_same_token_comes(
    value: object, policy: str, expires_at: int | None
) -> None:
    """0 means a token that never expires, except from who answers the same token until it has expired."""
    found = granted(TOKEN | {"expires_in": value}, refresh_policy=RefreshPolicy(policy))
    assert found.expires_at == expires_at


@pytest.mark.parametrize("raw", ["NaN", "Infinity", "1e999", "-1e999"])
def test_a_number_that_is_none_is_no_expiry(raw: str) -> None:
    """A body may hold what JSON does not know."""
    found = granted(f'{{"access_token": "a", "expires_in": {raw}}}', default_expires_in=60)
    assert found.expires_at == NOW + 60


@pytest.mark.parametrize("body, lifetime", [(TOKEN, 900), (TOKEN | {"expires_in": 60}, 60)])
def test_the_default_counts_where_the_answer_does_not_say(body: object, lifetime: int) -> None:
    """`default_expires_in` never overrides the provider."""
    assert granted(body, default_expires_in=900).expires_at == NOW + lifetime


@pytest.mark.parametrize(
    "value, separator, scopes",
    [
        ("a b", " ", ("a", "b")),
        ("a,b", " ", ("a", "b")),
        ("a, b", ",", ("a", "b")),
        ("a,b c", ",", ("a", "b c")),
        ("a b", ",", ("a", "b")),
        ("a+b", "+", ("a", "b")),
        ("a;b", ";", ("a", "b")),
        (["a", "b", 7, "", True, None, ["c"]], " ", ("a", "b", "7")),
        ("b a b", " ", ("b", "a")),
        (" a ", " ", ("a",)),
        ("", " ", ()),
        ([], " ", ()),
        (None, " ", None),
        (7, " ", None),
        ({"a": 1}, " ", None),
        (" ".join(map(str, range(10_000))), " ", tuple(map(str, range(MAX_SCOPES)))),
    ],
    ids=lambda value: str(value)[:20],
)
def test_scopes_are_read_in_every_spelling(
    value: object, separator: str, scopes: tuple[str, ...] | None
) -> None:
    """Text or a list; None, where the answer does not say, is not the same as none at all."""
    assert granted(TOKEN | {"scope": value}, scope_separator=separator).scopes == scopes


@pytest.mark.parametrize(
    "value",
    [
        ["read", "access-token-1"],
        "read Bearer:refresh-token-2",
        ["read", "refresh-token"],
        ["read", "a\ud800"],
        ["read", "line\nbreak"],
        ["read", "x" * (MAX_SCOPE_LENGTH + 1)],
    ],
)
def test_a_scope_tells_nothing_of_a_token(value: object) -> None:
    """Scopes are shown: a token, a long part of one, and what does not print are left out."""
    body = TOKEN | {"access_token": "access-token-1", "refresh_token": "refresh-token-2", "scope": value}
    assert granted(body).scopes == ("read",)


def test_a_refresh_token_may_have_spaces() -> None:
    """RFC 6749 appendix A.17 allows every printable character: throwing it away would cost the grant."""
    found = granted(TOKEN | {"refresh_token": "two words"})
    assert found.refresh_token == Secret("two words")


def test_an_answer_of_tokens_too_large_to_keep_is_none() -> None:
    """What could not be written to the table is unusable from the start."""
    most = granted(TOKEN | {"refresh_token": "r" * (MAX_TOKENS_LENGTH - len("access-token-1"))})
    assert most.refresh_token is not None
    with pytest.raises(AssertionError):
        granted(TOKEN | {"refresh_token": "r" * MAX_TOKENS_LENGTH})


def test_metadata_is_what_may_be_shown() -> None:
    """Text, numbers and booleans of the answer; no token, nothing nested, nothing long."""
    body = TOKEN | {
        "refresh_token": "refresh-token-2",
        "instance_url": "https://eu1.acme.example",
        "id": 7,
        "ratio": 0.5,
        "admin": False,
        "team": {"id": "T1"},
        "null": None,
        "long": "x" * 2001,
        "echo": "Bearer access-token-1",
        "echo2": "refresh-token-2",
    }
    found = granted(body, metadata=(*body, "team.id", "absent"))
    assert found.metadata == {
        "instance_url": "https://eu1.acme.example",
        "id": 7,
        "ratio": 0.5,
        "admin": False,
        "team.id": "T1",
    }


SLACK = TokenResponseRules(
    access_token="authed_user.access_token",
    refresh_token="authed_user.refresh_token",
    expires_in="authed_user.expires_in",
    scope="authed_user.scope",
    token_type="authed_user.token_type",
)


def test_rules_say_where_an_odd_answer_keeps_things() -> None:
    """JMESPath finds every member; a type that stands where the resource says is named by it."""
    user = {
        "access_token": "xoxp-1",
        "refresh_token": "xoxe-1",
        "expires_in": 43200,
        "scope": "a,b",
        "token_type": "user",
    }
    assert granted({"ok": True, "authed_user": user}, token_response=SLACK) == TokenSet(
        Secret("xoxp-1"), Secret("xoxe-1"), "user", NOW + 43200, ("a", "b"), {}
    )


@pytest.mark.parametrize(
    "expression, body",
    [
        ("authed_user.access_token", TOKEN),
        ("[0].access_token", TOKEN),
        ("tokens[?kind=='user'].value | [0]", {"tokens": [{"kind": "bot", "value": "a"}]}),
        ("length(access_token", TOKEN),
        ("abs(access_token)", TOKEN),
        ("nothing(access_token)", TOKEN),
        ("", TOKEN),
        ("[access_token][0]", TOKEN),
        ("{a: access_token}.a", TOKEN),
        ("a" * 250 + " || access_token", TOKEN),
    ],
)
def test_an_expression_that_finds_nothing_leaves_the_outcome_unknown(expression: str, body: object) -> None:
    """Neither a bad expression nor one that could grow without bounds is more than an unusable answer."""
    rules = TokenResponseRules(access_token=expression)
    assert category_of(judged(answer(body), acme(token_response=rules))) == FailureCategory.UNUSABLE_ANSWER


@pytest.mark.parametrize(
    "expression, body",
    [
        ("authed_user.access_token || access_token", TOKEN),
        ("[0].access_token", [TOKEN]),
        ("tokens[?kind=='user'].value | [0]", {"tokens": [{"kind": "user", "value": "access-token-1"}]}),
    ],
)
def test_an_expression_finds_the_token(expression: str, body: object) -> None:
    """Alternatives, places in lists, filters."""
    rules = TokenResponseRules(access_token=expression)
    assert granted(body, token_response=rules).access_token == Secret("access-token-1")


def test_a_type_can_be_named_outright() -> None:
    """A literal stands for whatever the provider says (Slack's "bot")."""
    rules = TokenResponseRules(token_type="'Bearer'")
    assert granted(TOKEN | {"token_type": "bot"}, token_response=rules).token_type == "Bearer"


@pytest.mark.parametrize("brought, kept", [(None, "old"), ("", "old"), ("new", "new")])
def test_an_answer_without_a_refresh_token_keeps_the_old_one(brought: str | None, kept: str) -> None:
    """The one that was spent stays in use unless another came (RFC 6749 section 6)."""
    found = granted(TOKEN | {"refresh_token": brought}).keeping(Secret("old"), {})
    assert found.refresh_token == Secret(kept)
    assert found.access_token == Secret("access-token-1")


def test_a_token_set_hides_itself() -> None:
    """No token is in its representation, nor in that of the verdict."""
    found = Granted(granted(TOKEN | {"refresh_token": "refresh-token-2", "m": "meta"}, metadata=("m",)))
    assert found.token_set.access_token.reveal() == "access-token-1"
    assert not any(secret in repr(found) for secret in ("access-token-1", "refresh-token-2", "meta"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
MEMBERS = st.sampled_from(
    ["access_token", "refresh_token", "expires_in", "scope", "token_type", "error", "x"]
)


@given(st.dictionaries(MEMBERS, JSON | st.just("visible")))
def test_no_member_can_do_harm(body: dict[str, object]) -> None:
    """Whatever the members are, tokens are visible ASCII and the expiry is ahead and within a century."""
    verdict = judged(answer(body), acme(metadata=("x", "scope", "error")))
    if isinstance(verdict, Granted):
        assert verdict.token_set.access_token.reveal().isascii()
        assert verdict.token_set.expires_at is None or 0 <= verdict.token_set.expires_at - NOW <= MAX_LIFETIME
