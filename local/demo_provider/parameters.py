"""The parameters of a request, from a form, a query or a JSON body: each once, the empty ones left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authlib.oauth2.rfc6749.errors import InvalidRequestError
from flask import request

if TYPE_CHECKING:
    from collections.abc import Iterable

FORM = "application/x-www-form-urlencoded"


def once(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The pairs as a dict; one without a value counts as absent (RFC 6749 section 3.1).

    Raises InvalidRequestError for a name that comes twice (the same section).
    """
    fields: dict[str, str] = {}
    seen = set()
    for name, value in pairs:
        if name in seen:
            raise InvalidRequestError("A parameter comes twice.")
        seen.add(name)
        if value:
            fields[name] = value
    return fields


def query_fields() -> dict[str, str]:
    """The current request's query."""
    return once(request.args.items(multi=True))


def form_fields() -> dict[str, str]:
    """The current request's body, which must be a form; the query does not count (RFC 6749 section 2.3.1)."""
    if request.mimetype != FORM:
        raise InvalidRequestError(f"The body is not {FORM}.")
    return once(request.form.items(multi=True))


def json_fields() -> dict[str, str]:
    """The current request's body, which must be a JSON object of strings."""
    body = request.get_json(silent=True)
    if not isinstance(body, dict) or not all(isinstance(value, str) for value in body.values()):
        raise InvalidRequestError("The body is not a JSON object of strings.")
    return once(body.items())
