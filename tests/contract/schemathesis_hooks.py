"""What schemathesis looks at beside its own checks, and what its cases must leave standing."""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import urlsplit

import requests
import schemathesis
from requests.structures import CaseInsensitiveDict

from tests.contract.answers import check
from tests.contract.description import METHODS

# The ids of the configuration: those of the description's examples are among them.
KNOWN: Final = {"acme-crm", "machine", "person", "ada", "pending", "waiting"}

# Operations that change or end what they are given get something of their own: resource, connection.
OF_THEIR_OWN: Final = {
    "replaceResource": ("changing", None),
    "patchResource": ("changing", None),
    "rebindResource": ("changing", None),
    "deleteResource": ("disposable", None),
    "disconnect": ("acme-crm", "disposable"),
}


class Seen:
    """An answer as `check` looks at it."""

    def __init__(self, response: schemathesis.Response) -> None:
        self.status_code = response.status_code
        self.headers = CaseInsensitiveDict(
            {name: ", ".join(values) for name, values in response.headers.items()}
        )
        self.content = response.content


@schemathesis.check
def answered_as_described(
    _context: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> None:
    """Every answer is one that the description has for this method and path, headers and body included."""
    if case.method.lower() in METHODS:
        check(case.method, urlsplit(str(response.request.url)).path, Seen(response))


@schemathesis.serializer("application/x-ndjson")
def lines(_context: object, value: object) -> bytes:
    """To the description JSON Lines are anything: text as it is, all else as one line."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode(errors="replace")


@schemathesis.hook
def before_call(_context: object, case: schemathesis.Case[Any], _kwargs: dict[str, Any]) -> None:
    """A change or a deletion meets what was made for it; a wrong or unknown id stays what it is."""
    own = OF_THEIR_OWN.get(case.operation.definition.raw["operationId"])
    if own is None or not KNOWN.issuperset(case.path_parameters.values()):
        return
    resource_id, connection_id = own
    made = {"connection_id": connection_id} if connection_id else registration(resource_id)
    path = f"/v1/resources/{resource_id}/connections" if connection_id else "/v1/resources"
    requests.post(f"{case.operation.base_url}{path}", json=made, timeout=35)
    ids = {"resource_id": resource_id, "connection_id": connection_id}
    case.path_parameters.update({name: ids[name] for name in case.path_parameters})


def registration(resource_id: str) -> dict[str, Any]:
    """A resource to be changed or deleted."""
    return {
        "resource_id": resource_id,
        "name": resource_id,
        "client_id": "client",
        "client_secret": "secret",
        "authorization": {"url": "https://login.acme.example/authorize"},
        "token": {"url": "https://login.acme.example/token"},
    }
