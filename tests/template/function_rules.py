"""Rules of the functions.

A rule takes the transformed template and yields a sentence for each breach.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.template.contract import TIMEOUTS
from tests.template.document import FUNCTION, QUEUE, Document, arn_of, as_list, resources, statements

if TYPE_CHECKING:
    from collections.abc import Iterator


def functions_run_as_designed(document: Document) -> Iterator[str]:
    """Runtime, architecture, handler and timeout are those of the design."""
    found = resources(document, FUNCTION)
    yield from (f"{name} does not exist" for name in TIMEOUTS.keys() - found.keys())
    for name, properties in found.items():
        expected = {
            "Runtime": "python3.13",
            "Architectures": ["arm64"],
            "Handler": "app.handler",
            "Timeout": TIMEOUTS.get(name),
        }
        for member, value in expected.items():
            if properties.get(member) != value:
                yield f"{name}: {member} is {properties.get(member)}, not {value}"


def each_function_has_its_own_role_and_log_group(document: Document) -> Iterator[str]:
    """A role and a log group are one function's, and that group is all its role writes to."""
    for name, properties in resources(document, FUNCTION).items():
        stem = name.removesuffix("Function")
        if properties["Role"] != arn_of(f"{stem}Role"):
            yield f"{name} has the role {properties['Role']}"
        if properties["LoggingConfig"].get("LogGroup") != {"Ref": f"{stem}Logs"}:
            yield f"{name} has the log group {properties['LoggingConfig'].get('LogGroup')}"
        written = [
            resource
            for owner, statement in statements(document)
            if owner == f"{stem}Role"
            and any(action.startswith("logs:") for action in as_list(statement["Action"]))
            for resource in as_list(statement["Resource"])
        ]
        if written != [arn_of(f"{stem}Logs")]:
            yield f"{stem}Role writes to {written}"


def log_groups_expire(document: Document) -> Iterator[str]:
    """Logs are kept for as long as the parameter says."""
    for name, properties in resources(document, "AWS::Logs::LogGroup").items():
        if properties.get("RetentionInDays") != {"Ref": "LogRetentionDays"}:
            yield f"{name} has no retention"


def the_public_functions_can_be_capped(document: Document) -> Iterator[str]:
    """What anybody may call can be kept from taking the account's whole concurrency."""
    for name in ("StartAuthorizationFunction", "CallbackFunction"):
        reserved = resources(document, FUNCTION)[name].get("ReservedConcurrentExecutions", {})
        if reserved.get("Fn::If", [])[:2] != ["HasPublicConcurrency", {"Ref": "PublicConcurrency"}]:
            yield f"{name} has no reserved concurrency"


def the_worker_may_send_to_itself(document: Document) -> Iterator[str]:
    """Lambda would stop a function that feeds its own queue after 16 rounds."""
    if resources(document, FUNCTION)["RefreshWorkerFunction"].get("RecursiveLoop") != "Allow":
        yield "RefreshWorkerFunction would be stopped"


def no_function_knows_the_api(document: Document) -> Iterator[str]:
    """The API needs the functions first: its address in one is a cycle that CloudFormation refuses."""
    for name, properties in resources(document, FUNCTION).items():
        text = json.dumps(properties["Environment"])
        if '"Ref": "Api"' in text or '"Api", ' in text or "${Api" in text:
            yield f"{name} has the API in its environment"


def queues_feed_functions_as_designed(document: Document) -> Iterator[str]:
    """A shard's nudges come one by one, rescues in tens, and a failed message alone is tried again."""
    expected = {"RefreshWorkerFunction": ("WorkQueue", 1), "RescueFunction": ("RescueQueue", 10)}
    queues, functions = resources(document, QUEUE), resources(document, FUNCTION)
    fed = set()
    for mapping in resources(document, "AWS::Lambda::EventSourceMapping").values():
        function, queue = mapping["FunctionName"]["Ref"], mapping["EventSourceArn"]["Fn::GetAtt"][0]
        fed.add(function)
        if expected.get(function) != (queue, mapping["BatchSize"]):
            yield f"{function} is fed by {queue} in batches of {mapping['BatchSize']}"
        if mapping.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield f"{function} fails whole batches"
        if queues[queue]["VisibilityTimeout"] < functions[function]["Timeout"]:
            yield f"{queue} shows a message again while {function} may still work at it"
    yield from (f"{function} is fed by nothing" for function in expected.keys() - fed)


def the_schedule_is_a_minute_of_its_own_name(document: Document) -> Iterator[str]:
    """The dispatcher is called every minute, what fails is kept, and a second stack does not collide."""
    schedules = resources(document, "AWS::Scheduler::Schedule")
    if [schedule["Target"]["Arn"] for schedule in schedules.values()] != [
        arn_of("RefreshDispatcherFunction")
    ]:
        yield "not exactly one schedule calls the dispatcher"
    for name, schedule in schedules.items():
        if schedule["ScheduleExpression"] != "rate(1 minute)":
            yield f"{name} runs at {schedule['ScheduleExpression']}"
        if "Name" in schedule:
            yield f"{name} has a name that a second stack would have too"
        if schedule["Target"].get("DeadLetterConfig") != {"Arn": arn_of("ScheduleDeadLetters")}:
            yield f"{name} loses what it cannot deliver"
        if schedule["Target"]["RoleArn"] != arn_of("ScheduleRole"):
            yield f"{name} has the role {schedule['Target']['RoleArn']}"
