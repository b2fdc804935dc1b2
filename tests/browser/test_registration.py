"""What the form makes of a resource, and a resource of the form: `registration.js`, asked directly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from tests.browser.visitor import Visitor

OPENAPI: Final = Path(__file__).parents[2] / "functions" / "console" / "openapi.json"
EXAMPLES: Final[dict[str, Any]] = {
    name: example["value"]
    for name, example in json.loads(OPENAPI.read_text("utf-8"))["paths"]["/v1/resources"]["post"][
        "requestBody"
    ]["content"]["application/json"]["examples"].items()
}
AS_FORM_AND_BACK: Final = """async ([resource, secrets, mode]) => {
  const {fromResource, kept, registration} = await import("/console/registration.js");
  return registration(JSON.parse(JSON.stringify(kept(fromResource(resource)))), secrets, {mode});
}"""
OF_ENTRY: Final = """async (entry) => {
  const {fromEntry, registration} = await import("/console/registration.js");
  const draft = fromEntry(entry);
  draft.client_id = "client";
  CHANGE;
  return registration(draft, {}, {mode: "add"});
}"""
ENTRY: Final[dict[str, Any]] = {
    "provider": "acme",
    "title": "Acme",
    "documentation": "https://acme.example/docs",
    "needs": None,
    "notes": [],
    "variables": {"app": {"title": "App", "example": "1"}},
    "registration": {
        "authorization": {"url": "https://acme.example/a", "params": {"prompt": "consent", "x": None}},
        "token": {"url": "https://acme.example/t", "auth_method": "client_secret_post"},
        "refresh_token": {"rotates": True},
        "scopes": ["read"],
    },
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_resource_survives_the_form(visitor: Visitor, name: str) -> None:
    """Whatever a resource has, the form gives back, also what has no field; secrets stay as they are."""
    visitor.open()
    shown = {
        **EXAMPLES[name],
        "client_secret": "***",
        "callback_url": "https://b.example/cb",
        "updated_at": "now",
    }
    if "secret_variables" in shown:
        shown["secret_variables"] = dict.fromkeys(shown["secret_variables"], "***")
    shown.setdefault("resource_id", "made")
    back = visitor.page.evaluate(AS_FORM_AND_BACK, [shown, {}, "edit"])
    expected = {
        key: value
        for key, value in shown.items()
        if key not in {"client_secret", "callback_url", "updated_at"}
    }
    if expected.get("grant_type") == "authorization_code":
        del expected["grant_type"]  # which it is by default
    assert {key: value for key, value in back.items() if value != {}} == {
        key: value for key, value in expected.items() if value != {}
    }


@pytest.mark.parametrize(
    "change, expected",
    [
        (
            "",
            {"authorization": {"url": "https://acme.example/a", "params": {"prompt": "consent", "x": None}}},
        ),
        (
            "draft.authorization.params.shift()",
            {"authorization": {"url": "https://acme.example/a", "params": {"prompt": None, "x": None}}},
        ),
        (
            "draft.authorization.url = 'https://other.example/a'",
            {"authorization": {"url": "https://other.example/a", "params": {"prompt": "consent", "x": None}}},
        ),
        ("draft.scopes = []", {"scopes": []}),
        ("draft.values[0].value = '7'", {"variables": {"app": "7"}}),
        ('draft.more = \'{"metadata": ["a"]}\'', {"metadata": ["a"]}),
        (
            "draft.grant_type = 'client_credentials'",
            {"grant_type": "client_credentials", "authorization": None},
        ),
    ],
)
def test_what_lies_over_an_entry(visitor: Visitor, change: str, expected: dict[str, Any]) -> None:
    """What was taken away from an entry is said to be gone; what has no field is left to the entry."""
    visitor.open()
    made = visitor.page.evaluate(OF_ENTRY.replace("CHANGE", change), ENTRY)
    assert made["provider"] == "acme"
    assert {key: made.get(key) for key in expected} == expected
    assert "refresh_token" not in made


@pytest.mark.parametrize(
    "name, expected",
    [
        ("Acme CRM", "acme-crm"),
        ("  Émile’s (2nd) App! ", "emile-s-2nd-app"),
        ("日本", ""),
        ("x" * 100, "x" * 64),
        ("a" * 63 + " b", "a" * 63),
    ],
)
def test_an_id_of_a_name(visitor: Visitor, name: str, expected: str) -> None:
    """Lower-case letters, digits and single hyphens, at most 64."""
    visitor.open()
    assert (
        visitor.page.evaluate("async (name) => (await import('/console/registration.js')).idOf(name)", name)
        == expected
    )
