"""The origins that a registration's secrets may be sent to, and what a change of them asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oauth_broker.errors import FieldProblem, InvalidError
from oauth_broker.protocol.destinations import DEFAULT_PORTS, Destinations, ascii_host, origin_of
from oauth_broker.protocol.template import names_in
from oauth_broker.protocol.url_template import split_url
from oauth_broker.registration.signing_keys import kept_private_keys

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from oauth_broker.registration.parsing import ParsedRegistration
    from oauth_broker.resource import Resource


def origins_by_url(resource: Resource) -> dict[str, frozenset[str]]:
    """Give, by JSON pointer, the origins of each URL that a secret may go to, as `Destinations` has them.

    For a host with a variable: those that the variable is declared with.
    """
    document = resource.document
    steps = {step: document.get(step) or {} for step in ("token", "refresh", "revocation")}
    urls = {f"/{step}/url": members.get("url") for step, members in steps.items()}
    urls["/api_base_url"] = resource.api_base_url
    return {pointer: _origins(url, resource) for pointer, url in urls.items() if url is not None}


def destinations_of(resource: Resource) -> Destinations:
    """Give the only origins that the resource's secrets may be sent to."""
    return Destinations(frozenset().union(*origins_by_url(resource).values()))


def unproved_origins(
    parsed: ParsedRegistration, *, stored: Mapping[str, Any], allowed: Destinations
) -> tuple[FieldProblem, ...]:
    """Find the URLs of a PUT or PATCH with origins not `allowed`, unless it brings every stored secret again.

    `stored` is the document until now: who can name a new origin for a secret must know the secret. A secret
    that is removed is not asked for, nor is a key in KMS: to name it proves nothing, and what it signs is
    good only at the origin that it is sent to (`client_rules`).
    """
    given = parsed.secrets
    missing = set(stored.get("secret_variables", ())) - given.variables.keys()
    if stored.get("client_secret") and not given.brings_client_secret:
        missing.add("client_secret")
    missing |= {f"signing key {kid}" for kid in kept_private_keys(given.signing_keys, stored)}
    if not missing:
        return ()
    detail = "is a new origin for the secrets: give them again with it (" + ", ".join(sorted(missing)) + ")"
    return tuple(
        FieldProblem(pointer, detail)
        for pointer, origins in origins_by_url(parsed.resource).items()
        if not origins <= allowed.origins
    )


def check_not_ourselves(resource: Resource, base: str) -> None:
    """Refuse URLs that point to the broker itself, whose address is `base`. Raises InvalidError."""
    own = origin_of(base)
    problems = [
        FieldProblem(pointer, "is the broker's own address")
        for pointer, origins in origins_by_url(resource).items()
        if own in origins
    ]
    if problems:
        raise InvalidError(*problems)


def _origins(url: str, resource: Resource) -> frozenset[str]:
    parts = split_url(url)
    names = names_in(parts.host)
    if not names:
        return frozenset({origin_of(url)})
    scheme = parts.scheme or "https"
    port = parts.port or f":{DEFAULT_PORTS[scheme]}"
    # Where several variables make a host, every one's list must have it: the first one's is bound enough.
    hosts = resource.connection_variables[names[0]].hosts
    return frozenset(f"{scheme}://{ascii_host(host)}{port}" for host in hosts)
