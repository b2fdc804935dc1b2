"""The real worker at work on a full table: its processes, the queue between them, what each event cost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from local.aws import AwsServer, Endpoints
from local.template import Function, load
from tests.packaged.building import ROOT
from tests.packaged.deployment import Deployment, deploy

HERE: Final = Path(__file__).parent
ENDPOINTS: Final = 10
DELAY_MS: Final = 200
SHARDS: Final = 4
SETTINGS: Final = {"SHARDS": str(SHARDS), "LOOPBACK_PROVIDERS": "1"}
LAYER: Final = ROOT / "layers" / "oauth_broker"


@dataclass
class Program:
    """A program that answers each line of its standard input with a line of its standard output."""

    process: subprocess.Popen[str]

    def ask(self, line: str) -> Any:
        """The answer to a line."""
        assert self.process.stdin is not None
        print(line, file=self.process.stdin, flush=True)
        return self.told()

    def told(self) -> Any:
        """The next line."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"{self.process.args!r} ended"
        return json.loads(line)


@contextmanager
def program(arguments: Sequence[str], environment: Mapping[str, str]) -> Iterator[Program]:
    """A program that runs until the block ends."""
    command = [sys.executable, *arguments]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Program(process)
        finally:
            process.communicate(timeout=60)


@dataclass
class Run:
    """What a measured run came to."""

    processes: int
    seconds: float
    invocations: Sequence[Mapping[str, Any]] = field(repr=False)
    messages: int

    @cached_property
    def spent(self) -> Counter[str]:
        """All that was spent, of all invocations."""
        return sum((Counter(one["spent"]) for one in self.invocations), Counter())

    @cached_property
    def logged(self) -> Counter[str]:
        """The counts of the worker's own log."""
        return sum((Counter(one["logged"]) for one in self.invocations), Counter())

    @property
    def refreshed(self) -> int:
        """How many connections were refreshed."""
        return self.logged["refreshed"]

    def report(self) -> dict[str, float]:
        """The figures that are kept of it: milliseconds are of each refresh, over all its calls."""
        return {
            "processes": self.processes,
            "refreshed": self.refreshed,
            "refreshes_a_second": round(self.refreshed / self.seconds, 1),
            "cpu_ms": self._milliseconds("cpu"),
            "cpu_dynamodb_ms": self._milliseconds("dynamodb_cpu"),
            "cpu_egress_ms": self._milliseconds("egress_cpu"),
            "wait_dynamodb_ms": self._milliseconds("dynamodb_wall"),
            "wait_egress_ms": self._milliseconds("egress_wall"),
            "rss_mb": round(max(one["rss_mb"] for one in self.invocations)),
            "messages_a_refresh": round(self.messages / self.refreshed, 5),
        }

    def units(self) -> dict[str, float]:
        """The units of DynamoDB that each refresh consumed, of a run that counted them."""
        lease, commit = self._each("lease_units"), self._each("commit_units")
        index = self._each("commit_index_units") + self._each("lease_index_units")
        return {
            "lease_writes": lease,
            "commit_writes": round(commit - self._each("commit_index_units"), 3),
            "index_writes": index,
            "writes": round(lease + commit + self._each("other_units"), 3),
            "query_reads": self._each("Query_units"),
            "other_reads": self._each("BatchGetItem_units"),
        }

    def _milliseconds(self, name: str) -> float:
        return round(self.spent[name] / self.refreshed * 1000, 2)

    def _each(self, name: str) -> float:
        return round(self.spent[name] / self.refreshed, 4)


@dataclass
class Bench:
    """A full table, token endpoints, and the functions to be set to work."""

    deployment: Deployment
    aws: Endpoints
    stock: Program
    providers: Program
    item_bytes: int

    def run(self, processes: int, due: int, *, count: bool = False) -> Run:
        """So many workers refresh so many connections that are due, nudged by the real dispatcher.

        `count`: DynamoDB says what it consumed, which costs a little.
        """
        self.stock.ask(str(due))
        counting = ["count"] if count else []
        with ExitStack() as opened:
            workers = [
                opened.enter_context(self._function("RefreshWorkerFunction", counting))
                for _ in range(processes)
            ]
            dispatcher = opened.enter_context(self._function("RefreshDispatcherFunction", []))
            dispatcher.ask(json.dumps({"event": {}, "seconds": 30}))
            queue = _Queue(
                self.aws, self.deployment.functions["RefreshWorkerFunction"].environment["WORK_QUEUE_URL"]
            )
            began = time.perf_counter()
            timeout = self.deployment.functions["RefreshWorkerFunction"].timeout
            threads = [threading.Thread(target=queue.deliver, args=(worker, timeout)) for worker in workers]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return Run(processes, time.perf_counter() - began, queue.told, queue.messages)

    @contextmanager
    def _function(self, name: str, arguments: Sequence[str]) -> Iterator[Program]:
        environment = _environment(self.deployment, name)
        with program(["-P", str(HERE / "measured_function.py"), *arguments], environment) as started:
            started.told()
            yield started


class _Queue:
    """Delivers a queue's messages to workers, one at a time to each, as Lambda's event source does."""

    def __init__(self, aws: Endpoints, url: str) -> None:
        self._sqs = aws.client("sqs")
        self._url = url
        self._lock = threading.Lock()
        self._under_way = 0
        self.told: list[Any] = []
        self.messages = 0

    def deliver(self, worker: Program, timeout: float) -> None:
        """Gives one worker messages until there are none and nobody is at work who may send another."""
        while True:
            with self._lock:
                found = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=1).get(
                    "Messages", []
                )
                if not found and not self._under_way:
                    return
                self._under_way += len(found)
                self.messages += len(found)
            if not found:
                time.sleep(0.05)
                continue
            [message] = found
            record = {"messageId": message["MessageId"], "body": message["Body"]}
            told = worker.ask(json.dumps({"event": {"Records": [record]}, "seconds": timeout}))
            with self._lock:
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
                self.told.append(told)
                self._under_way -= 1


def _environment(deployment: Deployment, name: str) -> dict[str, str]:
    function: Function = deployment.functions[name]
    path = os.pathsep.join(map(str, (function.folder, LAYER, ROOT)))
    return {
        **function.environment,
        **deployment.aws,
        **SETTINGS,
        "PYTHONPATH": path,
        "PATH": os.environ["PATH"],
    }


@contextmanager
def bench(dynamodb_url: str, connections: int, access_token_bytes: int = 200) -> Iterator[Bench]:
    """A table with so many connections in the DynamoDB at a URL, and all around it."""
    size = str(access_token_bytes)
    server = AwsServer(lambda _entry: None)
    aws = Endpoints(server.url, dynamodb_url)
    with ExitStack() as opened:
        opened.callback(server.close)
        deployment = deploy(load(ROOT / "template.yaml", {}), aws)
        serving = [str(HERE / "token_endpoints.py"), str(ENDPOINTS), str(DELAY_MS), size]
        providers = opened.enter_context(program(serving, dict(os.environ)))
        ports = [str(port) for port in providers.told()]
        environment = _environment(deployment, "RefreshWorkerFunction")
        filling = ["-P", str(HERE / "stock.py"), str(connections), size, *ports]
        stock = opened.enter_context(program(filling, environment))
        yield Bench(deployment, aws, stock, providers, stock.told()["item_bytes"])
