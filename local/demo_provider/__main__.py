"""Run the demo provider on 127.0.0.1: `python -m local.demo_provider --port 8001`."""

from __future__ import annotations

import argparse
import errno
import logging
import signal
import socket
import sys

from waitress.server import create_server

from local.demo_provider.provider import Provider
from local.demo_provider.server import create_app
from local.demo_provider.tokens import Rules

HOST = "127.0.0.1"
THREADS = 32


def options(arguments: list[str]) -> argparse.Namespace:
    """The command line, parsed."""
    parser = argparse.ArgumentParser(prog="python -m local.demo_provider", description=__doc__)
    parser.add_argument("--port", type=int, default=8001, help="0 for any free one (default: 8001)")
    parser.add_argument("--access-token-lifetime", type=positive, default=40, metavar="SECONDS")
    parser.add_argument(
        "--grace-period",
        type=not_negative,
        default=0.0,
        metavar="SECONDS",
        help="how long a rotated refresh token brings its successor once more (default: 0, never)",
    )
    parser.add_argument(
        "--broker-url",
        default="http://127.0.0.1:8000",
        help="the origin in the confirm command that /app shows (default: http://127.0.0.1:8000)",
    )
    parser.add_argument("--controls", action="store_true", help="serve /control, for tests")
    return parser.parse_args(arguments)


def positive(text: str) -> int:
    """A whole number of seconds, 1 or more. Raises ValueError, which argparse reports."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def not_negative(text: str) -> float:
    """A number of seconds, 0 or more. Raises ValueError, which argparse reports."""
    number = float(text)
    if not 0 <= number < float("inf"):
        raise ValueError
    return number


def listening_socket(port: int) -> socket.socket:
    """A socket bound to loopback. Exits with a sentence if the port is taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        sys.exit(f"Port {port} is taken: give the demo provider another one with --port.")
    return listener


def stop(_signal: int, _frame: object) -> None:
    """Leave the server's loop, which closes it."""
    sys.exit(0)


def main(arguments: list[str]) -> None:
    """Serve until SIGINT or SIGTERM."""
    chosen = options(arguments)
    logging.basicConfig(stream=sys.stdout, format="%(message)s", level=logging.WARNING)
    logging.getLogger("demo_provider").setLevel(logging.INFO)
    # Its "queue depth" warnings say nothing that the lines' milliseconds do not.
    logging.getLogger("waitress").setLevel(logging.ERROR)
    listener = listening_socket(chosen.port)
    port = listener.getsockname()[1]
    issuer = f"http://{HOST}:{port}"
    rules = Rules(chosen.access_token_lifetime, grace_period=chosen.grace_period)
    provider = Provider(issuer, chosen.broker_url.rstrip("/"), rules)
    app = create_app(provider, port, controls=chosen.controls)
    server = create_server(app, sockets=[listener], threads=THREADS, ident=None)
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    print(f"Demo provider on {issuer}", flush=True)
    server.run()


if __name__ == "__main__":
    main(sys.argv[1:])
