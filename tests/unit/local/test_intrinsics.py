"""Expressions of a template become the values that CloudFormation gives."""

from __future__ import annotations

from typing import Any

import pytest

from local.intrinsics import ACCOUNT, REGION, Resolver, UnresolvedError

DOCUMENT = {
    "Conditions": {
        "Yes": {"Fn::Equals": [{"Ref": "Mode"}, "on"]},
        "No": {"Fn::Not": [{"Condition": "Yes"}]},
        "Both": {"Fn::And": [{"Condition": "Yes"}, {"Condition": "No"}]},
        "Either": {"Fn::Or": [{"Condition": "Yes"}, {"Condition": "No"}]},
        "Zero": {"Fn::Equals": [{"Ref": "Number"}, "0"]},
    },
    "Mappings": {"Sizes": {"big": {"memory": 1024}}},
}
PARAMETERS = {"Mode": "on", "Number": 0, "List": ["a", "b"]}
ATTRIBUTES = {"Table": {"Ref": "table-1", "Arn": "arn:table"}}


@pytest.fixture
def resolver() -> Resolver:
    """A resolver of one small template."""
    return Resolver(DOCUMENT, PARAMETERS, ATTRIBUTES)


@pytest.mark.parametrize(
    "expression, value",
    [
        ("plain", "plain"),
        (["a", {"Ref": "Mode"}], ["a", "on"]),
        ({"Ref": "Mode"}, "on"),
        ({"Ref": "List"}, ["a", "b"]),
        ({"Ref": "Table"}, "table-1"),
        ({"Ref": "AWS::Region"}, REGION),
        ({"Ref": "AWS::NoValue"}, None),
        ({"Fn::GetAtt": ["Table", "Arn"]}, "arn:table"),
        ({"Fn::GetAtt": "Table.Arn"}, "arn:table"),
        ({"Fn::Sub": "${Table.Arn}/index/${Mode}/${AWS::AccountId}"}, f"arn:table/index/on/{ACCOUNT}"),
        ({"Fn::Sub": ["${own}-${!kept}-${Mode}", {"own": {"Ref": "Table"}}]}, "table-1-${kept}-on"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Mode"}]]}, "a-on"),
        ({"Fn::Join": [",", {"Ref": "List"}]}, "a,b"),
        ({"Fn::Select": [1, {"Fn::Split": [",", "a,b"]}]}, "b"),
        ({"Fn::FindInMap": ["Sizes", "big", "memory"]}, 1024),
        ({"Fn::If": ["Yes", "then", "else"]}, "then"),
        ({"Fn::If": ["No", "then", "else"]}, "else"),
        ({"Fn::If": ["Both", 1, 2]}, 2),
        ({"Fn::If": ["Either", 1, 2]}, 1),
        ({"Fn::If": ["Zero", 1, 2]}, 1),
        ({"kept": 1, "gone": {"Fn::If": ["No", 1, {"Ref": "AWS::NoValue"}]}}, {"kept": 1}),
        ([1, {"Ref": "AWS::NoValue"}], [1]),
    ],
)
def test_an_expression_has_the_value_that_cloudformation_gives(
    resolver: Resolver, expression: Any, value: Any
) -> None:
    """Each intrinsic function gives its value, in every place where an expression may stand."""
    assert resolver.resolve(expression) == value


@pytest.mark.parametrize(
    "expression, named",
    [
        ({"Ref": "Nothing"}, "Nothing.Ref"),
        ({"Fn::GetAtt": ["Table", "StreamArn"]}, "Table.StreamArn"),
        ({"Fn::Sub": "${Nothing.Arn}"}, "Nothing.Arn"),
        ({"Fn::If": ["Unknown", 1, 2]}, "Unknown"),
        ({"Fn::ImportValue": "x"}, "Fn::ImportValue"),
    ],
)
def test_an_unknown_name_is_said(resolver: Resolver, expression: Any, named: str) -> None:
    """What an expression names and the stack does not have stops the start, by name."""
    with pytest.raises(UnresolvedError, match=named):
        resolver.resolve(expression)
