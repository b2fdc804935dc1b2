"""Each function's role against the calls that it was seen to make: nothing missing, nothing to spare."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest

from local.stack import TEMPLATE
from local.template import load
from tests.integration.watched.rights import LEADING_KEYS, Asked, Grant, asks, grants

if TYPE_CHECKING:
    from tests.integration.watched.run import Run

# (policy, or "" for any; action) → why no function was seen to do it
NOT_SEEN: Final[Mapping[tuple[str, str], str]] = {
    ("", "logs:CreateLogStream"): "Lambda writes a function's log with the function's role",
    ("", "logs:PutLogEvents"): "the same",
    ("", "sqs:ReceiveMessage"): "Lambda polls a function's queue with the function's role",
    ("", "sqs:DeleteMessage"): "the same",
    ("", "sqs:GetQueueAttributes"): "the same",
    **{
        ("TableKeyPolicy", f"kms:{action}"): "DynamoDB uses the table's key in the name of who calls it"
        for action in (
            "Decrypt",
            "DescribeKey",
            "Encrypt",
            "GenerateDataKey",
            "GenerateDataKeyWithoutPlaintext",
            "ReEncryptFrom",
            "ReEncryptTo",
        )
    },
}

Roles = dict[str, list[Grant]]


@pytest.fixture(scope="module")
def roles(run: Run) -> Roles:
    """What each function's role allows."""
    template = load(TEMPLATE, {"SigningKeyArns": ",".join(run.signing_key_arns)})
    return grants(template, run.stack.attributes)


@pytest.fixture(scope="module")
def seen(run: Run, roles: Roles) -> dict[str, list[Asked]]:
    """What each function asked for."""
    found: dict[str, dict[str, Asked]] = {name: {} for name in roles}
    for call in list(run.gate.calls):
        if call.caller in found:
            found[call.caller] |= {repr(one): one for one in asks(call, run.stack.attributes)}
    return {name: list(asked.values()) for name, asked in found.items()}


def refused(granted: list[Grant], asked: list[Asked]) -> list[Asked]:
    """What no statement allows."""
    return [one for one in asked if not any(grant.allows(one) for grant in granted)]


def to_spare(granted: list[Grant], asked: list[Asked]) -> list[str]:
    """What of the statements allows nothing that was asked for, and has no reason."""
    spare = []
    for grant in granted:
        used = [one for one in asked if grant.allows(one)]
        rows = {row for one in used for row in one.keys.get(LEADING_KEYS, ())}
        spare += [
            f"{grant.policy}: {pattern}" for pattern in grant.rows() if not fnmatch.filter(rows, pattern)
        ]
        spare += [
            f"{grant.policy}: {part.actions[0]} on {part.resources[0]}"
            for part in grant.parts()
            if not any(part.allows(one) for one in used) and reason(part) is None
        ]
    return spare


def reason(part: Grant) -> tuple[str, str] | None:
    """Why a part is there though it was not seen in use: a key of NOT_SEEN."""
    keys = ((policy, part.actions[0]) for policy in (part.policy, ""))
    return next((key for key in keys if key in NOT_SEEN), None)


def test_every_function_was_seen(seen: dict[str, list[Asked]]) -> None:
    """All but those that only hand out what comes with the code."""
    assert {name for name, asked in seen.items() if not asked} == {"CatalogueFunction", "ConsoleFunction"}


def test_nothing_is_missing(roles: Roles, seen: dict[str, list[Asked]]) -> None:
    """IAM would have allowed every call. Not so, had the rescue no right to leave tokens to be revoked."""
    assert {name: left for name, asked in seen.items() if (left := refused(roles[name], asked))} == {}


def test_nothing_is_to_spare(roles: Roles, seen: dict[str, list[Asked]]) -> None:
    """Every right on every kind of row, and to every key that signs, was used, or has its reason.

    It failed while the worker might check conditions, the rescue read connections, the management API send
    to the rescue queue, and both that are fed by a queue change the visibility of its messages.
    """
    assert {name: spare for name, asked in seen.items() if (spare := to_spare(roles[name], asked))} == {}


def test_every_reason_is_needed(roles: Roles, seen: dict[str, list[Asked]]) -> None:
    """No reason is given for what is seen, or is not allowed at all."""
    used = {
        reason(part)
        for name, granted in roles.items()
        for grant in granted
        for part in grant.parts()
        if not any(part.allows(one) for one in seen[name])
    }
    assert used - {None} == NOT_SEEN.keys()


def test_every_right_would_be_missed(roles: Roles, seen: dict[str, list[Asked]]) -> None:
    """With any one of the rights that were used taken out, a call is refused: the first test can fail."""
    for name, granted in roles.items():
        for grant in granted:
            for part in grant.parts():
                if any(part.allows(one) for one in seen[name]):
                    others = [one for one in granted if one is not grant]
                    assert refused([*others, *grant.without(part)], seen[name]), (name, part)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"actions": ("dynamodb:UpdateItem", "dynamodb:Scan")}, id="an action"),
        pytest.param(
            {
                "conditions": {
                    ("ForAllValues:StringLike", "dynamodb:LeadingKeys"): ("A#*", "K"),
                    ("Null", "dynamodb:LeadingKeys"): ("false",),
                }
            },
            id="a kind of row",
        ),
    ],
)
def test_a_right_too_many_is_noticed(
    roles: Roles, seen: dict[str, list[Asked]], change: Mapping[str, Any]
) -> None:
    """An action or a kind of row that nothing needs is told: the second test can fail."""
    name = "StartAuthorizationFunction"
    (granted,) = (grant for grant in roles[name] if "dynamodb:UpdateItem" in grant.actions)
    assert to_spare([granted], seen[name]) == []
    assert to_spare([replace(granted, **change)], seen[name])


@pytest.mark.parametrize(
    "keys, allowed", [(("R",), True), (("C#a#0", "K"), True), (("R", "A#x"), False), ((), False)]
)
def test_rows_are_told_apart(keys: tuple[str, ...], allowed: bool) -> None:
    """A batch is allowed when all its rows are; what touches no row at all is not."""
    conditions = {
        ("ForAllValues:StringLike", "dynamodb:LeadingKeys"): ("R", "K", "C#*"),
        ("Null", "dynamodb:LeadingKeys"): ("false",),
    }
    grant = Grant("toy", ("dynamodb:BatchGetItem",), ("table",), conditions)
    assert grant.allows(Asked("dynamodb:BatchGetItem", "table", {"dynamodb:LeadingKeys": keys})) == allowed
