"""Prints template.yaml as CloudFormation gets it, in JSON: `python -m tests.template.print_transformed`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from local.template import load

json.dump(load(Path(__file__).parents[2] / "template.yaml", {}).document, sys.stdout, indent=1)
