"""What the local stack runs is what the transformed template says."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.intrinsics import Resolver
from local.routes import Authorization, routes
from local.template import EventSource, Template, TemplateError, event_sources, functions, load, schedules

ROOT = Path(__file__).parents[3]
TOYS = ROOT / "tests" / "integration" / "local_toys"


@pytest.fixture(scope="module")
def template() -> Template:
    """The toys' template, transformed."""
    return load(TOYS / "template.yaml", {"ScopePrefix": "toy/"})


@pytest.fixture(scope="module")
def resolver(template: Template) -> Resolver:
    """A resolver that knows a queue, a table, a key and the functions."""
    attributes: dict[str, dict[str, str]] = {
        name: {"Ref": name, "Arn": f"arn:aws:lambda:eu-central-1:123456789012:function:{name}"}
        for name in template.folders
    }
    attributes |= {
        name: {"Ref": name, "Arn": f"arn:{name}"} for name in ("Table", "Key", "WorkQueue", "RescueQueue")
    }
    return Resolver(template.document, template.parameters, attributes)


def test_a_function_has_its_folder_layer_limits_and_environment(
    template: Template, resolver: Resolver
) -> None:
    """Everything that Lambda would be told, with expressions evaluated."""
    echo = next(function for function in functions(template, resolver) if function.name == "EchoFunction")
    assert echo.folder == TOYS / "functions" / "echo"
    assert echo.path == (TOYS / "layer",)
    assert (echo.handler, echo.timeout, echo.memory) == ("app.handler", 10, 128)
    assert echo.environment == {
        "TABLE_NAME": "Table",
        "KEY_ID": "arn:Key",
        "PUBLIC_URL": "",
        "ISSUER": "none",
    }


def test_every_route_has_its_authorizer(template: Template, resolver: Resolver) -> None:
    """None, IAM, or a JWT with any of the scopes."""
    found = {
        route.key: (route.function, route.authorization, route.scopes) for route in routes(template, resolver)
    }
    assert found == {
        "ANY /oauth/{name}": ("EchoFunction", Authorization.NONE, ()),
        "ANY /v1/echo/{name}": ("EchoFunction", Authorization.IAM, ()),
        "GET /jwt/v1/echo/{name}": ("EchoFunction", Authorization.JWT, ("toy/read", "toy/admin")),
        "POST /v1/act": ("ActFunction", Authorization.IAM, ()),
        "GET /v1/broken": ("BrokenFunction", Authorization.IAM, ()),
    }


def test_queues_feed_functions(template: Template, resolver: Resolver) -> None:
    """Each event source mapping has its queue, batch size and way of failing."""
    assert event_sources(template, resolver) == [
        EventSource("arn:WorkQueue", "WorkFunction", batch_size=1, partial_failures=True, concurrency=10),
        EventSource(
            "arn:RescueQueue", "RescueFunction", batch_size=10, partial_failures=True, concurrency=10
        ),
    ]


def test_a_schedule_has_its_function_and_period(template: Template, resolver: Resolver) -> None:
    """rate(1 minute) is 60 seconds."""
    assert [(found.function, found.period) for found in schedules(template, resolver)] == [
        ("TickFunction", 60)
    ]


def test_the_projects_own_template_runs_here() -> None:
    """Every route, queue and schedule of it leads to one of its functions, whose folder is there."""
    template = load(ROOT / "template.yaml", {})
    attributes = {
        name: {"Ref": name, "Arn": f"arn:aws:lambda:eu-central-1:123456789012:function:{name}", "Name": name}
        for name in template.document["Resources"]
    }
    resolver = Resolver(template.document, template.parameters, attributes)
    found = {function.name: function for function in functions(template, resolver)}
    assert found["AccessFunction"].folder == ROOT / "functions" / "access"
    assert found["AccessFunction"].path == (ROOT / "layers" / "oauth_broker",)
    led_to = [
        *(route.function for route in routes(template, resolver)),
        *(source.function for source in event_sources(template, resolver)),
        *(schedule.function for schedule in schedules(template, resolver)),
    ]
    assert set(led_to) == set(found)


@pytest.mark.parametrize(
    "code_uri, logical_id",
    [("functions/start_it", "X"), ("functions", "StartItFunction"), (".", "StartItFunction")],
)
def test_a_function_is_found_by_its_code_uri_or_its_name(
    tmp_path: Path, code_uri: str, logical_id: str
) -> None:
    """A shared CodeUri (one makefile for all) leaves the folder to the logical id."""
    folder = tmp_path / "functions" / "start_it"
    folder.mkdir(parents=True)
    (folder / "app.py").write_text("")
    text = f"""
Transform: AWS::Serverless-2016-10-31
Resources:
  {logical_id}:
    Type: AWS::Serverless::Function
    Properties: {{CodeUri: {code_uri}, Handler: app.handler, Runtime: python3.13}}
"""
    (tmp_path / "template.yaml").write_text(text)
    assert load(tmp_path / "template.yaml", {}).folders == {logical_id: folder}


@pytest.mark.parametrize(
    "text, parameters, said",
    [
        (None, {}, "no template"),
        ("Resources: {}", {"Unknown": "1"}, "no parameter Unknown"),
        ("Parameters: {Needed: {Type: String}}\nResources: {}", {}, "need a value: Needed"),
        (
            "Resources: {F: {Type: AWS::Serverless::Function, Properties: {Handler: app.handler}}}",
            {},
            "F: there is no app.handler",
        ),
        (
            "Globals: {Function: {Wrong: 1}}\nResources: {A: {Type: AWS::KMS::Key}}",
            {},
            "'Wrong' is not a supported property",
        ),
    ],
)
def test_what_a_template_lacks_is_said(
    tmp_path: Path, text: str | None, parameters: dict[str, str], said: str
) -> None:
    """A missing file, parameter or handler, or an error of SAM's, is one sentence that names it."""
    path = tmp_path / "template.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(TemplateError, match=said):
        load(path, parameters)
