"""A built function in a process of its own, started as Lambda starts it."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from local.template import Function
from tests.packaged.building import Interpreter
from tests.packaged.runtime_api import RuntimeApi


class FunctionError(Exception):
    """A function that failed: Lambda's `errorType` and message, and what the process printed."""

    def __init__(self, kind: str, message: str, printed: str) -> None:
        super().__init__(f"{kind}: {message}\n{printed}")
        self.kind = kind


@dataclass(frozen=True)
class Runtime:
    """The Python that runs functions, and the folder that has the Runtime Interface Client and no more."""

    python: Interpreter
    client: Path


class PackagedFunction:
    """A running function: `with PackagedFunction(…) as function: function.invoke(event)`.

    Its Python sees its own library and three folders: the built function, the layer's `python/` and the
    Runtime Interface Client. Its environment is `environment` and what Lambda itself sets.
    """

    def __init__(
        self, function: Function, folder: Path, layer: Path, runtime: Runtime, environment: Mapping[str, str]
    ) -> None:
        self._api = RuntimeApi(function.arn, function.timeout)
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        variables = {
            **environment,
            "PYTHONPATH": os.pathsep.join(map(str, (folder, layer / "python", runtime.client))),
            "TZ": ":UTC",
            "LANG": "en_US.UTF-8",
            "LAMBDA_TASK_ROOT": str(folder),
            "_HANDLER": function.handler,
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_FORMAT": "JSON",
            "AWS_LAMBDA_RUNTIME_API": self._api.address,
        }
        # -S, -s: the interpreter's own packages and a person's are not there, as little as this project is.
        self._process = subprocess.Popen(
            [runtime.python.path, "-S", "-s", "-m", "awslambdaric", function.handler],
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._api.close()
        self._output.close()

    def invoke(self, event: Any) -> Any:
        """The function's answer. Raises FunctionError, also for a function that cannot be loaded."""
        outcome = self._api.invoke(event, lambda: self._process.poll() is None)
        if outcome is None:
            raise FunctionError("NoAnswer", f"exit status {self._process.poll()}", self.printed())
        if outcome.failed:
            raise FunctionError(outcome.payload["errorType"], outcome.payload["errorMessage"], self.printed())
        return outcome.payload

    def printed(self) -> str:
        """What the process has written until now."""
        written = self._output.fileno()  # the process writes at this file's one offset, which must not move
        return os.pread(written, os.fstat(written).st_size, 0).decode()


# Starts a function by its logical id: with another `layer` than the built one, and more of an environment.
Start = Callable[..., PackagedFunction]
