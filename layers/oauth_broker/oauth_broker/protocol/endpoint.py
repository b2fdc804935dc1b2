"""A request to an endpoint at which the client authenticates (token, refresh, revocation), written out."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from oauth_broker.protocol.client_assertion import ASSERTION_TYPE
from oauth_broker.protocol.client_authentication import client_authentication, texts_of
from oauth_broker.protocol.expressions import Call
from oauth_broker.protocol.functions import evaluated
from oauth_broker.protocol.http import HttpRequest, MaskedRequest
from oauth_broker.protocol.masking import masked
from oauth_broker.protocol.parameters import filled_json, merged, with_query, written
from oauth_broker.protocol.template import Place, expressions_in, fill_header
from oauth_broker.protocol.url_template import fill_url
from oauth_broker.resource import BodyFormat
from oauth_broker.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oauth_broker.protocol.template import Values
    from oauth_broker.protocol.url_template import Hosts
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

    `values` are what the step knows by itself, `variables` the connection's own and, for `now` and `random`,
    the request's moment (`moment_values`). Raises TemplateError for a name without a value, UnfitValueError
    or HostNotAllowedError for a value that may not stand where it is put, and BrokerError where the resource
    has nothing to sign with.
    """
    all_values = _all_values(resource, secrets, values, variables)
    url = fill_url(step.url, all_values, hosts=hosts_of(resource))
    authentication = client_authentication(step, resource, secrets, url=url, moment=variables)
    if authentication.assertion is not None:
        all_values |= {
            "client_assertion": authentication.assertion,
            "client_assertion_type": ASSERTION_TYPE,
        }
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
        secrets=_secrets(step, all_values, authentication.authorization),
        masked=lambda shown: _masked(
            step,
            resource,
            secrets,
            standard=standard,
            values={name: shown.get(name, value) for name, value in values.items()},
            variables=variables,
        ),
    )


def hosts_of(resource: Resource) -> Hosts:
    """Give the hosts that each of the resource's connection variables may make."""
    return {name: variable.hosts for name, variable in resource.connection_variables.items()}


def _masked(  # noqa: PLR0913 - as endpoint_request
    step: EndpointStep,
    resource: Resource,
    secrets: ResourceSecrets,
    *,
    standard: Sequence[str],
    values: Mapping[str, str | Secret],
    variables: Mapping[str, str],
) -> MaskedRequest:
    """Make the request anew with a word of ours for each secret, and hide those words.

    Searching the request for the secrets would miss a spelling, and hit what resembles a short one.
    """
    signer = None if secrets.signer is None else replace(secrets.signer, sign=lambda _: b"")
    hidden = replace(
        secrets,
        client_secret=None if secrets.client_secret is None else _word_for("client_secret"),
        variables={name: _word_for(name) for name in secrets.variables},
        signer=signer,
    )
    request = endpoint_request(
        step,
        resource,
        hidden,
        standard=standard,
        values={
            name: _word_for(name) if isinstance(value, Secret) else value for name, value in values.items()
        },
        variables=variables,
    )
    return MaskedRequest(
        method=request.method,
        url=masked(request.url, request.secrets),
        headers={name: masked(text, request.secrets) for name, text in request.headers.items()},
        body=None if request.body is None else masked(request.body.decode(), request.secrets),
    )


def _word_for(name: str) -> Secret:
    """Give a word that stands in no text by chance, and that no encoding of ours changes."""
    return Secret("hidden" + sha256(name.encode()).hexdigest())


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


def _secrets(step: EndpointStep, values: Values, authorization: Secret | None) -> tuple[Secret, ...]:
    """Give every secret that may stand in the request, as it is written there: encoded or signed as well."""
    named = [value for value in values.values() if isinstance(value, Secret) and value]
    for text in texts_of([step.url, step.params, step.headers]):
        made = [evaluated(one, values) for one in expressions_in(text) if isinstance(one, Call)]
        named += [value for value in made if isinstance(value, Secret) and value]
    if authorization is not None:
        named.append(Secret(authorization.reveal().partition(" ")[2]))
    return tuple(named)
