"""A token set: what the token endpoint answered, read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from oauth_broker.secret import Secret

MAX_TOKENS_LENGTH: Final = 65_536
"""Characters of a token set's tokens together: an item of the table holds 400 KB, a queue's message less."""


@dataclass(frozen=True, slots=True)
class NamedTokenSet:
    """A further token of the same answer; its members as TokenSet's, `issued_at` in epoch seconds.

    `kept`: a refresh did not bring it, so that refreshing brings no other once it has expired.
    """

    access_token: Secret
    token_type: str
    issued_at: int
    expires_at: int | None
    scopes: tuple[str, ...] | None
    kept: bool = False


@dataclass(frozen=True, slots=True)
class TokenSet:
    """What the token endpoint answered.

    `expires_at` is in epoch seconds, None where nobody says, and so is `refresh_expires_at`, the refresh
    token's; `scopes` is None where the answer did not say (then they are the ones asked for, RFC 6749 section
    5.1); `metadata` holds the members that the resource shows, `named` the further tokens that it brought, by
    name. `id_token` is for the check of a consent: it is kept nowhere.
    """

    access_token: Secret
    refresh_token: Secret | None
    token_type: str
    expires_at: int | None
    scopes: tuple[str, ...] | None
    metadata: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    refresh_expires_at: int | None = None
    named: Mapping[str, NamedTokenSet] = field(default_factory=dict)
    id_token: Secret | None = None

    def __repr__(self) -> str:
        return f"TokenSet(expires_at={self.expires_at})"

    def keeping(self, refresh_token: Secret | None, named: Mapping[str, NamedTokenSet]) -> TokenSet:
        """Give this token set with what was spent where the answer brought none.

        The refresh token (RFC 6749 section 6), and those of the further tokens `named` for which there is
        room.
        """
        refresh_token = self.refresh_token or refresh_token
        found = dict(self.named)
        left = MAX_TOKENS_LENGTH - _length([self.access_token, refresh_token, *_tokens_of(found)])
        for name, one in named.items():
            if name not in found and (left := left - _length([one.access_token])) >= 0:
                found[name] = replace(one, kept=True)
        return replace(self, refresh_token=refresh_token, named=found)


def _tokens_of(named: Mapping[str, NamedTokenSet]) -> Iterable[Secret]:
    return (one.access_token for one in named.values())


def _length(secrets: Iterable[Secret | None]) -> int:
    return sum(len(secret.reveal()) for secret in secrets if secret is not None)
