"""What each function reads from its environment, and what it says when that is wrong."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Final

import pytest
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped] # it knows CloudFormation's tags

from oauth_broker import settings
from oauth_broker.errors import SettingsError
from oauth_broker.settings import Loopback, RefreshNumbers, ReturnUrlOrigins, Schedule, SealingSettings

NUMBERS: Final = {
    "LEASE_SECONDS": "30",
    "PROVIDER_DEADLINE": "15",
    "COMMIT_DEADLINE": "5",
    "ATTEMPT_MARGIN": "25",
    "SEND_MARGIN": "5",
    "READER_WAIT": "20",
}
SCHEDULE: Final = {"SHARDS": "16", "SCHEDULE_PERIOD": "60", "EXPIRY_NOTICE_DAYS": "7"}
SEALING: Final = {"KEY_ID": "key-1", "DATA_KEY_PERIOD": "86400", "DATA_KEY_MAX_AGE": "300"}
TABLE: Final = {"TABLE_NAME": "table"}
PUBLIC: Final = {"PUBLIC_URL": ""}
WORK: Final = {"WORK_QUEUE_URL": "https://queue.test/work.fifo"}
RESCUE: Final = {"RESCUE_QUEUE_URL": "https://queue.test/rescue"}
SCOPES: Final = {"SCOPE_PREFIX": "broker/"}
CALLING: Final = {**TABLE, **RESCUE, **SEALING, **SCHEDULE, **NUMBERS}

NEEDED: Final[dict[Any, dict[str, str]]] = {
    settings.StartSettings: {**TABLE, **PUBLIC},
    settings.CallbackSettings: {**CALLING, **PUBLIC, "RETURN_URL_ORIGINS": ""},
    settings.DispatcherSettings: {**TABLE, **WORK, **SCHEDULE},
    settings.WorkerSettings: {
        **CALLING,
        **PUBLIC,
        **WORK,
        "EVENT_BUS_NAME": "default",
        "PROVIDER_CONCURRENCY": "128",
    },
    settings.RescueSettings: TABLE,
    settings.PublishedKeysSettings: TABLE,
    settings.ResourcesApiSettings: {**CALLING, **PUBLIC, **SCOPES, "RETURN_URL_ORIGINS": ""},
    settings.AccessSettings: {**CALLING, **PUBLIC, **SCOPES},
    settings.CatalogueSettings: PUBLIC,
    settings.ConsoleSettings: {**PUBLIC, **SCOPES, "OIDC_ISSUER": "", "OIDC_AUDIENCE": ""},
}
EVERYTHING: Final = {name: value for needed in NEEDED.values() for name, value in needed.items()}
LOOPBACK: Final = {"LOOPBACK_PROVIDERS": "1", "LOOPBACK_FORBIDDEN_PORTS": "8000, 4566"}


LOGICAL_IDS: Final[dict[Any, str]] = {
    kind: f"{name}Function"
    for kind, name in (
        (settings.StartSettings, "StartAuthorization"),
        (settings.CallbackSettings, "Callback"),
        (settings.DispatcherSettings, "RefreshDispatcher"),
        (settings.WorkerSettings, "RefreshWorker"),
        (settings.RescueSettings, "Rescue"),
        (settings.PublishedKeysSettings, "PublishedKeys"),
        (settings.ResourcesApiSettings, "ResourcesApi"),
        (settings.AccessSettings, "Access"),
        (settings.CatalogueSettings, "Catalogue"),
        (settings.ConsoleSettings, "Console"),
    )
}
TEMPLATE: Final = Path(__file__).parents[2] / "template.yaml"


def wrong_variables(kind: Any, environ: dict[str, str]) -> dict[str, str]:
    """Give what a settings class says is wrong, by variable; fails when it says nothing."""
    with pytest.raises(SettingsError) as raised:
        kind.from_environment(environ)
    return {problem.pointer: problem.detail for problem in raised.value.problems}


@pytest.mark.parametrize("kind", NEEDED)
def test_a_function_starts_with_its_own_variables_and_no_others(kind: Any) -> None:
    """A function's settings are read from exactly the variables that it needs."""
    read = kind.from_environment(NEEDED[kind])
    assert getattr(read, "table", "table") == "table"


@pytest.mark.parametrize("kind", NEEDED)
def test_every_missing_variable_is_named_at_once(kind: Any) -> None:
    """An empty environment is answered with all the variables a function needs."""
    assert wrong_variables(kind, {}) == dict.fromkeys(NEEDED[kind], "is missing")


def test_there_is_a_settings_class_for_each_function() -> None:
    """The table above leaves out no class whose name ends in Settings."""
    classes = {
        value
        for name, value in vars(settings).items()
        if name.endswith("Settings") and hasattr(value, "from_environment") and name != "_Settings"
    }
    assert classes == set(NEEDED)


@pytest.mark.parametrize("kind", NEEDED)
def test_the_template_gives_a_function_what_it_reads(kind: Any) -> None:
    """A function's environment holds exactly its own variables, and the name under which it logs."""
    template = yaml_parse(TEMPLATE.read_text(encoding="utf-8"))
    function = template["Resources"][LOGICAL_IDS[kind]]["Properties"]
    given = [
        part.get("Environment", {}).get("Variables", {})
        for part in (template["Globals"]["Function"], function)
    ]
    assert {*given[0], *given[1]} == {*NEEDED[kind], "POWERTOOLS_SERVICE_NAME"}


@pytest.mark.parametrize("kind", NEEDED)
def test_settings_cannot_be_changed(kind: Any) -> None:
    """Settings are frozen."""
    read = kind.from_environment(EVERYTHING)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(read, dataclasses.fields(kind)[0].name, "another")


def test_the_message_names_variables() -> None:
    """What is logged at start says which variables are wrong, and how."""
    with pytest.raises(SettingsError, match=r"^TABLE_NAME is missing; PUBLIC_URL is missing$"):
        settings.StartSettings.from_environment({})


def test_values_arrive_as_what_they_are() -> None:
    """Numbers, groups and lists are read once, with the units of the contract."""
    read = settings.WorkerSettings.from_environment({**EVERYTHING, **LOOPBACK})
    assert read.sealing == SealingSettings("key-1", data_key_period=86_400, data_key_max_age=300)
    assert read.schedule == Schedule(shards=16, period=60, expiry_notice=7 * 86_400)
    assert read.numbers == RefreshNumbers(30, 15, 5, 25, 5, 20)
    assert read.loopback == Loopback(allowed=True, forbidden_ports=frozenset({8000, 4566}))
    assert read.provider_concurrency == 128


def test_loopback_is_closed_unless_it_is_opened() -> None:
    """Without the two variables of the local stack no provider on loopback is allowed."""
    assert settings.AccessSettings.from_environment(EVERYTHING).loopback == Loopback(allowed=False)


@pytest.mark.parametrize(
    "name,value",
    [
        ("TABLE_NAME", ""),
        ("KEY_ID", ""),
        ("SHARDS", "0"),
        ("SHARDS", "257"),
        ("SHARDS", "16.0"),
        ("SHARDS", "-1"),
        ("SHARDS", "sixteen"),
        ("SHARDS", "١٦"),
        ("SHARDS", " 16"),
        ("SCHEDULE_PERIOD", "0"),
        ("EXPIRY_NOTICE_DAYS", "0"),
        ("EXPIRY_NOTICE_DAYS", "366"),
        ("DATA_KEY_PERIOD", "0"),
        ("DATA_KEY_MAX_AGE", "-1"),
        ("DATA_KEY_MAX_AGE", "99999999999999999999"),
        ("PROVIDER_CONCURRENCY", "0"),
        ("READER_WAIT", ""),
        ("LOOPBACK_PROVIDERS", "yes"),
        ("LOOPBACK_FORBIDDEN_PORTS", "8000,0"),
        ("LOOPBACK_FORBIDDEN_PORTS", "65536"),
    ],
)
def test_a_malformed_variable_is_named(name: str, value: str) -> None:
    """A value that is no such thing stops the start, and only its variable is named."""
    assert list(wrong_variables(settings.WorkerSettings, {**EVERYTHING, name: value})) == [name]


def test_the_demo_provider_is_on_this_machine() -> None:
    """The console may be told of a demo provider on loopback, of none elsewhere; AWS tells of none."""
    console = settings.ConsoleSettings
    local = {**EVERYTHING, "DEMO_PROVIDER": "http://127.0.0.1:8001"}
    assert console.from_environment(local).demo_provider == "http://127.0.0.1:8001"
    assert console.from_environment(EVERYTHING).demo_provider is None
    elsewhere = {**EVERYTHING, "DEMO_PROVIDER": "http://demo.example"}
    assert list(wrong_variables(console, elsewhere)) == ["DEMO_PROVIDER"]


@pytest.mark.parametrize(
    "changed,named",
    [
        ({"LEASE_SECONDS": "24"}, "LEASE_SECONDS"),
        ({"PROVIDER_DEADLINE": "21"}, "LEASE_SECONDS"),
        ({"ATTEMPT_MARGIN": "19"}, "ATTEMPT_MARGIN"),
    ],
)
def test_an_attempt_must_end_before_its_lease(changed: dict[str, str], named: str) -> None:
    """Numbers under which a lease that ran out could have a live holder are refused."""
    assert named in wrong_variables(settings.AccessSettings, {**EVERYTHING, **changed})


def test_an_attempt_may_take_exactly_its_lease() -> None:
    """25 seconds of lease are enough for 5 before sending, 15 at the provider and 5 for the commit."""
    read = settings.AccessSettings.from_environment({**EVERYTHING, "LEASE_SECONDS": "25"})
    assert read.numbers.lease == 25


@pytest.mark.parametrize(
    "value,public_url",
    [
        ("", None),
        ("https://broker.example.com", "https://broker.example.com"),
        ("https://Broker.example.com/", "https://broker.example.com"),
        ("https://broker.example.com:8443", "https://broker.example.com:8443"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_a_public_url_is_an_origin_or_nothing(value: str, public_url: str | None) -> None:
    """The public URL is https, or http on loopback, or left to the request."""
    read = settings.StartSettings.from_environment({**TABLE, "PUBLIC_URL": value})
    assert read.public_url == public_url


BAD_ORIGINS: Final = (
    "http://broker.example.com",
    "http://127.0.0.1.example.com",
    "http://127.0.0.2",
    "https://user@broker.example.com",
    "https://broker.example.com/path",
    "https://broker.example.com?query",
    "https://broker.example.com#fragment",
    "https://broker.example.com:0",
    "https://broker.example.com:65536",
    "https://broker..example.com",
    "https://-broker.example.com",
    "https://*.example.com",
    "https://bücher.example.com",
    "https://broker.example.com\n",
    "https:\\\\broker.example.com",
    "broker.example.com",
    "ftp://broker.example.com",
    "https://",
)


@pytest.mark.parametrize("value", BAD_ORIGINS)
def test_a_public_url_that_is_no_origin_is_refused(value: str) -> None:
    """A path, a user, a wildcard, plain http or a broken host is not a public URL."""
    assert list(wrong_variables(settings.StartSettings, {**TABLE, "PUBLIC_URL": value})) == ["PUBLIC_URL"]


def return_url_origins(value: str) -> ReturnUrlOrigins:
    """Read RETURN_URL_ORIGINS as the management API does."""
    environ = {**EVERYTHING, "RETURN_URL_ORIGINS": value}
    return settings.ResourcesApiSettings.from_environment(environ).return_url_origins


@pytest.mark.parametrize(
    "value,origins,loopback",
    [
        ("", [], False),
        (" , ", [], False),
        ("https://app.test", ["https://app.test:443"], False),
        ("https://App.test, https://b.test:8443", ["https://app.test:443", "https://b.test:8443"], False),
        ("http://localhost:3000", ["http://localhost:3000"], False),
        ("loopback", [], True),
        ("loopback,https://app.test", ["https://app.test:443"], True),
    ],
)
def test_origins_of_return_urls_are_written_in_one_way(
    value: str, origins: list[str], loopback: bool
) -> None:
    """Origins are compared as scheme, host in lower case, and port, which is always written."""
    assert return_url_origins(value) == ReturnUrlOrigins(frozenset(origins), loopback)


@pytest.mark.parametrize("value", [origin for origin in BAD_ORIGINS if origin == origin.strip()])
def test_a_return_url_origin_that_is_none_is_refused(value: str) -> None:
    """One bad item in the list stops the start, and it is quoted."""
    environ = {**EVERYTHING, "RETURN_URL_ORIGINS": f"https://good.test,{value}"}
    wrong = wrong_variables(settings.ResourcesApiSettings, environ)
    assert value in wrong["RETURN_URL_ORIGINS"]
    assert "good" not in wrong["RETURN_URL_ORIGINS"]


@pytest.mark.parametrize(
    "value,origin,allowed",
    [
        ("https://app.test", "https://app.test:443", True),
        ("https://app.test", "https://app.test:8443", False),
        ("https://app.test", "http://app.test:80", False),
        ("https://app.test", "https://evil.test:443", False),
        ("https://app.test", "http://127.0.0.1:3000", False),
        ("loopback", "http://127.0.0.1:3000", True),
        ("loopback", "http://localhost:1", True),
        ("loopback", "http://[::1]:3000", True),
        ("loopback", "http://localhost.evil.test:80", False),
        ("loopback", "https://app.test:443", False),
        ("", "https://app.test:443", False),
    ],
)
def test_only_a_listed_origin_may_be_returned_to(value: str, origin: str, allowed: bool) -> None:
    """A return URL's origin is one of the list, or on loopback where that word stands."""
    assert return_url_origins(value).allows(origin) is allowed
