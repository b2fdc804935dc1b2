"""What TLS adds to a call to a provider: every call makes a connection of its own, so a handshake."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Final

from oauth_broker.doors.pinned_connection import connected, secured, tls_context
from tests.integration.egress.authority import Authority

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

HANDSHAKES: Final = 400
NAME: Final = "provider.example"


def cpu_ms(folder: Path) -> float:
    """The milliseconds of the processor that the client's side of a handshake takes, certificate checked.

    The certificates have elliptic-curve keys; a chain of RSA keys is dearer to send and cheaper to check.
    """
    authority = Authority(folder)
    context = tls_context(str(authority.bundle))
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        serving = threading.Thread(
            target=_serve, args=(listener, authority.server_context(NAME)), daemon=True
        )
        serving.start()
        port = listener.getsockname()[1]
        spent = 0.0
        for _ in range(HANDSHAKES):
            plain = connected(["127.0.0.1"], port, time.monotonic() + 10)
            began = time.thread_time()
            with closing(secured(plain, NAME, context)):
                spent += time.thread_time() - began
        serving.join(10)
    return spent / HANDSHAKES * 1000


def _serve(listener: socket.socket, context: ssl.SSLContext) -> None:
    for _ in range(HANDSHAKES):
        connection, _ = listener.accept()
        with suppress(OSError), context.wrap_socket(connection, server_side=True) as tls:
            tls.recv(1)
