"""AWS on one machine: moto in this process, behind a guard, with what the template puts there."""

from __future__ import annotations

import io
import json
import os
import secrets
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from local.guards import aws_refusal, caller_of
from local.intrinsics import ACCOUNT, REGION, Resolver, UnresolvedError
from local.server import LoopbackServer
from local.template import Template, TemplateError, functions_named

if TYPE_CHECKING:
    from mypy_boto3_sqs.literals import QueueAttributeNameType

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
EventLog = Callable[[Mapping[str, Any]], None]
CallGate = Callable[["AwsCall"], bool]

CREDENTIALS: Mapping[str, str] = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
}
# Nothing of the person's own AWS configuration may take part: neither files nor the instance's metadata.
SHIELDED: Mapping[str, str] = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}

# One session: it holds the services' models, which take long to read. It makes one client at a time.
_SESSION = boto3.Session("local", "local", region_name=REGION)
_SESSION_LOCK = threading.Lock()

_QUEUE_ATTRIBUTES: tuple[QueueAttributeNameType, ...] = (
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "DelaySeconds",
    "FifoQueue",
    "FifoThroughputLimit",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "VisibilityTimeout",
)
_TABLE_MEMBERS = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "LocalSecondaryIndexes")


@dataclass(frozen=True)
class Endpoints:
    """Where the AWS services answer: one URL for all, and another for DynamoDB where that is apart."""

    url: str
    dynamodb_url: str

    def environment(self) -> dict[str, str]:
        """What an SDK needs in its environment to talk to these endpoints and to nothing else."""
        urls = {"AWS_ENDPOINT_URL": self.url, "AWS_ENDPOINT_URL_DYNAMODB": self.dynamodb_url}
        return {**CREDENTIALS, **SHIELDED, **urls}

    def client(self, service: str, **settings: Any) -> Any:
        """A boto3 client of the service; `settings` are those of botocore's Config."""
        url = self.dynamodb_url if service == "dynamodb" else self.url
        with _SESSION_LOCK:
            # The service's name is not a literal here, which is what the typed overloads want.
            return _SESSION.client(service, endpoint_url=url, config=Config(**settings))  # type: ignore[call-overload]


@dataclass(frozen=True)
class AwsCall:
    """A call as it arrived. `caller` is the access key that signed it: a function's is its logical id.

    `service` is as signatures name it (`dynamodb`), `operation` as its API does (`GetItem`); `request` is the
    body.
    """

    caller: str
    service: str
    operation: str
    request: Mapping[str, Any]


class AwsServer:
    """moto on a loopback port of its own. `on_event` is called with each EventBridge entry that is put.

    `gate` is asked about each call before it is carried out: where it says False, the service is unavailable.
    """

    def __init__(self, on_event: EventLog, gate: CallGate | None = None) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._application = DomainDispatcherApplication(create_backend_app)
        self._on_event = on_event
        self._gate = gate
        # moto checks a condition and writes in two steps: in parallel, several writers pass the same check.
        self._dynamodb = threading.Lock()
        self._transactions: set[str] = set()
        self._server = LoopbackServer(self._answer, listener, threads=32)

    def close(self) -> None:
        """Stops listening."""
        self._server.close()

    def _answer(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if (status := aws_refusal(caller_of(environ), self.port)) is not None:
            start_response(f"{status.value} {status.phrase}", [("Content-Type", "text/plain")])
            return [status.phrase.encode()]
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        if self._gate and target and not self._gate(_call_of(environ, target)):
            start_response("503 Service Unavailable", [("Content-Type", "application/x-amz-json-1.0")])
            return [b'{"__type": "ServiceUnavailable"}']
        if target == "AWSEvents.PutEvents":
            self._report_events(environ)
        if target.startswith("DynamoDB_"):
            with self._dynamodb:
                if target.endswith(".TransactWriteItems"):
                    return self._transacted(environ, start_response)
                return list(self._application(environ, start_response))
        return list(self._application(environ, start_response))

    def _transacted(self, environ: Environ, start_response: StartResponse) -> list[bytes]:
        """Makes a transaction once: moto does not know the token that an SDK's second try repeats."""
        token = json.loads(_body_of(environ)).get("ClientRequestToken")
        if token in self._transactions:
            start_response("200 OK", [("Content-Type", "application/x-amz-json-1.0")])
            return [b"{}"]

        def begin(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            if token is not None and status.startswith("200"):
                self._transactions.add(token)
            return start_response(status, headers, *rest)

        return list(self._application(environ, begin))

    def _report_events(self, environ: Environ) -> None:
        for entry in json.loads(_body_of(environ)).get("Entries", []):
            self._on_event(entry)


def _call_of(environ: Environ, target: str) -> AwsCall:
    """A signed call: `AWS4-HMAC-SHA256 Credential=<key>/<date>/<region>/<service>/aws4_request, …`."""
    scope = environ["HTTP_AUTHORIZATION"].partition("Credential=")[2].partition(",")[0].split("/")
    return AwsCall(scope[0], scope[3], target.rpartition(".")[2], json.loads(_body_of(environ)))


def _body_of(environ: Environ) -> bytes:
    """The request's body, which can be read again."""
    body: bytes = environ["wsgi.input"].read()
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def create_resources(
    template: Template, parameters: Mapping[str, Any], endpoints: Endpoints
) -> dict[str, dict[str, str]]:
    """Creates the template's tables, keys, queues and event buses.

    Gives each one's attributes, and those of the functions: logical id → {"Ref": …, "Arn": …}. Names are
    random, so that stacks in one process or on one DynamoDB Local do not meet. There is no Cognito here: its
    user pools and clients are names.
    """
    attributes = {name: {"Ref": name, "Arn": arn} for name, arn in functions_named(template)}
    resolver = Resolver(template.document, parameters, attributes)
    for kind in ("AWS::Cognito::UserPool", "AWS::Cognito::UserPoolClient"):
        attributes |= {name: {"Ref": name} for name, _ in template.resources(kind, resolver)}
    suffix = secrets.token_hex(4)
    for name, _ in template.resources("AWS::KMS::Key", resolver):
        key = endpoints.client("kms").create_key()["KeyMetadata"]
        attributes[name] = {"Ref": key["KeyId"], "KeyId": key["KeyId"], "Arn": key["Arn"]}
    for name, _ in template.resources("AWS::Events::EventBus", resolver):
        bus = endpoints.client("events").create_event_bus(Name=f"{name}-{suffix}")
        attributes[name] = {"Ref": f"{name}-{suffix}", "Name": f"{name}-{suffix}", "Arn": bus["EventBusArn"]}
    attributes |= create_tables(template, resolver, suffix, endpoints)
    _create_queues(template, resolver, attributes, suffix, endpoints)
    return attributes


def create_tables(
    template: Template, resolver: Resolver, suffix: str, endpoints: Endpoints
) -> dict[str, dict[str, str]]:
    """Creates the template's tables with `suffix` in their names; gives each one's attributes."""
    return {
        name: _create_table(f"{name}-{suffix}", properties, resolver, endpoints)
        for name, properties in template.resources("AWS::DynamoDB::Table", resolver)
    }


def _create_table(
    name: str, properties: Mapping[str, Any], resolver: Resolver, endpoints: Endpoints
) -> dict[str, str]:
    dynamodb = endpoints.client("dynamodb")
    members = {key: resolver.resolve(properties[key]) for key in _TABLE_MEMBERS if key in properties}
    for index in members.get("GlobalSecondaryIndexes", []):
        index.pop("OnDemandThroughput", None)
    dynamodb.create_table(TableName=name, BillingMode="PAY_PER_REQUEST", **members)
    if expiry := resolver.resolve(properties.get("TimeToLiveSpecification")):
        specification = {**expiry, "Enabled": str(expiry["Enabled"]).lower() == "true"}
        dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=specification)
    return {"Ref": name, "Arn": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}"}


def _create_queues(
    template: Template,
    resolver: Resolver,
    attributes: dict[str, dict[str, str]],
    suffix: str,
    endpoints: Endpoints,
) -> None:
    sqs = endpoints.client("sqs")
    waiting = dict(template.resources("AWS::SQS::Queue", resolver))
    while waiting:
        created = []
        for name, properties in waiting.items():
            try:
                redrive = resolver.resolve(properties.get("RedrivePolicy"))
            except UnresolvedError:
                continue  # its dead letter queue comes first
            own = {key: resolver.resolve(properties[key]) for key in _QUEUE_ATTRIBUTES if key in properties}
            values = {key: _attribute_text(value) for key, value in own.items()}
            if redrive:
                values["RedrivePolicy"] = json.dumps(redrive)
            fifo = ".fifo" if values.get("FifoQueue") == "true" else ""
            queue_name = f"{name}-{suffix}{fifo}"
            url = sqs.create_queue(QueueName=queue_name, Attributes=values)["QueueUrl"]
            arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue_name}"
            attributes[name] = {"Ref": url, "QueueUrl": url, "Arn": arn, "QueueName": queue_name}
            created.append(name)
        if not created:
            raise TemplateError(f"The dead letter queues of {', '.join(waiting)} are not in the template.")
        for name in created:
            del waiting[name]


def _attribute_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
