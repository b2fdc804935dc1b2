"""The values of variables: each is checked before it is used, wherever it came from."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth_broker.errors import FieldProblem, HostNotAllowedError, InvalidError, UnfitValueError
from oauth_broker.protocol.endpoint import hosts_of
from oauth_broker.protocol.url_template import fill_url
from oauth_broker.protocol.variables import checked_values, connection_values, matches, pattern_problem
from oauth_broker.resource import AuthorizationStep, ConnectionVariable, EndpointStep, Resource

TOKEN = EndpointStep(
    url="https://{{tenant}}.acme.test/{{project}}/token", headers={"X-Project": "{{project}}"}
)
ACME = Resource(
    resource_id="acme",
    name="Acme",
    client_id="client-1",
    authorization=AuthorizationStep(
        url="https://{{tenant}}.acme.test/authorize?p={{project}}&state={{state}}"
    ),
    token=TOKEN,
    refresh=TOKEN,
    api_base_url="{{instance_url}}/v2/{{realmId}}",
    connection_variables={
        "tenant": ConnectionVariable(pattern="[a-z0-9-]+", hosts=("*.acme.test",)),
        "project": ConnectionVariable(default="main"),
        "instance_url": ConnectionVariable(hosts=("*.acme.test",)),
    },
    callback_variables=("realmId",),
    metadata=("instance_url", "count"),
)


def problems_of(given_values: Any, resource: Resource = ACME) -> dict[str, str]:
    """Give what is wrong with a connection's variables, by pointer."""
    with pytest.raises(InvalidError) as caught:
        connection_values(resource, given_values)
    return {problem.pointer: problem.detail for problem in caught.value.problems}


def test_values_are_taken_and_defaults_added() -> None:
    """What is given counts, a default stands in, and what the answer will bring may be left out."""
    assert connection_values(ACME, {"tenant": "eu-1"}) == {"tenant": "eu-1", "project": "main"}
    assert connection_values(ACME, {"tenant": "eu", "project": None}) == {"tenant": "eu", "project": "main"}
    full = {"tenant": "eu", "project": "x", "instance_url": "https://eu.acme.test"}
    assert connection_values(ACME, full) == full


BAD: list[tuple[Any, str, str]] = [
    ([], "/variables", "must be an object"),
    (None, "/variables", "must be an object"),
    ({}, "/variables/tenant", "is required"),
    ({"tenant": None}, "/variables/tenant", "is required"),
    ({"tenant": 7}, "/variables/tenant", "must be a string"),
    ({"tenant": "EU"}, "/variables/tenant", "must match [a-z0-9-]+"),
    ({"tenant": "eu\n"}, "/variables/tenant", "control"),
    ({"tenant": "a.b"}, "/variables/tenant", "must match"),
    ({"tenant": "eu", "project": "a" * 1025}, "/variables/project", "at most 1024"),
    ({"tenant": "eu", "project": "a\x00"}, "/variables/project", "control"),
    ({"tenant": "eu", "project": "\ud83d"}, "/variables/project", "half a character"),
    ({"tenant": "eu", "project": ".."}, "/variables/project", "depth of the path"),
    ({"tenant": "eu", "project": ""}, "/variables/project", "depth of the path"),
    ({"tenant": "eu", "project": "é"}, "/variables/project", "such characters"),
    ({"tenant": "eu", "instance_url": "https://evil.test"}, "/variables/instance_url", "not in its hosts"),
    ({"tenant": "eu", "tenent": "x"}, "/variables/tenent", "unknown variable tenent; did you mean tenant?"),
    ({"tenant": "eu", "realmId": "1"}, "/variables/realmId", "unknown variable"),
    ({"tenant": "eu", "a/b~c": "1"}, "/variables/a~1b~0c", "unknown variable"),
]


@pytest.mark.parametrize("given_values,pointer,words", BAD)
def test_a_bad_value_is_named(given_values: Any, pointer: str, words: str) -> None:
    """Each problem has the pointer of its variable and says the rule."""
    assert words in problems_of(given_values)[pointer]


def test_all_problems_are_said_at_once_and_once() -> None:
    """Several bad values give several problems; one that is bad in several places gives one."""
    assert problems_of({"tenent": "x", "project": 1}).keys() == {
        "/variables/tenent",
        "/variables/tenant",
        "/variables/project",
    }
    with pytest.raises(InvalidError) as caught:
        connection_values(ACME, {"tenant": "eu", "project": "."})
    assert caught.value.problems == (
        FieldProblem("/variables/project", "the value of project would change the depth of the path"),
    )


def test_a_host_is_judged_as_a_whole() -> None:
    """A value is allowed by the host that it makes, not by its own look."""
    loose = replace(ACME, connection_variables={**ACME.connection_variables, "tenant": ConnectionVariable()})
    assert "hosts" in problems_of({"tenant": "eu"}, loose)["/variables/tenant"]
    exact = ConnectionVariable(hosts=("eu.acme.test",))
    exact_only = replace(ACME, connection_variables={**ACME.connection_variables, "tenant": exact})
    assert connection_values(exact_only, {"tenant": "EU"})["tenant"] == "EU"
    assert "hosts" in problems_of({"tenant": "us"}, exact_only)["/variables/tenant"]


def test_what_comes_back_is_kept_by_name_as_text() -> None:
    """Declared callback variables and metadata are kept, numbers and booleans as JSON writes them."""
    told: dict[str, str | float | bool] = {
        "realmId": "9",
        "count": 3,
        "instance_url": "https://eu.acme.test",
        "else": "x",
    }
    assert checked_values(ACME, told, known={"tenant": "eu", "project": "main"}) == {
        "realmId": "9",
        "count": "3",
        "instance_url": "https://eu.acme.test",
    }
    assert checked_values(ACME, {"count": True}, known={}) == {"count": "true"}
    assert checked_values(ACME, {"count": 0.1}, known={}) == {"count": "0.1"}


@pytest.mark.parametrize(
    "told,error",
    [
        ({"instance_url": "https://evil.test"}, HostNotAllowedError),
        ({"instance_url": "http://eu.acme.test"}, HostNotAllowedError),
        ({"realmId": "../admin", "instance_url": "https://eu.acme.test"}, UnfitValueError),
        ({"realmId": "a\r\nb"}, UnfitValueError),
        ({"realmId": "a" * 1025}, UnfitValueError),
    ],
)
def test_what_comes_back_is_checked_too(told: dict[str, str], error: type[UnfitValueError]) -> None:
    """A callback's query is the browser's word, an answer the provider's: neither says where secrets go."""
    with pytest.raises(error) as caught:
        checked_values(ACME, told, known={"tenant": "eu", "project": "main"})
    assert caught.value.name in told


def test_a_declared_pattern_holds_for_what_comes_back() -> None:
    """A callback variable that is declared is held to its pattern."""
    declared = {**ACME.connection_variables, "realmId": ConnectionVariable(pattern="[0-9]+")}
    strict = replace(ACME, connection_variables=declared)
    assert checked_values(strict, {"realmId": "42"}, known={}) == {"realmId": "42"}
    with pytest.raises(UnfitValueError, match="realmId must match"):
        checked_values(strict, {"realmId": "x42"}, known={})


@pytest.mark.parametrize(
    "pattern,value,matched",
    [
        ("[a-z]+", "abc", True),
        ("[a-z]+", "abc\n", False),
        ("[a-z]+", "1abc", False),
        ("a|b", "ab", False),
        ("^a$", "a", True),
        (r"\p{Greek}+", "λόγος", True),
        ("", "", True),
        (".*", "é", True),
    ],
)
def test_a_pattern_matches_the_whole(pattern: str, value: str, matched: bool) -> None:
    """A pattern says what the whole value is, not what is somewhere in it."""
    assert matches(pattern, value) is matched


@pytest.mark.parametrize(
    "pattern", ["(", "[", "*", "(?=a)", r"(a)\1", "(?<x>a", "a{1001}", "((a{1,100}){1,100}){1,100}"]
)
def test_a_pattern_that_is_none_is_refused(pattern: str) -> None:
    """What RE2 does not know, or what would need too much memory, is refused when the resource is saved."""
    assert pattern_problem(pattern) is not None
    assert pattern_problem("[a-z]{1,20}") is None


@pytest.mark.parametrize("pattern", ["(a+)+b", "(a|a)*b", "(.*a){12}b", "(a?){60}a{60}"])
def test_a_pattern_is_matched_in_linear_time(pattern: str) -> None:
    """Patterns that take a backtracking matcher for ever take none of our time."""
    started = time.perf_counter()
    matches(pattern, "a" * 1024)
    assert time.perf_counter() - started < 2


@given(st.text())
def test_no_accepted_value_leaves_its_place(value: str) -> None:
    """A value that a connection may bring makes a URL of the same host suffix, depth and parameters."""
    loose = {**ACME.connection_variables, "tenant": ConnectionVariable(hosts=("*.acme.test",))}
    resource = replace(ACME, connection_variables=loose)
    try:
        values = connection_values(resource, {"tenant": value, "project": value})
    except InvalidError:
        return
    filled = fill_url(TOKEN.url, values, hosts=hosts_of(resource))
    scheme, _, host, project, last = filled.split("/")
    assert (scheme, last) == ("https:", "token")
    assert host.endswith(".acme.test")
    assert project
