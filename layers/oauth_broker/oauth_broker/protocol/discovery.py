"""Authorization server metadata as members of a registration (RFC 8414, OpenID Connect Discovery 1.0).

It is read when a resource is saved and never later: at run time it could send secrets elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit, urlunsplit

from oauth_broker.errors import FieldProblem, InvalidError
from oauth_broker.protocol import token_answer
from oauth_broker.protocol.http import HttpRequest
from oauth_broker.protocol.signing_keys import ALGORITHMS
from oauth_broker.resource import AuthMethod

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from oauth_broker.protocol.http import HttpResponse

LONGEST_METADATA: Final = 262_144
_MOST_SCOPES_SHOWN: Final = 200

_PREFERRED: Final = (
    AuthMethod.CLIENT_SECRET_BASIC,
    AuthMethod.CLIENT_SECRET_POST,
    AuthMethod.CLIENT_SECRET_JWT,
    AuthMethod.PRIVATE_KEY_JWT,
    AuthMethod.NONE,
)
URL_MEMBERS: Final = {
    "authorization": "authorization_endpoint",
    "token": "token_endpoint",
    "revocation": "revocation_endpoint",
    "jwks_uri": "jwks_uri",
}
"""The members of a registration that have a URL of metadata's, and what it is called there."""


def metadata_requests(issuer: str) -> Iterator[HttpRequest]:
    """Give the requests to try one after the other for an issuer's metadata, until one is answered.

    RFC 8414 puts the well-known part between host and path (section 3.1), OpenID Connect after the path; the
    latter comes first, since most issuers are OpenID providers.
    """
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    paths = (
        f"{path}/.well-known/openid-configuration",
        f"/.well-known/oauth-authorization-server{path}",
        f"/.well-known/openid-configuration{path}",
    )
    for one in dict.fromkeys(paths):
        url = urlunsplit((parts.scheme, parts.netloc, one, "", ""))
        yield HttpRequest("GET", url, {"Accept": "application/json"})


def metadata_verdict(issuer: str, response: HttpResponse) -> Mapping[str, Any] | None:
    """Read what came; None for another status than 200, or what is no JSON object of at most 256 KB.

    Raises InvalidError at `/issuer` where it speaks of another issuer (RFC 8414 section 3.3).
    """
    if response.status != 200 or len(response.body) > LONGEST_METADATA:  # noqa: PLR2004 - RFC 8414, 3.2
        return None
    metadata = token_answer.parsed(response.body)
    if not isinstance(metadata, dict) or "issuer" not in metadata:
        return None
    if metadata["issuer"] != issuer:
        said = str(metadata["issuer"])[:200]
        raise InvalidError(FieldProblem("/issuer", f"its metadata says that the issuer is {said}"))
    return metadata


def registration_members(metadata: Mapping[str, Any], *, can: Collection[AuthMethod]) -> dict[str, Any]:
    """Give what metadata says as members of a registration; `can`: how the client can authenticate.

    PKCE stays on whatever it says (RFC 9700 section 2.1.1). A method that is not ours is passed over.
    """
    members: dict[str, Any] = {"issuer": metadata["issuer"]}
    for member, name in URL_MEMBERS.items():
        if isinstance(metadata.get(name), str):
            members[member] = metadata[name] if member == "jwks_uri" else {"url": metadata[name]}
    for step, prefix in (("token", "token"), ("revocation", "revocation")):
        method = _method(metadata.get(f"{prefix}_endpoint_auth_methods_supported"), can)
        if step in members and method is not None:
            members[step]["auth_method"] = method
    if metadata.get("authorization_response_iss_parameter_supported") is True:
        members["authorization_response_iss_parameter_supported"] = True
    algorithms = dict.fromkeys(_texts(metadata.get("id_token_signing_alg_values_supported")))
    ours = [one for one in algorithms if one in ALGORITHMS]
    if "jwks_uri" in members and ours:
        members["id_token_signed_response_algs"] = ours
    return members


def scopes_supported(metadata: Mapping[str, Any]) -> list[str]:
    """Give the scopes that metadata names, for a person to choose from."""
    return _texts(metadata.get("scopes_supported"))[:_MOST_SCOPES_SHOWN]


def _method(supported: Any, can: Collection[AuthMethod]) -> str | None:
    """Choose the client authentication: of what is supported the first that the client can do.

    What metadata leaves out means `client_secret_basic` (RFC 8414 section 2), our own default. One of which
    nothing but keys is accepted is told so, by what `private_key_jwt` then asks of the registration.
    """
    ours = [method for method in _PREFERRED if method in _texts(supported)]
    possible = [method for method in ours if method in can]
    if not possible and ours == [AuthMethod.PRIVATE_KEY_JWT]:
        possible = ours
    return next((str(method) for method in possible), None)


def _texts(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
