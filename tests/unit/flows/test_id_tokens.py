"""ID tokens of consents: each is held against the issuer's keys before anything is stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from oauth_broker.connection import Status
from oauth_broker.errors import CallbackRejectedError, NotConnectedError
from oauth_broker.flows.ending import Ending, EndingKind
from oauth_broker.flows.issuers import KEYS_ASKED_AGAIN_AFTER, KEYS_DEADLINE, KEYS_HELD_FOR
from oauth_broker.flows.read_token import refresh_now
from oauth_broker.protocol.state import derive
from tests.doubles.broker import ADMIN, APP, NUMBERS, Broker, Browser, plenty, told
from tests.doubles.provider import answered, granted

ISSUER: Final = "https://login.acme.example"
KEYS_AT: Final = f"{ISSUER}/keys"
KEY: Final = RSAKey.generate_key(2048, {"kid": "one"})
NEXT_KEY: Final = RSAKey.generate_key(2048, {"kid": "two"})
Claims = Callable[[dict[str, Any]], dict[str, Any]]


class Consent:
    """A consent on its way: a browser at the provider, which knows the nonce and may sign."""

    def __init__(self, broker: Broker, **body: Any) -> None:
        self.broker = broker
        self.browser = Browser()
        started = broker.start(broker.ask(return_url=APP, **body), self.browser)
        self.state = self.browser.keep(started)
        self.url = started.url
        self.nonce = derive(started.cookie.value, self.state.split(".")[0]).nonce.reveal()

    def id_token(self, key: RSAKey = KEY, **changes: Any) -> str:
        """An ID token for this browser, with other claims where `changes` says so."""
        now = int(self.broker.machine.now())
        claims = {"iss": ISSUER, "aud": "client-1", "sub": "person-1", "iat": now, "exp": now + 600}
        return jwt.encode({"alg": "RS256", "kid": key.kid}, claims | {"nonce": self.nonce} | changes, key)

    def end(self, **query: str) -> Ending:
        """The browser comes back."""
        given = {"state": self.state, "code": "code-1", "iss": ISSUER} | query
        return self.broker.call_back(self.browser, **{name: value for name, value in given.items() if value})


def keys(*published: RSAKey) -> Any:
    """What the issuer publishes."""
    return answered(200, keys=[key.as_dict(private=False) for key in published])


@pytest.fixture
def broker() -> Broker:
    """A broker with Acme, an OpenID provider."""
    made = Broker()
    made.register(
        issuer=ISSUER,
        jwks_uri=KEYS_AT,
        authorization_response_iss_parameter_supported=True,
        scopes=["openid", "read"],
    )
    return made


def test_a_good_id_token_connects(broker: Broker) -> None:
    """The keys come before the code is sent; of the ID token nothing is kept."""
    consent = Consent(broker)
    id_token = consent.id_token()
    broker.scripted.will(keys(KEY), granted(id_token=id_token))
    broker.dynamodb.calls.clear()
    assert consent.end().kind is EndingKind.CONNECTED
    assert broker.dynamodb.calls == {"update_item": 2}
    assert [request.url for request in broker.scripted.requests] == [KEYS_AT, "https://acme.example/token"]
    assert (broker.scripted.requests[0].body, set(broker.scripted.requests[0].headers)) == (None, {"Accept"})
    assert broker.connection().status is Status.ACTIVE
    assert id_token not in str(broker.dynamodb.items)


def forged(consent: Consent) -> str:
    """Signed by somebody else's key under the issuer's key id."""
    return consent.id_token(RSAKey.generate_key(2048, {"kid": "one"}))


BAD: list[tuple[Callable[[Consent], object], str]] = [
    (lambda _: None, "the answer has none"),
    (lambda _: "", "the answer has none"),
    (lambda _: {"sub": "person-1"}, "the answer has none"),
    (lambda _: "not.a.token", "is no JWS"),
    (forged, "by no key of the issuer"),
    (lambda consent: consent.id_token(iss="https://evil.example"), "iss is another"),
    (lambda consent: consent.id_token(aud="client-2"), "aud does not name"),
    (lambda consent: consent.id_token(nonce="another"), "nonce is another"),
    (lambda consent: consent.id_token(exp=1), "exp is over"),
    (lambda consent: consent.id_token().rpartition(".")[0] + ".", "by no key of the issuer"),
]


@pytest.mark.parametrize("make, words", BAD)
def test_a_bad_id_token_stores_nothing(broker: Broker, make: Callable[[Consent], object], words: str) -> None:
    """The consent fails, and the connection says why; a reload says the same, and nothing is exchanged again.

    Fails without the check: the connection is then active.
    """
    consent = Consent(broker)
    broker.scripted.will(keys(KEY), granted(id_token=make(consent)))
    ending = consent.end()
    assert ending.kind is EndingKind.EXCHANGE_FAILED
    assert told(ending) == {"connection_id": "c1", "error": "exchange_failed"}
    after = broker.connection()
    assert (after.status, after.token_set, after.generation) == (Status.PENDING, None, 0)
    assert after.last_error is not None
    assert after.last_error.category == "id_token_refused"
    assert words in (after.last_error.error_description or "")
    assert "access-1" not in str(broker.dynamodb.items)
    assert consent.end().location == ending.location
    broker.work()
    assert len(broker.scripted.requests) == 2  # nor is anything revoked: that may end other grants


def test_a_refused_id_token_leaves_an_existing_connection_as_it_was(broker: Broker) -> None:
    """A new consent that fails costs nothing."""
    first = Consent(broker)
    broker.scripted.will(keys(KEY), granted(id_token=first.id_token()))
    first.end()
    before = broker.connection().token_set
    browser = Browser()
    state = browser.keep(broker.start(broker.ask_again(return_url=APP), browser))
    broker.scripted.will(granted("access-2", id_token=first.id_token()))
    ending = broker.call_back(browser, state=state, code="code-2", iss=ISSUER)
    assert told(ending)["error"] == "exchange_failed"  # the first one's nonce
    assert (broker.status(), broker.connection().token_set) == ("active", before)


@pytest.mark.parametrize("answer", [NotConnectedError("no connection"), answered(404), answered(200), keys()])
def test_without_keys_no_code_is_sent(broker: Broker, answer: Any) -> None:
    """A code that cannot be checked would leave tokens behind at the provider. An empty set is a set."""
    consent = Consent(broker)
    broker.scripted.will(answer)
    empty = not isinstance(answer, Exception) and b'"keys": []' in answer.body
    if empty:
        broker.scripted.will(granted(id_token=consent.id_token()))
    assert consent.end().kind is EndingKind.EXCHANGE_FAILED
    error = broker.connection().last_error
    assert error is not None
    assert error.category == ("id_token_refused" if empty else "issuer_keys_unavailable")
    assert error.error_description
    assert len(broker.scripted.requests) == (2 if empty else 1)


def test_keys_are_held_for_ten_minutes(broker: Broker) -> None:
    """They are one request to the provider for many consents."""
    broker.scripted.will(keys(KEY))
    for number in range(3):
        consent = Consent(broker, connection_id=f"c{number}")
        broker.scripted.will(granted(id_token=consent.id_token()))
        assert consent.end().kind is EndingKind.CONNECTED
        broker.machine.time += KEYS_HELD_FOR / 3
    consent = Consent(broker, connection_id="late")
    broker.scripted.will(keys(KEY), granted(id_token=consent.id_token()))
    assert consent.end().kind is EndingKind.CONNECTED
    assert [request.url for request in broker.scripted.requests].count(KEYS_AT) == 2


def test_a_new_key_is_fetched_once_a_minute(broker: Broker) -> None:
    """An issuer may change its keys without breaking consents; made-up key ids do not make us ask more."""
    first = Consent(broker)
    broker.scripted.will(keys(KEY), granted(id_token=first.id_token(NEXT_KEY)))
    first.end()
    error = broker.connection().last_error
    assert error is not None
    assert "its key is none of the issuer's" in (error.error_description or "")
    broker.machine.time += KEYS_ASKED_AGAIN_AFTER
    second = Consent(broker, connection_id="c2")
    broker.scripted.will(granted(id_token=second.id_token(NEXT_KEY)), keys(KEY, NEXT_KEY))
    assert second.end().kind is EndingKind.CONNECTED
    third = Consent(broker, connection_id="c3")
    broker.scripted.will(granted(id_token=third.id_token(RSAKey.generate_key(2048, {"kid": "made up"}))))
    assert third.end().kind is EndingKind.EXCHANGE_FAILED
    assert [request.url for request in broker.scripted.requests].count(KEYS_AT) == 2


def test_keys_that_cannot_be_fetched_again_are_none_of_the_issuers(broker: Broker) -> None:
    """A token by an unknown key is refused, whatever the reason that no newer keys came."""
    broker.scripted.will(keys(KEY))
    consent = Consent(broker)
    broker.scripted.will(granted(id_token=consent.id_token()))
    consent.end()
    broker.machine.time += KEYS_ASKED_AGAIN_AFTER
    later = Consent(broker, connection_id="c2")
    broker.scripted.will(granted(id_token=later.id_token(NEXT_KEY)), answered(503))
    assert later.end().kind is EndingKind.EXCHANGE_FAILED
    error = broker.connection("c2").last_error
    assert error is not None
    assert error.category == "id_token_refused"


@pytest.mark.parametrize(
    "members, body",
    [
        ({"scopes": ["read"]}, {}),
        ({}, {"scopes": ["read"]}),
        ({"jwks_uri": None}, {}),
        ({"authorization": {"url": "https://acme.example/authorize", "params": {"nonce": None}}}, {}),
    ],
)
def test_where_no_id_token_was_asked_for_none_is_needed(
    members: dict[str, Any], body: dict[str, Any]
) -> None:
    """Without openid, known keys, or a nonce, which the resource may take out: what came is passed over."""
    broker = Broker()
    usual = {"issuer": ISSUER, "jwks_uri": KEYS_AT, "scopes": ["openid", "read"]}
    broker.register(**(usual | members))
    consent = Consent(broker, **body)
    broker.scripted.will(granted(id_token="whatever"))
    assert consent.end().kind is EndingKind.CONNECTED
    assert len(broker.scripted.requests) == 1


def test_id_tokens_of_refreshes_are_passed_over(broker: Broker) -> None:
    """They bring no nonce, and the connection is whose it was."""
    consent = Consent(broker)
    broker.scripted.will(keys(KEY), granted(id_token=consent.id_token()))
    consent.end()
    broker.scripted.will(granted("access-2", id_token="whatever"))
    assert refresh_now(broker.kit, ADMIN, "acme", "c1", remaining=plenty)["generation"] == 2


@pytest.mark.parametrize("query", [{"iss": ""}, {"iss": "", "code": "", "error": "access_denied"}])
def test_an_answer_that_must_name_its_issuer_and_does_not_uses_nothing_up(
    broker: Broker, query: dict[str, str]
) -> None:
    """In errors too (RFC 9207 section 2.4); the same browser can still finish."""
    consent = Consent(broker)
    with pytest.raises(CallbackRejectedError, match="RFC 9207"):
        consent.end(**query)
    broker.scripted.will(keys(KEY), granted(id_token=consent.id_token()))
    assert consent.end().kind is EndingKind.CONNECTED


def test_the_time_of_a_callback_is_enough() -> None:
    """Keys, exchange and commit together take no longer than what is left when they begin."""
    longest = KEYS_DEADLINE + NUMBERS.provider_deadline + NUMBERS.commit_deadline
    assert longest <= NUMBERS.attempt_margin
