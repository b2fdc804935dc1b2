"""template.yaml, transformed by SAM's own translator, and what of it the local stack runs."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from samtranslator.parser.parser import Parser  # type: ignore[import-untyped]
from samtranslator.public.exceptions import InvalidDocumentException  # type: ignore[import-untyped]
from samtranslator.translator.translator import Translator  # type: ignore[import-untyped]
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

from local.intrinsics import ACCOUNT, REGION, Resolver

if TYPE_CHECKING:
    from pathlib import Path

# It counts its own features and warns that nobody collects the counts.
logging.getLogger("samtranslator.metrics").setLevel(logging.ERROR)

_UPLOADED = "s3://local/code.zip"  # the translator refuses local folders
_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_SECONDS = {"minute": 60, "hour": 3600, "day": 86400}


class TemplateError(Exception):
    """The template asks for something that does not exist or cannot run locally; the message says what."""


@dataclass(frozen=True)
class Template:
    """A transformed template: the CloudFormation document, its parameters' values, and where code lies.

    `folders` gives each function's folder, `layers` the folders that each function's layers put on its path.
    """

    document: Mapping[str, Any]
    parameters: Mapping[str, Any]
    folders: Mapping[str, Path]
    layers: Mapping[str, tuple[Path, ...]]

    def resources(self, kind: str, resolver: Resolver) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """(logical id, unresolved properties) of each resource of a type whose condition holds."""
        for name, resource in self.document["Resources"].items():
            condition = resource.get("Condition")
            if resource["Type"] == kind and (condition is None or resolver.condition(condition)):
                yield name, resource.get("Properties", {})


@dataclass(frozen=True)
class Function:
    """One Lambda function: what to run, in which folder, and its limits (seconds, MB)."""

    name: str
    folder: Path
    path: tuple[Path, ...]
    handler: str
    timeout: float
    memory: int
    environment: Mapping[str, str]

    @property
    def arn(self) -> str:
        """The function's ARN."""
        return function_arn(self.name)


@dataclass(frozen=True)
class EventSource:
    """One event source mapping: a queue, the function it feeds, and how. No batching window is waited for."""

    queue_arn: str
    function: str
    batch_size: int
    partial_failures: bool
    concurrency: int


@dataclass(frozen=True)
class Schedule:
    """One EventBridge Scheduler schedule: the function it invokes every `period` seconds, and its input."""

    name: str
    function: str
    period: float
    input: str | None


def function_arn(name: str) -> str:
    """The ARN of the function with this logical id."""
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


def function_of_arn(arn: str) -> str:
    """The logical id in a function's ARN or in an integration URI that holds one."""
    return arn.partition(":function:")[2].partition("/")[0].partition(":")[0]


def load(path: Path, parameters: Mapping[str, str]) -> Template:
    """Reads and transforms a SAM template. Raises TemplateError where a file or a parameter is missing."""
    if not path.is_file():
        raise TemplateError(f"There is no template {path}.")
    source = yaml_parse(path.read_text("utf-8"))
    values = _parameter_values(source, parameters)
    root = path.parent
    folders = {
        name: _function_folder(root, name, source) for name in _of(source, "AWS::Serverless::Function")
    }
    layers = {name: tuple(_layer_folders(root, name, source)) for name in folders}
    for resource in source["Resources"].values():
        properties = resource.get("Properties", {})
        for member in ("CodeUri", "ContentUri"):
            if member in properties:
                properties[member] = _UPLOADED
    defaults = source.get("Globals", {}).get("Function", {})
    if "CodeUri" in defaults:
        defaults["CodeUri"] = _UPLOADED
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name=REGION))
    try:
        document = translator.translate(source, dict(values))
    except InvalidDocumentException as error:
        raise TemplateError("\n".join(cause.message for cause in error.causes)) from error
    return Template(document, values, folders, layers)


def functions_named(template: Template) -> Iterator[tuple[str, str]]:
    """(logical id, ARN) of each function: known before anything is created."""
    for name in template.folders:
        yield name, function_arn(name)


def functions(template: Template, resolver: Resolver) -> list[Function]:
    """Every Lambda function of the template, its environment resolved."""
    found = []
    for name, properties in template.resources("AWS::Lambda::Function", resolver):
        variables = resolver.resolve(properties.get("Environment", {}).get("Variables", {}))
        found.append(
            Function(
                name=name,
                folder=template.folders[name],
                path=template.layers[name],
                handler=properties["Handler"],
                timeout=float(resolver.resolve(properties.get("Timeout", 3))),
                memory=int(resolver.resolve(properties.get("MemorySize", 128))),
                environment={key: str(value) for key, value in variables.items()},
            )
        )
    return found


def event_sources(template: Template, resolver: Resolver) -> list[EventSource]:
    """Every enabled event source mapping of the template."""
    found = []
    for _, raw in template.resources("AWS::Lambda::EventSourceMapping", resolver):
        properties = resolver.resolve(raw)
        if str(properties.get("Enabled", True)).lower() == "false":
            continue
        function = properties["FunctionName"]
        found.append(
            EventSource(
                queue_arn=properties["EventSourceArn"],
                function=function_of_arn(function) or function,
                batch_size=int(properties.get("BatchSize", 10)),
                partial_failures="ReportBatchItemFailures" in properties.get("FunctionResponseTypes", []),
                concurrency=int(properties.get("ScalingConfig", {}).get("MaximumConcurrency", 10)),
            )
        )
    return found


def schedules(template: Template, resolver: Resolver) -> list[Schedule]:
    """Every enabled schedule that invokes a function. Raises TemplateError for one that is not a rate."""
    found = []
    for name, raw in template.resources("AWS::Scheduler::Schedule", resolver):
        if resolver.resolve(raw.get("State", "ENABLED")) != "ENABLED":
            continue
        expression = str(resolver.resolve(raw["ScheduleExpression"]))
        rate = _RATE.fullmatch(expression)
        if rate is None:
            raise TemplateError(f"{name}: only rate(…) schedules run locally, not {expression}.")
        target = raw["Target"]
        found.append(
            Schedule(
                name=name,
                function=function_of_arn(resolver.resolve(target["Arn"])),
                period=int(rate[1]) * _SECONDS[rate[2]],
                input=resolver.resolve(target.get("Input")),
            )
        )
    return found


def _of(source: Mapping[str, Any], kind: str) -> list[str]:
    return [name for name, resource in source["Resources"].items() if resource["Type"] == kind]


def _parameter_values(source: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    declared = source.get("Parameters", {})
    if unknown := sorted(set(given) - set(declared)):
        raise TemplateError(f"The template has no parameter {', '.join(unknown)}.")
    values = {name: given.get(name, parameter.get("Default")) for name, parameter in declared.items()}
    if missing := sorted(name for name, value in values.items() if value is None):
        raise TemplateError(f"These parameters need a value: {', '.join(missing)}.")
    return {
        name: value.split(",") if declared[name]["Type"] == "CommaDelimitedList" else value
        for name, value in values.items()
    }


def _function_folder(root: Path, name: str, source: Mapping[str, Any]) -> Path:
    """A function's folder: its CodeUri, or below that the folder named like its logical id.

    A shared makefile build names one CodeUri for all, and tells the functions apart by logical id.
    """
    properties = source["Resources"][name]["Properties"]
    defaults = source.get("Globals", {}).get("Function", {})
    code = root / properties.get("CodeUri", defaults.get("CodeUri", "functions"))
    handler = properties.get("Handler", defaults.get("Handler", ""))
    snake_case = re.sub(r"(?<!^)(?=[A-Z])", "_", name.removesuffix("Function")).lower()
    for folder in (code, code / snake_case, root / "functions" / snake_case):
        if (folder / (handler.rpartition(".")[0].replace(".", "/") + ".py")).is_file():
            return folder.resolve()
    raise TemplateError(f"{name}: there is no {handler} in {code}.")


def _layer_folders(root: Path, name: str, source: Mapping[str, Any]) -> Iterator[Path]:
    declared = [
        *source.get("Globals", {}).get("Function", {}).get("Layers", []),
        *source["Resources"][name]["Properties"].get("Layers", []),
    ]
    for layer in declared:
        resource = source["Resources"].get(layer.get("Ref") if isinstance(layer, Mapping) else None)
        if resource is not None and resource["Type"] == "AWS::Serverless::LayerVersion":
            yield (root / resource["Properties"]["ContentUri"]).resolve()
