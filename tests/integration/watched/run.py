"""A broker of which everything is seen: what functions ask of AWS, what all processes print, what is kept."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from io import StringIO
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from local.aws import AwsCall
from local.console import Console
from oauth_broker.protocol.state import derive
from oauth_broker.secret import Secret
from tests.integration.circle.broker import Broker, Browser, eventually, place_of, query_of
from tests.integration.watched.planted import Planted

if TYPE_CHECKING:
    import requests

    from local.stack import Stack
    from tests.integration.watched.planting_provider import PlantingProvider

Matches = Callable[[AwsCall], bool]


class Listener(Console):
    """The console, and every line that any process printed, as it was."""

    def __init__(self, printed: StringIO) -> None:
        super().__init__(printed)
        self.printed = printed
        self.lines: list[tuple[str, str]] = []

    def log(self, source: str, line: str) -> None:
        """A line of a function, of the demo provider or of the stack."""
        self.lines.append((source, line))
        super().log(source, line)


@dataclass
class Gate:
    """Every call to AWS as it arrives; some are refused, and before some a test comes in between."""

    calls: list[AwsCall] = field(default_factory=list)
    _closed: list[Matches] = field(default_factory=list)
    _between: list[tuple[Matches, Callable[[], object]]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, call: AwsCall) -> bool:
        """Whether the call is let through."""
        with self._lock:
            self.calls.append(call)
            met = [one for one in self._between if one[0](call)]
            self._between = [one for one in self._between if one not in met]
        for _, act in met:
            act()
        return not any(matches(call) for matches in self._closed)

    @contextmanager
    def closed(self, matches: Matches) -> Iterator[None]:
        """Calls that match find the service unavailable."""
        self._closed.append(matches)
        try:
            yield
        finally:
            self._closed.remove(matches)

    def before(self, matches: Matches, act: Callable[[], object]) -> None:
        """Act once, before the next call that matches is carried out."""
        with self._lock:
            self._between.append((matches, act))

    def seen(self, matches: Matches, *, since: int = 0) -> bool:
        """Whether such a call came after the first `since`."""
        return any(matches(call) for call in self.calls[since:])


@dataclass(frozen=True)
class Run:
    """The broker, a provider that plants, and all that was seen of both."""

    broker: Broker
    provider: PlantingProvider
    planted: Planted
    gate: Gate
    console: Listener
    signing_key_arns: list[str] = field(default_factory=list)

    @property
    def stack(self) -> Stack:
        """The stack it runs in."""
        return self.broker.stack

    def registration(self, resource_id: str, **changes: Any) -> dict[str, Any]:
        """A resource of the planting provider with planted secrets; the client's id is the resource's."""
        url = self.provider.url
        return {
            "resource_id": resource_id,
            "name": "Planted",
            "client_id": resource_id,
            "client_secret": self.planted.new("client secret"),
            "secret_variables": {"api_key": self.planted.new("secret variable")},
            "authorization": {"url": f"{url}/authorize"},
            "token": {"url": f"{url}/token", "params": {"api_key": "{{api_key}}"}},
            "revocation": {"url": f"{url}/revoke"},
            "token_response": {"tokens": {"user": {"access_token": "authed_user.access_token"}}},
            "require_confirmation": False,
            **changes,
        }

    def register(self, resource_id: str, **changes: Any) -> str:
        """A resource made; its id."""
        response = self.broker.call("POST", "/v1/resources", self.registration(resource_id, **changes))
        assert response.status_code == 201, response.text
        return resource_id

    def ask(self, resource_id: str, connection_id: str, **body: Any) -> dict[str, Any]:
        """A connection asked for."""
        members = {"connection_id": connection_id, "return_url": self.broker.landing, **body}
        return self.noted(self.broker.ask(resource_id, **members))

    def noted(self, asked: dict[str, Any]) -> dict[str, Any]:
        """An answer whose start link's ticket is planted from here on."""
        self.planted.add("ticket bits", query_of(asked["start_url"])["ticket"].partition(".")[2])
        return asked

    def started(self, browser: Browser, start_url: str) -> str:
        """A start link opened: the provider's address. The browser's cookie and all it makes are planted."""
        location = browser.start(start_url)
        authorization_id, _, bits = query_of(location)["state"].partition(".")
        self.planted.add("state bits", bits)
        for cookie in browser.session.cookies:
            if cookie.name.startswith("oauth-broker-"):
                self.planted.add("cookie", cookie.value or "")
                derived = derive(Secret(cookie.value or ""), authorization_id)
                self.planted.add("code verifier", derived.code_verifier.reveal())
                self.planted.add("nonce", derived.nonce.reveal())
                self.planted.add("confirmation code", derived.confirmation_code.reveal())
        return location

    def callback(self, browser: Browser, asked: Mapping[str, Any]) -> str:
        """From the start link through the planting provider: the callback that the browser is sent to."""
        return browser.open(self.started(browser, asked["start_url"])).headers["Location"]

    def trip(self, asked: Mapping[str, Any]) -> requests.Response:
        """The whole trip of a browser: the broker's answer to the callback."""
        browser = Browser()
        return browser.open(self.callback(browser, asked))

    def connect(self, resource_id: str, connection_id: str) -> str:
        """A connection, consented to; its id."""
        response = self.trip(self.ask(resource_id, connection_id))
        assert response.status_code == 303, response.text
        assert "error" not in query_of(response.headers["Location"])
        return connection_id

    def path(self, resource_id: str, connection_id: str) -> str:
        """A connection's path in the API."""
        return f"/v1/resources/{resource_id}/connections/{connection_id}"

    def refresh(self, resource_id: str, connection_id: str) -> requests.Response:
        """A refresh asked for."""
        return self.broker.call("POST", f"{self.path(resource_id, connection_id)}/refresh")

    def delete(self, resource_id: str, connection_id: str) -> None:
        """A connection disconnected."""
        assert self.broker.call("DELETE", self.path(resource_id, connection_id)).status_code == 204

    def await_news(self, resource_id: str, connection_id: str) -> None:
        """Returns once the worker has told of the connection."""
        place = place_of(resource_id, connection_id)
        assert eventually(lambda: "n" not in self.broker.item(*place))

    def make_due(self, resource_id: str, connection_id: str) -> None:
        """The connection's refresh brought forward, once the worker has told of the connection."""
        self.await_news(resource_id, connection_id)
        place = place_of(resource_id, connection_id)
        for name in ("nr", "refresh_at"):
            self.broker.set_number(*place, name, time.time() - 1)

    def await_generation(self, resource_id: str, connection_id: str, generation: int) -> None:
        """Returns once the connection has had so many token sets."""
        place = place_of(resource_id, connection_id)
        assert eventually(lambda: int(self.broker.item(*place)["g"]["N"]) >= generation)

    def items(self) -> list[dict[str, Any]]:
        """Every item of the table."""
        pages = self.stack.client("dynamodb").get_paginator("scan").paginate(TableName=self.stack.table_name)
        return [item for page in pages for item in page["Items"]]

    def rows_of(self, resource_id: str) -> list[str]:
        """The partition keys under which something of a resource is kept, but for ended revocations."""
        keys = (item["pk"]["S"] for item in self.items())
        return [key for key in keys if resource_id in key and not key.startswith("E#")]

    def private_key(self) -> str:
        """A private key in PEM, planted line by line and as the number that it is."""
        key = ec.generate_private_key(ec.SECP256R1())
        self.planted.add("private key", key.private_numbers().private_value.to_bytes(32, "big"))
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        for line in pem.splitlines()[1:-1]:
            self.planted.add("private key", line)
        return pem

    def key_in_kms(self, owners: str) -> dict[str, str]:
        """A key that KMS made, with which these resources may sign; it is the one that the stack allows."""
        tags = [{"TagKey": "oauth-broker-resource", "TagValue": owners}]
        kms = self.stack.client("kms")
        made = kms.create_key(KeyUsage="SIGN_VERIFY", KeySpec="ECC_NIST_P256", Tags=tags)
        self.signing_key_arns.append(made["KeyMetadata"]["Arn"])
        return {"kid": "kms", "alg": "ES256", "kms_key": self.signing_key_arns[-1]}

    def queue(self, name: str) -> str:
        """A queue's URL by its logical id."""
        return self.stack.attributes[name]["Ref"]

    def messages(self, name: str) -> list[dict[str, Any]]:
        """What can be received from a queue now; it stays there."""
        receive = partial(
            self.stack.client("sqs").receive_message,
            QueueUrl=self.queue(name),
            MaxNumberOfMessages=10,
            VisibilityTimeout=1,
            MessageAttributeNames=["All"],
        )
        found: dict[str, dict[str, Any]] = {}
        while messages := [one for one in receive().get("Messages", []) if one["MessageId"] not in found]:
            found |= {one["MessageId"]: one for one in messages}
        return list(found.values())
