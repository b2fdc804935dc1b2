"""The circle as curl commands to copy: the first thing that a person does with the stack."""

from __future__ import annotations

_WALK = """\
The whole circle, to copy (bash or zsh):

  # 1  register the demo provider as a resource
  curl -sS {broker}/v1/resources -H 'Content-Type: application/json' -d '{{
    "resource_id": "demo", "name": "Demo",
    "client_id": "demo-client", "client_secret": "demo-secret",
    "authorization": {{"url": "{provider}/authorize"}},
    "token": {{"url": "{provider}/token"}},
    "revocation": {{"url": "{provider}/revoke"}},
    "scopes": ["profile", "notes.read", "offline"]}}'

  # 2  ask for a connection; the answer has a start_url
  curl -sS {broker}/v1/resources/demo/connections -H 'Content-Type: application/json' -d '{{
    "connection_id": "ada", "user": "ada",
    "return_url": "{provider}/app?resource_id=demo&user=ada"}}' | python3 -m json.tool

  # 3  open that start_url in a browser, allow, and run the confirm command that the page at the end shows

  # 4  read a fresh access token, and use it
  curl -sS {broker}/v1/tokens/demo/ada
  curl -sS {provider}/api/me -H "Authorization: Bearer $(curl -sS {broker}/v1/tokens/demo/ada \\
    | python3 -c 'import json, sys; print(json.load(sys.stdin)["access_token"])')"

  # 5  half a minute later the schedule has refreshed it: "generation" has grown
  curl -sS {broker}/v1/resources/demo/connections/ada | python3 -m json.tool

  # 6  disconnect: gone at once, its tokens revoked at the provider a moment later
  curl -sS -X DELETE {broker}/v1/resources/demo/connections/ada
"""


def walk(broker: str, provider: str) -> str:
    """The commands, for a broker and a demo provider at these addresses (without a slash at the end)."""
    return _WALK.format(broker=broker, provider=provider)
