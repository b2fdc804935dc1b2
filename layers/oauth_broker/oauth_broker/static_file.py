"""A file that is the same for everybody: compressed where that is accepted, and sent only to who lacks it."""

from __future__ import annotations

import gzip
import hashlib
import re
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from oauth_broker.response import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauth_broker.request import Request

_GZIP: Final = re.compile(r"\s*(?:x-)?gzip\s*(?:;\s*q=(?P<weight>[0-9.]+)\s*)?", re.IGNORECASE)


class StaticFile:
    """Text in UTF-8 with its media type; `headers` come with the file and with a 304.

    The tag is of the headers too, since not every cache takes them over from a 304.
    """

    def __init__(self, content: bytes, media_type: str, headers: Mapping[str, str]) -> None:
        self._content = content
        self._media_type = media_type
        # Weak, since one tag stands for the file in both codings (RFC 9110 section 8.8.1).
        digest = hashlib.sha256(repr(sorted(headers.items())).encode() + content)
        self.etag = f'W/"{digest.hexdigest()[:16]}"'
        self._headers = {**headers, "etag": self.etag, "vary": "Accept-Encoding"}

    @cached_property
    def _compressed(self) -> bytes:
        return gzip.compress(self._content, mtime=0)

    def answer(self, request: Request) -> Response:
        """Give the file, or 304 to who has it (RFC 9110 section 13.1.2: compared weakly)."""
        known = request.headers.get("if-none-match", "").split(",")
        if {"*", _opaque(self.etag)} & {_opaque(tag.strip()) for tag in known}:
            return Response(HTTPStatus.NOT_MODIFIED, self._headers)
        sent = {**self._headers, "content-type": self._media_type}
        if takes_gzip(request.headers.get("accept-encoding", "")):
            return Response(HTTPStatus.OK, {**sent, "content-encoding": "gzip"}, compressed=self._compressed)
        return Response(HTTPStatus.OK, sent, self._content.decode())


def takes_gzip(accept_encoding: str) -> bool:
    """Say whether an Accept-Encoding names gzip with a weight other than 0 (RFC 9110 section 12.5.3)."""
    found = [match for part in accept_encoding.split(",") if (match := _GZIP.fullmatch(part))]
    return any((match["weight"] or "1").strip("0.") != "" for match in found)


def _opaque(tag: str) -> str:
    return tag.removeprefix("W/")
