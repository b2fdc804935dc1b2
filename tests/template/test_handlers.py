"""The code that the template names is there."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

import pytest

from tests.template.contract import TIMEOUTS
from tests.template.document import FUNCTION, resources

EVENT_AND_CONTEXT: Final = 2

if TYPE_CHECKING:
    from local.template import Template


@pytest.mark.parametrize("function", TIMEOUTS)
def test_a_function_has_its_handler(function: str, transformed: Template) -> None:
    """The file and the name in `Handler` exist, and take what Lambda gives: an event and a context."""
    module, _, name = resources(dict(transformed.document), FUNCTION)[function]["Handler"].rpartition(".")
    tree = ast.parse((transformed.folders[function] / f"{module}.py").read_text("utf-8"))
    defined = {node.name: len(node.args.args) for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert defined.get(name) == EVENT_AND_CONTEXT
