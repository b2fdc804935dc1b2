"""The OpenAPI description is valid, complete and right about what the code can answer."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from local.template import load
from oauth_broker.attempts import CODES, LONGEST_MS, MOST
from oauth_broker.connection import Status
from oauth_broker.problems import INTERNAL, KINDS, TYPE_PREFIX
from oauth_broker.registration.fields import REQUIRED, fields
from oauth_broker.registration.parsing import parse_registration
from tests.contract.description import DOCUMENT, Operation, faults, followed, operations
from tests.template import document as templates

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
OPERATIONS: Final = tuple(operations())
SCHEMAS: Final = DOCUMENT["components"]["schemas"]
PROBLEM: Final = "application/problem+json"
# A refused callback is a page for the person in front of it, never a problem.
PAGES_ONLY: Final = {"callback-rejected"}


def test_it_is_openapi() -> None:
    """It is an OpenAPI 3.1 document, and the validator says so of no broken one."""
    assert DOCUMENT["openapi"].startswith("3.1.")
    assert list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors()) == []
    assert list(OpenAPIV31SpecValidator({**DOCUMENT, "paths": {"v1": {}}}).iter_errors())


def test_it_is_of_this_version() -> None:
    """Who reads it learns which version of the broker it describes."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert DOCUMENT["info"]["version"] == project["version"]


def described_security(operation: Operation, server: str) -> list[dict[str, Any]]:
    """What the transformed template says of a route that is described so and stands at a server."""
    security = operation.definition["security"]
    if not security:
        return [{"NONE": []}]
    if not server:
        assert security[0] == {"iam": []}, "IAM callers come first"
        return [{"AWS_IAM": []}]
    scopes = [scope.removeprefix("broker/") for item in security for scope in item.get("jwt", [])]
    return [{"Jwt": [{"Fn::Sub": "${ScopePrefix}" + scope} for scope in scopes]}]


# The page and what it loads: nothing to write a client against.
OF_THE_CONSOLE: Final = {"GET /", "GET /console/{file}", "GET /console/config.json"}


def test_every_route_is_described_and_the_reverse() -> None:
    """The API's routes, at both servers and with their security, are those of the transformed template."""
    deployed = {
        route: operation["security"]
        for route, operation in templates.operations(dict(load(ROOT / "template.yaml", {}).document)).items()
    }
    assert deployed.keys() >= OF_THE_CONSOLE
    deployed = {route: security for route, security in deployed.items() if route not in OF_THE_CONSOLE}
    described = {
        f"{operation.method} {server}{operation.path}": described_security(operation, server)
        for operation in OPERATIONS
        for server in operation.servers
    }
    assert described == deployed


def test_every_outcome_of_an_attempt_is_named() -> None:
    """And no other, in the order of their numbers but for `other`, which comes last; the bounds are ours."""
    attempt = SCHEMAS["Attempt"]["properties"]
    words = re.findall(r"[a-z_]+", attempt["outcome"]["description"])
    assert {word for word in words if word in CODES} == CODES.keys()
    named = re.search(r"`last_error`: (.*); `other`", attempt["outcome"]["description"])
    assert named is not None
    assert named[1].split(", ") == list(CODES)[3:]
    assert attempt["duration_ms"]["maximum"] == LONGEST_MS
    assert SCHEMAS["Connection"]["properties"]["attempts"]["maxItems"] == MOST


def test_operations_have_names() -> None:
    """Each operation has an id of its own, a summary, and a tag that is explained."""
    definitions = [operation.definition for operation in OPERATIONS]
    assert len({definition["operationId"] for definition in definitions}) == len(definitions)
    assert all(definition["summary"] for definition in definitions)
    tags = {tag["name"] for tag in DOCUMENT["tags"] if tag["description"]}
    assert {tag for definition in definitions for tag in definition["tags"]} == tags


def test_nothing_in_the_components_is_unused() -> None:
    """What no operation comes to is no part of the API."""
    used = set(references(DOCUMENT["paths"]))
    while found := {inner for name in used for inner in references(followed({"$ref": name}))} - used:
        used |= found
    kinds = ("parameters", "headers", "responses", "links", "schemas")
    there = {f"#/components/{kind}/{name}" for kind in kinds for name in DOCUMENT["components"][kind]}
    assert there - used == set()


def references(value: object) -> Iterator[str]:
    """Every reference in a part of the description."""
    match value:
        case dict():
            for key, inner in value.items():
                if key == "$ref" and isinstance(inner, str):
                    yield inner
                else:
                    yield from references(inner)
        case list():
            for inner in value:
                yield from references(inner)


def problem_types() -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Every problem of the description: status, type without its prefix, example."""
    for operation in OPERATIONS:
        for status, response in operation.responses.items():
            for media_type, content in response.get("content", {}).items():
                if media_type == PROBLEM:
                    examples = dict(given_examples(content))
                    for name in content["schema"]["properties"]["type"]["enum"]:
                        short = name.removeprefix(TYPE_PREFIX)
                        yield status, short, examples.get(short) or examples[""]


def given_examples(content: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The examples of a media type or parameter by name; one alone has none."""
    if "example" in content:
        yield "", content["example"]
    for name, example in content.get("examples", {}).items():
        yield name, example["value"]


def test_every_problem_of_the_code_is_described() -> None:
    """The description's problems are those that the code can answer, with their status and title."""
    kinds = {kind for kind in (*KINDS.values(), INTERNAL) if kind.name not in PAGES_ONLY}
    described = list(problem_types())
    assert {(status, name) for status, name, _ in described} == {
        (int(kind.status), kind.name) for kind in kinds
    }
    titles = {kind.name: kind.title for kind in kinds}
    assert [name for _, name, example in described if example["title"] != titles[name]] == []


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_examples_are_of_their_schemas(operation: Operation) -> None:
    """Whatever a reader copies is valid; every JSON body, asked or answered, has an example."""
    bodies = [operation.definition.get("requestBody", {}), *operation.responses.values()]
    for media_type, content in (pair for body in bodies for pair in body.get("content", {}).items()):
        examples = [value for _, value in given_examples(content)]
        assert examples or media_type.startswith("text/html"), f"{media_type} has no example"
        for example in examples:
            assert faults(example, content["schema"]) == []
    for parameter in operation.parameters:
        for _, example in given_examples(parameter):
            assert faults(example, parameter["schema"]) == []


def schema_places(value: object) -> Iterator[dict[str, Any]]:
    """Every schema with examples in a part of the description."""
    if isinstance(value, dict):
        if isinstance(value.get("examples"), list):
            yield value
        for inner in value.values():
            yield from schema_places(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from schema_places(inner)


def test_schemas_examples_are_of_them() -> None:
    """The examples that stand in schemas are valid as well."""
    given = [(example, place) for place in schema_places(SCHEMAS) for example in place["examples"]]
    assert given
    assert [fault for example, place in given for fault in faults(example, place)] == []


def test_a_wrong_example_is_noticed() -> None:
    """A member too many, a word that is none, a time without a zone: each is a fault."""
    asked = {"connection_id": "ada", "user": 1}
    assert faults(asked, {"$ref": "#/components/schemas/ConnectionRequest"})
    assert faults({"status": "fine"}, {"$ref": "#/components/schemas/Health"})
    assert faults("2026-11-24 06:28", SCHEMAS["Connection"]["properties"]["created_at"])


def test_a_registration_has_the_members_that_are_read() -> None:
    """The schema's members, required ones among them, are those of the table of fields."""
    schema = SCHEMAS["Registration"]
    assert schema["properties"].keys() == fields(loopback=False).keys()
    assert schema["anyOf"] == [{"required": [name]} for name in ("token", "provider", "issuer")]
    assert {*schema["required"], "token"} == REQUIRED.keys()
    assert SCHEMAS["ResourcePatch"]["properties"].keys() == schema["properties"].keys()


PLACES: Final = {
    "authorization": SCHEMAS["AuthorizationStep"],
    "token": SCHEMAS["TokenStep"],
    "refresh": SCHEMAS["EndpointStep"],
    "token_response": SCHEMAS["Registration"]["properties"]["token_response"],
    "callback_params": SCHEMAS["Registration"]["properties"]["callback_params"],
    "refresh_token": SCHEMAS["Registration"]["properties"]["refresh_token"],
}


@pytest.mark.parametrize("name", PLACES)
def test_a_step_has_the_members_that_are_read(name: str) -> None:
    """Inside a member, too, each described name is known to the code; one that is not is noticed."""
    check = fields(loopback=False)[name]
    members = dict.fromkeys([*PLACES[name]["properties"], "another"])
    unknown = [problem.pointer for problem in check(members, "") if problem.detail.startswith("unknown")]
    assert unknown == ["/another"]


@pytest.mark.parametrize("name", ["grant_type", "code_challenge_method", "callback", "refresh_policy"])
def test_the_listed_values_are_taken(name: str) -> None:
    """Each value that the description lists is one that the code takes."""
    schema = SCHEMAS["Registration"]["properties"][name]
    for value in schema.get("enum", [schema.get("const")]):
        assert list(fields(loopback=False)[name](value, "")) == []


def test_every_status_is_listed() -> None:
    """The statuses of a connection are those of the code."""
    assert SCHEMAS["Status"]["enum"] == list(Status)


@pytest.mark.parametrize("name", ["usual", "odd", "client_credentials", "signing_keys"])
def test_an_example_can_be_registered(name: str) -> None:
    """The examples of a registration are taken as they are."""
    post = DOCUMENT["paths"]["/v1/resources"]["post"]
    example = post["requestBody"]["content"]["application/json"]["examples"][name]["value"]
    assert parse_registration(example, loopback=False).resource.name == example["name"]
