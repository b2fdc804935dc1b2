"""Every entry of the catalogue: its form, and that it can be registered."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
import yaml
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from oauth_broker.protocol.http import HttpRequest
from oauth_broker.registration.fields import fields
from oauth_broker.registration.prefill import OWN
from providers.compile import COMPILED, FOLDER, PAGE, compiled, entries, read
from providers.page import example, page, requests_of, resource_of_entry, values_of

ENTRIES: Final = entries()
SCHEMA: Final = json.loads((FOLDER / "schema.json").read_text("utf-8"))
OPENAPI: Final = json.loads((FOLDER.parent / "functions" / "console" / "openapi.json").read_text("utf-8"))
BASE: Final = "https://schema.test/providers/schema.json"
REGISTRY: Final[Registry[Any]] = Registry().with_resource(
    "https://schema.test/functions/console/openapi.json", DRAFT202012.create_resource(OPENAPI)
)
VALIDATOR: Final = Draft202012Validator(
    {**SCHEMA, "$id": BASE}, registry=REGISTRY, format_checker=FormatChecker()
)
THE_FIRST: Final = 40


def faults(entry: object) -> list[str]:
    """What of an entry breaks the schema."""
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(entry)]


def test_there_are_many() -> None:
    """The first forty are there: the tests below look at something."""
    assert len(ENTRIES) >= THE_FIRST


@pytest.mark.parametrize("provider", ENTRIES)
def test_an_entry_is_of_its_schema(provider: str) -> None:
    """As a contributor's editor checks it."""
    assert faults(ENTRIES[provider]) == []


@pytest.mark.parametrize(
    "change",
    [
        {"tilte": "Acme"},
        {"sources": []},
        {"sources": ["http://acme.example"]},
        {"documentation": "acme.example/oauth"},
        {"needs": "no full stop"},
        {"notes": "one"},
        {"registration": {}},
        {"registration": {"token": {"url": "https://acme.example/token", "verb": "GET"}}},
        {"registration": {"token": {"url": "https://acme.example/token"}, "client_secret": "s"}},
        {"registration": {"token": {"url": "https://acme.example/token"}, "scope": ["a"]}},
        {"variables": {"id": {"title": "Id"}}},
    ],
    ids=str,
)
def test_what_is_no_entry_is_noticed(change: dict[str, Any]) -> None:
    """An unknown name is an error, never ignored; so is a missing source, and a sentence that is none."""
    assert faults(ENTRIES["google"]) == []
    assert faults({**ENTRIES["google"], **change})


def test_the_schema_has_the_members_of_a_registration() -> None:
    """All that the table of fields takes, but the team's own; and each step is the API's."""
    members = SCHEMA["properties"]["registration"]["properties"]
    assert members.keys() == fields(loopback=False).keys() - OWN
    shown = OPENAPI["components"]["schemas"]["Provider"]["properties"]["registration"]["properties"]
    assert shown.keys() == members.keys()


@pytest.mark.parametrize("provider", ENTRIES)
def test_iss_is_required_of_who_sends_it(provider: str) -> None:
    """What is known of a provider's callbacks stands where the broker heeds it."""
    entry = ENTRIES[provider]
    required = entry["registration"].get("authorization_response_iss_parameter_supported", False)
    assert required == entry.get("sends_iss", False)
    assert "issuer" in entry["registration"] or not required


def test_a_name_written_twice_is_an_error() -> None:
    """YAML itself would take the last."""
    assert read("a: 1\nb: {a: 2}") == {"a": 1, "b": {"a": 2}}
    with pytest.raises(yaml.YAMLError, match="twice"):
        read("a: 1\na: 2")


def test_titles_differ() -> None:
    """The list is sorted by them, and people choose by them."""
    titles = [entry["title"].casefold() for entry in ENTRIES.values()]
    assert len(set(titles)) == len(titles)


def test_what_is_compiled_is_what_is_written() -> None:
    """The broker reads what the files say: `make catalogue` was run after the last change."""
    assert COMPILED.read_text("utf-8") == compiled(ENTRIES)


def test_the_page_shows_what_is_written() -> None:
    """People read every entry's complete requests, as the engine writes them: `make catalogue` again."""
    assert PAGE.read_text("utf-8") == page(ENTRIES)


@pytest.mark.parametrize(
    "known, ends, shown",
    [
        ({}, False, "|  | yes |"),
        ({"refresh_token": {"rotates": False}}, True, "| stay | ends the whole grant |"),
        (
            {"refresh_token": {"rotates": True, "idle_lifetime": 5_184_000}},
            False,
            "| rotate, die 60 days unused |",
        ),
        (
            {"refresh_token": {"grace_period": 600, "lifetime": 31_536_000}},
            False,
            "| spent ones are good for 10 minutes more, end after 365 days |",
        ),
        ({"refresh_policy": "lazy"}, False, "| used when a reader needs it |"),
        (
            {"refresh_policy": "after_expiry", "refresh_token": {"rotates": True}},
            False,
            "| rotate, taken only after expiry |",
        ),
    ],
)
def test_the_table_shows_how_refresh_tokens_behave(known: dict[str, Any], ends: bool, shown: str) -> None:
    """All that an entry says of them, and whether revoking one ends the whole grant."""
    google = ENTRIES["google"]
    rest = {name: value for name, value in google["registration"].items() if name != "refresh_token"}
    entry = {**google, "registration": rest | known, "revoking_ends_the_grant": ends}
    [row] = [line for line in page({"google": entry}).splitlines() if line.startswith("| [Google]")]
    assert shown in row


@pytest.mark.parametrize("provider", ENTRIES)
def test_an_entry_can_be_registered(provider: str) -> None:
    """A name, a client id and a secret are enough, and the variables that it asks for."""
    resource = resource_of_entry(provider, ENTRIES[provider])
    assert resource.document["provider"] == provider
    assert resource.authorization is not None


@pytest.mark.parametrize("provider", ENTRIES)
def test_what_is_asked_for_has_an_example(provider: str) -> None:
    """Who fills in a form sees how a value looks; and the example is one that is taken."""
    resource = resource_of_entry(provider, ENTRIES[provider])
    assert all(variable.title and variable.example for variable in resource.connection_variables.values())
    assert requests_of(provider, ENTRIES[provider])["token"]
    assert values_of(resource).keys() >= resource.connection_variables.keys()


@pytest.mark.parametrize("provider", ENTRIES)
def test_no_request_of_an_entry_tells_a_secret_in_the_browser(provider: str) -> None:
    """The authorization URL has none; what the client authenticates with goes to the token endpoint."""
    requests = requests_of(provider, ENTRIES[provider])
    assert "CLIENT_SECRET" not in str(requests["authorization"])
    token = requests["token"]
    assert isinstance(token, HttpRequest)
    assert any(secret.reveal() == "CLIENT_SECRET" for secret in token.secrets)


def test_an_example_names_its_provider() -> None:
    """What the page shows is what a person would send."""
    assert example("google", ENTRIES["google"]) == {
        "name": "Google",
        "provider": "google",
        "client_id": "CLIENT_ID",
        "client_secret": "CLIENT_SECRET",
    }
