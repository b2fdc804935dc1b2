"""Rules of how people sign in to the console.

A rule takes the transformed template and yields a sentence for each breach.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.template.document import FUNCTION, Document, resources, stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CLIENT: Final = "ConsoleUserPoolClient"
POOL: Final = {"Ref": "UserPool"}
OF_COGNITO: Final = "oauth-broker://api"
ADDRESS: Final = {
    "Fn::If": ["HasPublicUrl", {"Fn::Sub": "${PublicUrl}/"}, {"Fn::Sub": "${Api.ApiEndpoint}/"}]
}
DEMANDED: Final[Mapping[str, Any]] = {
    "UserPoolId": POOL,
    "GenerateSecret": False,
    "AllowedOAuthFlowsUserPoolClient": True,
    "AllowedOAuthFlows": ["code"],
    "AllowedOAuthScopes": ["broker/read", "broker/write", "broker/admin"],
    "CallbackURLs": [ADDRESS],
    "LogoutURLs": [ADDRESS],
    "SupportedIdentityProviders": ["COGNITO"],
    "ExplicitAuthFlows": ["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH"],
    "PreventUserExistenceErrors": "ENABLED",
}


def the_console_is_a_public_client(document: Document) -> Iterator[str]:
    """Code alone, no secret, one address back, and no password that goes over the wire to an API."""
    client = document["Resources"].get(CLIENT, {"Properties": {}})
    yield from (
        f"{CLIENT}: {member} is {client['Properties'].get(member)}, not {value}"
        for member, value in DEMANDED.items()
        if client["Properties"].get(member) != value
    )
    if client.get("Condition") != "HasOwnIssuer":
        yield f"{CLIENT} is there with the team's own issuer, too"
    if client.get("DependsOn") != "UserPoolResourceServer":
        yield f"{CLIENT} may come before the scopes that it names"


def people_cannot_sign_themselves_up(document: Document) -> Iterator[str]:
    """Who is in the user pool was put there; the pool binds tokens to a resource, on a page of its own."""
    pool = resources(document, "AWS::Cognito::UserPool")["UserPool"]
    if pool.get("AdminCreateUserConfig") != {"AllowAdminCreateUserOnly": True}:
        yield "anybody may sign up"
    if pool.get("UserPoolTier") != "ESSENTIALS":
        yield "the user pool is of a tier that may bind no token to a resource"
    if [
        one["ManagedLoginVersion"] for one in resources(document, "AWS::Cognito::UserPoolDomain").values()
    ] != [2]:
        yield "the user pool's domain has not the managed login"
    looks = resources(document, "AWS::Cognito::ManagedLoginBranding").values()
    if [(one.get("UserPoolId"), one.get("ClientId")) for one in looks] != [(POOL, {"Ref": CLIENT})]:
        yield "the console's client has no page to sign in on"


def the_console_is_no_audience(document: Document) -> Iterator[str]:
    """A token is for the API: what the page asks for is what the authorizer takes, and never the client."""
    schemes = document["Resources"]["Api"]["Properties"]["Body"]["components"]["securitySchemes"]
    authorizer = schemes["Jwt"]["x-amazon-apigateway-authorizer"]["jwtConfiguration"]
    audience = authorizer["audience"]["Fn::If"]
    given = resources(document, FUNCTION)["ConsoleFunction"]["Environment"]["Variables"]
    if CLIENT in str(audience) or "OidcClientId" in str(audience):
        yield "the console's client is an audience"
    if audience[:2] != ["HasIssuer", {"Ref": "OidcAudience"}] or audience[2][0] != OF_COGNITO:
        yield f"the authorizer takes {audience}"
    first = {"Fn::Select": [0, {"Ref": "OidcAudience"}]}
    if given["OIDC_AUDIENCE"] != {"Fn::If": ["HasIssuer", first, OF_COGNITO]}:
        yield f"the console asks for {given['OIDC_AUDIENCE']}"
    if given["OIDC_ISSUER"] != authorizer["issuer"]:
        yield "people sign in at another issuer than the API's"


def the_console_learns_its_client_from_the_stage(document: Document) -> Iterator[str]:
    """The client needs the API, which needs the functions: in an environment it would be a cycle."""
    nobody = {"Fn::If": ["HasConsoleClient", {"Ref": "OidcClientId"}, {"Ref": "AWS::NoValue"}]}
    told = {"console_client_id": {"Fn::If": ["HasOwnIssuer", {"Ref": CLIENT}, nobody]}}
    if stage(document).get("StageVariables") != told:
        yield f"the stage says {stage(document).get('StageVariables')}"
    for name, function in resources(document, FUNCTION).items():
        if CLIENT in str(function):
            yield f"{name} waits for the client, which waits for the API, which waits for {name}"
