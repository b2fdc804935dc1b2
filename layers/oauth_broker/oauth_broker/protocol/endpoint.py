"""A request to an endpoint at which the client authenticates (token, refresh, revocation), written out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from oauth_broker.protocol.client_authentication import client_authentication
from oauth_broker.protocol.http import HttpRequest
from oauth_broker.protocol.parameters import filled_json, merged, with_query, written
from oauth_broker.protocol.template import Place, fill_header, fill_url
from oauth_broker.resource import BodyFormat
from oauth_broker.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oauth_broker.protocol.template import Hosts, Values
    from oauth_broker.resource import EndpointStep, Resource, ResourceSecrets

CONTENT_TYPES: Final = {
    BodyFormat.FORM: "application/x-www-form-urlencoded",
    BodyFormat.JSON: "application/json",
}


def endpoint_request(  # noqa: PLR0913 - whose request, and its two kinds of values, kept apart
    step: EndpointStep,
    resource: Resource,
    secrets: ResourceSecrets,
    *,
    standard: Sequence[str],
    values: Mapping[str, str | Secret],
    variables: Mapping[str, str],
) -> HttpRequest:
    """Make the request of `step`: its `standard` parameters (names of `values`), its own, authentication.

    `values` are what the step knows by itself, `variables` the connection's own. Raises TemplateError for a
    name without a value, UnfitValueError or HostNotAllowedError for a value that may not stand where it is
    put.
    """
    all_values = _all_values(resource, secrets, values, variables)
    authentication = client_authentication(step, resource.client_id, secrets.client_secret)
    url = fill_url(step.url, all_values, hosts=hosts_of(resource))
    parameters = merged((*standard, *authentication.standard), url=url, params=step.params)
    headers = {"Accept": "application/json"}
    if authentication.authorization is not None:
        headers["Authorization"] = authentication.authorization.reveal()
    body = None
    if step.method == "GET":
        url = with_query(url, written(parameters, all_values, Place.QUERY))
    else:
        headers["Content-Type"] = CONTENT_TYPES[step.body]
        body = _body(step.body, parameters, all_values)
    return HttpRequest(
        method=step.method,
        url=url,
        headers=_overridden(
            headers, {name: fill_header(text, all_values) for name, text in step.headers.items()}
        ),
        body=body,
        secrets=_secrets(all_values, authentication.authorization),
    )


def hosts_of(resource: Resource) -> Hosts:
    """Give the hosts that each of the resource's connection variables may make."""
    return {name: variable.hosts for name, variable in resource.connection_variables.items()}


def _all_values(
    resource: Resource,
    secrets: ResourceSecrets,
    values: Mapping[str, str | Secret],
    variables: Mapping[str, str],
) -> dict[str, str | Secret]:
    """Give all values by name; what came by way of a browser or an answer replaces nothing of ours."""
    client: dict[str, str | Secret] = {"client_id": resource.client_id}
    if secrets.client_secret is not None:
        client["client_secret"] = secrets.client_secret
    return {**resource.variables, **variables, **secrets.variables, **values, **client}


def _body(form: BodyFormat, parameters: Mapping[str, Any], values: Values) -> bytes:
    if form is BodyFormat.JSON:
        return json.dumps(filled_json(dict(parameters), values), separators=(",", ":")).encode()
    return written(parameters, values, Place.FORM).encode("ascii")


def _overridden(headers: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """Give both, `own` instead of what has the same name in any case."""
    names = {name.lower() for name in own}
    return {name: value for name, value in headers.items() if name.lower() not in names} | dict(own)


def _secrets(values: Values, authorization: Secret | None) -> tuple[Secret, ...]:
    """Give every secret that may stand in the request, the credentials of `Basic` as they are written too."""
    named = tuple(value for value in values.values() if isinstance(value, Secret) and value)
    if authorization is None:
        return named
    return (*named, Secret(authorization.reveal().partition(" ")[2]))
