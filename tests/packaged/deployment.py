"""The template's functions in an AWS on loopback."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from local.aws import Endpoints, create_resources
from local.intrinsics import Resolver
from local.template import Function, Template, functions


@dataclass(frozen=True)
class Deployment:
    """The template's functions with the environments it gives them, in an AWS that has its resources."""

    functions: Mapping[str, Function]
    aws: Mapping[str, str]


def deploy(template: Template, aws: Endpoints) -> Deployment:
    """Makes a fresh table, key and queues as the template says, and tells its functions of them."""
    attributes = create_resources(template, template.parameters, aws)
    resolver = Resolver(template.document, template.parameters, attributes)
    found = {function.name: function for function in functions(template, resolver)}
    return Deployment(found, aws.environment())
