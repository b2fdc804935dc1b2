"""`python -m operations`: commands for the people who operate a deployed broker."""

import sys
from pathlib import Path

# In AWS the layer is on the path; in a checkout it lies where the template has it from.
LAYER = Path(__file__).parent.parent / "layers" / "oauth_broker"


def main() -> int:
    """Run the command that was asked for; gives the exit status."""
    if sys.version_info < (3, 11):  # noqa: UP036 - this is where an older Python is told so
        print("Python 3.11 or later is needed; this is " + sys.version.split()[0] + ".", file=sys.stderr)
        return 2
    sys.path.insert(0, str(LAYER))
    try:
        from operations import command_line  # noqa: PLC0415 - only now is it known that this can be imported
    except ModuleNotFoundError as error:
        print(
            f"Missing: {error.name}. `make run-environment` installs what is needed into .venv:",
            file=sys.stderr,
        )
        print(".venv/bin/python -m operations --help", file=sys.stderr)
        return 2
    return command_line.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
