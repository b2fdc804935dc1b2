"""Confirmation: who came back decides whether the proposed token set becomes the connection's."""

from __future__ import annotations

from typing import Any, Final

import pytest

from oauth_broker.caller import Caller
from oauth_broker.errors import InvalidError, NotFoundError, NothingToConfirmError
from oauth_broker.flows.commit import settled
from oauth_broker.flows.confirm import confirm
from oauth_broker.flows.disconnect import disconnect
from oauth_broker.flows.read_token import read_token
from tests.doubles.broker import ADMIN, APP, Broker, person, plenty, told
from tests.doubles.provider import granted
from tests.doubles.samples import NOW

USER: Final = "session-of-ada"
ADA: Final[dict[str, Any]] = {"return_url": APP, "user": USER}


def proposed(broker: Broker, *, access_token: str = "access-1", again: bool = False) -> str:
    """Ask, and consent; gives the confirmation code that the application is told."""
    broker.scripted.will(granted(access_token))
    ticket = broker.ask_again(**ADA) if again else broker.ask(**ADA)
    return told(broker.consent(ticket))["confirmation_code"]


@pytest.fixture
def broker() -> Broker:
    """A broker whose connections are confirmed."""
    made = Broker()
    made.register(require_confirmation=True)
    return made


def confirmed(broker: Broker, code: str, user: str = USER, caller: Caller = ADMIN) -> dict[str, Any]:
    """Confirm."""
    return confirm(broker.kit, caller, "acme", "c1", {"confirmation_code": code, "user": user})


def token(broker: Broker) -> str:
    """Read the access token."""
    told_token = read_token(broker.kit, ADMIN, "acme", "c1", min_ttl=0, remaining=plenty)
    return str(told_token["access_token"])


def test_the_right_person_confirms(broker: Broker) -> None:
    """Only then is it active, gives out its token, is refreshed and announced."""
    code = proposed(broker)
    assert broker.status() == "awaiting_confirmation"
    broker.work()
    assert broker.announcements.names == []
    answer = confirmed(broker, code)
    assert (answer["status"], answer["generation"]) == ("active", 1)
    assert token(broker) == "access-1"
    broker.work()
    assert broker.announcements.names == ["connection connected"]
    assert broker.connection().refresh_at == NOW + 3300
    assert code not in str(broker.dynamodb.items)
    assert USER not in str(broker.dynamodb.items)


def test_a_code_is_good_once(broker: Broker) -> None:
    """Used is as good as wrong, and costs nothing."""
    code = proposed(broker)
    confirmed(broker, code)
    with pytest.raises(NothingToConfirmError):
        confirmed(broker, code)
    assert broker.status() == "active"


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("wrong", ["another user", "too late"])
def test_a_failed_confirmation_ends_the_attempt(broker: Broker, wrong: str, again: bool) -> None:
    """A new connection reads expired then, a reauthorized one keeps status and tokens."""
    if again:
        confirmed(broker, proposed(broker))
        broker.work()
    code = proposed(broker, access_token="stolen", again=again)
    if wrong == "too late":
        broker.machine.time += 600
    with pytest.raises(NothingToConfirmError):
        confirmed(broker, code, "mallory" if wrong == "another user" else USER)
    with pytest.raises(NothingToConfirmError):
        confirmed(broker, code)
    assert broker.connection().proposal is None
    assert broker.status() == ("active" if again else "expired")
    if again:
        assert token(broker) == "access-1"


def test_a_wrong_code_does_not_end_anothers_attempt(broker: Broker) -> None:
    """A tab of an earlier trip comes with its own code: the newest consent can still be confirmed."""
    first = proposed(broker)
    broker.machine.time += 1
    second = proposed(broker, access_token="access-2", again=True)
    for wrong in (first, "x", first[:-1]):
        with pytest.raises(NothingToConfirmError):
            confirmed(broker, wrong)
    assert confirmed(broker, second)["status"] == "active"
    assert token(broker) == "access-2"


def test_every_refusal_reads_the_same(broker: Broker) -> None:
    """No answer tells a guesser which part was wrong."""
    sentences = set()
    broker.ask(**ADA)
    for again in (False, True):
        code = proposed(broker, again=True) if again else "x"
        with pytest.raises(NothingToConfirmError) as caught:
            confirmed(broker, code, "mallory")
        sentences.add(str(caught.value))
    assert len(sentences) == 1


@pytest.mark.parametrize("age, good", [(599, True), (600, False)])
def test_ten_minutes_from_the_callback(broker: Broker, age: int, good: bool) -> None:
    """Whenever the link was opened."""
    ticket = broker.ask(**ADA)
    broker.machine.time += 500
    broker.scripted.will(granted())
    code = told(broker.consent(ticket))["confirmation_code"]
    broker.machine.time += age
    if good:
        assert confirmed(broker, code)["status"] == "active"
    else:
        with pytest.raises(NothingToConfirmError):
            confirmed(broker, code)


def test_an_attempt_that_ended_is_not_brought_back_by_the_rescue(broker: Broker) -> None:
    """The table was away for two tries, so the rescue has a copy: it is void."""
    ticket = broker.ask(**ADA)

    def away() -> Any:
        broker.dynamodb.fail_next("update_item", 2)
        return granted()

    broker.scripted.will(away)
    code = told(broker.consent(ticket))["confirmation_code"]
    [copy] = broker.rescue.received()
    with pytest.raises(NothingToConfirmError):
        confirmed(broker, code, "mallory")
    settled(broker.kit.store, copy, now=NOW)
    with pytest.raises(NothingToConfirmError):
        confirmed(broker, code)
    assert broker.status() == "expired"


def test_reauthorizing_keeps_the_old_set_until_the_new_one_is_confirmed(broker: Broker) -> None:
    """Status and tokens stay, and the old set is refreshed meanwhile."""
    confirmed(broker, proposed(broker))
    broker.work()
    broker.machine.time += 3000
    code = proposed(broker, access_token="access-new", again=True)
    assert (broker.status(), token(broker)) == ("active", "access-1")
    broker.machine.time += 301
    broker.scripted.will(granted("access-2"))
    broker.work()
    assert token(broker) == "access-2"
    assert broker.connection().proposal is not None
    assert confirmed(broker, code)["generation"] == 3
    assert token(broker) == "access-new"


@pytest.mark.parametrize(
    "body, pointers",
    [
        ({}, ["/confirmation_code", "/user"]),
        ({"confirmation_code": "", "user": ""}, ["/confirmation_code", "/user"]),
        ({"confirmation_code": 7, "user": None}, ["/confirmation_code", "/user"]),
        ({"confirmation_code": "c" * 129, "user": "u" * 129}, ["/confirmation_code", "/user"]),
        ({"confirmation_code": "c", "user": "u", "x/y": 1}, ["/x~1y"]),
    ],
)
def test_a_bad_body_is_pointed_at(broker: Broker, body: dict[str, Any], pointers: list[str]) -> None:
    """And does not end the attempt."""
    code = proposed(broker)
    with pytest.raises(InvalidError) as caught:
        confirm(broker.kit, ADMIN, "acme", "c1", body)
    assert [problem.pointer for problem in caught.value.problems] == pointers
    assert confirmed(broker, code)["status"] == "active"


def test_somebody_else_cannot_end_an_attempt(broker: Broker) -> None:
    """To a caller who may not know of the connection it is not there."""
    code = proposed(broker)
    with pytest.raises(NotFoundError):
        confirmed(broker, code, "mallory", person("mallory"))
    assert confirmed(broker, code)["status"] == "active"


def test_what_was_deleted_is_not_confirmed(broker: Broker) -> None:
    """Not found."""
    code = proposed(broker)
    disconnect(broker.kit, broker.connection())
    with pytest.raises(NotFoundError):
        confirmed(broker, code)
