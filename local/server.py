"""A WSGI application served on a loopback socket, from a thread of this process."""

from __future__ import annotations

import contextlib
import logging
import threading
from typing import TYPE_CHECKING, Any

from waitress import wasyncore
from waitress.server import BaseWSGIServer, create_server

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

_CONNECTIONS = 900  # of the 1,024 files that a process may open by default on some systems


class LoopbackServer:
    """Serves `application` on an already bound `listener` with so many threads, until closed."""

    def __init__(self, application: Callable[..., Any], listener: socket.socket, threads: int) -> None:
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # requests that wait are nothing unusual
        self._listener = listener
        self._map: dict[int, Any] = {}
        server = create_server(
            application,
            map=self._map,
            sockets=[listener],
            threads=threads,
            connection_limit=_CONNECTIONS,
            channel_timeout=3600,  # an SDK that finds its idle connection closed spends a retry on it
            asyncore_use_poll=True,
            ident=None,
            max_request_body_size=128 * 1024 * 1024,  # the application answers long before, in its own words
        )
        if not isinstance(server, BaseWSGIServer):
            raise TypeError("One socket makes one server.")
        self._server = server
        self._thread = threading.Thread(target=server.run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Closes the listener and every connection; what still runs is answered to nobody."""
        trigger: Any = self._server.trigger  # which the stubs take for a number
        # What it is given runs in the server's own thread, which may be awake: then the pipe that wakes it is
        # closed before it is written to.
        with contextlib.suppress(OSError):
            trigger.pull_trigger(lambda: wasyncore.close_all(self._map, ignore_all=True))
        self._thread.join(5)
        self._server.task_dispatcher.set_thread_count(0)
        self._listener.close()
