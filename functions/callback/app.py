"""GET and POST /oauth/{resource_id}/callback and /oauth/callback: the provider sends the browser back."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import parse_qsl, urlencode

from oauth_broker import gateway
from oauth_broker.errors import TooLargeError
from oauth_broker.flows.ending import EndingKind
from oauth_broker.flows.finish_authorization import finish_authorization
from oauth_broker.flows.install import begin_install
from oauth_broker.flows.start_link import Addresses
from oauth_broker.pages import Page, result_page
from oauth_broker.settings import CallbackSettings
from oauth_broker.wiring import kit_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from oauth_broker.flows.ending import Ending
    from oauth_broker.gateway import Request, Response

SETTINGS = CallbackSettings.from_environment(os.environ)
KIT = kit_of(SETTINGS)
SECURE = not (SETTINGS.public_url or "").startswith("http://")
LONGEST_FORM: Final = 8192

PAGES: Final = {
    EndingKind.CONNECTED: Page.CONNECTED,
    EndingKind.TO_BE_CONFIRMED: Page.CONFIRMATION_PENDING,
    EndingKind.REFUSED: Page.REFUSED,
    EndingKind.EXCHANGE_FAILED: Page.EXCHANGE_FAILED,
    EndingKind.RESOURCE_CHANGED: Page.RESOURCE_CHANGED,
    EndingKind.NOT_STARTED_HERE: Page.NOT_STARTED_HERE,
}


class Context(Protocol):
    """What Lambda says of an invocation."""

    def get_remaining_time_in_millis(self) -> int:
        """Give the milliseconds that are left."""
        ...


def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """Answer an HTTP API event."""

    def remaining() -> float:
        return context.get_remaining_time_in_millis() / 1000

    return gateway.answer(event, partial(callback, remaining), pages=True)


def callback(remaining: Callable[[], float], request: Request) -> Response:
    """End the authorization, and send the browser on."""
    if request.method == "POST":
        return posted(request)
    resource_id = request.path_parameters.get("resource_id")
    ending = finish_authorization(
        KIT,
        resource_id=resource_id,
        raw_query=request.raw_query,
        cookies=request.cookies,
        secure=SECURE,
        remaining=remaining,
    )
    if ending.kind is EndingKind.NOT_STARTED_HERE and resource_id is not None:
        return installed(request, resource_id) or told(ending)
    failure = ending.failure
    return told(ending).noting(
        ending=ending.kind.name.lower(),
        category=None if failure is None else failure.category,
        provider_status=None if failure is None else failure.http_status,
    )


def installed(request: Request, resource_id: str) -> Response | None:
    """Begin an install of the provider's in this browser, where the resource allows that."""
    if "prefetch" in request.headers.get("sec-purpose", ""):
        return result_page(Page.PREFETCHED)
    addresses = Addresses.of(SETTINGS.public_url, request.domain, SETTINGS.return_url_origins.allows)
    start_url = begin_install(KIT, addresses, resource_id, request.raw_query)
    return None if start_url is None else gateway.redirect(303, start_url).noting(ending="install_begun")


def posted(request: Request) -> Response:
    """Turn a form_post into a GET of the same path: it came cross-site, so without the cookie."""
    if len(request.body) > LONGEST_FORM:
        message = "the form is too long"
        raise TooLargeError(message)
    # Written anew, repeats kept so that they are refused: nothing of the form gets into a header as it came.
    fields = parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)
    return gateway.redirect(303, f"{request.path}?{urlencode(fields)}")


def told(ending: Ending) -> Response:
    """Tell the application, where it gave an address, else the person."""
    if ending.location is not None:
        return gateway.redirect(303, ending.location)
    return result_page(
        PAGES[ending.kind], service=ending.service, error=ending.error, description=ending.description
    )
