"""A reconnect, a disconnect, a change of the resource while a refresh hangs: its process is paused there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import pytest

from tests.faults.grants import strict_grants
from tests.faults.pausing import pause, pausing
from tests.faults.stops import HELD_FOR, Stops, stoppable
from tests.integration.circle.broker import assert_problem, eventually

if TYPE_CHECKING:
    from pathlib import Path

    from local.stack import Stack
    from tests.faults.grants import StrictGrants
    from tests.servers.openid_provider import OpenIdProvider

HANGING: Final = ("before the request", "after the request", "after the answer")
ANSWERED: Final = HANGING[1:]
TOKENS: Final = 2
"""What is revoked of a token set: its refresh token, its access token."""


def reconnect(grants: StrictGrants, connection_id: str) -> None:
    """The person consents once more."""
    path = f"/v1/resources/{grants.resource_id}/connections/{connection_id}/reauthorize"
    asked = grants.broker.call("POST", path, {"return_url": grants.broker.landing})
    assert grants.consent(asked.json()["start_url"], connection_id).status_code == 303


def disconnect(grants: StrictGrants, connection_id: str) -> None:
    """The connection deleted."""
    path = f"/v1/resources/{grants.resource_id}/connections/{connection_id}"
    assert grants.broker.call("DELETE", path).status_code == 204


def is_there(grants: StrictGrants, connection_id: str) -> bool:
    """Whether the table has an item of the connection's id."""
    try:
        return bool(grants.item(connection_id))
    except KeyError:
        return False


def left_over(grants: StrictGrants) -> list[dict[str, Any]]:
    """What of the resource's is still to be revoked."""
    items = grants.broker.stack.client("dynamodb").scan(
        TableName=grants.broker.stack.table_name,
        FilterExpression="pk = :of",
        ExpressionAttributeValues={":of": {"S": f"D#{grants.resource_id}"}},
        ConsistentRead=True,
    )["Items"]
    return list(items)


def refresh_once_more(grants: StrictGrants, connection_id: str, generation: int) -> None:
    """What is there can be refreshed, to this generation, and its token lives."""
    grants.make_due(connection_id)
    grants.until(lambda: grants.shown(connection_id)["generation"] == generation)
    assert grants.shown(connection_id)["status"] == "active"
    assert grants.lives(grants.token(connection_id).json()["access_token"])


def await_token_answer(grants: StrictGrants, connection_id: str, status: int) -> None:
    """Await this answer to a token read, from processes that may hold the resource as it was."""
    assert eventually(lambda: grants.token(connection_id).status_code == status, HELD_FOR + 10)


@pytest.mark.parametrize("step", HANGING)
def test_the_newest_consent_wins(strict: StrictGrants, stops: Stops, step: str) -> None:
    """What the older grant's refresh brings at last is dropped."""
    with pausing(stops) as paused:
        one = pause(strict, stops, step, paused)
        reconnect(strict, one)
        newest = strict.item(one)["ts"]
    assert strict.item(one)["ts"] == newest
    assert strict.shown(one)["generation"] == 2
    refresh_once_more(strict, one, 3)
    assert strict.grants()[one][-1] not in strict.ended()


@pytest.mark.parametrize("again", [False, True], ids=["for good", "and connected anew by the same id"])
@pytest.mark.parametrize("step", ANSWERED)
def test_a_disconnected_grant_never_comes_back(
    strict: StrictGrants, stops: Stops, step: str, again: bool
) -> None:
    """What arrives for it is revoked as well, and a new connection of its id is another one."""
    already = len(strict.client.asked_to_revoke())
    with pausing(stops) as paused:
        one = pause(strict, stops, step, paused)
        disconnect(strict, one)
        if again:
            strict.connect(one)
    assert_problem(paused[one].result(), 404, "not-found")
    strict.until(lambda: not left_over(strict))
    first, *newer = strict.grants()[one]
    # What was spent, and what came for it.
    assert len(strict.client.asked_to_revoke()) - already == 2 * TOKENS
    assert first in strict.client.asked_to_revoke()[already:]
    assert strict.ended()[first] == "revocation"
    if again:
        refresh_once_more(strict, one, 2)
        assert not strict.ended().keys() & set(newer)
    else:
        assert not is_there(strict, one)
        assert strict.token(one).status_code == 404


@pytest.mark.parametrize("step", ANSWERED)
def test_a_changed_resource_loses_no_answer(
    stoppable_stack: Stack, judge: OpenIdProvider, stops: Stops, step: str
) -> None:
    """Of its name: the refresh is committed. Of its destinations: it is kept, and a rebind brings it back.

    Until then nothing of it is handed out.
    """
    grants = strict_grants(stoppable_stack, judge, f"changed-{step.replace(' ', '-')}")
    path = f"/v1/resources/{grants.resource_id}"
    with pausing(stops) as paused:
        one = pause(grants, stops, step, paused)
        assert grants.broker.call("PATCH", path, {"name": "Renamed"}).status_code == 200
    assert grants.shown(one)["generation"] == 2

    elsewhere = f"http://localhost:{urlsplit(judge.url).port}/token/revocation"
    change = {"revocation": {"url": elsewhere}, "client_secret": grants.client.secret}
    with pausing(stops) as paused:
        two = pause(grants, stops, step, paused)
        assert grants.broker.call("PATCH", path, change).status_code == 200
    for each in (one, two):
        assert grants.shown(each)["generation"] == 2
        await_token_answer(grants, each, 409)
        assert grants.shown(each)["status"] == "needs_reauthorization"
    assert grants.broker.call("POST", f"/v1/rebind/{grants.resource_id}").status_code == 200
    for each in (one, two):
        await_token_answer(grants, each, 200)
        refresh_once_more(grants, each, 3)
    assert grants.ended() == {}


def test_without_the_commits_condition_what_is_gone_comes_back(
    tmp_path: Path, dynamodb_local: str, judge: OpenIdProvider
) -> None:
    """The test of the tests above: the older grant takes the newer one's place, a deleted item is back."""
    with stoppable(tmp_path, dynamodb_local, without="spent set") as stack:
        grants, stops = strict_grants(stack, judge, "naive-meanwhile"), Stops(tmp_path)
        with pausing(stops) as paused:
            one = pause(grants, stops, "after the answer", paused)
            two = pause(grants, stops, "after the answer", paused)
            reconnect(grants, one)
            newest = grants.item(one)["ts"]
            disconnect(grants, two)
            assert not is_there(grants, two)
        assert grants.item(one)["ts"] != newest
        assert is_there(grants, two)
