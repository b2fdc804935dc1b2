"""CloudFormation's intrinsic functions, as far as a template of ours uses them.

AWS CloudFormation User Guide, "Intrinsic function reference" and "Pseudo parameters reference".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

REGION = "eu-central-1"
ACCOUNT = "123456789012"  # moto's own

PSEUDO_PARAMETERS: Mapping[str, str] = {
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::StackName": "oauth-broker",
    "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/oauth-broker/local",
    "AWS::URLSuffix": "amazonaws.com",
}

# Logical id → attribute → value; the attribute "Ref" is what Ref gives.
Attributes = Mapping[str, Mapping[str, str]]

_NO_VALUE = object()


class UnresolvedError(Exception):
    """An expression names something that this stack does not have; the message says what."""


class Resolver:
    """Evaluates expressions of one template.

    `document` is the template (its Conditions and Mappings are read), `parameters` the value of each
    parameter, `attributes` what Ref and GetAtt give for each resource that exists.
    """

    def __init__(
        self, document: Mapping[str, Any], parameters: Mapping[str, Any], attributes: Attributes
    ) -> None:
        self._conditions = document.get("Conditions", {})
        self._mappings = document.get("Mappings", {})
        self._parameters = {**PSEUDO_PARAMETERS, **parameters}
        self._attributes = attributes
        self._functions: Mapping[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Condition": self.condition,
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::If": self._if,
            "Fn::Join": self._join,
            "Fn::Select": self._select,
            "Fn::Split": self._split,
            "Fn::FindInMap": self._find_in_map,
            "Fn::Equals": self._equals,
            "Fn::And": lambda tests: all(self.resolve(test) for test in tests),
            "Fn::Or": lambda tests: any(self.resolve(test) for test in tests),
            "Fn::Not": lambda tests: not self.resolve(tests[0]),
        }

    def resolve(self, value: Any) -> Any:
        """The value with every expression in it evaluated; None for AWS::NoValue. Raises UnresolvedError."""
        result = self._resolve(value)
        return None if result is _NO_VALUE else result

    def condition(self, name: str) -> bool:
        """Whether the named condition of the template holds. Raises UnresolvedError for an unknown name."""
        if name not in self._conditions:
            raise UnresolvedError(f"The template has no condition {name}.")
        return bool(self.resolve(self._conditions[name]))

    def _resolve(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            if len(value) == 1:
                name, argument = next(iter(value.items()))
                if name in self._functions:
                    return self._functions[name](argument)
                if name.startswith("Fn::"):
                    raise UnresolvedError(f"{name} is not evaluated locally.")
            resolved = {key: self._resolve(member) for key, member in value.items()}
            return {key: member for key, member in resolved.items() if member is not _NO_VALUE}
        if isinstance(value, list):
            items = [self._resolve(item) for item in value]
            return [item for item in items if item is not _NO_VALUE]
        return value

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return _NO_VALUE
        if name in self._parameters:
            return self._parameters[name]
        return self._attribute(name, "Ref")

    def _attribute(self, resource: str, attribute: str) -> str:
        try:
            return self._attributes[resource][attribute]
        except KeyError:
            raise UnresolvedError(f"{resource}.{attribute} is not known locally.") from None

    def _get_att(self, argument: str | list[str]) -> str:
        resource, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
        return self._attribute(resource, attribute)

    def _sub(self, argument: str | list[Any]) -> str:
        text, given = (argument, {}) if isinstance(argument, str) else argument

        def value(match: re.Match[str]) -> str:
            name = match[1].strip()
            if name.startswith("!"):  # ${!literal} stays as ${literal}
                return "${" + name[1:] + "}"
            if name in given:
                return str(self.resolve(given[name]))
            return str(self._get_att(name) if "." in name else self._ref(name))

        return re.sub(r"\$\{([^}]+)\}", value, text)

    def _if(self, argument: list[Any]) -> Any:
        name, then, otherwise = argument
        return self._resolve(then if self.condition(name) else otherwise)

    def _join(self, argument: list[Any]) -> str:
        separator, items = argument
        return str(separator).join(str(item) for item in self.resolve(items))

    def _select(self, argument: list[Any]) -> Any:
        index, items = argument
        return self.resolve(items)[int(self.resolve(index))]

    def _split(self, argument: list[Any]) -> list[str]:
        separator, text = argument
        return str(self.resolve(text)).split(separator)

    def _find_in_map(self, argument: list[Any]) -> Any:
        name, top, second = (self.resolve(part) for part in argument)
        return self.resolve(self._mappings[name][top][second])

    def _equals(self, argument: list[Any]) -> bool:
        one, other = (self.resolve(part) for part in argument)
        return str(one) == str(other)
