"""Where a deployed broker's table and queues are, and what its functions go by: CloudFormation knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import ClientError

from operations.report import OperationError
from operations.table import SEGMENTS

if TYPE_CHECKING:
    import boto3

_RETRIES: Any = {"total_max_attempts": 10, "mode": "standard"}


@dataclass(frozen=True)
class Access:
    """The operator's way to AWS. `endpoint_url` is that of a local one, for every service."""

    session: boto3.Session
    endpoint_url: str | None = None

    def client(self, service: str) -> Any:
        """Give a client of a service."""
        if self.session.region_name is None:
            raise OperationError("Which region? Give --region, or set AWS_REGION.")
        config = Config(retries=_RETRIES, max_pool_connections=SEGMENTS)
        # The service's name is not a literal here, which is what the typed overloads want.
        return self.session.client(service, endpoint_url=self.endpoint_url, config=config)  # type: ignore[call-overload]


class DeployedStack:
    """A CloudFormation stack made from template.yaml, asked for one thing at a time.

    DescribeStackResources would be one call, but gives a stack's first hundred resources only.
    """

    def __init__(self, access: Access, name: str) -> None:
        self._cloudformation = access.client("cloudformation")
        self._name = name

    def physical_id(self, logical_id: str) -> str:
        """Give a table's name or a queue's URL. Raises OperationError where the stack has none."""
        try:
            answer = self._cloudformation.describe_stack_resource(
                StackName=self._name, LogicalResourceId=logical_id
            )
        except ClientError as error:
            raise self._refused(error) from None
        return str(answer["StackResourceDetail"]["PhysicalResourceId"])

    def shards(self) -> int:
        """Give the stack's parameter Shards. Raises OperationError."""
        try:
            [stack] = self._cloudformation.describe_stacks(StackName=self._name)["Stacks"]
        except ClientError as error:
            raise self._refused(error) from None
        for parameter in stack.get("Parameters", []):
            if parameter["ParameterKey"] == "Shards":
                return int(parameter["ParameterValue"])
        raise OperationError(f"The stack {self._name} has no parameter Shards: is it a broker's?")

    def _refused(self, error: ClientError) -> Exception:
        """Give what to raise: CloudFormation says ValidationError of what does not exist."""
        told = error.response["Error"]
        return OperationError(told["Message"]) if told["Code"] == "ValidationError" else error
