"""Proof Key for Code Exchange."""

from __future__ import annotations

from oauth_broker.protocol.pkce import code_challenge
from oauth_broker.secret import Secret
from tests.unit.protocol.examples import vectors


def test_the_challenge_is_that_of_the_rfc() -> None:
    """The verifier of RFC 7636 appendix B has the challenge of RFC 7636 appendix B."""
    vector = vectors("rfc7636_pkce")
    assert code_challenge(Secret(vector["code_verifier"])) == vector["code_challenge"]
