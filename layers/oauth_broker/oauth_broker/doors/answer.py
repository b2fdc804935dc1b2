"""An answer read whole and decoded, within bounds that hold before the memory is taken."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

from oauth_broker.errors import OutcomeUnknownError
from oauth_broker.protocol.http import HttpResponse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from http.client import HTTPResponse

# Content codings (RFC 9110 section 8.4.1) with zlib's window bits; "deflate" comes with and without wrapper.
_CODINGS: Final[Mapping[str, tuple[int, ...]]] = {"gzip": (31,), "x-gzip": (31,), "deflate": (15, -15)}
_PIECE: Final = 65_536
_FINAL_STATUS: Final = 200


def response_of(answer: HTTPResponse, most: int) -> HttpResponse:
    """Read `answer` whole. Raises OutcomeUnknownError for over `most` bytes, decoded or not, or no sense."""
    if answer.status < _FINAL_STATUS:
        raise OutcomeUnknownError("the provider's answer is an interim one")
    headers: dict[str, str] = {}
    for name, value in answer.getheaders():
        folded = " ".join(value.split())
        lowered = name.lower()
        headers[lowered] = f"{headers[lowered]}, {folded}" if lowered in headers else folded
    coding = headers.get("content-encoding", "identity").lower() or "identity"
    if coding != "identity" and coding not in _CODINGS:
        raise OutcomeUnknownError("the provider's answer has an unknown content coding")
    raw = raw_body(answer, most)
    return HttpResponse(answer.status, headers, raw if coding == "identity" else decoded(raw, coding, most))


def raw_body(answer: HTTPResponse, most: int) -> bytes:
    """Read what was transferred. Raises OutcomeUnknownError for over `most` bytes, or fewer than it said."""
    body = bytearray()
    while piece := answer.read(min(_PIECE, most + 1 - len(body))):
        body += piece
        if len(body) > most:
            raise too_long(most)
    if answer.length:
        raise OutcomeUnknownError("the provider's answer was cut off")
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
