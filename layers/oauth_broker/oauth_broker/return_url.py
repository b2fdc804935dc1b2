"""Where a browser may be sent back to: a URL of an origin that the deployment allows, read by all alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlsplit

from oauth_broker.protocol.destinations import origin_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OURS_IN_RETURN_URL: Final = frozenset({"connection_id", "confirmation_code", "error"})
LONGEST_RETURN_URL: Final = 2048


def return_url_problem(
    url: object, may_return_to: Callable[[str], bool], console: str | None = None
) -> str | None:
    """Say what is wrong with a `return_url`, None for a good one.

    Its parsed origin must be one that the deployment allows, and nothing in it may make a browser
    read another. Of the broker's own origin it is the `console` alone, as `https://host/`, with any query:
    another address there would do something.
    """
    return next(_return_url_problems(url, may_return_to, console), None)


def _return_url_problems(
    url: object, may_return_to: Callable[[str], bool], console: str | None
) -> Iterator[str]:
    if not isinstance(url, str) or not url or len(url) > LONGEST_RETURN_URL:
        yield f"is a URL of at most {LONGEST_RETURN_URL} characters"
        return
    if not url.isascii() or not url.isprintable() or any(mark in url for mark in ' \\"<>^`{|}'):
        yield "has a character that does not belong in a URL"
    try:
        parts = urlsplit(url)
        origin = origin_of(url)
    except ValueError:
        yield "is not an absolute URL"
        return
    if "@" in parts.netloc:
        yield "has user information in it"
    if "#" in url:
        yield "has a fragment"
    if url.partition("?")[0] != console and not may_return_to(origin):
        yield "is of an origin that the deployment does not allow (ReturnUrlOrigins; locally loopback)"
    names = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    if names & OURS_IN_RETURN_URL:
        yield f"has a parameter of ours: {', '.join(sorted(names & OURS_IN_RETURN_URL))}"
