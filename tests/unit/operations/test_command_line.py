"""What can be said on the command line, and what is refused before anything is read."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from operations import command_line
from operations.judgement import Finding
from operations.repair import FOUND, MENDED, SETTLED, SHOWN, Case, Repaired
from operations.report import EVERY, Progress, show
from operations.reshard import Resharded


class StubbedSession(boto3.Session):
    """A session whose CloudFormation has a stack of 16 shards."""

    def __init__(self) -> None:
        super().__init__("x", "x", region_name="eu-west-1")

    def client(self, service_name: Any, *_args: Any, **_rest: Any) -> Any:
        """Give a client that answers what follows, and nothing else."""
        made = boto3.client(
            service_name, region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x"
        )
        stub = Stubber(made)
        if service_name == "cloudformation":
            detail = {
                "StackName": "broker",
                "LogicalResourceId": "Table",
                "PhysicalResourceId": "broker-Table-1",
                "ResourceType": "AWS::DynamoDB::Table",
                "LastUpdatedTimestamp": 0,
                "ResourceStatus": "CREATE_COMPLETE",
            }
            stub.add_response("describe_stack_resource", {"StackResourceDetail": detail})
            stack = {
                "StackName": "broker",
                "CreationTime": 0,
                "StackStatus": "CREATE_COMPLETE",
                "Parameters": [{"ParameterKey": "Shards", "ParameterValue": "16"}],
            }
            stub.add_response("describe_stacks", {"Stacks": [stack]})
        stub.activate()
        return made


@pytest.mark.parametrize(
    "line, why",
    [
        ("repair --table t", "--table needs --shards"),
        ("repair --stack broker --shards 4", "a stack knows its number"),
        ("reshard --stack broker --shards 17", "Deploy Shards=17 first"),
    ],
)
def test_what_does_not_fit_is_refused(line: str, why: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 2, and a sentence on stderr. Seen failing with each check taken out."""
    assert command_line.main(line.split(), session=StubbedSession()) == 2
    told = capsys.readouterr()
    assert why in told.err
    assert told.out == ""


@pytest.mark.parametrize(
    "line",
    [
        "",
        "repair",
        "repair --stack a --table b",
        "repair --table b --shards 0",
        "repair --table b --shards 257",
        "repair --table b --rate 0",
        "repair --table b --rate nan",
        "reshard --stack a",
        "redrive --stack a",
        "redrive other --stack a",
    ],
)
def test_what_cannot_be_meant_is_refused(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 2, with the usage."""
    with pytest.raises(SystemExit) as ended:
        command_line.main(line.split())
    assert ended.value.code == 2
    assert "usage: python -m operations" in capsys.readouterr().err


@pytest.mark.parametrize("command", command_line.ABOUT)
def test_each_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What it does, each option, the exit statuses."""
    with pytest.raises(SystemExit) as ended:
        command_line.main([command, "--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert ("--apply" in told) is (command in command_line.WRITING)
    for word in ("--json", "--region", "--endpoint-url", "--stack", "Exit status"):
        assert word in told
    assert command_line.ABOUT[command] in told


def case(
    number: int = 0, *, outcome: str = FOUND, findings: tuple[Finding, ...] = (Finding.MISSING,)
) -> Case:
    """Give a case of a repair."""
    return Case("C#acme#0", f"c{number:03}", findings, "why", mendable=True, outcome=outcome)


@pytest.mark.parametrize(
    "cases, status",
    [
        ([], 0),
        ([case()], 1),
        ([case(outcome=MENDED), case(outcome=SETTLED)], 0),
        ([case(outcome=MENDED), case()], 1),
        ([case(findings=(Finding.MISPLACED,))], 0),
        ([case(findings=(Finding.MISPLACED, Finding.OVERDUE))], 1),
        ([case(findings=(Finding.OVERDUE,))], 1),
    ],
)
def test_the_status_says_whether_something_is_left(cases: list[Case], status: int) -> None:
    """What is served in another shard is nothing to do. Seen failing with it counted, and with 0 for all."""
    assert Repaired("t", applied=False, cases=cases).status == status


def test_a_long_list_is_cut_for_a_person() -> None:
    """And whole for a program."""
    result = Repaired("t", applied=False, read=900, cases=[case(number) for number in range(SHOWN + 5)])
    lines = list(result.lines())
    assert sum("C#acme#0" in line for line in lines) == SHOWN
    assert any("and 5 more" in line for line in lines)
    assert f"--apply mends {SHOWN + 5}" in lines[-1]
    out = io.StringIO()
    assert show(result, as_json=True, stream=out) == 1
    assert len(json.loads(out.getvalue())["items"]) == SHOWN + 5


@pytest.mark.parametrize(
    "members, status",
    [
        ({}, 0),
        ({"to_move": 3, "moved": 3}, 0),
        ({"to_move": 3, "moved": 2}, 1),
        ({"unreadable": ["C"]}, 1),
        ({"contended": ["C"]}, 1),
    ],
)
def test_the_status_says_whether_all_moved(members: Mapping[str, Any], status: int) -> None:
    """Whatever stands elsewhere still is something to do."""
    assert Resharded("t", 4, applied=True, **members).status == status


def test_progress_is_said_every_few_seconds() -> None:
    """Not for each item."""
    ticks: Iterator[float] = iter([0.0, 1.0, EVERY, EVERY + 1, 2 * EVERY])
    out = io.StringIO()
    progress = Progress(out, lambda: next(ticks))
    for _ in range(4):
        progress.step()
    assert out.getvalue() == "2 items read\n4 items read\n"
    assert progress.count == 4
