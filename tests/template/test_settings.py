"""The environment that the template gives a function is what its settings read, no more and no less."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

import pytest

from local.intrinsics import Resolver
from local.template import functions
from oauth_broker import settings
from oauth_broker.errors import SettingsError

if TYPE_CHECKING:
    from local.template import Template

READERS: Final[Mapping[str, Callable[[Mapping[str, str]], object]]] = {
    "StartAuthorizationFunction": settings.StartSettings.from_environment,
    "CallbackFunction": settings.CallbackSettings.from_environment,
    "PublishedKeysFunction": settings.PublishedKeysSettings.from_environment,
    "RefreshDispatcherFunction": settings.DispatcherSettings.from_environment,
    "RefreshWorkerFunction": settings.WorkerSettings.from_environment,
    "RescueFunction": settings.RescueSettings.from_environment,
    "ResourcesApiFunction": settings.ResourcesApiSettings.from_environment,
    "AccessFunction": settings.AccessSettings.from_environment,
    "CatalogueFunction": settings.CatalogueSettings.from_environment,
    "ConsoleFunction": settings.ConsoleSettings.from_environment,
}
WITH_TABLE: Final = READERS.keys() - {"CatalogueFunction", "ConsoleFunction"}
LOCAL_ONLY: Final = {"LOOPBACK_PROVIDERS", "LOOPBACK_FORBIDDEN_PORTS", "DEMO_PROVIDER"}
# Read by aws-lambda-powertools itself.
OF_THE_LOGGER: Final = {"POWERTOOLS_SERVICE_NAME"}
ATTRIBUTES: Final = {
    "Table": {"Ref": "broker"},
    "Key": {"Arn": "arn:aws:kms:eu-central-1:123456789012:key/1234"},
    "WorkQueue": {"Ref": "https://sqs.example.test/work.fifo"},
    "RescueQueue": {"Ref": "https://sqs.example.test/rescue"},
    "UserPool": {"Ref": "eu-central-1_Example"},
}


class Watched(Mapping[str, str]):
    """An environment that keeps the names it was asked for."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


@pytest.fixture
def environments(transformed: Template) -> dict[str, Mapping[str, str]]:
    """The environment of each function with the parameters' defaults."""
    resolver = Resolver(transformed.document, transformed.parameters, ATTRIBUTES)
    return {function.name: function.environment for function in functions(transformed, resolver)}


def test_every_function_has_settings(environments: Mapping[str, object]) -> None:
    """No function of the template is left out below."""
    assert environments.keys() == READERS.keys()


@pytest.mark.parametrize("name", READERS)
def test_a_function_gets_what_its_settings_read(
    name: str, environments: dict[str, Mapping[str, str]]
) -> None:
    """The settings take the environment, use all of it, and find no loopback provider in it."""
    environ = Watched(environments[name])
    READERS[name](environ)
    assert environ.asked - LOCAL_ONLY == environ.keys() - OF_THE_LOGGER


@pytest.mark.parametrize("name", sorted(WITH_TABLE))
def test_settings_without_their_table_are_refused(
    name: str, environments: dict[str, Mapping[str, str]]
) -> None:
    """A variable that the template forgets is named before the first event."""
    environ = {key: value for key, value in environments[name].items() if key != "TABLE_NAME"}
    with pytest.raises(SettingsError) as refused:
        READERS[name](environ)
    assert "TABLE_NAME" in str(refused.value)


def test_shared_numbers_are_the_same_everywhere(environments: dict[str, Mapping[str, str]]) -> None:
    """A lease that two functions judge differently would let both send."""
    values: dict[str, set[str]] = {}
    for environment in environments.values():
        for key, value in environment.items():
            values.setdefault(key, set()).add(value)
    assert {key: found for key, found in values.items() if len(found) > 1} == {}
    assert values["LEASE_SECONDS"] == {"30"}
