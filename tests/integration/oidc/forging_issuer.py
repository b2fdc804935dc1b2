"""An OpenID provider with keys of its own, which signs what a test wants and publishes odd metadata.

Each test has an issuer of its own here: a path, under which the endpoints stand.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

WELL_KNOWN: Final = "/.well-known/openid-configuration"
KEY: Final = RSAKey.generate_key(2048, {"kid": "one"})
Forge = Callable[[dict[str, Any]], Any]


def signed(claims: Mapping[str, Any], key: RSAKey = KEY, **header: Any) -> str:
    """An ID token."""
    return jwt.encode({"alg": "RS256", "kid": "one", **header}, dict(claims), key)


@dataclass(frozen=True)
class Published:
    """An answer at a well-known address; `slow`: a byte each half second, without end."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    slow: bool = False


@dataclass
class ForgingIssuer:
    """`published`: what is answered instead of good metadata; `forge`: what becomes of a token's claims."""

    url: str = ""
    published: dict[str, Published] = field(default_factory=dict)
    forge: dict[str, Forge] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    _nonces: dict[str, tuple[str, str]] = field(default_factory=dict)

    def new(self, *, forge: Forge = signed) -> str:
        """An issuer of its own."""
        issuer = f"{self.url}/{secrets.token_hex(4)}"
        self.forge[issuer] = forge
        return issuer

    def publishing(self, **changes: Any) -> str:
        """An issuer whose metadata has these members changed; one that is None is left out."""
        issuer = self.new()
        members = self.metadata(issuer) | changes
        body = json.dumps({name: value for name, value in members.items() if value is not None})
        self.published[issuer] = Published(body=body.encode())
        return issuer

    def answering(self, published: Published) -> str:
        """An issuer that answers so."""
        issuer = self.new()
        self.published[issuer] = published
        return issuer

    @staticmethod
    def metadata(issuer: str) -> dict[str, Any]:
        """What a good issuer publishes."""
        return {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "jwks_uri": f"{issuer}/keys",
            "authorization_response_iss_parameter_supported": True,
        }

    def document(self, issuer: str, what: str) -> Published:
        """What is answered to a GET below an issuer."""
        if what == WELL_KNOWN:
            good = Published(body=json.dumps(self.metadata(issuer)).encode())
            return self.published.get(issuer, good)
        if what == "/keys":
            return Published(body=json.dumps({"keys": [KEY.as_dict(private=False)]}).encode())
        return Published(404)

    def consented(self, issuer: str, query: Mapping[str, str]) -> str:
        """Where the browser goes, with a code."""
        code = secrets.token_hex(8)
        self._nonces[code] = (query["client_id"], query["nonce"])
        fields = {"state": query["state"], "iss": issuer, "code": code}
        return f"{query['redirect_uri']}?{urlencode(fields)}"

    def tokens(self, issuer: str, form: Mapping[str, str]) -> dict[str, Any]:
        """What the token endpoint answers to a code."""
        client_id, nonce = self._nonces.pop(form["code"])
        now = int(time.time())
        claims = {"iss": issuer, "aud": client_id, "sub": "ada", "iat": now, "exp": now + 600, "nonce": nonce}
        tokens = {"access_token": secrets.token_hex(16), "token_type": "Bearer", "expires_in": 3600}
        return {**tokens, "id_token": self.forge[issuer](claims)}


@contextmanager
def serving() -> Iterator[ForgingIssuer]:
    """Run it on a loopback port of its own until the block ends."""
    forging = ForgingIssuer()
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            issuer, what = self._place(parts.path)
            if what == "/authorize":
                location = forging.consented(issuer, dict(parse_qsl(parts.query)))
                return self._send(Published(302, headers={"Location": location}))
            return self._send(forging.document(issuer, what))

        def do_POST(self) -> None:
            issuer, _ = self._place(self.path)
            form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
            self._send(Published(body=json.dumps(forging.tokens(issuer, form)).encode()))

        def _place(self, path: str) -> tuple[str, str]:
            _, name, rest = path.split("/", 2)
            forging.calls[f"{forging.url}/{name}"] += 1
            return f"{forging.url}/{name}", f"/{rest}"

        def _send(self, published: Published) -> None:
            self.send_response(published.status)
            for name, value in published.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(1000 if published.slow else len(published.body)))
            self.end_headers()
            while published.slow and not ended.wait(0.5):
                self.wfile.write(b" ")
            self.wfile.write(published.body)

        def log_message(self, *_: object) -> None:
            """Nothing: a provider's log is its own."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    forging.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield forging
    finally:
        ended.set()
        server.shutdown()
        thread.join()
        server.server_close()
