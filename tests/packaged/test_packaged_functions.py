"""Every function, as it is uploaded, starts and answers: nothing it needs has been left out."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest

from tests.packaged.building import ROOT, Built, distributions, record
from tests.packaged.packaged_function import FunctionError, Runtime, Start
from tests.template.test_events import EVENTS, function_of, name, read

REGISTER: Final = ROOT / "events" / "resources_api.json"
TOKEN: Final = "access-of-the-packaged"

# Each event meets an empty table. An HTTP event's status, and what its answer says.
ANSWERS: Final[dict[str, Any]] = {
    "access": (404, "urn:oauth-broker:not-found"),
    "access_jwt": (404, "urn:oauth-broker:not-found"),
    "access_refresh": (404, "urn:oauth-broker:not-found"),
    "callback": (400, "<!doctype html>"),
    "callback_form_post": (303, "code=example-code&state=example-id.example-state"),
    "catalogue": (200, "https://accounts.google.com/o/oauth2/v2/auth"),
    "console": (200, '"openapi":'),
    "console_file": (200, "export async function call("),
    "published_keys": (404, "urn:oauth-broker:not-found"),
    "refresh_dispatcher": None,
    "refresh_worker": {"batchItemFailures": []},
    "rescue": {"batchItemFailures": []},
    "resources_api": (201, "https://auth.acme.test/token"),
    "start_authorization": (404, "<!doctype html>"),
}

# What reaches every library that is loaded only when it is needed: a pattern (RE2), a suffix of hosts (the
# list of public suffixes), a path into answers (JMESPath), a secret to seal, and a key to sign with (JOSE).
THOROUGH: Final = {
    "name": "Acme CRM",
    "grant_type": "client_credentials",
    "client_id": "example-client",
    "client_secret": "example-secret",
    "api_base_url": "https://{{tenant}}.acme.test/v2",
    "connection_variables": {"tenant": {"pattern": "[a-z0-9-]+", "hosts": ["*.acme.test"]}},
    "token_response": {"access_token": "data.token"},
    "signing_keys": [{"alg": "ES256", "generate": True}],
}

# No function loads them: they are required by name alone, and cost only size.
IDLE: Final = frozenset({"boto3", "charset-normalizer", "idna", "pycparser", "requests", "s3transfer"})
NEEDED: Final = frozenset(
    {
        "aws-lambda-powertools",
        "botocore",
        "certifi",
        "cffi",
        "cryptography",
        "google-re2",
        "jmespath",
        "joserfc",
        "publicsuffixlist",
        "python-dateutil",
        "six",
        "typing-extensions",
        "urllib3",
    }
)


def test_every_event_has_an_answer() -> None:
    """The table of answers is that of the sample events."""
    assert {event.stem for event in EVENTS} == set(ANSWERS)


@pytest.mark.parametrize("event", EVENTS, ids=name)
def test_a_function_answers_its_event(event: Path, start: Start) -> None:
    """The function that an event is for answers it, from nothing but what was built."""
    answer = start(function_of(event)).invoke(read(event))
    expected = ANSWERS[event.stem]
    if isinstance(expected, tuple):
        status, said = expected
        assert answer["statusCode"] == status, answer
        assert said in answer["body"] + answer["headers"].get("location", "")
    else:
        assert answer == expected


def test_a_token_goes_through(start: Start, provider: str) -> None:
    """A resource is registered, a connection made at a provider, and another function gives its token."""
    management = start("ResourcesApiFunction", LOOPBACK_PROVIDERS="1")
    body = {**THOROUGH, "resource_id": "acme", "token": {"url": f"{provider}/token"}}
    assert management.invoke(request("POST /v1/resources", body))["statusCode"] == 201
    asked = {"connection_id": "own", "variables": {"tenant": "ada"}}
    route = "POST /v1/resources/{resource_id}/connections"
    made = management.invoke(request(route, asked, resource_id="acme"))
    assert json.loads(made["body"]) == {"connection_id": "own", "status": "active"}
    route = "GET /v1/tokens/{resource_id}/{connection_id}"
    read_token = request(route, None, resource_id="acme", connection_id="own")
    answer = start("AccessFunction", LOOPBACK_PROVIDERS="1").invoke(read_token)
    assert (answer["statusCode"], json.loads(answer["body"])["access_token"]) == (200, TOKEN)


def test_every_module_can_be_loaded(built: Built, runtime: Runtime) -> None:
    """Each module of the layer's package is importable in AWS, also those that no event here reaches."""
    script = (
        "import importlib, oauth_broker, pkgutil\n"
        "for module in pkgutil.walk_packages(oauth_broker.__path__, 'oauth_broker.'):\n"
        "    print(importlib.import_module(module.name).__name__)\n"
    )
    loaded = subprocess.run(
        [runtime.python.path, "-S", "-s", "-c", script],
        env={"PYTHONPATH": str(built.python)},
        capture_output=True,
        text=True,
        check=True,
    )
    here = {"oauth_broker.flows.refresh", "oauth_broker.doors.store.table", "oauth_broker.registration.urls"}
    assert here < set(loaded.stdout.split())


def test_a_whole_layer_is_enough(thorough: Callable[[Path], object], built: Built) -> None:
    """The positive control of the tests below: with everything in its place, the event is answered."""
    assert thorough(built.layer) == 201


@pytest.mark.parametrize("distribution", sorted(NEEDED))
def test_a_package_left_out_is_seen(
    distribution: str, thorough: Callable[[Path], object], built: Built, tmp_path: Path
) -> None:
    """Without any one of the packages that are needed, the function does not load or does not answer."""
    assert thorough(without({distribution}, built, tmp_path)) in {"Runtime.ImportModuleError", 500}


def test_idle_packages_are_idle(thorough: Callable[[Path], object], built: Built, tmp_path: Path) -> None:
    """Without all of those that nothing loads, the same event is answered."""
    assert thorough(without(IDLE, built, tmp_path)) == 201


def test_every_package_is_known(built: Built) -> None:
    """A package in the layer is one that is needed or one that is known to be idle."""
    assert set(distributions(built.python)) == NEEDED | IDLE


def test_our_own_package_left_out_is_seen(
    thorough: Callable[[Path], object], built: Built, tmp_path: Path
) -> None:
    """No `oauth_broker` but the layer's is found: that of this project's own folder is out of reach."""
    layer = linked(built.python, tmp_path, {"oauth_broker"})
    assert thorough(layer) == "Runtime.ImportModuleError"


def test_a_wrong_path_is_seen(thorough: Callable[[Path], object], built: Built) -> None:
    """Packages beside the layer's `python/` instead of in it are not found, as in AWS."""
    assert thorough(built.python) == "Runtime.ImportModuleError"


@pytest.fixture
def thorough(start: Start) -> Callable[[Path], object]:
    """Registers the thorough resource with a layer: the answer's status, or the kind of error."""

    def register(layer: Path) -> object:
        body = {**THOROUGH, "token": {"url": "https://auth.acme.test/token"}}
        function = start("ResourcesApiFunction", layer=layer)
        try:
            return function.invoke(request("POST /v1/resources", body))["statusCode"]
        except FunctionError as error:
            return error.kind

    return register


@pytest.fixture
def provider() -> Iterator[str]:
    """A provider's address on loopback: its token endpoint answers in a shape of its own."""
    body = json.dumps({"data": {"token": TOKEN}, "token_type": "Bearer", "expires_in": 3600}).encode()

    class Provider(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def request(route: str, body: object, **path_parameters: str) -> dict[str, Any]:
    """The sample event of the management API, for another route with another body."""
    event = read(REGISTER)
    method, path = route.split()
    event |= {"routeKey": route, "rawPath": path.format(**path_parameters), "body": json.dumps(body)}
    event["pathParameters"] = path_parameters
    context = event["requestContext"]
    context["http"] |= {"method": method, "path": event["rawPath"]}
    context["routeKey"] = route
    return event


def without(left_out: Iterable[str], built: Built, folder: Path) -> Path:
    """A layer in `folder` that lacks some distributions and is the built one in all else."""
    installed = distributions(built.python)
    rows = [row for distribution in left_out for row in record(installed[distribution])]
    return linked(built.python, folder, {path.split("/")[0] for path, _ in rows})


def linked(python: Path, folder: Path, left_out: set[str]) -> Path:
    """A layer of links to what is in `python`, but for what is left out."""
    (folder / "python").mkdir()
    kept = [entry for entry in python.iterdir() if entry.name not in left_out]
    assert 0 < len(kept) < len(list(python.iterdir()))
    for entry in kept:
        (folder / "python" / entry.name).symlink_to(entry)
    return folder
