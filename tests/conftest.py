"""Servers that any test may ask for by a fixture's name; each starts when it is first asked for."""

from __future__ import annotations

pytest_plugins = ("tests.servers.dynamodb_local", "tests.servers.openid_provider")
