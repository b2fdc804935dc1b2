"""Who asks, by what API Gateway's authorizers found."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from oauth_broker.caller import Caller, CallerKind, caller_of
from oauth_broker.errors import BrokerError, CallerError, MalformedError
from tests.unit.http_events import IAM, jwt

ADA = {"iss": "https://issuer.test", "sub": "ada"}


def jwt_caller(prefix: str = "broker/", **claims: str) -> Caller:
    """Give the caller of a JWT with these claims beside Ada's."""
    return caller_of("/jwt/v1/resources", jwt(**{**ADA, **claims}), scope_prefix=prefix)


def test_an_iam_caller_sees_everything() -> None:
    """IAM policies have decided already: the caller is known by its ARN and owns nothing."""
    caller = caller_of("/v1/resources", IAM, scope_prefix="broker/")
    assert caller == Caller(CallerKind.IAM, identity="arn:aws:iam::111122223333:user/ada", admin=True)
    assert caller.may_see(None)
    assert caller.may_see(b"somebody")


def test_a_public_caller_is_nobody() -> None:
    """On a public route there is no identity, no owner and no right to see anything owned."""
    caller = caller_of("/oauth/start", {}, scope_prefix="broker/")
    assert caller == Caller(CallerKind.PUBLIC)
    assert not caller.may_see(None)


def test_a_jwt_caller_owns_what_they_make() -> None:
    """The owner is the hash of issuer and subject, each with its length in front."""
    caller = jwt_caller()
    text = b"\x00\x00\x00\x13https://issuer.test\x00\x00\x00\x03ada"
    assert caller == Caller(CallerKind.JWT, identity="ada", owner=hashlib.sha256(text).digest())
    assert caller.may_see(caller.owner)
    assert not caller.may_see(None)
    assert not caller.may_see(jwt_caller(sub="grace").owner)


def test_no_two_people_have_the_same_owner() -> None:
    """Issuer and subject do not run together."""
    assert (
        jwt_caller(iss="https://a.test/", sub="xy").owner != jwt_caller(iss="https://a.test/x", sub="y").owner
    )


@pytest.mark.parametrize(
    "claims,admin",
    [
        ({}, False),
        ({"scope": "broker/admin"}, True),
        ({"scope": "broker/read broker/admin"}, True),
        ({"scope": "[broker/read broker/admin]"}, True),
        ({"scp": "[broker/admin broker/read]"}, True),
        ({"scp": "broker/admin"}, True),
        ({"scope": "broker/read broker/write broker/token"}, False),
        ({"scope": "broker/administrator"}, False),
        ({"scope": "admin"}, False),
        ({"scope": "other/broker/admin"}, False),
        ({"scope": "broker/admin,broker/read"}, False),
        ({"scope": "BROKER/ADMIN"}, False),
        ({"roles": "broker/admin"}, False),
    ],
)
def test_an_admin_is_who_has_the_scope(claims: dict[str, str], admin: bool) -> None:
    """The token's own scope claim decides, word by word; what the route would accept does not."""
    assert jwt_caller(**claims).admin is admin
    assert jwt_caller(**claims).may_see(None) is admin


def test_without_a_prefix_nobody_is_an_admin() -> None:
    """A function that was given no scope prefix takes no bare word for a right."""
    assert not jwt_caller(prefix="", scope="admin").admin


@pytest.mark.parametrize("missing", ["iss", "sub"])
def test_a_token_without_a_subject_is_refused(missing: str) -> None:
    """Who cannot be told apart from others cannot own anything."""
    with pytest.raises(MalformedError, match="whose it is"):
        jwt_caller(**{missing: ""})


@pytest.mark.parametrize(
    "path,authorizer",
    [
        ("/v1/resources", {}),
        ("/v1/resources", {"iam": {}}),
        ("/v1/resources", jwt(**ADA)),
        ("/jwt/v1/resources", {}),
        ("/jwt/v1/resources", {"jwt": {"claims": {}}}),
        ("/jwt/v1/resources", IAM),
    ],
)
def test_a_route_that_lost_its_authorizer_is_closed(path: str, authorizer: dict[str, Any]) -> None:
    """A request that no authorizer of the route's kind let in is a fault of the deployment, no open door."""
    with pytest.raises(BrokerError) as raised:
        caller_of(path, authorizer, scope_prefix="broker/")
    assert not isinstance(raised.value, CallerError)
