"""The pages a browser sees at `/oauth`: plain HTML that loads nothing, for whoever connects an account.

`PAGES` holds every text. What a provider or a person wrote is shown escaped, bounded and without invisible
characters.
"""

from __future__ import annotations

import html
import unicodedata
from dataclasses import dataclass
from enum import Enum, auto
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from oauth_broker import errors
from oauth_broker.problems import retry_after
from oauth_broker.response import page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauth_broker.response import Response

MAX_NAME: Final = 100
MAX_SAID: Final = 500

_SAFE = "Nothing was changed."
_START_AGAIN = "Go back to the application that sent you here and start again from there."


class Page(Enum):
    """What a page says."""

    CONNECTED = auto()
    CONFIRMATION_PENDING = auto()
    REFUSED = auto()
    EXCHANGE_FAILED = auto()
    RESOURCE_CHANGED = auto()
    LINK_UNKNOWN = auto()
    CALLBACK_REJECTED = auto()
    NOT_STARTED_HERE = auto()
    UNREADABLE = auto()
    PREFETCHED = auto()
    TRY_LATER = auto()
    BROKEN = auto()


@dataclass(frozen=True, slots=True)
class Text:
    """A page's status and words; `{service}` stands for the resource's name, or for "the service"."""

    status: int
    title: str
    paragraphs: tuple[str, ...]


PAGES: Final[Mapping[Page, Text]] = {
    Page.CONNECTED: Text(
        200,
        "Your account is connected",
        ("Your account at {service} is now connected.", "You can close this page."),
    ),
    Page.CONFIRMATION_PENDING: Text(
        200,
        "Almost done",
        (
            "{service} has agreed. The application that sent you here has yet to confirm that it was you.",
            "Go back to that application within ten minutes to finish.",
        ),
    ),
    Page.REFUSED: Text(
        400,
        "Your account was not connected",
        ("{service} did not give access, or you chose not to allow it.", _START_AGAIN),
    ),
    Page.EXCHANGE_FAILED: Text(
        502,
        "Your account was not connected",
        (
            "{service} did not complete the connection. This is not your fault.",
            "Wait a few minutes. Then go back to the application that sent you here and start again.",
        ),
    ),
    Page.RESOURCE_CHANGED: Text(
        400,
        "Your account was not connected",
        ("The settings for {service} were changed while you were on your way.", _SAFE, _START_AGAIN),
    ),
    Page.LINK_UNKNOWN: Text(
        404,
        "This link does not work",
        (
            "It is unknown, older than ten minutes, or was opened too often.",
            "Go back to the application that sent you here and ask for a new link.",
        ),
    ),
    Page.CALLBACK_REJECTED: Text(
        400,
        "This could not be finished",
        (
            "The answer does not belong to something you started in this browser, or it came too late.",
            _SAFE,
            "Stay in one browser from beginning to end, and allow it to keep cookies.",
            _START_AGAIN,
        ),
    ),
    Page.NOT_STARTED_HERE: Text(
        400,
        "Please start from your application",
        (
            "{service} sent you here, but a connection cannot be begun there.",
            _SAFE,
            "Open the application that you want to connect and start from there.",
        ),
    ),
    Page.UNREADABLE: Text(
        400,
        "This address cannot be read",
        ("It may have been cut or changed on its way to you.", _SAFE, _START_AGAIN),
    ),
    Page.PREFETCHED: Text(
        503,
        "This link was not opened",
        ("Your browser looked at it ahead of time, and nothing was begun.", "Open the link to begin."),
    ),
    Page.TRY_LATER: Text(
        503,
        "Please try again in a moment",
        ("This did not work just now.", "Reload this page in a few seconds."),
    ),
    Page.BROKEN: Text(
        500,
        "Something went wrong",
        (
            "The fault is on our side, not yours.",
            "Go back to the application that sent you here and try again later.",
        ),
    ),
}

# Which page an error becomes when nobody chose one; the nearest class counts. The rest passes or is a fault.
ERROR_PAGES: Final[Mapping[type[BaseException], Page]] = {
    errors.CallerError: Page.UNREADABLE,
    errors.NotFoundError: Page.LINK_UNKNOWN,
    errors.CallbackRejectedError: Page.CALLBACK_REJECTED,
    errors.ProviderError: Page.EXCHANGE_FAILED,
}

# The policy forbids styles of our own; the browser's serve, light or dark as the person likes it.
_HTML: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>{title}</title>
</head>
<body>
<main>
<h1>{title}</h1>
{paragraphs}
</main>
</body>
</html>
"""


def result_page(which: Page, *, service: str = "", error: str = "", description: str = "") -> Response:
    """Answer with a page. `service` is the resource's name; `error` and `description` are the provider's."""
    text = PAGES[which]
    name = visible(service, MAX_NAME)
    told = " — ".join(part for part in (visible(error, MAX_NAME), visible(description, MAX_SAID)) if part)
    paragraphs = [_paragraph(words, name or _called(words)) for words in text.paragraphs]
    if told:
        paragraphs.insert(1, f"<p>It said: <q><bdi>{html.escape(told)}</bdi></q></p>")
    return page(
        text.status,
        _HTML.format(title=html.escape(text.title), paragraphs="\n".join(paragraphs)),
        headers={"retry-after": "1"} if text.status == HTTPStatus.SERVICE_UNAVAILABLE else {},
    )


def error_page(error: BaseException) -> Response:
    """Answer a browser with what `error` comes to. No word of the error itself is shown."""
    later = retry_after(error)
    otherwise = Page.TRY_LATER if later else Page.BROKEN
    which = next((ERROR_PAGES[cls] for cls in type(error).__mro__ if cls in ERROR_PAGES), otherwise)
    shown = result_page(which)
    return page(shown.status, shown.body, headers={**shown.headers, **later})


def visible(text: str, limit: int) -> str:
    """Give `text` bounded, white space single, without control, bidirectional and unassigned characters."""
    kept = (char for char in text[: 4 * limit] if char.isspace() or unicodedata.category(char)[0] != "C")
    shown = " ".join("".join(kept).split())
    return shown if len(shown) <= limit else f"{shown[: limit - 1].rstrip()}…"


def _called(words: str) -> str:
    """Give what a service without a name is called where it stands in a sentence."""
    return "The service" if words.startswith("{service}") else "the service"


def _paragraph(words: str, service: str) -> str:
    before, found, after = words.partition("{service}")
    name = f"<bdi>{html.escape(service)}</bdi>" if found else ""
    return f"<p>{html.escape(before)}{name}{html.escape(after)}</p>"
