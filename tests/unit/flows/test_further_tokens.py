"""Further tokens of an answer, such as Slack's for the person beside the bot's: kept, handed out, revoked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from oauth_broker.errors import NeedsReauthorizationError, NotFoundError, UnavailableError
from oauth_broker.flows.disconnect import disconnect
from oauth_broker.flows.manage_resources import patch_resource
from oauth_broker.flows.read_token import read_token, refresh_now
from oauth_broker.flows.token_sets import opened
from oauth_broker.protocol.token_set import MAX_TOKENS_LENGTH, NamedTokenSet, TokenSet
from oauth_broker.secret import Secret
from tests.doubles.broker import ADDRESSES, ADMIN, Broker, plenty
from tests.doubles.provider import answered, fields_of, granted

RULES = {
    "tokens": {
        "user": {
            "access_token": "authed_user.access_token",
            "expires_in": "authed_user.expires_in",
            "scope": "authed_user.scope",
            "token_type": "authed_user.token_type",
        }
    }
}
USER = {"access_token": "xoxp-user-token-1", "scope": "chat:write,im:read", "token_type": "user"}


def connected(*, token: dict[str, Any] | None = None, **user: Any) -> Broker:
    """Give a broker with a connection whose answer brought a person's token as well."""
    broker = Broker()
    broker.register(token_response=RULES)
    broker.connect(authed_user={**USER, **user}, **(token or {}))
    return broker


def read(broker: Broker, name: str | None = "user", min_ttl: int = 60) -> dict[str, Any]:
    """Read a token."""
    return read_token(broker.kit, ADMIN, "acme", "c1", min_ttl=min_ttl, name=name, remaining=plenty)


def test_a_further_token_is_handed_out_by_its_name() -> None:
    """With its own type, expiry and scopes; the first token is as it was; one call to the table each."""
    broker = connected(expires_in=7200)
    broker.dynamodb.calls.clear()
    assert read(broker) == {
        "access_token": "xoxp-user-token-1",
        "token_type": "user",
        "expires_at": "2027-01-15T10:00:00Z",
        "scope": "chat:write im:read",
        "generation": 1,
        "metadata": {},
    }
    assert broker.dynamodb.calls == {"get_item": 1}
    assert read(broker, None)["access_token"] == "access-1"


@pytest.mark.parametrize("name", ["bot", "", "user ", "authed_user"])
def test_a_name_that_the_connection_has_not_is_not_found(name: str) -> None:
    """Whether the resource declares it or not."""
    broker = connected()
    assert read(broker)["access_token"] == "xoxp-user-token-1"
    with pytest.raises(NotFoundError):
        read(broker, name)


def test_a_token_set_of_before_has_none() -> None:
    """What was sealed without further tokens opens, and has none; the bytes are as before."""
    broker = Broker()
    broker.connect()
    sealed = broker.connection().token_set
    assert sealed is not None
    ids = {"resource_id": "acme", "connection_id": "c1"}
    assert opened(broker.kit.sealing, sealed, **ids, now=broker.machine.now()).named == {}
    with pytest.raises(NotFoundError):
        read(broker)


@pytest.mark.parametrize(
    "lifetime, age, min_ttl, refreshed",
    [(None, 3000, 60, False), (2000, 1900, 60, False), (2000, 1941, 60, True), (2000, 1001, 3600, True)],
)
def test_a_further_token_is_refreshed_with_the_first(
    lifetime: int | None, age: int, min_ttl: int, refreshed: bool
) -> None:
    """Where too little of its own life is left, whatever is left of the first token's."""
    broker = connected(expires_in=lifetime)
    broker.machine.time += age
    broker.scripted.will(granted("access-2", authed_user=USER | {"access_token": "xoxp-2"}))
    assert read(broker, min_ttl=min_ttl)["access_token"] == ("xoxp-2" if refreshed else "xoxp-user-token-1")


def test_a_refresh_that_brings_none_keeps_it_to_its_end() -> None:
    """Read while it lives, without a call to the provider; after that somebody must consent again."""
    broker = connected(expires_in=7200)
    broker.scripted.will(granted("access-2", expires_in=40_000))
    refresh_now(broker.kit, ADMIN, "acme", "c1", remaining=plenty)
    asked = len(broker.scripted.requests)
    told = read(broker, min_ttl=3600)
    assert (told["access_token"], told["generation"]) == ("xoxp-user-token-1", 2)
    broker.machine.time += 7199
    assert read(broker, min_ttl=3600)["access_token"] == "xoxp-user-token-1"
    broker.machine.time += 1
    with pytest.raises(NeedsReauthorizationError, match="user has expired"):
        read(broker)
    assert read(broker, None)["access_token"] == "access-2"
    assert len(broker.scripted.requests) == asked


def test_nothing_renews_it_without_a_refresh_token() -> None:
    """The first token never expires, the further one does."""
    broker = connected(token={"refresh_token": None, "expires_in": None}, expires_in=100)
    broker.machine.time += 100
    with pytest.raises(NeedsReauthorizationError):
        read(broker)
    assert broker.status() == "active"


@pytest.mark.parametrize("age, served", [(1999, True), (2000, False)])
def test_a_failing_provider_costs_it_only_once_it_has_expired(age: int, served: bool) -> None:
    """The old one while it lives, else 503."""
    broker = connected(expires_in=2000)
    broker.machine.time += age
    broker.scripted.will(answered(503))
    if served:
        assert read(broker)["access_token"] == "xoxp-user-token-1"
    else:
        with pytest.raises(UnavailableError):
            read(broker)


def test_what_the_resource_no_longer_names_goes_with_the_next_refresh() -> None:
    """It is kept no longer than it is declared."""
    broker = connected()
    patch_resource(broker.kit, ADDRESSES, "acme", {"token_response": {}}, if_match=None, loopback=False)
    assert read(broker)["access_token"] == "xoxp-user-token-1"
    broker.scripted.will(granted("access-2"))
    refresh_now(broker.kit, ADMIN, "acme", "c1", remaining=plenty)
    with pytest.raises(NotFoundError):
        read(broker)


def test_what_a_provider_repeats_of_it_is_masked() -> None:
    """A refusal that names the person's token."""
    broker = connected()
    broker.scripted.will(answered(400, error="invalid_request", error_description="not xoxp-user-token-1"))
    with pytest.raises(UnavailableError):
        refresh_now(broker.kit, ADMIN, "acme", "c1", remaining=plenty)
    error = broker.connection().last_error
    assert error is not None
    assert error.error_description == "not ***"


@pytest.mark.parametrize("lifetime, revoked", [(None, True), (60, False)])
def test_disconnecting_revokes_it_while_it_lives(lifetime: int | None, revoked: bool) -> None:
    """After the refresh token and the access token."""
    broker = connected(expires_in=lifetime)
    disconnect(broker.kit, broker.connection())
    broker.machine.time += 60
    broker.scripted.will(*[answered(200)] * (2 + revoked))
    broker.work()
    sent = [fields for fields in map(fields_of, broker.scripted.requests) if "token" in fields]
    further = [("xoxp-user-token-1", "access_token")] if revoked else []
    assert [(fields["token"], fields["token_type_hint"]) for fields in sent] == [
        ("refresh-1", "refresh_token"),
        ("access-1", "access_token"),
        *further,
    ]


def test_what_is_kept_has_a_bound() -> None:
    """Tokens kept over from other answers do not make a token set larger than one answer may be."""
    half = NamedTokenSet(Secret("x" * (MAX_TOKENS_LENGTH // 2)), "Bearer", 0, None, None)
    came = TokenSet(Secret("a"), None, "Bearer", None, None)
    kept = came.keeping(Secret("r"), {"one": half, "two": half})
    assert kept.named == {"one": replace(half, kept=True)}
    own = replace(half, access_token=Secret("own"))
    assert replace(came, named={"one": own}).keeping(None, {"one": half}).named == {"one": own}
