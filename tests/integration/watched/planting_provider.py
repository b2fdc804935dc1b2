"""A provider that plants what it gives out, and repeats all that it was given if asked to.

It answers consent at once, and issues the JWTs of callers under /jwt as well.
"""

from __future__ import annotations

import json
import threading
import time
from base64 import b64decode, b64encode
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.integration.watched.planted import Planted

AUDIENCE: Final = "urn:oauth-broker:api"
LIFETIME: Final = 3600
SHORTEST: Final = 40
ENCODINGS: Final[Mapping[str, Callable[[str], str]]] = {
    "raw": str,
    "url": lambda text: quote(text, safe=""),
    "url_in_small_letters": lambda text: quote(text, safe="").lower(),
    "base64": lambda text: b64encode(text.encode()).decode(),
}


@dataclass(frozen=True)
class Answer:
    """How a call is answered: with tokens, or with `status` and an echo of all that came, so `encoded`.

    `page`: the echo is no JSON. `error`: the code; the client's secret where it is empty. `let_go`: the call
    is held until this is set. `wait` in seconds.
    """

    status: int = 200
    encoded: str = ""
    error: str = "invalid_request"
    page: bool = False
    let_go: threading.Event | None = None
    wait: float = 0
    members: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class PlantingProvider:
    """Its address is its issuer. What a client gets next can be scripted, by its id and the path."""

    planted: Planted
    url: str = ""
    held: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _script: dict[tuple[str, str], deque[Answer]] = field(default_factory=lambda: defaultdict(deque))
    _sets: dict[str, list[str]] = field(default_factory=dict)  # refresh token → what came with it
    _key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))

    def will(self, client_id: str, *answers: Answer, at: str = "/token") -> None:
        """Script what a client's next calls are answered at a path."""
        self._script[client_id, at].extend(answers)

    def is_through(self) -> bool:
        """Whether all that was scripted has been answered."""
        return not any(self._script.values())

    def bearer(self, subject: str, *scopes: str) -> dict[str, str]:
        """The header with a JWT of a caller."""
        claims = {"iss": self.url, "aud": AUDIENCE, "sub": subject, "exp": int(time.time()) + LIFETIME}
        named = " ".join(f"broker/{scope}" for scope in scopes)
        token = jwt.encode({"alg": "RS256", "kid": "one"}, {**claims, "scope": named}, self._key)
        self.planted.add("bearer token", token)
        return {"Authorization": f"Bearer {token}"}

    def document(self, path: str) -> dict[str, Any]:
        """What an issuer publishes."""
        if path == "/keys":
            return {"keys": [self._key.as_dict(private=False)]}
        return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}

    def consent(self, query: Mapping[str, str]) -> str:
        """Where the browser goes at once, with a code; or refused, every value of the request repeated."""
        answer = self._next(query["client_id"], "/authorize")
        fields = {"state": query["state"], "iss": self.url}
        if answer.encoded:
            state = query["state"]
            fields["error"] = ENCODINGS[answer.encoded](state)
            fields["error_description"] = self._echo(answer, [state, state.partition(".")[2]])
        else:
            fields["code"] = self.planted.new("authorization code")
        return f"{query['redirect_uri']}?{urlencode(fields)}"

    def called(self, path: str, headers: Mapping[str, str], body: str) -> tuple[int, str]:
        """The answer to a call of the token or revocation endpoint: status and body."""
        fields = dict(parse_qsl(body, keep_blank_values=True))
        basic = b64decode(headers.get("Authorization", "").partition(" ")[2]).decode()
        client_id, _, secret = basic.partition(":")
        if verifier := fields.get("code_verifier"):
            self.planted.add("code verifier", verifier)
        if assertion := fields.get("client_assertion"):
            self.planted.add("client assertion", assertion)
        answer = self._next(unquote(client_id) or fields["client_id"], path)
        time.sleep(answer.wait)
        if answer.let_go is not None:
            self.held.release()
            assert answer.let_go.wait(30)
        if not answer.encoded:
            return answer.status, "" if path == "/revoke" else json.dumps(self._tokens(answer))
        spent = self._sets.get(fields.get("refresh_token", ""), [])
        came = [*spent, headers.get("Authorization", ""), basic, secret, unquote(secret), *fields.values()]
        told = self._echo(answer, came)
        error = answer.error or self._echo(answer, [unquote(secret)])
        text = told if answer.page else json.dumps({"error": error, "error_description": told})
        return answer.status, text

    def _tokens(self, answer: Answer) -> dict[str, Any]:
        access_token, refresh_token = self.planted.new("access token"), self.planted.new("refresh token")
        tokens = {"access_token": access_token, "refresh_token": refresh_token}
        told = {name: write(access_token) for name, write in ENCODINGS.items()}
        user = {"access_token": self.planted.new("access token"), "token_type": "user"}
        self._sets[refresh_token] = [access_token, user["access_token"]]
        return {
            "told": told,
            "authed_user": user,
            **tokens,
            "token_type": "Bearer",
            "expires_in": LIFETIME,
            **answer.members,
        }

    @staticmethod
    def _echo(answer: Answer, came: list[str]) -> str:
        """What came, long values alone: of what a provider says, the beginning is kept."""
        return " ".join(ENCODINGS[answer.encoded](value) for value in came if len(value) >= SHORTEST)

    def _next(self, client_id: str, path: str) -> Answer:
        script = self._script[client_id, path]
        return script.popleft() if script else Answer()


@contextmanager
def serving(planted: Planted) -> Iterator[PlantingProvider]:
    """Run a provider on a loopback port of its own until the block ends."""
    provider = PlantingProvider(planted)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path != "/authorize":
                return self._send(200, json.dumps(provider.document(parts.path)))
            location = provider.consent(dict(parse_qsl(parts.query)))
            return self._send(302, "", Location=location)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._send(*provider.called(self.path, dict(self.headers), body))

        def _send(self, status: int, text: str, **headers: str) -> None:
            self.send_response(status)
            content = text.encode()
            given = {"Content-Type": "application/json", "Content-Length": str(len(content)), **headers}
            for name, value in given.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing: a provider's log is its own."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
