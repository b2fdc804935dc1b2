"""`python -m local`: the stack on this machine until Ctrl-C."""

import argparse
import importlib.util
import os
import sys
from pathlib import Path

_NEEDED = ("boto3", "flask", "flask_cors", "joserfc", "moto", "requests", "samtranslator", "waitress")


def main() -> int:
    """Runs the stack; gives the exit status."""
    if sys.version_info < (3, 11):  # noqa: UP036 - this is where an older Python is told so
        print("Python 3.11 or later is needed; this is " + sys.version.split()[0] + ".", file=sys.stderr)
        return 2
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        print("Missing packages: " + ", ".join(missing) + ". `make run` installs them.", file=sys.stderr)
        return 2
    from local import foreground  # noqa: PLC0415 - only now is it known that this can be imported

    return foreground.run(_arguments())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    port = os.environ.get("PORT") or "8000"
    parser.add_argument("--port", type=int, default=port, help="the broker's port (PORT, else 8000)")
    parser.add_argument("--template", type=Path, help="the SAM template to run (template.yaml)")
    parser.add_argument(
        "--parameter", action="append", default=[], metavar="NAME=VALUE", help="a parameter of the template"
    )
    parser.add_argument("--schedule-period", type=float, default=5, metavar="SECONDS")
    parser.add_argument("--no-demo", action="store_true", help="without the demo provider")
    parser.add_argument("--oidc-issuer", default=os.environ.get("OIDC_ISSUER"), help="for /jwt (OIDC_ISSUER)")
    parser.add_argument(
        "--oidc-audience", default=os.environ.get("OIDC_AUDIENCE", ""), help="comma-separated (OIDC_AUDIENCE)"
    )
    parser.add_argument(
        "--oidc-client-id",
        default=os.environ.get("OIDC_CLIENT_ID", ""),
        help="with which people sign in to the console (OIDC_CLIENT_ID)",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
