"""One exchange over a connection that is ready: the request as it is, the answer read whole, within bounds.

`requests`' transport adapter carries it. Its Session does not: that would follow redirects (and read their
bodies first, however long), keep cookies, and heed the environment's proxies, `.netrc` and CA bundles.
Nor do the libraries learn the URL, which their logs and errors would show.
"""

from __future__ import annotations

import logging
import zlib
from contextlib import closing
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Final

from requests import PreparedRequest, RequestException, Response
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, Retry
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError

from oauth_broker.doors.pinned_connection import reason_of
from oauth_broker.errors import OutcomeUnknownError
from oauth_broker.protocol.http import HttpRequest, HttpResponse

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

# Their DEBUG tells of each request; urllib3's connection warns with the very headers that it could not read.
for _name, _level in (
    ("requests", logging.WARNING),
    ("urllib3", logging.WARNING),
    ("urllib3.connection", logging.ERROR),
):
    logging.getLogger(_name).setLevel(_level)

# All that the libraries learn of the destination. TLS, where there is any, was made before.
_NAME: Final = "provider"
# Content codings (RFC 9110 section 8.4.1) with zlib's window bits; "deflate" comes with and without wrapper.
_CODINGS: Final[Mapping[str, tuple[int, ...]]] = {"gzip": (31,), "x-gzip": (31,), "deflate": (15, -15)}
_PIECE: Final = 65_536
_FINAL_STATUS: Final = 200


def exchange(
    connection: socket.socket, request: HttpRequest, path: str, headers: Mapping[str, str], most: int
) -> HttpResponse:
    """Send `request` over `connection`, which is closed then, and read the answer of at most `most` bytes.

    `path`, with the query, and `headers` go out as they are, and Content-Length where there is a body.
    Raises OutcomeUnknownError for anything but a whole answer.
    """
    prepared = PreparedRequest()
    prepared.method, prepared.url, prepared.body = request.method, f"http://{_NAME}/", request.body
    prepared.headers = CaseInsensitiveDict(headers)
    if request.body is not None:  # the adapter would send it in chunks, which few token endpoints take
        prepared.headers["Content-Length"] = str(len(request.body))
    with _Pool(_NAME, maxsize=1, ready=connection, path=path) as pool:
        try:
            with closing(_Adapter(pool).send(prepared, stream=True)) as answer:
                return response_of(answer.raw, most)
        except (OSError, HTTPException, HTTPError, ValueError) as error:
            cause = _cause_of(error)
            reason, timed_out = reason_of(cause), isinstance(cause, TimeoutError)
            del cause
    # Not raised in the handler: even a suppressed context holds the libraries' words, which may hold ours.
    raise OutcomeUnknownError(f"no whole answer from the provider: {reason}", timed_out=timed_out)


class _Connection(HTTPConnection):
    """A connection that is there already, for one request with this `path`; it makes none itself."""

    def __init__(self, *args: Any, ready: socket.socket, path: str, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.sock = ready
        self._path = path

    def connect(self) -> None:
        """Refuse: this would look the name up again, and connect to what nobody checked."""
        raise OSError

    def putrequest(self, method: str, url: str, *args: Any, **settings: Any) -> None:  # noqa: ARG002 - see below
        """Write the request line with our path, since the libraries normalise the `url` that they hand on."""
        super().putrequest(method, self._path, *args, **settings)


class _Pool(HTTPConnectionPool):
    """Where the adapter finds that connection."""

    ConnectionCls = _Connection


class _Adapter(HTTPAdapter):
    """`requests`' transport over one pool, for one request: nothing is sent again."""

    def __init__(self, pool: _Pool) -> None:
        super().__init__(max_retries=Retry(total=False))
        self._pool = pool

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> _Pool:
        """Give the pool, whatever the URL, and whatever proxy."""
        return self._pool

    def build_response(self, req: PreparedRequest, resp: BaseHTTPResponse) -> Response:
        """Give the answer as it is: no cookie is even parsed."""
        response = Response()
        response.request, response.raw, response.status_code = req, resp, resp.status
        return response


def _cause_of(error: Exception) -> Exception:
    """Give what happened, out of the exceptions that the libraries wrap round it."""
    while isinstance(error, RequestException | HTTPError) and isinstance(error.__context__, Exception):
        error = error.__context__
    return error


def response_of(answer: BaseHTTPResponse, most: int) -> HttpResponse:
    """Read `answer` whole. Raises OutcomeUnknownError for over `most` bytes, decoded or not, or no sense."""
    if answer.status < _FINAL_STATUS:
        raise OutcomeUnknownError("the provider's answer is an interim one")
    headers: dict[str, str] = {}
    for name, value in answer.headers.items():
        folded = " ".join(value.split())
        lowered = name.lower()
        headers[lowered] = f"{headers[lowered]}, {folded}" if lowered in headers else folded
    coding = headers.get("content-encoding", "identity").lower() or "identity"
    if coding != "identity" and coding not in _CODINGS:
        raise OutcomeUnknownError("the provider's answer has an unknown content coding")
    raw = raw_body(answer, most)
    return HttpResponse(answer.status, headers, raw if coding == "identity" else decoded(raw, coding, most))


def raw_body(answer: BaseHTTPResponse, most: int) -> bytes:
    """Read what was transferred. Raises OutcomeUnknownError for over `most` bytes, HTTPError for less."""
    body = bytearray()
    while piece := answer.read(min(_PIECE, most + 1 - len(body)), decode_content=False):
        body += piece
        if len(body) > most:
            raise too_long(most)
    return bytes(body)


def decoded(raw: bytes, coding: str, most: int) -> bytes:
    """Undo a content coding. Raises OutcomeUnknownError for over `most` bytes, or for what is not whole."""
    for window_bits in _CODINGS[coding] if raw else ():
        decoder = zlib.decompressobj(window_bits)
        try:
            body = decoder.decompress(raw, most + 1)
        except zlib.error:
            continue
        if len(body) > most:
            raise too_long(most)
        if decoder.eof and not decoder.unused_data:
            return body
    if raw:
        raise OutcomeUnknownError("the provider's answer does not decode")
    return raw


def too_long(most: int) -> OutcomeUnknownError:
    """Give the error for an answer that is over its bound."""
    return OutcomeUnknownError(f"the provider's answer is over {most} bytes")
