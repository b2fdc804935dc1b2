"""One frozen settings object per function, read once from its environment; what is wrong is named.

Times are whole seconds. An empty `PUBLIC_URL` is None: the address is then that of the request. The template
never sets `LOOPBACK_PROVIDERS` and `LOOPBACK_FORBIDDEN_PORTS`: they are for the local stack alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from oauth_broker.environment import Environment, is_loopback_origin

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_SHARDS: Final = 256
DAY: Final = 86_400
LOOPBACK_WORD: Final = "loopback"


@dataclass(frozen=True, slots=True)
class SealingSettings:
    """The KMS key, how long one data key seals (seconds), and how long it is held unwrapped (0: never)."""

    key_id: str
    data_key_period: int
    data_key_max_age: int

    @classmethod
    def read(cls, read: Environment) -> Self:
        """Read `KEY_ID`, `DATA_KEY_PERIOD` and `DATA_KEY_MAX_AGE`."""
        return cls(
            key_id=read.text("KEY_ID"),
            data_key_period=read.number("DATA_KEY_PERIOD", 60, 366 * DAY),
            data_key_max_age=read.number("DATA_KEY_MAX_AGE", 0, DAY),
        )


@dataclass(frozen=True, slots=True)
class Schedule:
    """Over how many shards the due connections lie, and how often (seconds) they are asked.

    `expiry_notice`: how long (seconds) before its end it is told that a grant will die.
    """

    shards: int
    period: int
    expiry_notice: int

    @classmethod
    def read(cls, read: Environment) -> Self:
        """Read `SHARDS`, `SCHEDULE_PERIOD`, and `EXPIRY_NOTICE_DAYS`: the template cannot multiply."""
        return cls(
            shards=read.number("SHARDS", 1, MAX_SHARDS),
            period=read.number("SCHEDULE_PERIOD", 1, DAY),
            expiry_notice=read.number("EXPIRY_NOTICE_DAYS", 1, 365) * DAY,
        )


@dataclass(frozen=True, slots=True)
class RefreshNumbers:
    """The bounds of one attempt at the provider, and how long a reader waits for somebody else's.

    `attempt_margin` is the time that must be left to begin an attempt, `send_margin` the time after which a
    holder of the lease no longer sends.
    """

    lease: int
    provider_deadline: int
    commit_deadline: int
    attempt_margin: int
    send_margin: int
    reader_wait: int

    @classmethod
    def read(cls, read: Environment) -> Self:
        """Read the six numbers of the refresh rules; an attempt must end before its lease does."""
        numbers = cls(
            lease=read.number("LEASE_SECONDS", 1, 900),
            provider_deadline=read.number("PROVIDER_DEADLINE", 1, 900),
            commit_deadline=read.number("COMMIT_DEADLINE", 1, 900),
            attempt_margin=read.number("ATTEMPT_MARGIN", 1, 900),
            send_margin=read.number("SEND_MARGIN", 1, 900),
            reader_wait=read.number("READER_WAIT", 0, 900),
        )
        longest = numbers.send_margin + numbers.provider_deadline + numbers.commit_deadline
        # A lease that ran out must have no live holder, or two would spend the same refresh token.
        if longest > numbers.lease:
            read.wrong("LEASE_SECONDS", "is less than SEND_MARGIN + PROVIDER_DEADLINE + COMMIT_DEADLINE")
        if numbers.provider_deadline + numbers.commit_deadline > numbers.attempt_margin:
            read.wrong("ATTEMPT_MARGIN", "is less than PROVIDER_DEADLINE + COMMIT_DEADLINE")
        return numbers


@dataclass(frozen=True, slots=True)
class Loopback:
    """Whether providers on loopback may be called over http, and on which ports never."""

    allowed: bool = False
    forbidden_ports: frozenset[int] = frozenset()

    @classmethod
    def read(cls, read: Environment) -> Self:
        """Read `LOOPBACK_PROVIDERS` and `LOOPBACK_FORBIDDEN_PORTS`."""
        return cls(
            allowed=read.switch("LOOPBACK_PROVIDERS"),
            forbidden_ports=read.ports("LOOPBACK_FORBIDDEN_PORTS"),
        )


@dataclass(frozen=True, slots=True)
class ReturnUrlOrigins:
    """The origins a `return_url` may have, as `scheme://host:port`; `loopback`: any http loopback one too."""

    origins: frozenset[str] = frozenset()
    loopback: bool = False

    @classmethod
    def read(cls, read: Environment) -> Self:
        """Read `RETURN_URL_ORIGINS`: origins separated by commas, or the word `loopback`, or nothing."""
        found = read.origins("RETURN_URL_ORIGINS", LOOPBACK_WORD)
        return cls(found - {LOOPBACK_WORD}, LOOPBACK_WORD in found)

    def allows(self, url_origin: str) -> bool:
        """Say whether an origin, written `scheme://host:port`, is one of them."""
        return url_origin in self.origins or (self.loopback and is_loopback_origin(url_origin))


class _Settings:
    """A function's settings: each field is read as `_FIELDS` says for its name."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """Read them from `environ`; raises SettingsError with every variable that is missing or malformed."""
        with Environment(environ) as read:
            return cls(**{name: _FIELDS[name](read) for name in cls.__annotations__})


@dataclass(frozen=True, slots=True)
class StartSettings(_Settings):
    """What `/oauth/start` needs."""

    table: str
    public_url: str | None


@dataclass(frozen=True, slots=True)
class PublishedKeysSettings(_Settings):
    """What `jwks.json` needs: it reads resources."""

    table: str


@dataclass(frozen=True, slots=True)
class CallbackSettings(_Settings):
    """What the callbacks need: they exchange the code and commit."""

    table: str
    public_url: str | None
    rescue_queue_url: str
    return_url_origins: ReturnUrlOrigins
    sealing: SealingSettings
    schedule: Schedule
    numbers: RefreshNumbers
    loopback: Loopback


@dataclass(frozen=True, slots=True)
class DispatcherSettings(_Settings):
    """What the dispatcher needs: it asks the index and sends nudges."""

    table: str
    work_queue_url: str
    schedule: Schedule


@dataclass(frozen=True, slots=True)
class WorkerSettings(_Settings):
    """What the worker needs. `provider_concurrency`: calls under way at one provider, over all shards."""

    table: str
    public_url: str | None
    work_queue_url: str
    rescue_queue_url: str
    event_bus_name: str
    provider_concurrency: int
    sealing: SealingSettings
    schedule: Schedule
    numbers: RefreshNumbers
    loopback: Loopback


@dataclass(frozen=True, slots=True)
class RescueSettings(_Settings):
    """What the rescue needs: it commits what is sealed already."""

    table: str


@dataclass(frozen=True, slots=True)
class ResourcesApiSettings(_Settings):
    """What the management API needs: it seals secrets and asks for the first token of client_credentials."""

    table: str
    public_url: str | None
    rescue_queue_url: str
    return_url_origins: ReturnUrlOrigins
    scope_prefix: str
    sealing: SealingSettings
    schedule: Schedule
    numbers: RefreshNumbers
    loopback: Loopback


@dataclass(frozen=True, slots=True)
class AccessSettings(_Settings):
    """What the hot paths need: they read tokens, and refresh those that live too short."""

    table: str
    public_url: str | None
    rescue_queue_url: str
    scope_prefix: str
    sealing: SealingSettings
    schedule: Schedule
    numbers: RefreshNumbers
    loopback: Loopback


@dataclass(frozen=True, slots=True)
class CatalogueSettings(_Settings):
    """What the catalogue needs: it asks issuers for their metadata, and previews name callback addresses."""

    public_url: str | None
    loopback: Loopback


@dataclass(frozen=True, slots=True)
class ConsoleSettings(_Settings):
    """What the console needs: where people sign in (None: nobody does), and the audience of their tokens.

    `demo_provider` is the origin of the local stack's, which AWS has not.
    """

    public_url: str | None
    oidc_issuer: str | None
    oidc_audience: str | None
    scope_prefix: str
    loopback: Loopback
    demo_provider: str | None


_FIELDS: Final[Mapping[str, Callable[[Environment], Any]]] = {
    "table": lambda read: read.text("TABLE_NAME"),
    "public_url": lambda read: read.origin("PUBLIC_URL"),
    "work_queue_url": lambda read: read.text("WORK_QUEUE_URL"),
    "rescue_queue_url": lambda read: read.text("RESCUE_QUEUE_URL"),
    "event_bus_name": lambda read: read.text("EVENT_BUS_NAME"),
    "provider_concurrency": lambda read: read.number("PROVIDER_CONCURRENCY", 1, 100_000),
    "oidc_issuer": lambda read: read.given("OIDC_ISSUER") or None,
    "oidc_audience": lambda read: read.given("OIDC_AUDIENCE") or None,
    "scope_prefix": lambda read: read.text("SCOPE_PREFIX"),
    "demo_provider": lambda read: read.loopback_origin("DEMO_PROVIDER"),
    "return_url_origins": ReturnUrlOrigins.read,
    "sealing": SealingSettings.read,
    "schedule": Schedule.read,
    "numbers": RefreshNumbers.read,
    "loopback": Loopback.read,
}
