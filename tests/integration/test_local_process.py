"""`python -m local` as a person runs it: greeting, taken ports, and an end that leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from local.demo import DemoProviderError
from tests.integration.local_toys.running import ROOT, TEMPLATE, eventually, runs, toys


@contextmanager
def program(*arguments: str, environment: dict[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """`python -m local` on the toys; killed at the end if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "local", "--template", str(TEMPLATE), *arguments],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def address(process: subprocess.Popen[str]) -> str:
    """The broker's address, once the greeting has said it."""
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(r"OAuth Broker\s+(\S+)", line):
            return found[1]
    raise AssertionError("The program ended without a greeting.")


def function_process(url: str) -> int:
    """The process of the function that acts, as it says itself."""
    pid: int = requests.post(f"{url}/v1/act", json={}, timeout=20).json()["pid"]
    return pid


@pytest.mark.parametrize(
    "number, options",
    [
        (signal.SIGINT, ["--no-demo"]),
        (signal.SIGTERM, []),
        (signal.SIGKILL, ["--no-demo"]),
        (signal.SIGKILL, []),
    ],
)
def test_however_it_ends_no_process_is_left(number: signal.Signals, options: list[str]) -> None:
    """Ctrl-C and SIGTERM give status 0; after kill -9 its children, busy or idle, end by themselves."""
    with program("--port", "0", *options) as process:
        url = address(process)
        idle = function_process(url)
        with pytest.raises(requests.exceptions.Timeout):
            requests.post(f"{url}/v1/act", json={"sleep": 1.9}, timeout=0.2)
        children = children_of(process.pid)
        assert idle in children
        assert all(runs(pid) for pid in children)
        process.send_signal(number)
        status = process.wait(15)
        assert eventually(lambda: not [pid for pid in children if runs(pid)], seconds=10)
        assert status == (0 if number != signal.SIGKILL else -signal.SIGKILL)


def children_of(parent: int) -> list[int]:
    """The processes whose parent this is."""
    command = ["/bin/ps", "-axo", "pid=,ppid="]
    table = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    pairs = [line.split() for line in table.splitlines()]
    return [int(pid) for pid, its_parent in pairs if int(its_parent) == parent]


def test_a_taken_port_is_said_and_what_to_do() -> None:
    """The message has the port and the variable that changes it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with program("--no-demo", environment={"PORT": str(port)}) as process:
            said, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert f"Port {port}" in said
    assert "PORT=" in said
    assert "Traceback" not in said


def quiet_pair() -> int:
    """A port that is free as the next one is, out of the range from which programs are given any."""
    for port in random.sample(range(20_000, 32_000, 2), 50):
        with (
            contextlib.suppress(OSError),
            socket.create_server(("127.0.0.1", port)),
            socket.create_server(("127.0.0.1", port + 1)),
        ):
            return port
    pytest.fail("no two ports side by side are free")


def test_a_taken_port_of_the_demo_provider_is_said_too() -> None:
    """It is the next one, which nobody would look for otherwise."""
    port = quiet_pair() + 1
    with socket.create_server(("127.0.0.1", port)), program("--port", str(port - 1)) as process:
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert f"Port {port} (the demo provider's, PORT + 1)" in said


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--port", "65536"], "Port 65536 (PORT) cannot be used: there is no such port"),
        (["--template", "nowhere.yaml"], "There is no template"),
        (["--parameter", "Nothing=1"], "The template has no parameter Nothing."),
    ],
)
def test_what_stops_the_start_is_one_sentence(arguments: list[str], said: str) -> None:
    """No stack trace for something that the person can mend."""
    with program("--no-demo", "--port", "0", *arguments) as process:  # the last of a kind counts
        text, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert said in text
    assert "Traceback" not in text


def test_a_demo_provider_that_does_not_start_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what it printed; the rest of the stack stops with it, and its port is free again."""
    monkeypatch.setattr("local.demo._MODULE", "local.nowhere")
    port = quiet_pair()
    start = toys(demo=True, port=port)
    with pytest.raises(DemoProviderError, match=r"No module named local\.nowhere"), start:
        pass
    socket.create_server(("127.0.0.1", port)).close()


def test_the_demo_provider_runs_beside_it() -> None:
    """On an origin of its own, and its options reach it."""
    with toys(demo=True, demo_options=["--access-token-lifetime", "7"]) as stack:
        found = requests.get(f"{stack.provider_url}/.well-known/oauth-authorization-server", timeout=20)
    assert found.json()["issuer"] == stack.provider_url


def test_missing_packages_are_named(tmp_path: Path) -> None:
    """An interpreter without the environment's packages says which it misses, and what installs them."""
    hidden = (
        "import importlib.util as u; f = u.find_spec; u.find_spec = lambda n: n != 'moto' and f(n) or None"
    )
    (tmp_path / "sitecustomize.py").write_text(hidden)
    with program(environment={"PYTHONPATH": str(tmp_path)}) as process:
        text, _ = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "Missing packages: moto" in text
    assert "make run" in text


def test_it_answers_soon_after_it_was_started() -> None:
    """Within a generous bound, from nothing to the first answer of a function."""
    began = time.monotonic()
    with program("--no-demo", "--port", "0") as process:
        assert requests.get(f"{address(process)}/v1/echo/a", timeout=20).status_code == 200
        assert time.monotonic() - began < 20
