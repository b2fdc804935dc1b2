"""The project's template, transformed by SAM's own translator in this process."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from local.template import Template, load
from tests.template.document import Document

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def transformed() -> Template:
    """The transformed template as the local stack reads it. Not to be changed."""
    return load(ROOT / "template.yaml", {})


@pytest.fixture
def document(transformed: Template) -> Document:
    """The CloudFormation document, a copy for each test."""
    return copy.deepcopy(dict(transformed.document))
