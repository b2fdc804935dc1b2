"""What an answer without a token means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth_broker.protocol.failure import FailureCategory, category_of, error_code_of

ERRORS = (
    st.none()
    | st.text(max_size=20)
    | st.sampled_from(["invalid_grant", "bad_refresh_token", "invalid_client"])
)


@given(st.integers(0, 399) | st.integers(429, 429) | st.integers(500, 999), ERRORS)
def test_only_a_success_or_a_refusal_can_cost_a_grant(status: int, error: str | None) -> None:
    """A limit, an outage or a redirect never does, whatever its body says."""
    gone = category_of(status, error) is FailureCategory.GRANT_GONE
    assert not gone or 200 <= status < 300


@given(st.integers(0, 999), ERRORS)
def test_only_a_success_without_an_error_has_an_unknown_outcome(status: int, error: str | None) -> None:
    """A provider that says that it refused has not granted."""
    unusable = category_of(status, error) is FailureCategory.UNUSABLE_ANSWER
    assert unusable == (200 <= status < 300 and not error)


@pytest.mark.parametrize("category", FailureCategory)
def test_categories_are_stable_names(category: FailureCategory) -> None:
    """Alarms are built on them: lower case and underscores."""
    assert category.value == category.name.lower()


@pytest.mark.parametrize(
    "answer, code",
    [
        ({"error": "e"}, "e"),
        ({"error": 7}, "7"),
        ({"error": {"code": "c", "type": "t"}}, "c"),
        ({"error": {"code": 0, "type": "t"}}, "t"),
        ({"error": {"status": "S"}}, "S"),
        ({"error": ""}, None),
        ({"error": 0}, "0"),
        ({"error": False}, None),
        ({"error": None}, None),
        ({"error": []}, None),
        ({"error": {"code": ["x"]}}, None),
        ({}, None),
        ([], None),
        ("error", None),
        (None, None),
    ],
)
def test_an_error_code_is_found_where_providers_put_it(answer: object, code: str | None) -> None:
    """As text, as a number, or inside an object."""
    assert error_code_of(answer) == code
