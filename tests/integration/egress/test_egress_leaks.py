"""Nothing of a request leaks: into errors, logs or standard output, to a proxy, or out of a `.netrc`."""

from __future__ import annotations

import gzip
import logging
import os
import subprocess
import sys
import textwrap
import traceback
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests.utils

from oauth_broker.doors.egress import Egress
from oauth_broker.errors import EgressRefusedError, NotConnectedError, OutcomeUnknownError, ProviderError
from oauth_broker.protocol.http import HttpRequest
from tests.integration.egress.servers import ANYWHERE, Server, reset, response, sending

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.integration.egress.servers import Script

SECRET = "hush-7f3a9c"
LAYER = Path(__file__).parents[3] / "layers" / "oauth_broker"


@pytest.fixture
def heard(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Iterator[Callable[[], str]]:
    """What was logged, at any level, and written to the outputs.

    Not the words of the AWS SDK, which egress has no part in: another test's stack may poll its queues.
    """

    def not_the_sdk(record: logging.LogRecord) -> bool:
        return record.name.partition(".")[0] != "botocore"

    caplog.set_level(logging.DEBUG)
    caplog.handler.addFilter(not_the_sdk)
    yield lambda: caplog.text + "".join(capfd.readouterr())
    caplog.handler.removeFilter(not_the_sdk)


def shown(error: BaseException) -> str:
    """Give all that a log could show of an error: it, its traceback, and what it came from."""
    lines = [str(error), repr(error), *traceback.format_exception(error)]
    lines += [repr(vars(error)), repr(error.__cause__), repr(error.__context__)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "url, headers, script, failure",
    [
        ("https://10.0.0.1/{secret}", {}, reset, EgressRefusedError),
        ("https://api.example.com/\\{secret}", {}, reset, EgressRefusedError),
        ("https://api.example.com/\ud800{secret}", {}, reset, EgressRefusedError),
        ("https://user:{secret}@api.example.com/", {}, reset, EgressRefusedError),
        ("https://[{secret}]/", {}, reset, EgressRefusedError),
        ("http://127.0.0.1:{port}/?k={secret}", {"A": "{secret}\n"}, reset, EgressRefusedError),
        ("http://127.0.0.1:{port}/?k={secret}", {"{secret}:": "a"}, reset, EgressRefusedError),
        ("http://127.0.0.1:1/?k={secret}", {}, reset, NotConnectedError),
        ("https://127.0.0.1:{port}/?k={secret}", {}, sending(b"HTTP/1.1 400 Bad\r\n\r\n"), NotConnectedError),
        ("http://127.0.0.1:{port}/?k={secret}", {}, reset, OutcomeUnknownError),
        ("http://127.0.0.1:{port}/?k={secret}", {}, sending(b""), OutcomeUnknownError),
        ("http://127.0.0.1:{port}/?k={secret}", {}, sending(SECRET.encode()), OutcomeUnknownError),
        (
            "http://127.0.0.1:{port}/?k={secret}",
            {},
            sending(b"HTTP/1.1 200 OK\r\nnone\r\n%b\r\nContent-Length: 2\r\n\r\n" % SECRET.encode()),
            None,
        ),
        (
            "http://127.0.0.1:{port}/?k={secret}",
            {},
            sending(response(b"", Content_Length=SECRET, Set_Cookie=f"a={SECRET}; expires={SECRET}")),
            None,
        ),
        (
            "http://127.0.0.1:{port}/?k={secret}",
            {},
            sending(b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\nX: %b\r\n\r\n" % SECRET.encode()),
            OutcomeUnknownError,
        ),
        (
            "http://127.0.0.1:{port}/?k={secret}",
            {},
            sending(response(SECRET.encode(), Content_Encoding=SECRET)),
            OutcomeUnknownError,
        ),
        (
            "http://127.0.0.1:{port}/?k={secret}",
            {},
            sending(response(gzip.compress(SECRET.encode())[:-9], Content_Encoding="gzip")),
            OutcomeUnknownError,
        ),
    ],
)
def test_no_error_or_log_shows_what_was_sent(
    url: str,
    headers: dict[str, str],
    script: Script,
    failure: type[ProviderError] | None,
    heard: Callable[[], str],
) -> None:
    """A secret in URL, header and body, and echoed by the provider, stands in no error, log or output.

    Nor in a log where there is no `failure`.
    """
    with Server(script, reads="https" not in url) as server:
        sent = {name.format(secret=SECRET): value.format(secret=SECRET) for name, value in headers.items()}
        sent["Authorization"] = f"Bearer {SECRET}"
        request = HttpRequest("POST", url.format(port=server.port, secret=SECRET), sent, SECRET.encode())
        if failure is None:
            error = ""
            assert Egress(loopback=True).send(request, ANYWHERE).status == 200
        else:
            with pytest.raises(failure) as failed:
                Egress(loopback=True).send(request, ANYWHERE)
            assert failed.value.detail
            assert failed.value.__context__ is None
            error = shown(failed.value)
        if failure in {OutcomeUnknownError, None}:
            assert SECRET.encode() in server.requests[0]
    assert SECRET not in error + heard()


def test_the_search_for_leaks_finds_one(heard: Callable[[], str]) -> None:
    """The positive control: the same places, with a library that does leak, and lines that do."""
    with pytest.raises(requests.RequestException) as failed:
        requests.get(f"http://127.0.0.1:1/?k={SECRET}", timeout=5)
    logging.getLogger("test").debug("logged %s", SECRET)
    print("printed", SECRET)  # noqa: T201 - that this is heard is what is tried
    assert SECRET in shown(failed.value)
    found = heard()
    assert f"logged {SECRET}" in found
    assert f"printed {SECRET}" in found


def test_the_libraries_keep_to_themselves(heard: Callable[[], str]) -> None:
    """What urllib3 would log of a request and of headers it cannot read is not logged."""
    unreadable = sending(b"HTTP/1.1 200 OK\r\nnone\r\nContent-Length: 0\r\n\r\n")
    with Server(unreadable) as server:
        url = f"http://127.0.0.1:{server.port}/?k={SECRET}"
        assert Egress(loopback=True).send(HttpRequest("GET", url), ANYWHERE).status == 200
        assert heard() == ""
        for name in ("urllib3", "urllib3.connection"):
            logging.getLogger(name).setLevel(logging.DEBUG)
        try:
            assert Egress(loopback=True).send(HttpRequest("GET", url), ANYWHERE).status == 200
        finally:
            logging.getLogger("urllib3").setLevel(logging.WARNING)
            logging.getLogger("urllib3.connection").setLevel(logging.ERROR)
    louder = heard()
    assert "GET / HTTP" in louder
    assert "Failed to parse headers" in louder
    assert SECRET not in louder


def test_no_session_is_involved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redirects, cookies, `.netrc` and proxies are a Session's: there is none, nor its hooks and headers."""
    made: list[str] = []
    monkeypatch.setattr(requests.Session, "__init__", lambda _: made.append("session"))
    monkeypatch.setattr(requests.Session, "send", lambda *_, **__: made.append("sent"))
    with Server(sending(response(status="302 F", Set_Cookie="a=b", Location="/b"))) as server:
        url = f"http://127.0.0.1:{server.port}/"
        assert Egress(loopback=True).send(HttpRequest("GET", url), ANYWHERE).status == 302
        assert made == []
        requests.Session().send(requests.Request("GET", url).prepare())
        assert made == ["session", "sent"]


def test_the_libraries_are_imported_by_the_first_send_alone() -> None:
    """A start that sends nothing does not wait for them, nor does a request that is refused."""
    script = """
        import sys
        from oauth_broker import wiring
        from oauth_broker.doors.egress import Egress
        from oauth_broker.errors import BrokerError, EgressRefusedError, NotConnectedError
        from oauth_broker.protocol.destinations import Destinations
        from oauth_broker.protocol.http import HttpRequest

        def send(url: str) -> type[BrokerError]:
            try:
                Egress(loopback=True).send(HttpRequest("GET", url), Destinations(frozenset({url})))
            except BrokerError as error:
                return type(error)

        before = "requests" in sys.modules
        assert send("http://10.0.0.1:1") is EgressRefusedError
        refused = "requests" in sys.modules
        assert send("http://127.0.0.1:1") is NotConnectedError
        print(before, refused, "requests" in sys.modules)
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    environment = {**os.environ, "PYTHONPATH": str(LAYER)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["False", "False", "True"]


def test_nothing_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Proxies, credentials and certificate bundles that others heed: the request goes straight, as it is."""
    (tmp_path / ".netrc").write_text(f"machine 127.0.0.1 login someone password {SECRET}\n")
    (tmp_path / ".netrc").chmod(0o600)
    with Server(sending(response())) as proxy, Server(sending(response(b"straight"))) as server:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
            monkeypatch.setenv(name, str(tmp_path / "absent"))
        monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        url = f"http://127.0.0.1:{server.port}/token"
        assert urllib.request.getproxies()["http"].endswith(str(proxy.port))
        assert requests.utils.get_netrc_auth(url) == ("someone", SECRET)
        assert Egress(loopback=True).send(HttpRequest("GET", url), ANYWHERE).body == b"straight"
        assert proxy.arrivals == 0
        assert b"authorization" not in server.requests[0].lower()
        assert requests.get(url, timeout=5).content == b"{}"
        assert proxy.arrivals == 1


def test_cookies_are_not_kept() -> None:
    """What one provider sets is sent back to nobody."""
    with Server(sending(response(Set_Cookie=f"id={SECRET}; Path=/"))) as server:
        egress = Egress(loopback=True)
        for _ in range(2):
            egress.send(HttpRequest("GET", f"http://127.0.0.1:{server.port}/"), ANYWHERE)
        assert b"cookie" not in b"".join(server.requests).lower()
