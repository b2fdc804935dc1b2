"""What the pages show: values for the templates, worked out without a request in sight."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECTION_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
RESOURCE_ID = re.compile(r"[a-z0-9-]{1,64}", re.ASCII)


@dataclass(frozen=True)
class Landing:
    """What an application learns when the broker sends the browser back to its `return_url`.

    `headline` and `explanation` are ours; `facts` are the query's own words, to be escaped; `command` is
    for a shell, None where there is nothing to confirm or something is missing.
    """

    headline: str
    explanation: str
    facts: tuple[tuple[str, str], ...]
    command: str | None


def landing(query: Mapping[str, str], broker_url: str) -> Landing:
    """The landing page for this query; `broker_url` is the broker's origin."""
    names = ("resource_id", "connection_id", "user", "confirmation_code", "error")
    facts = tuple((name, query[name]) for name in names if name in query)
    if "error" in query:
        return Landing("Not connected", "The broker says what went wrong.", facts, None)
    if "connection_id" not in query:
        return Landing("Nothing here yet", "The broker sends browsers here: return_url.", facts, None)
    if "confirmation_code" not in query:
        return Landing("Connected", "There is nothing to confirm.", facts, None)
    missing = [name for name in ("resource_id", "user") if not query.get(name)]
    if missing:
        explanation = f"return_url lacks {' and '.join(missing)}: without that there is no command to show."
        return Landing("Almost connected", explanation, facts, None)
    if not CONNECTION_ID.fullmatch(query["connection_id"]) or not RESOURCE_ID.fullmatch(query["resource_id"]):
        return Landing("Not a connection", "The broker makes no such ids.", facts, None)
    explanation = "An application now confirms by itself, with the user of its own session. Here you do it:"
    return Landing("Almost connected", explanation, facts, confirm_command(query, broker_url))


def confirm_command(query: Mapping[str, str], broker_url: str) -> str:
    """The curl command that confirms, safe to paste whatever the query holds.

    The body is ASCII JSON, so no control or bidirectional character survives; the quoting is POSIX shell's.
    """
    resource_id, connection_id = quote(query["resource_id"], safe=""), quote(query["connection_id"], safe="")
    body = json.dumps({"confirmation_code": query["confirmation_code"], "user": query["user"]})
    url = f"{broker_url}/v1/resources/{resource_id}/connections/{connection_id}/confirm"
    return (
        f"curl -X POST {shlex.quote(url)} \\\n"
        f"  -H 'Content-Type: application/json' \\\n"
        f"  -d {shlex.quote(body)}"
    )


def answer_fields(location: str, redirect_uri: str) -> list[tuple[str, str]]:
    """The parameters of an authorization answer: those of `location` that `redirect_uri` had not itself."""
    own = parse_qsl(urlsplit(redirect_uri).query, keep_blank_values=True)
    return parse_qsl(urlsplit(location).query, keep_blank_values=True)[len(own) :]


def consent_token(key: bytes, session: str, query: str) -> str:
    """What only a page shown to this browser for this very request knows (against CSRF), in hexadecimal."""
    return hmac.new(key, f"{session}\n{query}".encode(), hashlib.sha256).hexdigest()
