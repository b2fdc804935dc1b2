"""The template's table in a DynamoDB of the tests."""

from __future__ import annotations

import secrets
from functools import cache

from local.aws import Endpoints, create_tables
from local.intrinsics import Resolver
from local.stack import TEMPLATE
from local.template import Template, load


def new_table(url: str) -> str:
    """Make the template's table, keys, index and expiry, in the DynamoDB at a URL; gives its name."""
    template = _template()
    resolver = Resolver(template.document, template.parameters, {})
    [made] = create_tables(template, resolver, secrets.token_hex(4), Endpoints(url, url)).values()
    return made["Ref"]


@cache
def _template() -> Template:
    return load(TEMPLATE, {})
