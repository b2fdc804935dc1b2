"""A registration that lacks its URLs and names an issuer: they are taken from that one's metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oauth_broker.registration.client_rules import possible_methods
from oauth_broker.registration.discovered import discovered, issuer_to_ask, stand_in
from oauth_broker.registration.parsing import parse_registration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauth_broker.flows.issuers import Issuers


def with_urls(
    issuers: Issuers,
    registration: Mapping[str, Any],
    *,
    loopback: bool,
    resource_id: str | None = None,
    stored: Mapping[str, Any] | None = None,
) -> Mapping[str, Any]:
    """Give a registration with the URLs that it lacks, where it names an issuer: from that one's metadata.

    `resource_id` and `stored` as for `parse_registration`. Raises InvalidError, before anything is sent where
    the registration is wrong in itself.
    """
    issuer = issuer_to_ask(registration, loopback=loopback)
    if issuer is None:
        return registration
    parsed = parse_registration(
        stand_in(registration), resource_id=resource_id, loopback=loopback, stored=stored
    )
    return discovered(
        issuers.metadata(issuer),
        registration,
        can=possible_methods(parsed.resource.document),
        loopback=loopback,
    )
