"""What a function of the broker is imported with: its settings are read then, and name what is missing."""

from __future__ import annotations

import os

os.environ.setdefault("PUBLIC_URL", "https://broker.example")
os.environ.setdefault("OIDC_ISSUER", "")
os.environ.setdefault("OIDC_AUDIENCE", "")
os.environ.setdefault("SCOPE_PREFIX", "broker/")
