"""What the provider has given out: authorization codes, families of refresh tokens, access tokens.

Nothing here does I/O, reads a clock or draws a random value: times are seconds since 1970, and new values are
arguments. Nor does it lock: whoever holds a `TokenStore` lets one thread at a time into it.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

CODE_LIFETIME = 60.0  # seconds; RFC 6749 section 4.1.2 allows ten minutes at most
KEPT_AFTER_EXPIRY = 600.0  # seconds a dead code is known, so that a late second use ends its family
SWEEP_EVERY = 60.0  # seconds


class Ended(enum.StrEnum):
    """Why a family gives out nothing any more."""

    CODE_REUSED = "authorization_code_reused"
    REFRESH_TOKEN_REUSED = "refresh_token_reused"  # noqa: S105  # the name of an event, no secret
    REVOKED = "revoked"


class Standing(enum.Enum):
    """What a refresh token is worth at the moment it is presented."""

    LIVE = enum.auto()
    GRACE = enum.auto()  # rotated moments ago: its successor is given once more
    REUSED = enum.auto()  # rotated: somebody has a copy, the family ends
    DEAD = enum.auto()  # expired, or its family has ended


@dataclass(frozen=True)
class Rules:
    """How long things live, in seconds; `refresh_token_lifetime` None means without end."""

    access_token_lifetime: int = 40
    refresh_token_lifetime: int | None = None
    grace_period: float = 0.0


@dataclass
class Family:
    """All that one consent has given: a refresh token, its successors, and the access tokens they brought."""

    family_id: str
    client_id: str
    account: str
    scope: str
    rotates: bool
    generations: list[RefreshToken] = field(default_factory=list)
    ended: Ended | None = None


@dataclass
class RefreshToken:
    """One generation of a family's refresh token; the first is 1."""

    value: str = field(repr=False)
    family: Family = field(repr=False)
    generation: int
    issued_at: float
    expires_at: float | None
    spent_at: float | None = None
    refreshes: int = 0  # how often it brought an access token
    refusals: int = 0  # how often it was presented in vain

    @property
    def client_id(self) -> str:
        """The client it was issued to."""
        return self.family.client_id

    @property
    def account(self) -> str | None:
        """Whose grant it stands for."""
        return self.family.account

    @property
    def scope(self) -> str:
        """What was consented to, space-separated; a successor has the same (RFC 6749 section 6)."""
        return self.family.scope

    @property
    def revoked(self) -> bool:
        """It brings nothing any more, whatever the time."""
        return self.family.ended is not None or self.spent_at is not None


@dataclass
class AccessToken:
    """An access token; `family` and `account` are None when a client got it for itself."""

    value: str = field(repr=False)
    client_id: str
    account: str | None
    scope: str
    issued_at: float
    expires_at: float
    family: Family | None = field(repr=False)
    withdrawn: bool = False

    @property
    def revoked(self) -> bool:
        """It opens nothing any more, whatever the time."""
        return self.withdrawn or (self.family is not None and self.family.ended is not None)


@dataclass
class AuthorizationCode:
    """A code and what it is bound to; the two methods are what Authlib asks it by."""

    value: str = field(repr=False)
    client_id: str
    account: str
    scope: str
    redirect_uri: str
    code_challenge: str
    code_challenge_method: str
    expires_at: float
    spent: bool = False
    family: Family | None = None

    def get_redirect_uri(self) -> str:
        """The redirect URI that the token request must repeat."""
        return self.redirect_uri

    def get_scope(self) -> str:
        """What was consented to, space-separated."""
        return self.scope


def standing(token: RefreshToken, now: float, grace_period: float) -> Standing:
    """What `token` is worth at `now` (RFC 9700 section 4.14.2).

    The grace holds while the successor is unused: once that was spent, its receiver is known to have it, and
    whoever still brings the old one is somebody else.
    """
    family = token.family
    if family.ended is not None or (token.expires_at is not None and now >= token.expires_at):
        return Standing.DEAD
    if token.spent_at is None:
        return Standing.LIVE
    successor = family.generations[token.generation]
    if successor.spent_at is None and now < token.spent_at + grace_period:
        return Standing.GRACE
    return Standing.REUSED


class TokenStore:
    """Everything given out so far."""

    def __init__(self) -> None:
        self.codes: dict[str, AuthorizationCode] = {}
        self.families: dict[str, Family] = {}
        self.refresh_tokens: dict[str, RefreshToken] = {}
        self.access_tokens: dict[str, AccessToken] = {}
        self._next_sweep = 0.0

    def add_code(self, code: AuthorizationCode) -> None:
        """Remember a code that is about to leave."""
        self.codes[code.value] = code

    def present_code(self, value: str, client_id: str, now: float) -> AuthorizationCode | None:
        """The code, if this client may exchange it now; a second use ends what the first brought.

        RFC 6749 section 4.1.2: the request is denied and the tokens issued on that code are revoked.
        """
        code = self.codes.get(value)
        if code is None or code.client_id != client_id:
            return None
        if code.spent:
            if code.family is not None:
                self.end(code.family, Ended.CODE_REUSED)
            return None
        return code if now < code.expires_at else None

    def open_family(self, family: Family, refresh_token: str | None, now: float, rules: Rules) -> None:
        """Begin the family of an exchanged code; without `refresh_token` it has access tokens only."""
        self.families[family.family_id] = family
        if refresh_token is not None:
            self._add_generation(family, refresh_token, now, rules)

    def present_refresh_token(
        self, value: str, client_id: str, now: float, grace_period: float
    ) -> tuple[RefreshToken, Standing] | None:
        """The token and its worth, None if this client never had it; a reused one ends its family."""
        token = self.refresh_tokens.get(value)
        if token is None or token.client_id != client_id:
            return None
        worth = standing(token, now, grace_period)
        if worth is Standing.REUSED:
            self.end(token.family, Ended.REFRESH_TOKEN_REUSED)
        if worth in {Standing.REUSED, Standing.DEAD}:
            token.refusals += 1
        return token, worth

    def spend(self, value: str, successor: str, now: float, rules: Rules) -> str | None:
        """Count a refresh by a live token, or one in its grace; say which refresh token the answer brings.

        A live one of a family that rotates is replaced by `successor`; one in its grace brings the successor
        that it has; a family that does not rotate brings none, as the old one stays good.
        """
        token = self.refresh_tokens[value]
        token.refreshes += 1
        if not token.family.rotates:
            return None
        if token.spent_at is None:
            token.spent_at = now
            self._add_generation(token.family, successor, now, rules)
        return token.family.generations[token.generation].value

    def add_access_token(self, token: AccessToken) -> None:
        """Remember an access token, and forget what is long dead."""
        self._sweep(token.issued_at)
        self.access_tokens[token.value] = token

    def find(self, value: str) -> AccessToken | RefreshToken | None:
        """Whatever token has this value."""
        return self.access_tokens.get(value) or self.refresh_tokens.get(value)

    def revoke(self, token: AccessToken | RefreshToken) -> None:
        """End an access token alone, a refresh token with all of its family (RFC 7009 section 2.1)."""
        if isinstance(token, AccessToken):
            token.withdrawn = True
        else:
            self.end(token.family, Ended.REVOKED)

    @staticmethod
    def end(family: Family, reason: Ended) -> None:
        """End a family; the first reason stays."""
        family.ended = family.ended or reason

    def _add_generation(self, family: Family, value: str, now: float, rules: Rules) -> None:
        lifetime = rules.refresh_token_lifetime
        token = RefreshToken(
            value, family, len(family.generations) + 1, now, None if lifetime is None else now + lifetime
        )
        family.generations.append(token)
        self.refresh_tokens[value] = token

    def _sweep(self, now: float) -> None:
        if now < self._next_sweep:
            return
        self._next_sweep = now + SWEEP_EVERY
        self.access_tokens = {v: t for v, t in self.access_tokens.items() if now < t.expires_at}
        self.codes = {v: c for v, c in self.codes.items() if now < c.expires_at + KEPT_AFTER_EXPIRY}
