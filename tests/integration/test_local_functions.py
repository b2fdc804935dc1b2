"""Functions' processes: one event at a time, more when calls overlap, replaced when they die."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from local.functions import LIMIT, BusyError
from local.stack import FunctionFailedError, Stack
from tests.integration.local_toys.running import eventually, recorded, runs, toys

ACT = "ActFunction"


@pytest.fixture
def stack() -> Iterator[Stack]:
    """The toys, fresh for each test: it counts processes."""
    with toys() as running:
        assert eventually(lambda: running.function_pids(ACT)), "nothing was started ahead of the first call"
        yield running


def at_once(stack: Stack, count: int, wish: dict[str, Any]) -> list[int]:
    """The processes that answered calls made at the same time."""
    with ThreadPoolExecutor(count) as threads:
        return [answer["pid"] for answer in threads.map(lambda _: stack.invoke(ACT, wish), range(count))]


def test_calls_one_after_another_share_a_process(stack: Stack) -> None:
    """A warm process is used again, even the one that was started ahead."""
    warm = stack.function_pids(ACT)
    assert [stack.invoke(ACT, {})["pid"] for _ in range(5)] == warm * 5


def test_overlapping_calls_have_a_process_each(stack: Stack) -> None:
    """One event at a time in each: three at once are three processes."""
    assert len(set(at_once(stack, 3, {"sleep": 1}))) == 3


def test_no_function_has_more_processes_than_the_limit(stack: Stack) -> None:
    """Further calls wait for one to come free, and are all answered."""
    answered = at_once(stack, LIMIT + 5, {"sleep": 0.5})
    assert len(answered) == LIMIT + 5
    assert len(set(answered)) <= LIMIT
    assert len(stack.function_pids(ACT)) == len(set(answered))


def test_an_idle_process_that_is_killed_is_replaced(stack: Stack) -> None:
    """No call is lost, and another stands ready without being asked for."""
    first = stack.invoke(ACT, {})["pid"]
    os.kill(first, signal.SIGKILL)
    assert eventually(lambda: stack.function_pids(ACT) not in ([first], []))
    assert stack.invoke(ACT, {})["pid"] != first
    os.kill(stack.function_pids(ACT)[0], signal.SIGKILL)
    assert stack.invoke(ACT, {})["pid"] != first  # at once, too


def test_a_process_killed_at_work_fails_its_call_alone(stack: Stack) -> None:
    """The call ends with Lambda's error, and the next one is answered by another process."""
    first = stack.invoke(ACT, {})["pid"]
    threading.Timer(0.5, os.kill, (first, signal.SIGKILL)).start()
    with pytest.raises(FunctionFailedError, match=r"Runtime\.ExitError"):
        stack.invoke(ACT, {"sleep": 1.9})
    assert stack.invoke(ACT, {})["pid"] != first


def test_a_function_over_its_timeout_is_ended(stack: Stack) -> None:
    """Two seconds are what the template gives it."""
    first = stack.invoke(ACT, {})["pid"]
    began = time.monotonic()
    with pytest.raises(FunctionFailedError, match=r"Task timed out after 2\.00 seconds"):
        stack.invoke(ACT, {"sleep": 30})
    assert 2 <= time.monotonic() - began < 10
    assert eventually(lambda: not runs(first))


def test_an_error_is_lambdas_error_object(stack: Stack) -> None:
    """Type, message and stack of what the handler raised; the process lives on."""
    before = [stack.invoke(ACT, {})["pid"]]
    with pytest.raises(FunctionFailedError) as raised:
        stack.invoke(ACT, {"raise": "a reason"})
    assert raised.value.error["errorType"] == "ValueError"
    assert raised.value.error["errorMessage"] == "a reason"
    assert "app.py" in raised.value.error["stackTrace"][-1]
    assert stack.function_pids(ACT) == before


def test_a_module_that_does_not_load_fails_each_call(stack: Stack) -> None:
    """With its own error, again and again, and without leaving processes."""
    for _ in range(LIMIT + 2):
        with pytest.raises(FunctionFailedError, match="ImportError: this module is broken"):
            stack.invoke("BrokenFunction", {})
    assert eventually(lambda: not stack.function_pids("BrokenFunction"))


def test_a_process_that_exits_after_each_call_is_started_anew(stack: Stack) -> None:
    """More often than there are places: none is lost."""
    for _ in range(LIMIT + 2):
        with pytest.raises(FunctionFailedError, match=r"Runtime\.ExitError"):
            stack.invoke(ACT, {"exit": 1})
    assert stack.invoke(ACT, {})["pid"]


def test_the_schedule_invokes_its_function() -> None:
    """Every period, with the scheduler's event."""
    with toys(schedule=True, schedule_period=0.5) as running:
        events = eventually(
            lambda: len(recorded(running, "TickFunction")) >= 3 and recorded(running, "TickFunction")
        )
        assert {entry["event"]["source"] for entry in events} == {"aws.scheduler"}


def test_without_a_schedule_nothing_ticks(stack: Stack) -> None:
    """A function called by hand is recorded (the control), and only that call."""
    stack.invoke("TickFunction", {"by": "hand"})
    time.sleep(1)
    assert [entry["event"] for entry in recorded(stack, "TickFunction")] == [{"by": "hand"}]


def test_stopping_leaves_no_process() -> None:
    """Idle ones and those at work have ended when the stack has."""
    with toys() as running:
        threads = [threading.Thread(target=_act_in_vain, args=(running,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        assert eventually(lambda: len(running.function_pids(ACT)) == 2)
        pids = [pid for name in ("EchoFunction", ACT) for pid in running.function_pids(name)]
    for thread in threads:
        thread.join()
    assert not [pid for pid in pids if runs(pid)]


def _act_in_vain(stack: Stack) -> None:
    # ended with its process, or, where it still waited for one, refused by the pool that stops
    with pytest.raises((FunctionFailedError, BusyError)):
        stack.invoke(ACT, {"sleep": 1.9})
