"""A connection to an address that was looked up once and checked, under one deadline for all that happens.

Nothing is reconnected, and no connection serves twice: after Lambda froze the process, or a gateway forgot
it, a kept connection swallows the request that is sent on it, and with it a refresh token.
"""

from __future__ import annotations

import contextlib
import errno
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

import certifi

from oauth_broker.errors import NotConnectedError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

# As `socket.getaddrinfo`: (host, port, type=…) → (family, type, protocol, canonical name, address) tuples.
Resolve = Callable[..., Sequence[tuple[Any, ...]]]

# The addresses share the deadline, so that a dead one leaves time for the next; but no less than this.
_LEAST_SECONDS_AN_ADDRESS: Final = 1.0
_OVERTIME: Final = 0.25  # seconds


class DeadlineSocket(socket.socket):
    """A socket whose every wait ends at `deadline` (of `time.monotonic`), however the bytes drip."""

    deadline = 0.0
    overtime = False

    def recv_into(self, buffer: WriteableBuffer, nbytes: int = 0, flags: int = 0) -> int:
        """Receive, until the deadline."""
        self.settimeout(seconds_to_read(self))
        return super().recv_into(buffer, nbytes, flags)

    def sendall(self, data: ReadableBuffer, flags: int = 0) -> None:
        """Send all, until the deadline."""
        self.settimeout(seconds_left(self.deadline))
        super().sendall(data, flags)


class DeadlineTlsSocket(ssl.SSLSocket):
    """The same over TLS."""

    deadline = 0.0
    overtime = False

    def recv_into(self, buffer: WriteableBuffer, nbytes: int | None = None, flags: int = 0) -> int:
        """Receive, until the deadline."""
        self.settimeout(seconds_to_read(self))
        return super().recv_into(buffer, nbytes, flags)

    def send(self, data: ReadableBuffer, flags: int = 0) -> int:
        """Send a part (`sendall` calls this), until the deadline."""
        self.settimeout(seconds_left(self.deadline))
        return super().send(data, flags)


def seconds_left(deadline: float) -> float:
    """Give the seconds until `deadline`; raises TimeoutError when there are none."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def seconds_to_read(connection: DeadlineSocket | DeadlineTlsSocket) -> float:
    """Give the seconds in which to read; raises TimeoutError when there are none.

    Who comes too late to an answer has a moment for what lies there already, once: a process that was paused
    would throw away the only refresh token there is.
    """
    now = time.monotonic()
    if now >= connection.deadline and not connection.overtime:
        connection.overtime = True
        connection.deadline = now + _OVERTIME
    return seconds_left(connection.deadline)


def tls_context(ca_bundle: str | None) -> ssl.SSLContext:
    """Make the one TLS context: the usual authorities, and those of the PEM file `ca_bundle` besides.

    Not `ssl.create_default_context`, which writes session keys where SSLKEYLOGFILE says.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # checks certificate and name
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(certifi.where())
    if ca_bundle is not None:
        context.load_verify_locations(ca_bundle)
    context.set_alpn_protocols(["http/1.1"])
    context.sslsocket_class = DeadlineTlsSocket
    return context


def addresses_of(host: str, port: int, resolve: Resolve, deadline: float) -> list[str]:
    """Look `host` up once and give its addresses. Raises NotConnectedError where there are none in time."""
    answers: queue.SimpleQueue[Sequence[tuple[Any, ...]]] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(resolve(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError):
            answers.put(())

    # The C library's resolver knows no deadline; a thread that it holds up is left behind and holds nothing.
    threading.Thread(target=ask, name="resolve", daemon=True).start()
    found = None
    with contextlib.suppress(queue.Empty, TimeoutError):
        found = answers.get(timeout=seconds_left(deadline))
    if found is None:
        raise NotConnectedError("the provider's name was not resolved in time", timed_out=True)
    addresses = list(dict.fromkeys(str(answer[4][0]) for answer in found))
    if not addresses:
        raise NotConnectedError("the provider's name does not resolve")
    return addresses


def connected(addresses: Sequence[str], port: int, deadline: float) -> DeadlineSocket:
    """Connect to the first of `addresses` that answers. Raises NotConnectedError with the last reason."""
    reason, timed_out = "no address", False
    for place, address in enumerate(addresses):
        try:
            left = seconds_left(deadline)
            share = max(left / (len(addresses) - place), _LEAST_SECONDS_AN_ADDRESS)
            connection = _opened(address, port, min(left, share))
        except OSError as error:
            reason, timed_out = reason_of(error), isinstance(error, TimeoutError)
        else:
            connection.deadline = deadline
            return connection
    raise NotConnectedError(f"no connection to the provider: {reason}", timed_out=timed_out)


def _opened(address: str, port: int, timeout: float) -> DeadlineSocket:
    connection = DeadlineSocket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.connect((address, port))
    except OSError:
        connection.close()
        raise
    return connection


def secured(connection: DeadlineSocket, host: str, context: ssl.SSLContext) -> DeadlineTlsSocket:
    """Speak TLS, the certificate checked against `host`. Raises NotConnectedError and closes `connection`."""
    deadline = connection.deadline
    current: socket.socket = connection
    try:
        current = context.wrap_socket(connection, server_hostname=host, do_handshake_on_connect=False)
        tls = cast("DeadlineTlsSocket", current)  # tls_context makes it so
        tls.deadline = deadline
        tls.settimeout(seconds_left(deadline))
        tls.do_handshake()
    except (OSError, ValueError) as error:
        current.close()
        reason, timed_out = reason_of(error), isinstance(error, TimeoutError)
    else:
        return tls
    raise NotConnectedError(f"no TLS connection to the provider: {reason}", timed_out=timed_out)


def reason_of(error: Exception) -> str:
    """Give the reason of a failure of the network in words that hold nothing of what was sent."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate refused ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason})"
    if isinstance(error, TimeoutError):
        return "too slow"
    code = error.errno if isinstance(error, OSError) else None
    return errno.errorcode.get(code or 0, "the connection broke")
