"""One JSON line a request, by Powertools' Logger: to the standard output, which Lambda keeps.

A foreign exception is named by its type and the lines it passed; its text is never written, since it may
quote a URL, a body or a token.
"""

from __future__ import annotations

import traceback
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from aws_lambda_powertools.logging import Logger

from oauth_broker.errors import CallbackRejectedError, CallerError, ProviderError

if TYPE_CHECKING:
    from collections.abc import Mapping

Field = str | int | float | None | list[str]

# The service's name comes from POWERTOOLS_SERVICE_NAME. Where a line was written says nothing: always here.
LOGGER: Final = Logger(location=None)


def line(event: str, *, failed: bool = False, **fields: Field) -> None:
    """Write one line; Powertools leaves out members that are None. `failed`: somebody should look at it."""
    (LOGGER.error if failed else LOGGER.info)(event, extra=fields)


def fault(error: BaseException) -> Mapping[str, Field]:
    """Give the members that say what went wrong: class and category; of a fault of ours, the lines it passed.

    Sentences stay out: a caller's error may quote what was sent, a provider's what was answered.
    """
    members: dict[str, Field] = {"error": type(error).__name__}
    if isinstance(error, ProviderError):
        members["category"] = error.category
    if isinstance(error, CallbackRejectedError):
        members["reason"] = error.detail  # always a sentence of ours, without a word of the answer
    if not isinstance(error, (CallerError, ProviderError)):
        members["trace"] = trace_of(error)
    return members


def trace_of(error: BaseException) -> list[str]:
    """Give the lines an exception passed, outermost first, as `folder/file.py:12 function`."""
    return [
        f"{'/'.join(PurePath(frame.f_code.co_filename).parts[-2:])}:{number} {frame.f_code.co_name}"
        for frame, number in traceback.walk_tb(error.__traceback__)
    ]
