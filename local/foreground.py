"""The stack in a terminal: greets, serves until it is told to stop, and says so."""

from __future__ import annotations

import resource
import signal
import sys
import threading
from typing import TYPE_CHECKING

from local.console import Console
from local.demo import DemoProviderError
from local.intrinsics import UnresolvedError
from local.stack import TEMPLATE, Options, PortTakenError, Stack
from local.template import TemplateError
from local.walk import walk

if TYPE_CHECKING:
    from argparse import Namespace

_FILES = 4096


def run(arguments: Namespace) -> int:
    """Runs the stack as the command line says; gives the exit status."""
    _allow_many_files()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    console = Console()
    try:
        with Stack(_options(arguments), console) as stack:
            console.say(_greeting(stack))
            while not stop.wait(1):  # without a timeout, some systems deliver no signal
                pass
            console.say("\nStopping. The data is gone with it.")
    except (PortTakenError, TemplateError, UnresolvedError, DemoProviderError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _allow_many_files() -> None:
    """Lifts the limit on open files, which is 256 in a terminal of macOS: each process here takes two."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _options(arguments: Namespace) -> Options:
    return Options(
        port=arguments.port,
        template=(arguments.template or TEMPLATE).resolve(),
        parameters=dict(pair.partition("=")[::2] for pair in arguments.parameter),
        demo=not arguments.no_demo,
        schedule_period=arguments.schedule_period,
        oidc_issuer=arguments.oidc_issuer,
        oidc_audience=[name.strip() for name in arguments.oidc_audience.split(",") if name.strip()],
        oidc_client_id=arguments.oidc_client_id,
    )


def _greeting(stack: Stack) -> str:
    lines = ["", f"OAuth Broker    {stack.url}"]
    if stack.provider_url:
        lines.append(f"Demo provider   {stack.provider_url}")
    lines += ["", "All data is kept in memory: it is gone when this stops (Ctrl-C).", ""]
    if stack.provider_url:
        lines.append(walk(stack.url, stack.provider_url))
    return "\n".join(lines)
