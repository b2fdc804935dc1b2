"""URLs that egress would refuse, or that a browser and we might read differently, are refused when saved."""

from __future__ import annotations

import pytest

from tests.unit.registration.samples import EVERYTHING, LEAST, changed, details_at, parsed

REFUSED = [
    ("http://acme.test/token", "https"),
    ("HTTP://acme.test/token", "https"),
    ("//acme.test/token", "absolute"),
    ("/token", "absolute"),
    ("acme.test/token", "absolute"),
    ("javascript:alert(1)", "absolute"),
    ("https:acme.test", "absolute"),
    ("https://", "host"),
    ("https:///token", "host"),
    ("https://user@acme.test/token", "host"),
    ("https://user:pass@acme.test/token", "host"),
    ("https://acme.test@127.0.0.1/token", "host"),
    ("https://acme.test\\@evil.test/token", "backslash"),
    ("https://acme.test/to ken", "spaces"),
    ("https://acme.test/\ttoken", "control"),
    ("https://acme.test/\u00a0token", "spaces"),
    ("https://acme.test/\x85token", "control"),
    ("https://acme.test/\ud83d", "control"),
    ("https://acme.test:0/token", "port"),
    ("https://acme.test:65536/token", "port"),
    ("https://acme.test:443x/token", "host"),
    ("https://acme.test:{{region}}/token", "host"),
    ("https://acme.test/./token", "segments"),
    ("https://acme.test/a/%2e%2E/token", "segments"),
    ("https://acme.test/%zz", "percent"),
    ("https://acme.test/token?a=%", "percent"),
    ("https://acme.test/token?a=1&%61=2", "twice"),
    ("https://localhost/token", "loopback"),
    ("https://127.0.0.1/token", "loopback"),
    ("https://2130706433/token", "loopback"),
    ("https://0x7f.1/token", "loopback"),
    ("https://\uff11\uff12\uff17.0.0.1/token", "loopback"),
    ("https://[::1]/token", "loopback"),
    ("https://[::ffff:127.0.0.1]/token", "IPv4"),
    ("https://[::1/token", "host"),
    ("https://169.254.169.254/latest", "link-local"),
    ("https://10.1.2.3/token", "private"),
    ("https://metadata.google.internal/token", "internal"),
    ("https://vault/token", "single-label"),
    ("https://acme..test/token", "malformed"),
    ("https://acme.test./token", "trailing dot"),
    ("https://{{region}}.internal/token", "internal"),
    ("https://acme.test/{{region/token", "placeholder"),
    ("https://acme.test/{{re gion}}", "placeholder"),
]


@pytest.mark.parametrize("url,words", REFUSED)
def test_a_url_that_egress_would_refuse_is_refused(url: str, words: str) -> None:
    """Each of these forms is refused at the URL, with the rule that it breaks."""
    assert words in details_at("/token/url", LEAST | {"variables": {"region": "eu1"}, "token": {"url": url}})


@pytest.mark.parametrize(
    "pointer", ["/authorization/url", "/refresh/url", "/revocation/url", "/api_base_url"]
)
@pytest.mark.parametrize("url", ["https://user@acme.test/", "https://10.1.2.3/", "http://acme.test/"])
def test_every_url_is_held_to_the_rules(pointer: str, url: str) -> None:
    """No URL of a registration is without the check."""
    assert details_at(pointer, changed(EVERYTHING, pointer, url))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8001/token",
        "https://127.0.0.1/token",
        "http://localhost:8001/token",
        "http://[::1]:8001/token",
        "http://demo.localhost/token",
    ],
)
def test_loopback_is_for_a_local_stack(url: str) -> None:
    """A loopback URL is taken where the setting allows it, and nowhere else."""
    body = LEAST | {"token": {"url": url}}
    assert parsed(body, loopback=True).resource.token.url == url
    assert details_at("/token/url", body)


@pytest.mark.parametrize(
    "url", ["http://acme.test/token", "http://10.0.0.1/token", "http://2130706433/token"]
)
def test_a_local_stack_lifts_no_other_rule(url: str) -> None:
    """The setting allows plain spellings of loopback; http elsewhere and internal hosts stay refused."""
    assert details_at("/token/url", LEAST | {"token": {"url": url}}, loopback=True)


def test_a_local_stack_takes_loopback_hosts_for_a_variable() -> None:
    """A variable may make loopback hosts in a local stack, over http too."""
    body = LEAST | {
        "connection_variables": {"tenant": {"hosts": ["*.localhost", "127.0.0.1"]}},
        "token": {"url": "http://{{tenant}}.localhost:8001/token"},
    }
    assert parsed(body, loopback=True).resource.connection_variables["tenant"].hosts == (
        "*.localhost",
        "127.0.0.1",
    )
    assert "loopback" in details_at("/connection_variables/tenant/hosts/0", body)


@pytest.mark.parametrize("host", ["10.0.0.1", "*.internal", "2130706433", "*.com", "*.github.io"])
def test_a_local_stack_takes_no_other_hosts_for_a_variable(host: str) -> None:
    """Internal hosts and public suffixes are as refused there as anywhere."""
    body = LEAST | {"connection_variables": {"tenant": {"hosts": [host]}}}
    assert details_at("/connection_variables/tenant/hosts/0", body, loopback=True)
