"""What `sam build` made, for AWS and for this machine, and an AWS of moto's for it to talk to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NoReturn

import pytest

from local.aws import AwsServer, Endpoints
from local.template import Template, load
from tests.packaged.building import (
    DEPLOYED,
    ROOT,
    SIZES,
    Built,
    Target,
    build,
    install_runtime,
    interpreter,
    target_here,
)
from tests.packaged.deployment import Deployment, deploy
from tests.packaged.packaged_function import PackagedFunction, Runtime, Start


@pytest.fixture(scope="session")
def here() -> Target:
    """What runs on this machine."""
    target = target_here(interpreter())
    if target is None:
        missing("awslambdaric has wheels for Linux on x86_64 and aarch64 only: run `make packaged` there")
    return target


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """What `sam deploy` would upload."""
    return Built(build(tmp_path_factory.mktemp("deployed") / "build", DEPLOYED), DEPLOYED)


@pytest.fixture(scope="session")
def deployed_again(deployed: Built, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The same once more, elsewhere, with another order of sets."""
    folder = build(tmp_path_factory.mktemp("again") / "build", deployed.target, hash_seed=1)
    return Built(folder, deployed.target)


@pytest.fixture(scope="session")
def built(here: Target, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The same, for this machine."""
    if here == DEPLOYED:
        of_aws: Built = request.getfixturevalue("deployed")
        return of_aws
    return Built(build(tmp_path_factory.mktemp("here") / "build", here), here)


@pytest.fixture(scope="session")
def runtime(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Runtime:
    """The Python and the Runtime Interface Client that load functions here."""
    return Runtime(interpreter(), install_runtime(tmp_path_factory.mktemp("client"), built.target))


@pytest.fixture(scope="session")
def aws() -> Iterator[Endpoints]:
    """An AWS of moto's on loopback."""
    server = AwsServer(lambda _entry: None)
    yield Endpoints(server.url, server.url)
    server.close()


@pytest.fixture(scope="session")
def template() -> Template:
    """The template as the local stack reads it."""
    return load(ROOT / "template.yaml", {})


@pytest.fixture
def deployment(aws: Endpoints, template: Template) -> Deployment:
    """A fresh table, key and queues, and the functions that are told of them."""
    return deploy(template, aws)


@pytest.fixture
def start(built: Built, runtime: Runtime, deployment: Deployment) -> Iterator[Start]:
    """Starts a function by its logical id, of another layer than the built one if told so."""
    with ExitStack() as running:

        def start(name: str, *, layer: Path = built.layer, **environment: str) -> PackagedFunction:
            function = deployment.functions[name]
            variables = {**function.environment, **deployment.aws, **environment}
            return running.enter_context(
                PackagedFunction(function, built.folder / name, layer, runtime, variables)
            )

        yield start


def missing(reason: str) -> NoReturn:
    """Skips a test that this machine cannot run; where nothing may be left out, fails it."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def pytest_configure(config: pytest.Config) -> None:
    """Makes room for the sizes that tests find."""
    config.stash[SIZES] = {}


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Reports the sizes."""
    for name, size in config.stash[SIZES].items():
        terminalreporter.write_line(f"{name}: {size}")
