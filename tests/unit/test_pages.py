"""The pages a browser sees at the end, or at a wrong turn, of an authorization."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oauth_broker import errors
from oauth_broker.errors import BrokerError, FieldProblem, UnavailableError
from oauth_broker.pages import MAX_NAME, MAX_SAID, PAGES, Page, error_page, result_page, visible
from oauth_broker.response import Response

STATUSES = {
    Page.CONNECTED: 200,
    Page.CONFIRMATION_PENDING: 200,
    Page.REFUSED: 400,
    Page.EXCHANGE_FAILED: 502,
    Page.RESOURCE_CHANGED: 400,
    Page.LINK_UNKNOWN: 404,
    Page.CALLBACK_REJECTED: 400,
    Page.NOT_STARTED_HERE: 400,
    Page.UNREADABLE: 400,
    Page.PREFETCHED: 503,
    Page.TRY_LATER: 503,
    Page.BROKEN: 500,
}
TAGS = {"html", "head", "meta", "title", "body", "main", "h1", "p", "bdi", "q"}
HOSTILE = "</p><script src=//evil.test></script><img onerror=alert(1) src=x>&amp;\"'{title}{0}"


class Parsed(HTMLParser):
    """What a browser makes of a page: its tags, attributes and text."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(answer.body)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the tag and its attributes."""
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close the innermost tag, which must be this one."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep the text."""
        self.text.append(data)

    @property
    def words(self) -> str:
        """The text with white space single."""
        return " ".join("".join(self.text).split())


@pytest.mark.parametrize("which", Page)
def test_each_page_has_its_status(which: Page) -> None:
    """Status, policy and no-store are those of the contract."""
    event = result_page(which).as_event()
    assert event["statusCode"] == STATUSES[which]
    assert event["headers"]["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert event["headers"]["cache-control"] == "no-store"


@pytest.mark.parametrize("which", Page)
def test_each_page_is_whole_plain_html(which: Page) -> None:
    """Every tag is closed, none loads or runs anything, and light and dark are both served."""
    answer = result_page(which, service="Acme")
    parsed = Parsed(answer)
    assert answer.body.startswith('<!doctype html>\n<html lang="en">')
    assert not parsed.open
    assert set(parsed.tags) <= TAGS
    assert set(parsed.attributes) <= {"lang", "charset", "name", "content"}
    assert '<meta name="color-scheme" content="light dark">' in answer.body
    assert "{" not in answer.body


@pytest.mark.parametrize("which", Page)
def test_each_page_speaks_to_anybody(which: Page) -> None:
    """Sentences have a capital, a full stop and no word of the trade, and there is more than one."""
    text = PAGES[which]
    assert len(text.paragraphs) >= 2
    for sentence in text.paragraphs:
        assert re.fullmatch(r"(\{service\}|[A-Z]).*\.", sentence)
    jargon = "oauth|token|state|callback|grant|exchange|endpoint|redirect|scope|client|provider|https?"
    assert not re.search(rf"(?i)\b({jargon})s?\b", " ".join((text.title, *text.paragraphs)))


def test_the_service_is_called_by_its_name() -> None:
    """A page says which account it is about, and does without where that is not known."""
    assert (
        "Your account at Acme CRM is now connected."
        in Parsed(result_page(Page.CONNECTED, service="Acme CRM")).words
    )
    assert "Your account at the service is now connected." in Parsed(result_page(Page.CONNECTED)).words
    assert "The service did not give access" in Parsed(result_page(Page.REFUSED)).words
    assert "eBay did not give access" in Parsed(result_page(Page.REFUSED, service="eBay")).words


def test_what_the_provider_said_is_shown() -> None:
    """Error and description stand in one quotation; without them there is none."""
    shown = Parsed(result_page(Page.REFUSED, error="access_denied", description="Ada said no."))
    assert "It said: access_denied — Ada said no." in shown.words
    assert "It said" not in Parsed(result_page(Page.REFUSED)).words


@pytest.mark.parametrize("which", Page)
def test_hostile_words_stay_words(which: Page) -> None:
    """Markup in a name or an error is shown as it was written and does nothing."""
    shown = Parsed(result_page(which, service=HOSTILE, error=HOSTILE, description=HOSTILE))
    assert set(shown.tags) <= TAGS
    assert not shown.open
    assert HOSTILE in shown.words


@settings(deadline=None)  # a busy machine is no failure
@given(service=st.text(), error=st.text(), description=st.text())
def test_no_text_adds_a_tag(service: str, error: str, description: str) -> None:
    """Whatever is shown, the tags are those of the page."""
    shown = Parsed(result_page(Page.REFUSED, service=service, error=error, description=description))
    assert set(shown.tags) <= TAGS
    assert set(shown.attributes) <= {"lang", "charset", "name", "content"}


@pytest.mark.parametrize(
    "text,shown",
    [
        ("plain", "plain"),
        ("a\nb\tc\r\n d", "a b c d"),
        ("a\x00b\x1b[31mc\x7f", "ab[31mc"),
        ("\u202egnp.exe\u202c", "gnp.exe"),
        ("\u2066a\u2069\u200f\u061cb", "ab"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("half\ud800", "half"),
        ("private\ue000", "private"),
        ("Bücher 日本 😀", "Bücher 日本 😀"),
        ("a\u2028b", "a b"),
        ("  ", ""),
    ],
)
def test_only_what_can_be_seen_is_shown(text: str, shown: str) -> None:
    """Control characters, direction marks and halves of characters are taken out."""
    assert visible(text, 100) == shown


@settings(deadline=None)  # a busy machine is no failure
@given(st.text(max_size=400), st.integers(1, 60))
def test_what_is_shown_is_bounded(text: str, limit: int) -> None:
    """No text is longer than its limit, and a text that fits is not cut."""
    shown = visible(text, limit)
    assert len(shown) <= limit
    assert visible(shown, limit) == shown


def test_a_long_text_is_cut_visibly() -> None:
    """What is cut ends with an ellipsis."""
    shown = Parsed(result_page(Page.REFUSED, error="e" * 5000, description="d" * 5000)).words
    assert f"{'e' * (MAX_NAME - 1)}… — {'d' * (MAX_SAID - 1)}…" in shown


ERRORS = [
    (errors.NotFoundError("hunter2"), Page.LINK_UNKNOWN),
    (errors.CallbackRejectedError("hunter2"), Page.CALLBACK_REJECTED),
    (errors.MalformedError("hunter2"), Page.UNREADABLE),
    (errors.TooLargeError("hunter2"), Page.UNREADABLE),
    (errors.InvalidError(FieldProblem("ticket", "hunter2")), Page.UNREADABLE),
    (errors.HostNotAllowedError("tenant", "hunter2"), Page.UNREADABLE),
    (errors.ExchangeFailedError("hunter2"), Page.EXCHANGE_FAILED),
    (errors.OutcomeUnknownError("hunter2"), Page.EXCHANGE_FAILED),
    (UnavailableError("hunter2", retry_after=9), Page.TRY_LATER),
    (errors.StoreUnavailableError("hunter2"), Page.TRY_LATER),
    (errors.SealingUnavailableError("hunter2"), Page.TRY_LATER),
    (errors.QueueUnavailableError("hunter2"), Page.TRY_LATER),
    (errors.SealError("hunter2"), Page.BROKEN),
    (BrokerError("hunter2"), Page.BROKEN),
    (ValueError("hunter2"), Page.BROKEN),
]


@pytest.mark.parametrize("error,which", ERRORS)
def test_an_error_is_a_page(error: Exception, which: Page) -> None:
    """What a flow raises becomes a page that says nothing of the error itself."""
    answer = error_page(error)
    assert (answer.status, answer.body) == (STATUSES[which], result_page(which).body)
    assert "hunter2" not in answer.body


@pytest.mark.parametrize(
    "answer,seconds",
    [
        (error_page(UnavailableError("Later.", retry_after=9)), "9"),
        (error_page(errors.StoreUnavailableError("Later.")), "5"),
        (result_page(Page.PREFETCHED), "1"),
        (result_page(Page.CONNECTED), None),
    ],
)
def test_a_page_that_passes_says_when_to_come_back(answer: Response, seconds: str | None) -> None:
    """A 503 page has Retry-After, and no other."""
    assert answer.headers.get("retry-after") == seconds
