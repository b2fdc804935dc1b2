"""A registration over what its issuer's metadata says."""

from __future__ import annotations

from typing import Any, Final

import pytest

from oauth_broker.errors import FieldProblem, InvalidError
from oauth_broker.registration.client_rules import possible_methods
from oauth_broker.registration.discovered import (
    asked_issuer,
    discovered,
    discovery_json,
    forgotten,
    issuer_to_ask,
    stand_in,
)
from oauth_broker.registration.document import OF_THE_ISSUER, patched
from tests.unit.registration.samples import EVERYTHING, LEAST, parsed, problems_of, without

ISSUER: Final = "https://login.acme.test"
METADATA: Final[dict[str, Any]] = {
    "issuer": ISSUER,
    "authorization_endpoint": "https://www.acme.test/authorize?tenant=1",
    "token_endpoint": f"{ISSUER}/token",
    "revocation_endpoint": f"{ISSUER}/revoke",
    "token_endpoint_auth_methods_supported": ["client_secret_post"],
    "jwks_uri": f"{ISSUER}/keys",
    "id_token_signing_alg_values_supported": ["ES256"],
    "authorization_response_iss_parameter_supported": True,
}
SHORT: Final[dict[str, Any]] = {
    "name": "Acme",
    "issuer": ISSUER,
    "client_id": "client-1",
    "client_secret": "not-a-real-secret",
}
BY_CLIENT: Final[dict[str, Any]] = {**SHORT, "grant_type": "client_credentials"}


def filled(body: dict[str, Any], *, loopback: bool = False, **changes: Any) -> dict[str, Any]:
    """The registration over the metadata, changed."""
    metadata = {name: value for name, value in {**METADATA, **changes}.items() if value is not None}
    return discovered(metadata, body, can=possible_methods(body), loopback=loopback)


def refusal(body: dict[str, Any], **changes: Any) -> tuple[FieldProblem, ...]:
    """What is said of metadata that cannot be used."""
    with pytest.raises(InvalidError) as refused:
        filled(body, **changes)
    return refused.value.problems


@pytest.mark.parametrize(
    "body, asked",
    [
        (SHORT, True),
        (BY_CLIENT, True),
        (LEAST, False),
        (LEAST | {"issuer": ISSUER}, False),
        (without(LEAST, "authorization") | {"issuer": ISSUER}, True),
        (without(LEAST, "token") | {"issuer": ISSUER}, True),
        (BY_CLIENT | {"token": {"url": "https://acme.test/token"}}, False),
        (SHORT | {"token": {"params": {"a": "b"}}, "authorization": LEAST["authorization"]}, True),
        (without(LEAST, "token"), False),
        (SHORT | {"issuer": None}, False),
        (SHORT | {"issuer": 7}, False),
        (SHORT | {"issuer": "http://login.acme.test"}, False),
        (SHORT | {"issuer": "https://10.0.0.1"}, False),
        (SHORT | {"issuer": f"{ISSUER}?x=1"}, False),
        (SHORT | {"issuer": "https://{{tenant}}.acme.test"}, False),
    ],
)
def test_an_issuer_is_asked_where_urls_are_missing(body: dict[str, Any], asked: bool) -> None:
    """Not where all that the grant needs is given, and never one that egress would refuse."""
    assert issuer_to_ask(body, loopback=False) == (ISSUER if asked else None)


def test_an_issuer_alone_makes_a_resource() -> None:
    """Endpoints on other hosts are the issuer's to name; PKCE is on, whatever metadata leaves unsaid."""
    resource = parsed(filled(SHORT)).resource
    assert resource.authorization is not None
    assert resource.authorization.url == METADATA["authorization_endpoint"]
    assert (resource.token.url, resource.token.auth_method) == (f"{ISSUER}/token", "client_secret_post")
    assert resource.revocation is not None
    assert resource.revocation.auth_method == "client_secret_post"
    assert (resource.jwks_uri, resource.id_token_signed_response_algs) == (f"{ISSUER}/keys", ("ES256",))
    assert resource.authorization_response_iss_parameter_supported
    assert resource.code_challenge_method == "S256"


def test_the_registration_wins() -> None:
    """Member by member inside a step, and null takes away what metadata says."""
    own: dict[str, Any] = {
        "authorization": {"params": {"prompt": "consent"}},
        "token": {"url": "https://acme.test/own", "headers": {"X-A": "1"}},
        "revocation": None,
        "jwks_uri": None,
        "authorization_response_iss_parameter_supported": False,
        "code_challenge_method": None,
    }
    document = parsed(filled(SHORT | own)).resource.document
    assert document["authorization"] == {
        "url": METADATA["authorization_endpoint"],
        "params": {"prompt": "consent"},
    }
    assert document["token"] == {**own["token"], "auth_method": "client_secret_post"}
    assert not {"revocation", "jwks_uri"} & document.keys()
    assert document["authorization_response_iss_parameter_supported"] is False
    assert document["code_challenge_method"] is None


def test_a_client_of_its_own_account_takes_what_it_uses() -> None:
    """Nobody consents: no authorization URL, and no keys of ID tokens."""
    document = parsed(filled(BY_CLIENT, authorization_endpoint=None)).resource.document
    assert document["token"]["url"] == f"{ISSUER}/token"
    assert not {"authorization", *OF_THE_ISSUER} & document.keys()


def test_what_was_filled_is_not_asked_for_again() -> None:
    """What GET shows is whole: PUT it back, and nobody is asked."""
    shown = {**parsed(filled(SHORT)).resource.document, "name": "New"}
    assert issuer_to_ask(shown, loopback=False) is None


@pytest.mark.parametrize(
    "name", ["authorization_endpoint", "token_endpoint", "revocation_endpoint", "jwks_uri"]
)
@pytest.mark.parametrize(
    "address, words",
    [
        ("http://login.acme.test/x", "must be https"),
        ("https://127.0.0.1/x", "no request is sent"),
        ("https://169.254.169.254/x", "no request is sent"),
        ("https://[::ffff:10.0.0.1]/x", "no request is sent"),
        ("https://user:password@login.acme.test/x", "not a host"),
        ("https://login.acme.test/x#y", "fragment"),
        ("https://login.acme.test/x?a={{client_secret}}", "placeholder"),
        ("/x", "absolute"),
        ("https://login.acme.test/" + "x" * 8192, "at most"),
    ],
)
def test_a_url_that_no_resource_may_have_is_refused(name: str, address: str, words: str) -> None:
    """Nor may one hold a placeholder: it would send the issuer what it was not given for."""
    [problem] = refusal(SHORT, **{name: address})
    assert problem.pointer == "/issuer"
    assert problem.detail.startswith(f"the {name} of its metadata: ")
    assert words in problem.detail


def test_a_bad_url_that_is_not_used_does_no_harm() -> None:
    """What the registration gives itself, or takes away, is not held against the issuer."""
    own: dict[str, Any] = {"token": {"url": "https://acme.test/token"}, "revocation": None, "jwks_uri": None}
    bad: dict[str, Any] = dict.fromkeys(
        ("token_endpoint", "revocation_endpoint", "jwks_uri"), "http://10.0.0.1/"
    )
    assert parsed(filled(SHORT | own, **bad)).resource.token.url == "https://acme.test/token"
    assert len(refusal(SHORT, **bad)) == 3


@pytest.mark.parametrize(
    "body, missing",
    [
        (SHORT, ["token_endpoint", "authorization_endpoint"]),
        (BY_CLIENT, ["token_endpoint"]),
        (SHORT | {"token": {"url": "https://acme.test/token"}}, ["authorization_endpoint"]),
    ],
)
def test_metadata_that_lacks_what_is_needed_is_refused(body: dict[str, Any], missing: list[str]) -> None:
    """And it is said which."""
    told = refusal(body, token_endpoint=None, authorization_endpoint=None)
    assert [problem.detail for problem in told] == [f"its metadata has no {name}" for name in missing]


def test_loopback_is_for_a_local_stack() -> None:
    """There an issuer may be on this machine, and what it names too."""
    names = ("authorization_endpoint", "token_endpoint", "revocation_endpoint", "jwks_uri")
    local: dict[str, Any] = dict.fromkeys(names, "http://127.0.0.1:9/x")
    assert filled(SHORT, loopback=True, **local)["token"]["url"] == "http://127.0.0.1:9/x"
    assert len(refusal(SHORT, **local)) == 4


@pytest.mark.parametrize(
    "change, pointer",
    [
        ({"name": None}, "/name"),
        ({"scopess": []}, "/scopess"),
        ({"token": "https://acme.test"}, "/token"),
        ({"token": {"auth_method": "basic"}}, "/token/auth_method"),
        ({"authorization": None}, "/authorization"),
        ({"authorization": {"params": {"x": "{{cliend_id}}"}}}, "/authorization/params/x"),
        ({"client_secret": None, "token": {"auth_method": "client_secret_post"}}, "/client_secret"),
    ],
)
def test_what_is_wrong_in_itself_is_seen_without_metadata(change: dict[str, Any], pointer: str) -> None:
    """With the issuer in the place of its URLs a registration is parsed as a whole; the good one passes."""
    assert parsed(stand_in(SHORT)).resource.name == "Acme"
    assert [problem.pointer for problem in problems_of(stand_in(SHORT | change))] == [pointer]


def test_a_patch_with_another_issuer_forgets_the_first_one() -> None:
    """Its URLs, client authentication and keys; params and what the patch gives stay."""
    stored = parsed(filled(SHORT | {"authorization": {"params": {"prompt": "consent"}}})).resource.document
    patch = {"issuer": "https://other.test", "revocation": {"url": "https://own.test/revoke"}}
    assert patched(forgotten(stored, patch), patch) == {
        "name": "Acme",
        "client_id": "client-1",
        "client_secret": "***",
        "authorization": {"params": {"prompt": "consent"}},
        **patch,
    }


@pytest.mark.parametrize("patch", [{"name": "New"}, {"issuer": None}, {"jwks_uri": None}])
def test_a_patch_without_an_issuer_forgets_no_url(patch: dict[str, Any]) -> None:
    """The document is as it was, until the patch is laid over."""
    stored = parsed(EVERYTHING).resource.document
    assert forgotten(stored, patch) == stored


def test_another_issuer_ends_what_was_said_of_the_first() -> None:
    """Keys and `iss` were its own; null instead of an issuer says so of a catalogue entry's as well."""
    stored = parsed(EVERYTHING).resource.document
    assert stored.keys() >= set(OF_THE_ISSUER)
    assert not patched(stored, {"issuer": "https://other.test"}).keys() & set(OF_THE_ISSUER)
    keys = "https://other.test/keys"
    assert patched(stored, {"issuer": "https://other.test", "jwks_uri": keys})["jwks_uri"] == keys
    entirely = patched(stored, {"issuer": None})
    assert [entirely[name] for name in ("issuer", *OF_THE_ISSUER)] == [None] * 4


@pytest.mark.parametrize(
    "body, pointer, words",
    [
        ({}, "/issuer", "is required"),
        ({"issuer": ISSUER, "name": "x"}, "/name", "unknown member"),
        ({"issuer": None}, "/issuer", "string"),
        ({"issuer": "http://acme.test"}, "/issuer", "https"),
        ({"issuer": "https://localhost"}, "/issuer", "no request is sent"),
        ({"issuer": f"{ISSUER}#x"}, "/issuer", "fragment"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(body: dict[str, Any], pointer: str, words: str) -> None:
    """At its pointer, before anything is sent."""
    assert asked_issuer({"issuer": ISSUER}, loopback=False) == ISSUER
    with pytest.raises(InvalidError) as refused:
        asked_issuer(body, loopback=False)
    [problem] = refused.value.problems
    assert (problem.pointer, words in problem.detail) == (pointer, True)


def test_metadata_is_shown_as_it_would_be_registered() -> None:
    """The members, and beside them the scopes; what no resource may have is refused here as well."""
    shown = discovery_json(METADATA | {"scopes_supported": ["openid"]}, loopback=False)
    assert shown.pop("scopes_supported") == ["openid"]
    assert parsed(SHORT | shown).resource == parsed(filled(SHORT)).resource
    with pytest.raises(InvalidError):
        discovery_json(METADATA | {"jwks_uri": "https://10.0.0.1"}, loopback=False)
