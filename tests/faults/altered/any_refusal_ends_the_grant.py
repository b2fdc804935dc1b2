"""A naive build: whatever is not a token set says that the grant is gone."""

from __future__ import annotations

from typing import Any

from oauth_broker.flows import refresh
from oauth_broker.protocol.token import Granted, GrantGone, Verdict

_verdict = vars(refresh)["token_verdict"]


def verdict(*arguments: Any, **named: Any) -> Verdict:
    """Tokens, or the end."""
    given = _verdict(*arguments, **named)
    return given if isinstance(given, Granted) else GrantGone(given.failure)


vars(refresh)["token_verdict"] = verdict
