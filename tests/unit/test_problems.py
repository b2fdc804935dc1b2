"""Each error and the RFC 9457 problem that a caller gets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from oauth_broker import errors
from oauth_broker.errors import BrokerError, CallerError, FieldProblem, InvalidError, UnavailableError
from oauth_broker.problems import KINDS, problem

CASES: list[tuple[Exception, int, str]] = [
    (errors.MalformedError("It is not JSON."), 400, "malformed"),
    (errors.CallerError("No."), 400, "malformed"),
    (errors.CallbackRejectedError("The state is unknown."), 400, "callback-rejected"),
    (errors.NotFoundError("There is no such resource."), 404, "not-found"),
    (errors.ConflictError("Tokens of client_credentials need nobody's consent."), 409, "conflict"),
    (errors.IdInUseError("A connection of that id exists."), 409, "id-in-use"),
    (errors.ResourceInUseError("It has connections."), 409, "resource-in-use"),
    (errors.ConnectionNotReadyError("It is pending."), 409, "connection-not-ready"),
    (errors.NeedsReauthorizationError("The grant is gone."), 409, "needs-reauthorization"),
    (errors.NothingToConfirmError("Nothing to confirm."), 409, "nothing-to-confirm"),
    (errors.PreconditionFailedError("It is at another version."), 412, "precondition-failed"),
    (errors.TooLargeError("The body is over 256 KB."), 413, "too-large"),
    (errors.UnsupportedMediaTypeError("Send JSON."), 415, "unsupported-media-type"),
    (InvalidError(FieldProblem("/name", "is missing")), 422, "invalid"),
    (errors.TemplateError(3, "A placeholder is not closed."), 422, "invalid"),
    (errors.UnfitValueError("tenant", "It has a control character."), 422, "invalid"),
    (errors.HostNotAllowedError("tenant", "The host is not listed."), 422, "invalid"),
    (errors.ExchangeFailedError("The provider said invalid_client."), 502, "exchange-failed"),
    (errors.ProviderError("The provider failed."), 502, "exchange-failed"),
    (errors.EgressRefusedError("The address is private."), 502, "exchange-failed"),
    (errors.NotConnectedError("No connection was made."), 502, "exchange-failed"),
    (errors.IssuerKeysError("It answers 404."), 502, "exchange-failed"),
    (errors.OutcomeUnknownError("No answer came."), 502, "exchange-failed"),
    (UnavailableError("The provider is failing.", retry_after=17), 503, "unavailable"),
    (errors.StoreUnavailableError("The table did not answer."), 503, "unavailable"),
    (errors.SealingUnavailableError("No key."), 503, "unavailable"),
    (errors.SigningUnavailableError("No signature."), 503, "unavailable"),
    (errors.SigningRefusedError("KMS refused."), 503, "unavailable"),
    (errors.QueueUnavailableError("The queue did not answer."), 503, "unavailable"),
    (errors.AnnouncementError("The bus did not answer."), 503, "unavailable"),
    (errors.StoreRefusedError("The item is not as it should be."), 503, "unavailable"),
    (errors.UnreadableError("The row is not as it should be."), 500, "internal-error"),
    (errors.SealError("It does not open."), 500, "internal-error"),
    (errors.SettingsError(FieldProblem("TABLE_NAME", "is missing")), 500, "internal-error"),
    (BrokerError("Something."), 500, "internal-error"),
    (ValueError("client_secret=hunter2"), 500, "internal-error"),
]


def subclasses(cls: type[BaseException]) -> set[type[BaseException]]:
    """Give a class and all that inherit from it, of the package's own hierarchy."""
    found = {cls}
    for child in cls.__subclasses__():
        found |= subclasses(child)
    return {one for one in found if one.__module__ == errors.__name__}


def body_of(error: Exception) -> dict[str, Any]:
    """Give the problem's members."""
    parsed = json.loads(problem(error).body)
    assert isinstance(parsed, dict)
    return parsed


@pytest.mark.parametrize("error,status,name", CASES)
def test_an_error_is_a_problem_of_its_type(error: Exception, status: int, name: str) -> None:
    """Status and type are those of the contract; title and detail are always there."""
    answer, body = problem(error), body_of(error)
    assert (answer.status, body["status"], body["type"]) == (status, status, f"urn:oauth-broker:{name}")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.as_event()["headers"]["cache-control"] == "no-store"
    assert body["title"]
    assert body["detail"]


def test_no_error_of_ours_is_without_a_case() -> None:
    """Every class of the hierarchy stands in the table above."""
    assert {type(error) for error, _, _ in CASES} >= subclasses(BrokerError)


def test_only_a_fault_of_the_caller_is_a_4xx() -> None:
    """Caller errors are 4xx, all others 5xx."""
    for error, status, _ in CASES:
        assert (400 <= status < 500) is isinstance(error, CallerError)


def test_each_name_has_one_status_and_one_title() -> None:
    """Whoever reads the type knows the rest."""
    seen: dict[str, tuple[int, str]] = {}
    for kind in KINDS.values():
        assert seen.setdefault(kind.name, (kind.status, kind.title)) == (kind.status, kind.title)


def test_the_detail_is_the_errors_own_sentence() -> None:
    """What the error says is what the caller reads; an error without words gets its title."""
    assert (
        body_of(errors.NotFoundError("There is no such resource."))["detail"] == "There is no such resource."
    )
    assert body_of(errors.NotFoundError())["detail"] == "There is no such thing."


@pytest.mark.parametrize(
    "error", [ValueError("hunter2"), KeyError("hunter2"), BrokerError("hunter2"), errors.SealError("hunter2")]
)
def test_a_fault_of_ours_tells_nothing(error: Exception) -> None:
    """A 500 has the same words whatever went wrong."""
    assert body_of(error) == body_of(RuntimeError())
    assert "hunter2" not in problem(error).body


def test_each_bad_member_is_named() -> None:
    """All problems with a body come at once, each with its pointer."""
    error = InvalidError(
        FieldProblem("/token/url", "must be https"), FieldProblem("limit", "must be a number")
    )
    assert body_of(error)["errors"] == [
        {"pointer": "/token/url", "detail": "must be https"},
        {"pointer": "limit", "detail": "must be a number"},
    ]


def test_only_invalid_members_have_errors() -> None:
    """Other problems are not about members."""
    assert [name for error, _, name in CASES if "errors" in body_of(error)] == ["invalid"]


@pytest.mark.parametrize(
    "error,seconds",
    [
        (UnavailableError("Later.", retry_after=17), "17"),
        (UnavailableError("Later.", retry_after=0), "1"),
        (UnavailableError("Later.", retry_after=-3), "1"),
        (errors.StoreUnavailableError("Later."), "5"),
        (errors.SealingUnavailableError("Later."), "5"),
    ],
)
def test_what_passes_says_when_to_come_back(error: Exception, seconds: str) -> None:
    """A 503 has Retry-After in whole seconds, at least one."""
    assert problem(error).headers["retry-after"] == seconds


def test_what_does_not_pass_says_nothing_of_coming_back() -> None:
    """Only a 503 has Retry-After."""
    for error, status, _ in CASES:
        assert ("retry-after" in problem(error).headers) is (status == 503)
