"""How long an access token lives, in every way that providers say it.

Seconds from now are what RFC 6749 knows (section 5.1). Others name a moment, by their own clock; and some say
nothing, but the token is a JWT whose `exp` one can read where the resource allows it (to a client a token is
opaque, RFC 9068 section 6).
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from oauth_broker.protocol import token_answer
from oauth_broker.protocol.token_answer import MAX_LIFETIME, date_of
from oauth_broker.resource import ExpiresInUnit, TokenFormat

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauth_broker.resource import TokenResponseRules

# A number from here on counts milliseconds: as seconds it would be the year 5138.
_MILLISECONDS_FROM: Final = 100_000_000_000
_LONGEST_MOMENT: Final = 40


def lifetime_of(  # noqa: PLR0913 - all that an answer says it with
    rules: TokenResponseRules,
    answer: object,
    access_token: str,
    *,
    headers: Mapping[str, str],
    now: int,
    may_be_over: bool = False,
) -> int | None:
    """Give the seconds that an access token which came at `now` lives; None where nothing says so.

    A moment counts by the clock of who names it: the answer's `Date`, or a JWT's `iat`, is what it is
    measured from, if there is one, so that a provider's wrong clock shortens or stretches nothing.
    `may_be_over`: `expires_in` of 0 means that nothing is left.
    """
    if rules.expires_at is not None:
        moment = _epoch(token_answer.member(answer, rules.expires_at))
        if moment is not None:
            said_at = date_of(headers.get("date"))
            return _within(moment - (now if said_at is None else said_at))
    lifetime = token_answer.seconds(
        token_answer.member(answer, rules.expires_in), rules.expires_in_unit, may_be_over=may_be_over
    )
    if lifetime is None and rules.access_token_format is TokenFormat.JWT:
        claims = _claims(access_token)
        expires, issued = _epoch(claims.get("exp")), _epoch(claims.get("iat"))
        if expires is not None:
            return _within(expires - (now if issued is None else issued))
    return lifetime


def _within(lifetime: int) -> int:
    """What has run out at its coming lives a second: nothing about it should be for ever."""
    return max(1, min(lifetime, MAX_LIFETIME))


def _epoch(value: Any) -> int | None:
    """Read a moment, in seconds: (milli)seconds since the epoch, or an ISO 8601 text, UTC if it is bare."""
    if isinstance(value, str):
        number = token_answer.seconds(value, ExpiresInUnit.SECONDS)
        if number is None:
            return _iso(value)
        value = float(value)
    number = token_answer.seconds(value, ExpiresInUnit.SECONDS)
    if number is None:
        return None
    return int(value // 1000) if value >= _MILLISECONDS_FROM else int(value)


def _iso(text: str) -> int | None:
    if len(text) > _LONGEST_MOMENT:
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return None


def _claims(token: str) -> Mapping[str, Any]:
    """Read a JWT's claims, unchecked: they are ours to plan by, not to believe."""
    try:
        _, payload, _ = token.split(".")
        claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}
