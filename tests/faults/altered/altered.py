"""A function in other surroundings, or without one of its rules: it runs `handler` in place of `app.handler`.

ALTERATIONS names modules of this folder, separated by commas: each alters the package as it is imported.
"""

from __future__ import annotations

import importlib
import os

for name in os.environ["ALTERATIONS"].split(","):
    importlib.import_module(name)

handler = importlib.import_module("app").handler
