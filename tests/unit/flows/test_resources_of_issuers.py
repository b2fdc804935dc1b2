"""Resources that name their issuer and leave URLs out: the issuer is asked when they are saved."""

from __future__ import annotations

from typing import Any, Final

import pytest

from oauth_broker.errors import EgressRefusedError, InvalidError, NotConnectedError, OutcomeUnknownError
from oauth_broker.flows.issuers import METADATA_HELD_FOR, MOST_HELD, Issuers
from oauth_broker.flows.manage_resources import (
    create_resource,
    patch_resource,
    replace_resource,
    show_resource,
)
from tests.doubles.broker import ADDRESSES, BASE, Broker
from tests.doubles.provider import answered

ISSUER: Final = "https://login.acme.example"
OTHER: Final = "https://login.other.example"
SHORT: Final[dict[str, Any]] = {
    "resource_id": "mine",
    "name": "Mine",
    "issuer": ISSUER,
    "client_id": "client-1",
    "client_secret": "client-secret-1",
    "scopes": ["openid", "read"],
}


def metadata(issuer: str = ISSUER, **changes: Any) -> Any:
    """An answer with an issuer's metadata; what is None is left out."""
    members = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "revocation_endpoint": f"{issuer}/revoke",
        "jwks_uri": f"{issuer}/keys",
        "authorization_response_iss_parameter_supported": True,
        **changes,
    }
    return answered(200, **{name: value for name, value in members.items() if value is not None})


def saved(broker: Broker, **changes: Any) -> dict[str, Any]:
    """A resource made; what GET shows."""
    body = {name: value for name, value in {**SHORT, **changes}.items() if value is not None}
    return create_resource(broker.kit, ADDRESSES, body, loopback=False).body


def shown(broker: Broker) -> dict[str, Any]:
    """What GET shows."""
    return dict(show_resource(broker.kit, BASE, "mine").body)


def put(broker: Broker, body: dict[str, Any]) -> dict[str, Any]:
    """What PUT answers."""
    return replace_resource(broker.kit, ADDRESSES, "mine", body, if_match=None, loopback=False).body


def patch(broker: Broker, **body: Any) -> dict[str, Any]:
    """What PATCH answers."""
    return patch_resource(broker.kit, ADDRESSES, "mine", body, if_match=None, loopback=False).body


def refusal(broker: Broker, **changes: Any) -> str:
    """What is said at `/issuer` of a resource that is not made; nothing is stored."""
    before = dict(broker.dynamodb.items)
    with pytest.raises(InvalidError) as refused:
        saved(broker, **changes)
    assert broker.dynamodb.items == before
    [problem] = refused.value.problems
    assert problem.pointer == "/issuer"
    return problem.detail


@pytest.fixture
def broker() -> Broker:
    """A broker with a resource of the issuer."""
    made = Broker()
    made.scripted.will(metadata())
    saved(made)
    return made


def urls_asked(broker: Broker) -> list[str]:
    """Where requests went."""
    return [request.url for request in broker.scripted.requests]


def test_the_resource_is_stored_whole(broker: Broker) -> None:
    """GET shows what metadata said; the request for it held no secret."""
    assert {
        "authorization": {"url": f"{ISSUER}/authorize"},
        "token": {"url": f"{ISSUER}/token"},
        "revocation": {"url": f"{ISSUER}/revoke"},
        "jwks_uri": f"{ISSUER}/keys",
        "authorization_response_iss_parameter_supported": True,
    }.items() <= shown(broker).items()
    [request] = broker.scripted.requests
    assert (request.method, request.url) == ("GET", f"{ISSUER}/.well-known/openid-configuration")
    assert (request.body, set(request.headers)) == (None, {"Accept"})


def test_what_was_read_can_be_put_back_and_asks_nobody(broker: Broker) -> None:
    """Nothing changes."""
    before = shown(broker)
    after = put(broker, before)
    assert {**after, "updated_at": before["updated_at"]} == before
    assert patch(broker, name="Other")["token"] == before["token"]
    assert len(broker.scripted.requests) == 1


def test_a_resource_with_its_urls_asks_nobody() -> None:
    """An issuer that has no metadata at all can be named, to be compared."""
    broker = Broker()
    made = saved(broker, authorization={"url": "https://a.example/a"}, token={"url": "https://a.example/t"})
    assert made["issuer"] == ISSUER
    assert broker.scripted.requests == []


def test_the_other_places_are_asked_in_turn() -> None:
    """Until one answers with metadata; what a redirect leads to is not looked at."""
    broker = Broker()
    broker.scripted.will(answered(302), answered(404), metadata(f"{ISSUER}/t"))
    assert saved(broker, issuer=f"{ISSUER}/t")["token"] == {"url": f"{ISSUER}/t/token"}
    assert urls_asked(broker) == [
        f"{ISSUER}/t/.well-known/openid-configuration",
        f"{ISSUER}/.well-known/oauth-authorization-server/t",
        f"{ISSUER}/.well-known/openid-configuration/t",
    ]


@pytest.mark.parametrize(
    "answers, words",
    [
        ([answered(404), answered(404)], "they answer 404, 404"),
        ([answered(302), answered(200)], "they answer 302, 200"),
        ([NotConnectedError("no connection in time")], "cannot be fetched: no connection in time"),
        ([OutcomeUnknownError("the answer is over 1000000 bytes")], "over 1000000 bytes"),
        ([EgressRefusedError("the name leads to a forbidden address: private")], "forbidden address"),
        ([answered(500), OutcomeUnknownError("reset")], "cannot be fetched: reset"),
        ([metadata(OTHER)], f"says that the issuer is {OTHER}"),
        ([metadata(f"{ISSUER}/")], "says that the issuer is"),
        ([metadata(token_endpoint=None)], "has no token_endpoint"),
        ([metadata(token_endpoint="http://login.acme.example/token")], "must be https"),
        ([metadata(revocation_endpoint="https://10.1.2.3/")], "no request is sent to such a host"),
        ([metadata(jwks_uri="https://localhost/keys")], "no request is sent to such a host"),
        ([metadata(token_endpoint=f"{ISSUER}/token?s={{{{api_key}}}}")], "placeholder"),
    ],
)
def test_metadata_that_cannot_be_used_makes_no_resource(answers: list[Any], words: str) -> None:
    """422 at the issuer with a sentence that says why; nothing is stored, and nobody else is asked."""
    broker = Broker()
    broker.scripted.will(*answers)
    assert words in refusal(broker)
    assert len(broker.scripted.requests) == len(answers)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": None},
        {"scopess": []},
        {"token": {"params": {"a": "{{nobody}}"}}},
        {"authorization": {"url": "http://acme.example"}},
        {"issuer": "https://10.0.0.1"},
    ],
)
def test_who_asks_for_what_cannot_be_sends_nothing(changes: dict[str, Any]) -> None:
    """What is wrong in itself is said before the issuer hears anything."""
    broker = Broker()
    with pytest.raises(InvalidError):
        saved(broker, **changes)
    assert broker.scripted.requests == []
    assert broker.dynamodb.items == {}


def test_the_brokers_own_address_is_no_endpoint() -> None:
    """Not even by the word of an issuer."""
    broker = Broker()
    broker.scripted.will(metadata(token_endpoint=f"{BASE}/token"))
    with pytest.raises(InvalidError, match="own address"):
        saved(broker)


def test_the_same_short_registration_can_be_put_again(broker: Broker) -> None:
    """Who keeps registrations as files sends it each time; within a minute the issuer is not asked again."""
    before = shown(broker)
    assert {**put(broker, SHORT), "updated_at": before["updated_at"]} == before
    assert len(broker.scripted.requests) == 1
    broker.machine.time += METADATA_HELD_FOR
    broker.scripted.will(metadata())
    put(broker, SHORT)
    assert len(broker.scripted.requests) == 2


def test_an_endpoint_that_moved_asks_for_the_secret_again(broker: Broker) -> None:
    """Its origin is a new one for the secret, whoever named it."""
    broker.machine.time += METADATA_HELD_FOR
    broker.scripted.will(metadata(token_endpoint="https://new.example/token"))
    body = {name: value for name, value in SHORT.items() if name != "client_secret"}
    with pytest.raises(InvalidError) as refused:
        put(broker, body)
    assert [problem.pointer for problem in refused.value.problems] == ["/token/url"]
    assert put(broker, SHORT)["token"]["url"] == "https://new.example/token"


def test_a_secret_that_is_kept_counts_for_client_authentication(broker: Broker) -> None:
    """A PUT without it is no public client."""
    broker.machine.time += METADATA_HELD_FOR
    methods = ["none", "client_secret_post"]
    broker.scripted.will(metadata(token_endpoint_auth_methods_supported=methods))
    body = {name: value for name, value in SHORT.items() if name != "client_secret"}
    assert put(broker, body)["token"]["auth_method"] == "client_secret_post"


ONLY_KEYS: Final = ["private_key_jwt", "tls_client_auth"]


def test_an_issuer_that_takes_only_keys_is_given_one() -> None:
    """The least that registers with it: an issuer, a client id, and a key that is made here."""
    broker = Broker()
    broker.scripted.will(metadata(token_endpoint_auth_methods_supported=ONLY_KEYS))
    made = saved(broker, client_secret=None, signing_keys=[{"alg": "ES256", "generate": True}])
    assert made["token"]["auth_method"] == "private_key_jwt"
    assert [key["private_key"] for key in made["signing_keys"]] == ["***"]
    before = shown(broker)
    assert {**put(broker, before), "updated_at": before["updated_at"]} == before


def test_an_issuer_that_takes_only_keys_asks_for_one() -> None:
    """A registration with a secret alone could never get a token: nothing is stored."""
    broker = Broker()
    broker.scripted.will(metadata(token_endpoint_auth_methods_supported=ONLY_KEYS))
    with pytest.raises(InvalidError) as refused:
        saved(broker)
    assert [problem.pointer for problem in refused.value.problems] == ["/signing_keys"]
    assert broker.dynamodb.items == {}


def test_a_patch_of_the_issuer_brings_its_urls(broker: Broker) -> None:
    """With the secret, since its origins are new; what the former issuer said is forgotten."""
    patch(broker, authorization={"url": f"{ISSUER}/authorize", "params": {"prompt": "consent"}})
    answer = metadata(
        OTHER, revocation_endpoint=None, jwks_uri=None, authorization_response_iss_parameter_supported=None
    )
    broker.scripted.will(answer)
    with pytest.raises(InvalidError) as refused:
        patch(broker, issuer=OTHER)
    assert [problem.pointer for problem in refused.value.problems] == ["/token/url"]
    assert shown(broker)["issuer"] == ISSUER
    after = patch(broker, issuer=OTHER, client_secret="client-secret-2")
    assert after["token"] == {"url": f"{OTHER}/token"}
    assert after["authorization"] == {"url": f"{OTHER}/authorize", "params": {"prompt": "consent"}}
    gone = {"revocation", "jwks_uri", "authorization_response_iss_parameter_supported"}
    assert not gone & after.keys()


def test_a_patch_of_issuer_and_urls_asks_nobody(broker: Broker) -> None:
    """What the resource says still wins."""
    urls = {"token": {"url": f"{ISSUER}/t2"}, "authorization": {"url": f"{ISSUER}/a2"}}
    after = patch(broker, issuer=f"{ISSUER}/x", **urls)
    assert urls.items() <= after.items()
    assert len(broker.scripted.requests) == 1


def test_a_patch_can_take_the_issuer_away(broker: Broker) -> None:
    """Its URLs stay; what is of use only with an issuer goes with it."""
    before = shown(broker)
    after = patch(broker, issuer=None)
    assert after["token"] == before["token"]
    assert not {"issuer", "jwks_uri"} & after.keys()


def test_only_so_many_issuers_are_held() -> None:
    """The one that was asked longest ago is forgotten first."""
    broker = Broker()
    issuers = Issuers(broker.scripted, broker.machine)
    names = [f"https://issuer-{number}.example" for number in range(MOST_HELD + 1)]
    broker.scripted.will(*map(metadata, names))
    for name in names:
        issuers.metadata(name)
    for name in names[1:]:
        issuers.metadata(name)
    assert len(broker.scripted.requests) == MOST_HELD + 1
    broker.scripted.will(metadata(names[0]))
    assert issuers.metadata(names[0])["issuer"] == names[0]
    assert len(broker.scripted.requests) == MOST_HELD + 2
