"""Who may import whom, held against the parsed imports of everything that is deployed or runs locally."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.unit.architecture import FOREIGN, ROWS, SPLIT_DOORS, covers, row_of, violations

ROOT: Final = Path(__file__).parents[2]
TREES: Final = {
    "oauth_broker": ROOT / "layers" / "oauth_broker",
    "functions": ROOT,
    "local": ROOT,
    "operations": ROOT,
}


def module_name(path: Path, start: Path) -> str:
    """Give the dotted name of a file below the folder that holds its top package."""
    parts = path.relative_to(start).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES: Final = {
    module_name(path, start): path.read_text(encoding="utf-8")
    for top, start in TREES.items()
    for path in sorted((start / top).rglob("*.py"))
}


def test_everything_stands_where_it_may() -> None:
    """No module of the layer, the functions, the local stack or the commands breaks the table."""
    assert violations(SOURCES) == []


def test_the_table_was_held_against_the_real_code() -> None:
    """The test above reads the package, not an empty folder."""
    read = {
        "oauth_broker.errors",
        "oauth_broker.gateway",
        "oauth_broker.protocol.http",
        "oauth_broker.doors",
        "local",
        "operations.judgement",
    }
    assert read <= set(SOURCES)


def test_no_row_of_the_table_is_empty() -> None:
    """Each single module that the table names exists, so that a renamed one is noticed."""
    named = {entry for row in ROWS.values() for entry in row.modules if not entry.endswith(".")}
    named |= {f"oauth_broker.doors.{part}" for part in (*SPLIT_DOORS, *SPLIT_DOORS.values())}
    assert named <= set(SOURCES)


GOOD: Final = {
    "oauth_broker": "",
    "oauth_broker.errors": "from dataclasses import dataclass",
    "oauth_broker.secret": "import hmac",
    "oauth_broker.resource": "from oauth_broker.secret import Secret",
    "oauth_broker.schedule": "from datetime import datetime\nfrom oauth_broker import resource",
    "oauth_broker.sealed": "from cryptography.exceptions import InvalidTag",
    "oauth_broker.protocol.http": "import urllib.parse\nfrom oauth_broker.secret import Secret",
    "oauth_broker.protocol.token": "def a():\n    import jmespath\nfrom oauth_broker.protocol import http",
    "oauth_broker.doors.aws": "import botocore.session",
    "oauth_broker.doors.queues": "from oauth_broker.doors.aws import client\nimport time",
    "oauth_broker.doors.egress": "import requests\nfrom oauth_broker.doors import pinned_connection",
    "oauth_broker.doors.pinned_connection": "import socket, urllib3",
    "oauth_broker.doors.store.rows": "from oauth_broker.connection import Connection",
    "oauth_broker.doors.store.table": "from oauth_broker.doors.store import rows\nimport botocore",
    "oauth_broker.connection": "from enum import Enum",
    "oauth_broker.flows.refresh": (
        "from typing import TYPE_CHECKING\nfrom oauth_broker.protocol.token import a\n"
        "if TYPE_CHECKING:\n    from oauth_broker.doors.queues import Queue"
    ),
    "oauth_broker.flows.read_token": (
        "import threading\nfrom oauth_broker import log\nfrom oauth_broker.flows.refresh import refresh\n"
        "from oauth_broker.doors.queues import Nudge\nfrom oauth_broker.caller import Caller"
    ),
    "oauth_broker.caller": "from oauth_broker.errors import BrokerError",
    "oauth_broker.settings": "from oauth_broker.errors import SettingsError",
    "oauth_broker.log": "import aws_lambda_powertools",
    "oauth_broker.gateway": "import time\nfrom oauth_broker import log",
    "functions.access.app": "from oauth_broker import gateway\nfrom oauth_broker.flows import refresh",
    "functions.callback.app": "import os\nfrom oauth_broker.doors.queues import Queue",
    "functions.refresh_worker.app": "from oauth_broker import wiring\nfrom oauth_broker.settings import A",
    "oauth_broker.wiring": "from oauth_broker.doors.queues import A\nfrom oauth_broker.flows import refresh",
    "local": "",
    "local.stack": "import moto, importlib, os\nfrom local import queues",
    "local.queues": "import time",
    "operations": "",
    "operations.judgement": "from oauth_broker.doors.store.rows import A\nfrom oauth_broker import schedule",
    "operations.deployment": "import boto3",
    "operations.repair": "import time\nfrom operations.judgement import A",
}


def test_what_may_be_imported_is_not_objected_to() -> None:
    """A small world in which each row imports all that it may has nothing to object to."""
    assert violations(GOOD) == []


@pytest.mark.parametrize(
    "module,source,objection",
    [
        ("oauth_broker.surprise", "", "stands in no row"),
        (
            "oauth_broker.errors",
            "from oauth_broker.secret import Secret",
            "foundation do not import each other",
        ),
        ("oauth_broker.secret", "from oauth_broker import resource", "foundation may not import values"),
        (
            "oauth_broker.errors",
            "import jmespath",
            "only oauth_broker.protocol., oauth_broker.registration may",
        ),
        (
            "oauth_broker.resource",
            "from oauth_broker.protocol.token import a",
            "values may not import decisions",
        ),
        ("oauth_broker.resource", "from oauth_broker.doors.queues import a", "values may not import doors"),
        (
            "oauth_broker.protocol.token",
            "from oauth_broker.doors import queues",
            "decisions may not import doors",
        ),
        (
            "oauth_broker.protocol.token",
            "from oauth_broker.flows.refresh import a",
            "decisions may not import flows",
        ),
        ("oauth_broker.protocol.token", "from oauth_broker import gateway", "decisions may not import front"),
        ("oauth_broker.protocol.token", "from ..doors import queues", "decisions may not import doors"),
        ("oauth_broker.protocol.token", "def a():\n    import requests", "only oauth_broker.doors.egress"),
        ("oauth_broker.protocol.token", "import re2", "only oauth_broker.protocol.variables may"),
        ("oauth_broker.protocol.token", "import time", "may not reach for time"),
        ("oauth_broker.protocol.token", "from random import SystemRandom", "may not reach for random"),
        ("oauth_broker.protocol.token", "import secrets", "may not reach for secrets"),
        ("oauth_broker.protocol.token", "import os", "may not reach for os"),
        ("oauth_broker.protocol.token", "from os import environ", "may not reach for os"),
        ("oauth_broker.protocol.token", "def a():\n    import socket", "may not reach for socket"),
        ("oauth_broker.protocol.token", "import http.client", "may not reach for http.client"),
        ("oauth_broker.protocol.token", "from uuid import uuid4", "may not reach for uuid"),
        ("oauth_broker.protocol.token", "import uuid", "may not reach for uuid"),
        ("oauth_broker.protocol.token", "from datetime import datetime\ndatetime.now()", "calls .now()"),
        ("oauth_broker.protocol.token", "import datetime\ndatetime.date.today()", "calls .today()"),
        ("oauth_broker.protocol.token", "open('a')", "is pure and calls open()"),
        ("oauth_broker.protocol.token", "__import__('time')", "is pure and calls __import__()"),
        ("oauth_broker.protocol.token", "import importlib", "imports that nobody can read"),
        ("oauth_broker.secret", "import random", "may not reach for random"),
        (
            "oauth_broker.doors.queues",
            "from oauth_broker.protocol.token import a",
            "doors may not import decisions",
        ),
        (
            "oauth_broker.doors.queues",
            "from oauth_broker.flows.refresh import a",
            "doors may not import flows",
        ),
        ("oauth_broker.doors.queues", "from oauth_broker.gateway import a", "doors may not import front"),
        (
            "oauth_broker.doors.queues",
            "from oauth_broker.doors.store.rows import a",
            "a door opens no other door",
        ),
        ("oauth_broker.doors.queues", "from oauth_broker.doors import egress", "a door opens no other door"),
        ("oauth_broker.doors.queues", "import requests", "only oauth_broker.doors.egress"),
        ("oauth_broker.doors.egress", "import botocore", "only oauth_broker.doors.aws"),
        (
            "oauth_broker.doors.queues",
            "import boto3",
            "only operations.deployment, operations.command_line may",
        ),
        (
            "oauth_broker.flows.refresh",
            "from oauth_broker.doors.queues import a",
            "flows may not import doors",
        ),
        ("oauth_broker.flows.refresh", "from oauth_broker.gateway import a", "flows may not import front"),
        (
            "oauth_broker.flows.refresh",
            "import typing\nif typing.TYPE_CHECKING:\n    from oauth_broker.gateway import Request",
            "flows may not import front",
        ),
        (
            "oauth_broker.flows.refresh",
            "import typing\nif typing.TYPE_CHECKING:\n    pass\nelse:\n    import oauth_broker.doors.queues",
            "flows may not import doors",
        ),
        (
            "oauth_broker.flows.refresh",
            "import typing\nif not typing.TYPE_CHECKING:\n    import oauth_broker.doors.queues",
            "flows may not import doors",
        ),
        ("oauth_broker.flows.refresh", "from oauth_broker.doors import queues", "flows may not import doors"),
        ("oauth_broker.flows.refresh", "import time", "may not reach for time"),
        ("oauth_broker.flows.refresh", "def a():\n    from random import random", "may not reach for random"),
        ("oauth_broker.flows.refresh", "import botocore", "only oauth_broker.doors.aws"),
        ("oauth_broker.flows.refresh", "import requests", "only oauth_broker.doors.egress"),
        ("oauth_broker.gateway", "from oauth_broker.doors.queues import a", "front may not import doors"),
        ("oauth_broker.gateway", "from oauth_broker.flows.refresh import a", "front may not import flows"),
        ("oauth_broker.gateway", "from oauth_broker.resource import a", "front may not import values"),
        ("oauth_broker.gateway", "from oauth_broker import wiring", "front may not import wiring"),
        ("oauth_broker.flows.refresh", "from oauth_broker import wiring", "flows may not import wiring"),
        ("oauth_broker.wiring", "from oauth_broker import gateway", "wiring may not import front"),
        ("oauth_broker.log", "from oauth_broker import gateway", "house may not import front"),
        ("oauth_broker.doors.queues", "from oauth_broker import log", "doors may not import house"),
        ("oauth_broker.gateway", "import aws_lambda_powertools", "only oauth_broker.log may"),
        ("functions.access.app", "from functions.callback import app", "functions do not import each other"),
        ("functions.access.app", "import functions.callback.app", "functions do not import each other"),
        ("functions.access.app", "from local import stack", "functions may not import local"),
        ("functions.access.app", "import boto3", "only operations.deployment, operations.command_line may"),
        ("functions.access.app", "import simplejson", "only nobody may"),
        ("functions.access.app", "from operations import repair", "functions may not import operations"),
        ("operations.judgement", "import time", "may not reach for time"),
        (
            "operations.judgement",
            "import botocore.session\nimport operations.repair",
            "may not import operat",
        ),
        ("operations.repair", "from oauth_broker.flows.refresh import a", "operations may not import flows"),
        ("operations.repair", "from local import stack", "operations may not import local"),
        ("local.stack", "from oauth_broker.errors import BrokerError", "local may not import foundation"),
        ("local.stack", "import oauth_broker", "local may not import package"),
        ("local.stack", "def a():\n    from functions.access import app", "local may not import functions"),
        (
            "oauth_broker.resource",
            "from oauth_broker.protocol.http import a\nfrom oauth_broker import connection",
            "cycle: oauth_broker.connection → oauth_broker.resource → oauth_broker.connection",
        ),
        ("oauth_broker.flows.refresh", "from oauth_broker.flows.read_token import a", "cycle: "),
    ],
)
def test_each_offence_is_seen(module: str, source: str, objection: str) -> None:
    """One offending module in the small world is found, named, and told why."""
    closing = (
        {"oauth_broker.connection": "from oauth_broker import resource"}
        if "connection →" in objection
        else {}
    )
    found = violations({**GOOD, **closing, module: source})
    assert [one for one in found if objection in one and module in one], found


def test_a_cycle_for_types_alone_is_none() -> None:
    """What only a type checker follows is no cycle of the running program."""
    source = (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from oauth_broker.flows.read_token import a"
    )
    assert violations({**GOOD, "oauth_broker.flows.refresh": source}) == []


@pytest.mark.parametrize(
    "module,row",
    [
        ("oauth_broker.protocol", "package"),
        ("oauth_broker.protocol.http", "values"),
        ("oauth_broker.protocol.token", "decisions"),
        ("oauth_broker.registration", "decisions"),
        ("oauth_broker.registration.steps", "decisions"),
        ("oauth_broker.doors.store.rows", "doors"),
        ("functions.access.app", "functions"),
        ("local.demo_provider.server", "local"),
        ("operations.judgement", "operators decide"),
        ("operations.redrive", "operations"),
        ("oauth_broker.other", None),
        ("oauth_broker.logs", None),
        ("somebody", None),
    ],
)
def test_a_module_has_one_row(module: str, row: str | None) -> None:
    """The nearest entry counts, and a name that merely begins alike is no entry."""
    assert row_of(module) == row


def test_each_foreign_package_has_a_home() -> None:
    """No package is allowed to a module that does not exist."""
    for package, homes in FOREIGN.items():
        for home in homes:
            assert any(covers(home, module) for module in SOURCES), (package, home)
