"""A person at the console, who signs in at the certified provider, in a real Chromium."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from local.console import Console
from local.stack import Options, Stack
from tests.servers.programs import free_port

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page, Request

    from tests.servers.openid_provider import Client, OpenIdProvider

AUDIENCE: Final = "urn:oauth-broker:api"
WAIT: Final = 20_000
"""Milliseconds within which a page on a busy machine does what it is to do."""

IN_STORAGE: Final = """async () => JSON.stringify([
  {...sessionStorage}, {...localStorage}, document.cookie, history.state, name, location.href,
  document.documentElement.outerHTML, await indexedDB.databases(), await caches.keys(),
])"""
SESSION: Final = """async () => {
  const {session, who} = await import("/console/sign_in.js");
  try {
    await session();
    return who();
  } catch (error) {
    return {reason: error.reason, error: error.error, description: error.description};
  }
}"""
CALL: Final = """async ([method, path, body]) => {
  const {call} = await import("/console/api.js");
  try {
    const {status} = await call(method, path, body);
    return {status};
  } catch (error) {
    return {name: error.name, status: error.status, message: error.message};
  }
}"""


@dataclass
class SignInDesk:
    """A running stack whose console people sign in to, and the client it does that with."""

    stack: Stack
    provider: OpenIdProvider
    client: Client
    logged: io.StringIO

    @property
    def start(self) -> str:
        """The console's address."""
        return f"{self.stack.url}/"


@dataclass
class Person:
    """Somebody with a browser of their own. `requests`: all that it sent, of every page."""

    desk: SignInDesk
    context: BrowserContext
    page: Page
    requests: list[Request] = field(default_factory=list)

    def open(self, address: str = "") -> None:
        """Open the console, at a place of it."""
        self.page.goto(self.desk.start + address)

    def consent(self, account: str = "ada", without: str = "", *, allow: bool = True) -> None:
        """Say at the provider who one is, and what the console may not have."""
        self.page.wait_for_url(f"{self.desk.provider.url}/interaction/**", timeout=WAIT)
        self.page.get_by_label("Account").fill(account)
        self.page.get_by_label("Without the scopes").fill(without)
        self.page.get_by_role("button", name="Allow" if allow else "Deny").click()
        self.back()

    def back(self) -> None:
        """Wait for the console, with an address that was cleaned of what the provider sent."""
        self.page.wait_for_url(lambda url: url.startswith(self.desk.start) and "?" not in url, timeout=WAIT)

    def session(self) -> dict[str, Any]:
        """What the page knows of who is signed in, or why nobody is."""
        found: dict[str, Any] = self.page.evaluate(SESSION)
        return found

    def call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """A call of the page to the API: its status, or the error it got."""
        answered: dict[str, Any] = self.page.evaluate(CALL, [method, path, body])
        return answered

    def call_later(self, method: str, path: str, seconds: int) -> None:
        """Let that time pass at once, by the page's clock, and have the page call when it is over."""
        self.page.evaluate(
            """([method, path, ms]) => {
              setTimeout(() => import("/console/api.js").then(({call}) => call(method, path)), ms)
            }""",
            [method, path, seconds * 1000],
        )
        self.page.clock.fast_forward(seconds * 1000)

    def leave_by(self, name: str) -> None:
        """Call `signIn` or `signOut`, which leave the page."""
        self.page.evaluate(
            "(name) => { import('/console/sign_in.js').then((module) => module[name]()) }", name
        )

    def sign_in(self, account: str = "ada", without: str = "") -> dict[str, Any]:
        """Open the console and sign in; what the page knows then."""
        self.open()
        self.consent(account, without)
        return self.session()

    def sent_to(self, path: str) -> list[Request]:
        """The requests to a path, at whichever server."""
        return [one for one in self.requests if one.url.split("?")[0].endswith(path)]

    def kept(self) -> str:
        """All that the page left in storages, cookies, address and document."""
        text: str = self.page.evaluate(IN_STORAGE)
        return text + json.dumps(self.context.cookies(), default=str)


@contextmanager
def desk(provider: OpenIdProvider, **options: Any) -> Iterator[SignInDesk]:
    """Run a stack whose console signs in at `provider`, until the block ends."""
    port = free_port()
    address = f"http://127.0.0.1:{port}/"
    client = provider.register(
        address, token_endpoint_auth_method="none", post_logout_redirect_uris=[address]
    )
    logged = io.StringIO()
    given = Options(
        port=port,
        demo=False,
        schedule=False,
        oidc_issuer=provider.url,
        oidc_audience=[AUDIENCE],
        oidc_client_id=client.client_id,
        **options,
    )
    with Stack(given, Console(logged)) as stack:
        yield SignInDesk(stack, provider, client, logged)
