"""Functions as Lambda runs them: each in processes of its own, one event at a time in each."""

from __future__ import annotations

import json
import os
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any

from local.execution_environment import PAYLOAD_LIMIT, ExecutionEnvironment, Log, Outcome, failure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.template import Function

LIMIT = 10  # processes a function


class BusyError(Exception):
    """No process came free in time, as when Lambda throttles."""


class FunctionPool:
    """The processes of one function: started when needed, at most LIMIT, replaced when they die.

    `environment` is everything the processes see; `log` takes (function, line) for each line they print.
    """

    def __init__(self, function: Function, environment: Mapping[str, str], log: Log) -> None:
        self.function = function
        self._environment = {**_runtime_environment(function), **environment}
        self._log = log
        self._changed = threading.Condition()
        self._idle: list[ExecutionEnvironment] = []
        self._running: set[ExecutionEnvironment] = set()
        self._places = LIMIT  # how many more may be started
        self._spares = 0  # being started, and nobody waits for them yet
        self._closed = False

    def invoke(self, event: Any, wait: float | None = None) -> Outcome:
        """Runs the handler on an event. Raises BusyError when no process is free within `wait` seconds."""
        outcome = self._invoke(event, wait)
        if outcome.failed and "stackTrace" not in outcome.payload:  # else the process has printed it
            self._log(
                self.function.name, f"{outcome.payload['errorType']}: {outcome.payload['errorMessage']}"
            )
        return outcome

    def warm(self) -> None:
        """Starts a process unless there is one, so that the first call need not wait for it."""
        with self._changed:
            if self._closed or self._running or self._spares:
                return
            self._places -= 1
            self._spares += 1
        instance = self._start()
        with self._changed:
            self._spares = max(0, self._spares - 1)
        if isinstance(instance, ExecutionEnvironment):
            self._give_back(instance)

    def pids(self) -> list[int]:
        """The ids of the processes that run, in no order."""
        with self._changed:
            return [instance.pid for instance in self._running if instance.alive]

    def close(self) -> None:
        """Ends every process, in the middle of what it does."""
        with self._changed:
            self._closed = True
            instances = list(self._running)
            self._changed.notify_all()
        for instance in instances:
            instance.kill()

    def _invoke(self, event: Any, wait: float | None) -> Outcome:
        if len(json.dumps(event)) > PAYLOAD_LIMIT:
            message = f"Request must be smaller than {PAYLOAD_LIMIT} bytes for the InvokeFunction operation"
            return failure("RequestEntityTooLargeException", message)
        request_id = str(uuid.uuid4())
        deadline = None if wait is None else time.monotonic() + wait
        while True:
            instance = self._take(deadline)
            if isinstance(instance, Outcome):
                return instance
            outcome = instance.run(event, request_id)
            self._give_back(instance)
            if outcome is not None:  # else it had died idle, and the event is still ours
                return outcome

    def _take(self, deadline: float | None) -> ExecutionEnvironment | Outcome:
        with self._changed:
            while True:
                if self._closed:
                    raise BusyError(f"{self.function.name} is stopped.")
                if self._idle:
                    return self._idle.pop()
                if self._spares:
                    self._spares -= 1
                elif self._places:
                    self._places -= 1
                    break
                if not self._changed.wait(None if deadline is None else deadline - time.monotonic()):
                    raise BusyError(f"All {LIMIT} processes of {self.function.name} are busy.")
        return self._start()

    def _start(self) -> ExecutionEnvironment | Outcome:
        instance = ExecutionEnvironment(self.function, self._environment)
        with self._changed:
            self._running.add(instance)
            closed = self._closed
        threading.Thread(target=self._follow, args=(instance,), daemon=True).start()
        failure = instance.wait_until_ready()
        if closed:
            instance.kill()
        return failure or instance

    def _follow(self, instance: ExecutionEnvironment) -> None:
        instance.follow_output(self._log)
        with self._changed:
            self._running.remove(instance)
            self._places += 1
            was_idle = instance in self._idle
            if was_idle:
                self._idle.remove(instance)
            self._changed.notify_all()
        if was_idle:  # killed from outside: the next call should not have to wait for another
            instance.end()
            self.warm()

    def _give_back(self, instance: ExecutionEnvironment) -> None:
        with self._changed:
            reusable = instance in self._running and instance.alive and not self._closed
            if reusable:
                self._idle.append(instance)
            self._changed.notify_all()
        if not reusable:
            instance.end()


def _runtime_environment(function: Function) -> dict[str, str]:
    """What the Lambda runtime itself sets ("Defined runtime environment variables")."""
    passed_on = {name: os.environ[name] for name in ("PATH", "TMPDIR", "LANG") if name in os.environ}
    return {
        **passed_on,
        "PYTHONPATH": os.pathsep.join(str(folder) for folder in (function.folder, *function.path)),
        "PYTHONUNBUFFERED": "1",
        "TZ": "UTC",
        "_HANDLER": function.handler,
        "LAMBDA_TASK_ROOT": str(function.folder),
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "local",
    }
