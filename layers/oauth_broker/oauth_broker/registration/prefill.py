"""A registration that starts from a catalogue entry: what the caller says is laid over what the entry says.

It is filled when it is saved, so a stored resource is whole: GET shows all of it, and a later catalogue
changes nothing about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

from oauth_broker.errors import FieldProblem, InvalidError
from oauth_broker.protocol.wording import unknown
from oauth_broker.registration.checks import child
from oauth_broker.registration.document import NULL_SAYS_NONE

if TYPE_CHECKING:
    from collections.abc import Iterable

OWN: Final = frozenset(
    {
        "resource_id",
        "name",
        "provider",
        "client_id",
        "client_secret",
        "secret_variables",
        "signing_keys",
        "callback",
        "provider_initiated",
        "install_return_url",
        "require_confirmation",
    }
)
"""The members of a registration that are the team's own: no entry has them."""

_LAID_OVER: Final = ("variables", "connection_variables")
_STEPS: Final = (
    "authorization",
    "token",
    "refresh",
    "revocation",
    "token_response",
    "callback_params",
    "refresh_token",
)
# In a step's params null stays: it takes a standard parameter away as well.
_BY_NAME: Final = {"params": True, "headers": False}


class Entries(Protocol):
    """A catalogue."""

    @property
    def providers(self) -> Iterable[str]:
        """The ids of all entries."""

    def entry(self, provider: str) -> Mapping[str, Any] | None:
        """Give an entry, None for a provider that it does not have."""


def entry_named_in(body: Mapping[str, Any], catalogue: Entries) -> Mapping[str, Any] | None:
    """Give the entry that a registration starts from, None where it names none.

    Raises InvalidError for a provider that the catalogue does not have.
    """
    provider = body.get("provider")
    if not isinstance(provider, str):
        return None
    entry = catalogue.entry(provider)
    if entry is None:
        raise InvalidError(FieldProblem("/provider", unknown("provider", provider, catalogue.providers)))
    return entry


def prefilled(entry: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """Give the registration that `body` makes of a catalogue entry.

    A member of the body stands instead of the entry's; inside a step, and inside connection variables, its
    members do, and params and headers go by name. Null takes away what the entry says. What has a wrong type
    is left for `parse_registration` to refuse. Raises InvalidError for a variable that the entry asks of each
    registration.
    """
    registration: Mapping[str, Any] = entry["registration"]
    filled = {**registration, **{name: _laid_over(name, registration, body[name]) for name in body}}
    given = body.get("variables")
    missing = entry.get("variables", {}).keys() - (given.keys() if isinstance(given, Mapping) else set())
    if missing:
        raise InvalidError(
            *(FieldProblem(child("/variables", name), _wanted(entry, name)) for name in sorted(missing))
        )
    return {
        name: value
        for name, value in filled.items()
        if value is not None or name not in registration or name in NULL_SAYS_NONE
    }


def refilled(
    entry: Mapping[str, Any], document: Mapping[str, Any], patch: Mapping[str, Any]
) -> dict[str, Any]:
    """Give the registration that a PATCH makes which names a provider: begun anew from the entry.

    Of the stored `document` only the team's own members and variables stay; the patch is laid over. Raises
    as `prefilled`.
    """
    own = {name: value for name, value in document.items() if name in OWN or name == "variables"}
    return prefilled(entry, {**own, **patch})


def _laid_over(name: str, registration: Mapping[str, Any], given: Any) -> Any:
    said = registration.get(name)
    if not (isinstance(said, Mapping) and isinstance(given, Mapping)):
        return given
    if name in _STEPS:
        return _step(said, given)
    if name in _LAID_OVER:
        return _merged({**said, **{one: _laid_over_one(said.get(one), given[one]) for one in given}})
    return given


def _laid_over_one(said: Any, given: Any) -> Any:
    both = isinstance(said, Mapping) and isinstance(given, Mapping)
    return _merged({**said, **given}) if both else given


def _step(said: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    step = {**said, **given}
    for name, keeps_null in _BY_NAME.items():
        over, under = given.get(name), said.get(name)
        if isinstance(over, Mapping) and isinstance(under, Mapping):
            both = {**under, **over}
            step[name] = both if keeps_null else _merged(both)
    return _merged(step)


def _merged(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _wanted(entry: Mapping[str, Any], name: str) -> str:
    variable = entry["variables"][name]
    return f"is required for {entry['title']}: {variable['title']}, such as {variable['example']}"
