"""Placeholders in a registration: known in their step, never a secret in sight, hosts only as declared."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.registration.samples import (
    EVERYTHING,
    LEAST,
    changed,
    details_at,
    parsed,
    problems_of,
    without,
)

TENANT_HOST = "https://{{tenant}}.acme.test/token"

UNKNOWN = [
    ("/token/params/x", "{{cliend_id}}", "unknown placeholder cliend_id; did you mean client_id?"),
    ("/token/params/x", "{{regoin}}", "unknown placeholder regoin; did you mean region?"),
    ("/token/headers/X", "{{api_kee}}", "unknown placeholder api_kee; did you mean api_key?"),
    ("/token/url", "https://acme.test/{{tennant}}", "unknown placeholder tennant; did you mean tenant?"),
    ("/authorization/url", "https://acme.test/?x={{stat}}", "unknown placeholder stat; did you mean state?"),
    ("/authorization/params/x", "{{zzz}}", "unknown placeholder zzz"),
    (
        "/refresh/params/x",
        "{{refreshtoken}}",
        "unknown placeholder refreshtoken; did you mean refresh_token?",
    ),
    ("/refresh/params/deep", {"a": ["{{zzz}}"]}, ""),
    ("/revocation/params/x", "{{tokn}}", "unknown placeholder tokn; did you mean token?"),
    ("/api_base_url", "https://acme.test/{{instance}}", "unknown placeholder instance"),
    ("/token/params/x", "{{client id}}", "a placeholder is written {{name}}"),
    ("/token/params/x", "{{base65(client_id)}}", "unknown function base65; did you mean base64?"),
    ("/token/params/x", "{{base64(clientid)}}", "unknown placeholder clientid; did you mean client_id?"),
    ("/token/params/x", "{{base64(client_id}}", "a placeholder is written {{name}}"),
    ("/token/params/x", "{{now}}", "now is a function: write {{now()}}"),
    ("/authorization/params/x", "{{sha256(client_secret)}}", "client_secret is a secret"),
    ("/authorization/params/x", "{{sha256(state)}}", "state is known only at the start"),
    ("/api_base_url", "https://acme.test/{{now()}}", "now is not known in this step"),
    ("/token/url", "https://acme.test/{{concat('a/b', client_id)}}", "has a quoted text"),
    ("/token/params/x", "{{", "a placeholder is written {{name}}"),
]


@pytest.mark.parametrize("pointer,text,words", UNKNOWN)
def test_an_unknown_placeholder_is_refused_with_the_nearest_known(
    pointer: str, text: Any, words: str
) -> None:
    """A slip in a name is met when the resource is saved; the name that was meant is said if one is near."""
    told = [
        p.detail for p in problems_of(changed(EVERYTHING, pointer, text)) if p.pointer.startswith(pointer)
    ]
    assert any(detail.startswith(words) for detail in told), told


def test_a_far_name_is_not_guessed() -> None:
    """Nothing is proposed when nothing is near."""
    body = changed(EVERYTHING, "/token/params/x", "{{zzz}}")
    assert details_at("/token/params/x", body) == "unknown placeholder zzz"


OTHER_STEP = [
    ("/authorization/params/x", "{{realmId}}"),
    ("/authorization/params/x", "{{instance_url}}"),
    ("/token/params/x", "{{instance_url}}"),
    ("/token/params/x", "{{refresh_token}}"),
    ("/token/params/x", "{{state}}"),
    ("/refresh/params/x", "{{code}}"),
    ("/refresh/params/x", "{{code_verifier}}"),
    ("/refresh/params/x", "{{redirect_uri}}"),
    ("/revocation/params/x", "{{refresh_token}}"),
    ("/api_base_url", "https://acme.test/{{client_secret}}"),
]


@pytest.mark.parametrize("pointer,text", OTHER_STEP)
def test_a_name_of_another_step_is_refused(pointer: str, text: str) -> None:
    """What a step does not know yet, or no more, cannot be filled in it."""
    assert "is not known in this step" in details_at(pointer, changed(EVERYTHING, pointer, text))


@pytest.mark.parametrize("name", ["code_challenge", "code_challenge_method"])
def test_no_challenge_without_pkce(name: str) -> None:
    """Where PKCE is off its placeholders have no value."""
    body = changed(EVERYTHING, "/authorization/params/x", f"{{{{{name}}}}}")
    assert parsed(body).resource.authorization is not None
    assert details_at("/authorization/params/x", body | {"code_challenge_method": None})


def test_client_credentials_have_no_code() -> None:
    """Without an authorization there is no code, verifier or redirect URI to send."""
    body = without(EVERYTHING, "authorization") | {"grant_type": "client_credentials"}
    body["connection_variables"]["tenant"]["default"] = "acme"
    assert parsed(body).resource.authorization is None
    for name in ("code", "redirect_uri", "code_verifier", "realmId"):
        assert details_at("/token/params/x", changed(body, "/token/params/x", f"{{{{{name}}}}}"))


IN_SIGHT = [
    ("/authorization/url", "https://acme.test/?x={{client_secret}}", "secret"),
    ("/authorization/url", "https://acme.test/{{api_key}}", "secret"),
    ("/authorization/url", "https://acme.test/#{{api_key}}", "secret"),
    ("/authorization/url", "https://acme.test/?client_secret=x", "secret's name"),
    ("/authorization/url", "https://acme.test/#/a?api%5Fkey=x", "secret's name"),
    ("/authorization/params/x", "{{code_verifier}}", "secret"),
    ("/authorization/params/x", "{{api_key}}", "secret"),
    ("/authorization/params/client_secret", "x", "secret's name"),
    ("/authorization/params/api_key", "{{client_id}}", "secret's name"),
    ("/token/url", "https://acme.test/{{client_secret}}/token", "may not stand in a path"),
    ("/token/url", "https://acme.test/{{code}}/token", "may not stand in a path"),
    ("/token/url", "https://{{api_key}}.acme.test/token", "may not stand in a host"),
    ("/token/url", "{{api_key}}/token", "may not stand in a host"),
    ("/refresh/url", "https://acme.test/{{refresh_token}}", "may not stand in a path"),
    ("/revocation/url", "https://acme.test/{{token}}", "may not stand in a path"),
    ("/api_base_url", "https://acme.test/{{api_key}}", "not known"),
]


@pytest.mark.parametrize("pointer,text,words", IN_SIGHT)
def test_no_secret_stands_where_it_shows(pointer: str, text: str, words: str) -> None:
    """A secret is refused in what a browser sees, and in every host and path."""
    assert words in details_at(pointer, changed(EVERYTHING, pointer, text))


@pytest.mark.parametrize(
    "pointer", ["/token/params/x", "/token/headers/X", "/refresh/params/x", "/revocation/params/x"]
)
def test_a_secret_may_stand_in_what_is_sent_to_the_provider(pointer: str) -> None:
    """Parameters and headers of the provider's endpoints are where secrets go; so is a token URL's query."""
    parsed(changed(EVERYTHING, pointer, "{{client_secret}} {{api_key}}"))
    parsed(changed(EVERYTHING, "/token/url", "https://acme.test/token?k={{api_key}}"))


HOSTS = [
    ("https://{{region}}.acme.test/token", {}),
    ("https://{{realmId}}.acme.test/token", {}),
    ("{{realmId}}/token", {}),
    ("https://{{tenant}}.acme.test/token", {"tenant": {}}),
    ("https://{{tenant}}.acme.test/token", {"tenant": {"hosts": []}}),
]


@pytest.mark.parametrize("url,declared", HOSTS)
def test_a_placeholder_in_a_host_is_refused_unless_declared(url: str, declared: dict[str, Any]) -> None:
    """Whoever gives the value would choose where secrets go: only a declared list of hosts makes it safe."""
    body = without(EVERYTHING, "connection_variables", "api_base_url", "authorization")
    body |= {"authorization": {"url": "https://acme.test/authorize"}, "connection_variables": declared}
    assert "connection_variables" in details_at("/token/url", changed(body, "/token/url", url))


@pytest.mark.parametrize("pointer", ["/authorization/url", "/token/url", "/revocation/url", "/api_base_url"])
@pytest.mark.parametrize("host", ["{{concat('localhost')}}", "acme.test{{concat('')}}", "{{urlencode('%')}}"])
def test_no_function_of_mere_texts_makes_a_host(pointer: str, host: str) -> None:
    """What it makes would be seen by no rule for hosts, and the origin be that of the placeholder."""
    assert "write the host out" in details_at(pointer, changed(EVERYTHING, pointer, f"https://{host}/x"))


def test_a_function_of_a_declared_variable_may_make_a_host() -> None:
    """Its hosts are compared with what comes out."""
    url = "https://{{lower(tenant)}}.acme.test/token"
    assert parsed(changed(EVERYTHING, "/token/url", url)).resource.token.url == url


def test_what_the_callback_brings_may_make_a_declared_host() -> None:
    """A callback variable declared with hosts may bring an origin; without a default it is unknown before."""
    zoho = {
        "callback_variables": ["accounts-server"],
        "connection_variables": {"accounts-server": {"hosts": ["accounts.zoho.eu"]}},
        "token": {"url": "{{accounts-server}}/oauth/v2/token"},
    }
    assert parsed(LEAST | zoho).resource.token.url == "{{accounts-server}}/oauth/v2/token"
    in_authorization = {"authorization": {"url": "{{accounts-server}}/oauth/v2/auth"}}
    assert "not known" in details_at("/authorization/url", LEAST | zoho | in_authorization)
    zoho["connection_variables"] = {
        "accounts-server": {"hosts": ["accounts.zoho.eu"], "default": "https://accounts.zoho.eu"}
    }
    parsed(LEAST | zoho | in_authorization)


def test_a_token_url_that_a_refresh_cannot_fill_is_met_at_once() -> None:
    """What only an exchange knows would fail at the first refresh, so a refresh URL is asked for."""
    token = {"url": "https://acme.test/{{redirect_uri}}/token"}
    assert "give /refresh/url as well" in details_at("/token/url", LEAST | {"token": token})
    parsed(LEAST | {"token": token, "refresh": {"url": "https://acme.test/refresh"}})
