"""A registration that is looked at before it is saved: the requests that it would make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oauth_broker.flows.discover import with_urls
from oauth_broker.flows.start_link import callback_url
from oauth_broker.preview import apart, connection_values, kept_secrets, preview
from oauth_broker.registration.origins import check_not_ourselves
from oauth_broker.registration.parsing import parse_registration
from oauth_broker.registration.prefill import prefilled

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from oauth_broker.flows.issuers import Issuers

ID_TO_COME = "RESOURCE_ID"
"""Stands in the callback's address for an id that is made when the resource is saved."""


def preview_registration(  # noqa: PLR0913 - the request's parts
    issuers: Issuers,
    base: str,
    body: Mapping[str, Any],
    *,
    moment: Mapping[str, str],
    loopback: bool,
    entry: Mapping[str, Any] | None = None,
    entries: Iterable[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Give what `preview` shows of a registration, filled from the catalogue `entry` and from its issuer.

    Its metadata may be asked for; nothing is stored, and no request of the registration is sent. `entries`
    are the whole catalogue. Raises InvalidError as `create_resource`, and for values of a connection that do
    not fit.
    """
    registration, brought = apart(prefilled(entry, body) if entry else body)
    stored = kept_secrets(registration)
    given = with_urls(issuers, registration, loopback=loopback, stored=stored)
    parsed = parse_registration(given, loopback=loopback, stored=stored)
    resource = parsed.resource
    check_not_ourselves(resource, base)
    return preview(
        parsed,
        connection_values(resource, brought),
        redirect_uri=callback_url(
            base, None if resource.shared_callback else resource.resource_id or ID_TO_COME
        ),
        moment=moment,
        entries=entries,
    )
