"""The whole stack in one object: what `python -m local` runs, and what the integration tests start.

It keeps AWS in this process (moto's state is one for all): a test that uses `mock_aws` beside it would
wipe it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from local import template as templates
from local.aws import AwsServer, CallGate, Endpoints, create_resources
from local.console import Console
from local.demo import DemoProvider
from local.functions import FunctionPool
from local.http_api import HttpApi
from local.intrinsics import Resolver
from local.queues import Poller
from local.routes import Authorizer, Route, routes
from local.schedule import Clock

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from local.template import Template

TEMPLATE = Path(__file__).parent.parent / "template.yaml"
_EVERY_MINUTE = 60


class PortTakenError(Exception):
    """A port is in use; the message says which, and what to do."""


class FunctionFailedError(Exception):
    """A function that was invoked by hand failed; `error` is Lambda's error object."""

    def __init__(self, error: Mapping[str, Any]) -> None:
        super().__init__(f"{error.get('errorType')}: {error.get('errorMessage')}")
        self.error = error


@dataclass(frozen=True)
class Options:
    """How to run the stack. Ports of 0 are chosen; the demo provider's is the next one by default.

    `extra_env` goes to every function, `function_env` to single ones (logical id → variables); both win over
    the template. `schedule_period` (seconds) replaces one minute; `schedule` False: no schedule runs.
    `dynamodb_endpoint` is the URL of a DynamoDB Local to use instead of moto. `aws_gate` is asked about each
    call to the AWS in this process, from several threads: where it says False, the service is unavailable.
    `oidc_client_id` is the console's at `oidc_issuer`; without an issuer nobody signs in.
    """

    port: int = 0
    template: Path = TEMPLATE
    parameters: Mapping[str, str] = field(default_factory=dict)
    demo: bool = True
    demo_port: int | None = None
    demo_options: Sequence[str] = ()
    schedule: bool = True
    schedule_period: float = 5
    extra_env: Mapping[str, str] = field(default_factory=dict)
    function_env: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    dynamodb_endpoint: str | None = None
    aws_gate: CallGate | None = None
    oidc_issuer: str | None = None
    oidc_audience: Sequence[str] = ()
    oidc_client_id: str = ""


class Stack:
    """A running stack: `with Stack(Options(…)) as stack`. Everything it started has ended after it.

    Raises PortTakenError, TemplateError, DemoProviderError or UnresolvedError when it cannot start.
    """

    def __init__(self, options: Options | None = None, console: Console | None = None) -> None:
        self.options = options or Options()
        self.console = console or Console()
        self.events: list[Mapping[str, Any]] = []  # EventBridge entries, in the order they were put
        self._open = contextlib.ExitStack()
        self._pools: dict[str, FunctionPool] = {}
        self._closing = threading.Event()

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stops everything, in the reverse order of its start."""
        self._closing.set()
        self._open.close()

    @property
    def table_name(self) -> str:
        """The name of the table in DynamoDB."""
        return self.attributes["Table"]["Ref"]

    @property
    def endpoint_url(self) -> str:
        """Where the AWS services answer (DynamoDB: `endpoints.dynamodb_url`)."""
        return self.endpoints.url

    def client(self, service: str) -> Any:
        """A boto3 client of this stack's AWS."""
        return self.endpoints.client(service)

    def function_pids(self, name: str) -> list[int]:
        """The processes of a function that run now."""
        return self._pools[name].pids()

    def invoke(self, name: str, event: Any) -> Any:
        """The answer of a function to an event. Raises FunctionFailedError."""
        outcome = self._pools[name].invoke(event)
        if outcome.failed:
            raise FunctionFailedError(outcome.payload)
        return outcome.payload

    def _start(self) -> None:
        listener = self._open.enter_context(_listener(self.options.port))
        port = listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        demo = self._start_demo(port)
        self.provider_url = demo.url if demo else ""
        aws = AwsServer(self._on_event, self.options.aws_gate)
        self._open.callback(aws.close)
        self.endpoints = Endpoints(aws.url, self.options.dynamodb_endpoint or aws.url)
        template = templates.load(self.options.template, self.options.parameters)
        self.attributes = create_resources(template, template.parameters, self.endpoints)
        resolver = Resolver(template.document, template.parameters, self.attributes)
        self._create_pools(template, resolver, port)
        self.routes = [self._with_own_client(route) for route in routes(template, resolver)]
        threading.Thread(target=self._warm, daemon=True).start()
        api = HttpApi(
            listener, self.routes, self._pools, self._authorizer(template.parameters), self.console.request
        )
        self._open.callback(api.close)
        if demo:
            demo.wait_until_ready()
        self._start_sources(template, resolver)

    def _authorizer(self, parameters: Mapping[str, Any]) -> Authorizer | None:
        if not self.options.oidc_issuer:
            return None
        audience = self._audience(parameters)
        from local.authorizer import JwtAuthorizer  # noqa: PLC0415 - a sixth of a second that few starts need

        return JwtAuthorizer(self.options.oidc_issuer, audience).authorize

    def _audience(self, parameters: Mapping[str, Any]) -> Sequence[str]:
        audience: Sequence[str] = self.options.oidc_audience or parameters.get("OidcAudience", [])
        return audience

    def _with_own_client(self, route: Route) -> Route:
        """A route that tells the console the client it has here, where the template has one of Cognito's."""
        given = {**route.stage_variables, "console_client_id": self.options.oidc_client_id}
        told = {name: value for name, value in given.items() if value and name in route.stage_variables}
        return replace(route, stage_variables=told)

    def _start_demo(self, port: int) -> DemoProvider | None:
        if not self.options.demo:
            return None
        wanted = self.options.demo_port
        if wanted is None:
            wanted = port + 1 if self.options.port else 0
        with _listener(wanted, "the demo provider's, PORT + 1") as probe:
            demo_port = probe.getsockname()[1]
        demo = DemoProvider(demo_port, self.url, self.options.demo_options, self._log)
        self._open.callback(demo.close)
        return demo

    def _create_pools(self, template: Template, resolver: Resolver, port: int) -> None:
        local = self._local_environment(port)
        replaced = {
            "PUBLIC_URL": self.url,
            "RETURN_URL_ORIGINS": "loopback",
            "OIDC_ISSUER": self.options.oidc_issuer or "",
            "OIDC_AUDIENCE": next(iter(self._audience(template.parameters)), ""),
            "SCHEDULE_PERIOD": f"{self.options.schedule_period:g}",
        }
        for function in templates.functions(template, resolver):
            given = {name: replaced.get(name, value) for name, value in function.environment.items()}
            # Each signs with a key of its own, as each has a role of its own: AWS knows who calls.
            own = {"AWS_ACCESS_KEY_ID": function.name, **self.options.function_env.get(function.name, {})}
            environment = {**given, **local, **self.options.extra_env, **own}
            pool = FunctionPool(function, environment, self._log)
            self._pools[function.name] = pool
            self._open.callback(pool.close)

    def _local_environment(self, port: int) -> dict[str, str]:
        """What only the local stack sets: where AWS and the demo provider are, and loopback providers."""
        # Whom a function may call on loopback: not the stack itself.
        addresses = (self.endpoints.url, self.endpoints.dynamodb_url)
        forbidden = [port, *(urlsplit(address).port for address in addresses)]
        return {
            **self.endpoints.environment(),
            **({"DEMO_PROVIDER": self.provider_url} if self.provider_url else {}),
            "LOOPBACK_PROVIDERS": "1",
            "LOOPBACK_FORBIDDEN_PORTS": ",".join(str(number) for number in dict.fromkeys(forbidden)),
        }

    def _start_sources(self, template: Template, resolver: Resolver) -> None:
        queues = {made["Arn"]: made["Ref"] for made in self.attributes.values() if "QueueUrl" in made}
        for source in templates.event_sources(template, resolver):
            pool = self._pools[source.function]
            poller = Poller(source, queues[source.queue_arn], pool, self.endpoints, self._log)
            self._open.callback(poller.close)
        if self.options.schedule:
            for schedule in templates.schedules(template, resolver):
                minutely = schedule.period == _EVERY_MINUTE
                period = self.options.schedule_period if minutely else schedule.period
                clock = Clock(schedule, period, self._pools[schedule.function], self._log)
                self._open.callback(clock.close)

    def _warm(self) -> None:
        """One process each, one after another: those that a person waits for first."""
        asked = dict.fromkeys(route.function for route in self.routes)
        for name in dict.fromkeys([*asked, *self._pools]):
            self._pools[name].warm()

    def _on_event(self, entry: Mapping[str, Any]) -> None:
        self.events.append(entry)
        self.console.event(entry)

    def _log(self, source: str, line: str) -> None:
        if not self._closing.is_set():
            self.console.log(source, line)


def _listener(port: int, whose: str = "PORT") -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except (OSError, OverflowError) as error:
        why = os.strerror(error.errno or 0) if isinstance(error, OSError) else "there is no such port"
        message = f"Port {port} ({whose}) cannot be used: {why}. Choose another: PORT=9000 make run"
        raise PortTakenError(message) from None
