"""A registration from JSON: a `Resource` and its secrets, or every problem with its pointer."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from oauth_broker.errors import FieldProblem, InvalidError
from oauth_broker.protocol.wording import unknown
from oauth_broker.registration.checks import child
from oauth_broker.registration.consistency import consistency_problems, secrets_in_texts, value_problems
from oauth_broker.registration.document import NULL_SAYS_NONE, resource_of
from oauth_broker.registration.fields import REQUIRED, fields
from oauth_broker.registration.names import DECLARE_NAMES, STEPS, name_problems
from oauth_broker.registration.signing_keys import WantedKey, shown_keys, wanted_keys
from oauth_broker.secret import HIDDEN, Secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from oauth_broker.resource import Resource, SigningKey

_MOST_PROBLEMS: Final = 100
_SECRET_MEMBERS: Final = ("client_secret", "secret_variables", "signing_keys")
_ALWAYS_TOLD: Final = "code_challenge_method"


class Absent(Enum):
    """A member that was not given, which is not the same as null."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT


@dataclass(frozen=True, slots=True)
class GivenSecrets:
    """The secrets that a registration brings: a secret is set, None removes one, what is absent is kept.

    `signing_keys` are all that hold from now on, in their order.
    """

    client_secret: Secret | Absent | None = ABSENT
    variables: Mapping[str, Secret | None] = field(default_factory=dict)
    signing_keys: tuple[WantedKey, ...] = ()

    @property
    def brings_client_secret(self) -> bool:
        """Say whether it sets or removes the client secret."""
        return self.client_secret is not ABSENT

    @property
    def set_now(self) -> dict[str, Secret]:
        """Give the secrets that it sets, by name."""
        given = {"client_secret": self.client_secret, **self.variables}
        return {name: secret for name, secret in given.items() if isinstance(secret, Secret)}

    def over(
        self, client_secret: Secret | None, variables: Mapping[str, Secret]
    ) -> tuple[Secret | None, dict[str, Secret]]:
        """Give client secret and secret variables that hold after these are laid over the ones until now."""
        merged = {**variables, **self.variables}
        kept = {name: value for name, value in merged.items() if value is not None}
        return client_secret if isinstance(self.client_secret, Absent) else self.client_secret, kept


@dataclass(frozen=True, slots=True)
class ParsedRegistration:
    """A registration without a fault. `resource.resource_id` is empty where none was given."""

    resource: Resource
    secrets: GivenSecrets

    def with_id(self, resource_id: str) -> ParsedRegistration:
        """Give it under an id."""
        return replace(self, resource=replace(self.resource, resource_id=resource_id))

    def with_keys(self, signing_keys: Sequence[SigningKey]) -> ParsedRegistration:
        """Give it with its signing keys as they are, in the place of those it wanted."""
        if not signing_keys:
            return self
        settled = tuple(
            WantedKey(key.kid, key.algorithm, key.private_key, key.kms_key) for key in signing_keys
        )
        document = {**self.resource.document, "signing_keys": shown_keys(settled, {})}
        return replace(self, resource=replace(self.resource, document=document))


def parse_registration(
    body: object,
    *,
    resource_id: str | None = None,
    loopback: bool,
    stored: Mapping[str, Any] | None = None,
) -> ParsedRegistration:
    """Parse a registration as POST, PUT or (after `patched`) PATCH have it.

    `resource_id` is the one in the path, `stored` the document that PUT and PATCH replace: its secrets are
    kept unless the body gives others or null, and `***`, as GET shows them, stands for keeping. `loopback`
    allows plain loopback hosts. Raises InvalidError with every problem, at most 100.
    """
    if not isinstance(body, dict):
        raise InvalidError(FieldProblem("", "must be an object"))
    stored = stored or {}
    secrets, problems = _given_secrets(body, stored)
    problems += _shape_problems(body, resource_id, loopback=loopback)
    document = _document(body, secrets, stored)
    problems += secrets_in_texts(document, secrets.set_now)
    bad = _members_of(problems)
    if bad.isdisjoint(DECLARE_NAMES):
        legible = {name: value for name, value in document.items() if name not in bad or name in STEPS}
        problems += name_problems(legible)
    # What a member with a problem of its own seems to lack or to contradict is no second problem.
    bad = _members_of(problems)
    sound = {name: value for name, value in document.items() if name not in bad}
    problems += [problem for problem in consistency_problems(sound) if _member_of(problem) not in bad]
    if not problems:
        resource = resource_of(resource_id or body.get("resource_id") or "", _told(document, body))
        problems += value_problems(resource)
        if not problems:
            return ParsedRegistration(resource, secrets)
    raise InvalidError(*list(dict.fromkeys(problems))[:_MOST_PROBLEMS])


def _given_secrets(
    body: Mapping[str, Any], stored: Mapping[str, Any]
) -> tuple[GivenSecrets, list[FieldProblem]]:
    """Read the secrets, passing over what has the wrong shape: the table of fields says so."""
    keys, problems = wanted_keys(body, stored)
    client_secret: Secret | Absent | None = ABSENT
    given, kept = body.get("client_secret", ABSENT), stored.get("client_secret")
    if given == HIDDEN and not kept:
        problems.append(_hidden("/client_secret"))
    elif given is None:
        client_secret = None
    elif isinstance(given, str) and given != HIDDEN:
        client_secret = Secret(given)
    names = stored.get("secret_variables", {})
    members = body.get("secret_variables", {})
    if members is None:
        return GivenSecrets(client_secret, dict.fromkeys(names), keys), problems
    variables: dict[str, Secret | None] = {}
    for name, value in members.items() if isinstance(members, dict) else ():
        if value == HIDDEN and name not in names:
            problems.append(_hidden(child("/secret_variables", name)))
        elif value is None or (isinstance(value, str) and value != HIDDEN):
            variables[name] = None if value is None else Secret(value)
    return GivenSecrets(client_secret, variables, keys), problems


def _hidden(pointer: str) -> FieldProblem:
    return FieldProblem(
        pointer, f"{HIDDEN} stands for a secret that is kept, and there is none: give the secret"
    )


def _shape_problems(
    body: Mapping[str, Any], resource_id: str | None, *, loopback: bool
) -> Iterator[FieldProblem]:
    """Find what is wrong with each member by itself."""
    table = fields(loopback=loopback)
    for name, more in REQUIRED.items():
        if name not in body:
            yield FieldProblem(f"/{name}", f"is required{more}")
    for name, value in body.items():
        if name not in table:
            yield FieldProblem(child("", name), unknown("member", name, table))
        else:
            yield from table[name](value, f"/{name}")
    if resource_id is not None and body.get("resource_id", resource_id) != resource_id:
        yield FieldProblem("/resource_id", "must be the one in the path, or left out")


def _document(body: Mapping[str, Any], secrets: GivenSecrets, stored: Mapping[str, Any]) -> dict[str, Any]:
    """Give what is kept of the body: its members without null ones, and secrets hidden."""
    document = {
        name: value
        for name, value in body.items()
        if name not in ("resource_id", *_SECRET_MEMBERS) and (value is not None or name == _ALWAYS_TOLD)
    }
    client_secret, variables = secrets.over(
        Secret(HIDDEN) if stored.get("client_secret") else None,
        dict.fromkeys(stored.get("secret_variables", ()), Secret(HIDDEN)),
    )
    if client_secret is not None:
        document["client_secret"] = HIDDEN
    if variables:
        document["secret_variables"] = dict.fromkeys(variables, HIDDEN)
    if secrets.signing_keys:
        document["signing_keys"] = shown_keys(secrets.signing_keys, stored)
    return document


def _told(document: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """Give the document with what the body takes away of a catalogue entry: saved again, it stays away."""
    taken = NULL_SAYS_NONE if document.get("provider") else frozenset()
    return {**document, **{name: None for name in taken if name in body and body[name] is None}}


def _member_of(problem: FieldProblem) -> str:
    return problem.pointer.split("/")[1]


def _members_of(problems: Iterable[FieldProblem]) -> frozenset[str]:
    return frozenset(map(_member_of, problems))
