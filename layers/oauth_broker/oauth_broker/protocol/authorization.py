"""The authorization request, and the verdict on the callback (RFC 6749 section 4.1, RFC 9207)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_plus

from oauth_broker.errors import CallbackRejectedError
from oauth_broker.protocol.endpoint import hosts_of
from oauth_broker.protocol.failure import MAX_DESCRIPTION_LENGTH, MAX_ERROR_LENGTH
from oauth_broker.protocol.masking import kept, masked
from oauth_broker.protocol.parameters import merged, with_fragment, with_query, written
from oauth_broker.protocol.state import MAX_STATE_LENGTH, split_state
from oauth_broker.protocol.template import Place
from oauth_broker.protocol.url_template import fill_url
from oauth_broker.resource import ParamsIn
from oauth_broker.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oauth_broker.resource import Resource

MAX_CALLBACK_LENGTH: Final = 8_192
MAX_CODE_LENGTH: Final = 4_096

AT_START: Final = frozenset({"state", "code_challenge", "nonce"})
"""What only the browser's cookie gives: these placeholders stay in the URL until `/oauth/start`."""

OPENID: Final = "openid"
"""The scope that asks for an ID token (OpenID Connect Core 1.0 section 3.1.2.1)."""

_MADE_BY_THE_VERDICT: Final = object()


def authorization_url(
    resource: Resource, *, redirect_uri: str, scopes: Sequence[str], variables: Mapping[str, str]
) -> str:
    """Give the authorization request's URL, all but `{{state}}`, `{{code_challenge}}` and `{{nonce}}` put in.

    `scopes` are those asked for (none: no `scope` parameter), `variables` the connection's own. Raises
    ValueError for a resource without an authorization step, TemplateError, UnfitValueError or
    HostNotAllowedError for values that do not fit.
    """
    step = resource.authorization
    if step is None:
        raise ValueError("this resource has no authorization step")
    values = {
        **resource.variables,
        **variables,
        "response_type": "code",
        "client_id": resource.client_id,
        "redirect_uri": redirect_uri,
        "scope": resource.scope_separator.join(scopes),
        "code_challenge_method": resource.code_challenge_method or "",
    }
    url = fill_url(step.url, values, hosts=hosts_of(resource), keep=AT_START)
    in_fragment = step.params_in is ParamsIn.FRAGMENT
    parameters = merged(_standard(resource, scopes), url=url, params=step.params, fragment=in_fragment)
    text = written(
        parameters,
        values,
        Place.FRAGMENT if in_fragment else Place.QUERY,
        unencoded=step.unencoded,
        keep=AT_START,
    )
    return with_fragment(url, text) if in_fragment else with_query(url, text)


def completed(url: str, *, state: str, code_challenge: str, nonce: str) -> str:
    """Give an authorization URL with what `authorization_url` left open put in."""
    return fill_url(url, {"state": state, "code_challenge": code_challenge, "nonce": nonce}, hosts={})


def callback_parameters(raw_query: str) -> Mapping[str, str]:
    """Read a callback's raw query: names and values, decoded once.

    Raises CallbackRejectedError for a name that is there twice, for more than 8 KB, and for a `state` over
    256 characters or a `code` over 4 KB.
    """
    if len(raw_query) > MAX_CALLBACK_LENGTH:
        raise CallbackRejectedError("the answer is too long")
    parameters: dict[str, str] = {}
    for field in raw_query.split("&"):
        name, _, value = field.partition("=")
        decoded = unquote_plus(name)
        if decoded in parameters:
            raise CallbackRejectedError("a parameter of the answer is there twice")
        if field:
            parameters[decoded] = unquote_plus(value)
    _check_length(parameters.get("state", ""), MAX_STATE_LENGTH)
    _check_length(parameters.get("code", ""), MAX_CODE_LENGTH)
    return parameters


def parameter(resource: Resource, parameters: Mapping[str, str], name: str) -> str | None:
    """Give the value of standard parameter `name`, by the name this provider has for it; None without."""
    return parameters.get(resource.callback_params.get(name, name)) or None


class VerifiedCallback:
    """A callback whose issuer fits and that brings a code: the only one to exchange.

    Only `callback_verdict` makes one. `variables` are the callback variables that the resource keeps: the
    browser's word, still to be checked.
    """

    __slots__ = ("code", "variables")

    def __init__(self, code: Secret, variables: Mapping[str, str], *, maker: object) -> None:
        if maker is not _MADE_BY_THE_VERDICT:
            raise TypeError("only callback_verdict makes one")
        self.code = code
        self.variables = variables

    def __repr__(self) -> str:
        return "VerifiedCallback()"


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider, or the person there, said no.

    `error` is of RFC 6749's characters (section 4.1.2.1), at most 100; `description` at most 500 without
    controls, or None.
    """

    error: str
    description: str | None


def callback_verdict(
    resource: Resource,
    parameters: Mapping[str, str],
    *,
    authorization_iss: str | None,
    known: Sequence[Secret] = (),
) -> VerifiedCallback | Refused:
    """Judge a callback whose `state` is this browser's: first the issuer, then `error`, then the code.

    `authorization_iss` is the issuer pinned when the authorization was made, None if unknown; it is
    compared as a string (RFC 9207 section 2.4). `known` secrets are masked in what a refusal says. Raises
    CallbackRejectedError for another issuer, none where the provider is known to name it, or neither a code
    nor an error.
    """
    iss = parameter(resource, parameters, "iss")
    if iss is None and resource.authorization_response_iss_parameter_supported:
        raise CallbackRejectedError("the answer does not say which provider it is from (RFC 9207)")
    if authorization_iss is not None and iss is not None and iss != authorization_iss:
        raise CallbackRejectedError("the answer is another provider's")
    error = parameter(resource, parameters, "error")
    if error is not None:
        description = parameter(resource, parameters, "error_description") or ""
        secrets = (*_secrets_in(resource, parameters), *known)
        return Refused(
            error=_error_text(masked(error, secrets)),
            description=kept(description, secrets, limit=MAX_DESCRIPTION_LENGTH) or None,
        )
    code = parameter(resource, parameters, "code")
    if code is None:
        raise CallbackRejectedError("the answer brings neither a code nor an error")
    _check_length(code, MAX_CODE_LENGTH)
    if not (code.isascii() and code.isprintable()):
        raise CallbackRejectedError("the code is not one (RFC 6749 appendix A.11)")
    kept_variables = {name: parameters[name] for name in resource.callback_variables if name in parameters}
    return VerifiedCallback(Secret(code), kept_variables, maker=_MADE_BY_THE_VERDICT)


def _standard(resource: Resource, scopes: Sequence[str]) -> tuple[str, ...]:
    pkce = ("code_challenge", "code_challenge_method") if resource.code_challenge_method else ()
    return (
        "response_type",
        "client_id",
        "redirect_uri",
        *(("scope",) if scopes else ()),
        "state",
        *pkce,
        *(("nonce",) if OPENID in scopes else ()),
    )


def _check_length(value: str, limit: int) -> None:
    if len(value) > limit:
        raise CallbackRejectedError("a parameter of the answer is too long")


def _secrets_in(resource: Resource, parameters: Mapping[str, str]) -> tuple[Secret, ...]:
    """Give what of a callback a provider may repeat in its error, and must not be kept: the state's bits."""
    parts = split_state(parameter(resource, parameters, "state") or "")
    return () if parts is None else (parts[1],)


def _error_text(error: str) -> str:
    # RFC 6749 section 4.1.2.1: visible ASCII and space, without quotation mark and backslash.
    text = "".join(character for character in error if " " <= character <= "~" and character not in '"\\')
    return text.strip()[:MAX_ERROR_LENGTH] or "unreadable_error"
