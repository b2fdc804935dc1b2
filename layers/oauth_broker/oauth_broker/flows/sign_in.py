"""Where people sign in to the console, asked of the issuer and held."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from oauth_broker.errors import InvalidError, UnavailableError
from oauth_broker.protocol.sign_in import ASK_AGAIN_AFTER, SignIn, sign_in_of

if TYPE_CHECKING:
    from oauth_broker.doors.machine import Machine
    from oauth_broker.flows.issuers import Issuers

HELD_FOR: Final = 3600
"""Seconds. Endpoints hardly ever move, and no secret of ours goes there."""


class Entrance:
    """The way in of one issuer and client; one a process. `scope_prefix`, `audience` as for `sign_in_of`."""

    def __init__(  # noqa: PLR0913 - what it asks with, and what it asks for, each by name
        self,
        issuers: Issuers,
        machine: Machine,
        *,
        issuer: str,
        client_id: str,
        scope_prefix: str,
        audience: str | None,
    ) -> None:
        """Ask nothing yet."""
        self._issuers = issuers
        self._machine = machine
        self._issuer = issuer
        self._client_id = client_id
        self._scope_prefix = scope_prefix
        self._audience = audience
        self._outcome: SignIn | UnavailableError = UnavailableError("", retry_after=0)
        self._ask_at = 0.0

    def sign_in(self) -> SignIn:
        """Give how to sign in; while the issuer fails, as it was. Raises UnavailableError at first."""
        if self._machine.now() >= self._ask_at:
            self._ask()
        if isinstance(self._outcome, UnavailableError):
            raise UnavailableError(self._outcome.detail, retry_after=self._outcome.retry_after)
        return self._outcome

    def _ask(self) -> None:
        answered = self._answered()
        if isinstance(answered, SignIn) or not isinstance(self._outcome, SignIn):
            self._outcome = answered
        # Not each page is to wait for an issuer that does not answer.
        held_for = HELD_FOR if isinstance(answered, SignIn) else ASK_AGAIN_AFTER
        self._ask_at = self._machine.now() + held_for

    def _answered(self) -> SignIn | UnavailableError:
        try:
            return sign_in_of(
                self._issuers.metadata(self._issuer),
                client_id=self._client_id,
                scope_prefix=self._scope_prefix,
                audience=self._audience,
            )
        except InvalidError as error:
            why = error.problems[0].detail.removeprefix("its ")
            return UnavailableError(f"The issuer's {why}.", retry_after=ASK_AGAIN_AFTER)
        except UnavailableError as error:
            return error
