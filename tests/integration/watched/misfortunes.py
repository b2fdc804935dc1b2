"""What befalls a broker when things go wrong: providers that repeat secrets, no AWS, races, mistakes."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from tests.integration.circle.broker import Browser, eventually, place_of, query_of, send
from tests.integration.watched.planting_provider import ENCODINGS, Answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.aws import AwsCall
    from tests.integration.watched.run import Run

REFUSALS: Final = (
    Answer(400, error="invalid_grant"),
    Answer(401, error="invalid_client"),
    Answer(503, error="temporarily_unavailable"),
    Answer(200, page=True),
)


def is_commit(call: AwsCall) -> bool:
    """Whether a call commits a token set, or proposes one."""
    values = call.request.get("ExpressionAttributeValues", {})
    return call.operation == "UpdateItem" and not {":new_ts", ":new_p"}.isdisjoint(values)


def echoes(run: Run) -> None:
    """Whatever fails, the provider repeats every secret that it knows, in each encoding in turn."""
    for number, (encoded, refusal) in enumerate(zip(ENCODINGS, REFUSALS, strict=True)):
        answer = Answer(refusal.status, encoded, refusal.error, page=refusal.page)
        resource_id = run.register(f"echo-{number}")
        run.provider.will(resource_id, answer, at="/authorize")
        assert query_of(run.trip(run.ask(resource_id, "refused")).headers["Location"])["error"]
        run.provider.will(resource_id, answer)
        assert query_of(run.trip(run.ask(resource_id, "failed")).headers["Location"])["error"]
        for name in ("by-hand", "in-code", "by-schedule", "revoked"):
            run.connect(resource_id, name)
        run.provider.will(resource_id, answer, Answer(400, encoded, error=""), answer)
        for name in ("by-hand", "in-code"):
            assert run.refresh(resource_id, name).status_code in {200, 503}
        run.make_due(resource_id, "by-schedule")
        run.provider.will(resource_id, answer, at="/revoke")
        run.delete(resource_id, "revoked")
        machine = run.register(f"echo-machine-{number}", grant_type="client_credentials", authorization=None)
        run.provider.will(machine, answer)
        path = f"/v1/resources/{machine}/connections"
        assert run.broker.call("POST", path, {"connection_id": "own"}).status_code == 502


def wrong_secret(run: Run) -> None:
    """The client secret is another than the provider's."""
    broker = run.broker
    resource_id = broker.register(client_secret=run.planted.new("client secret"), require_confirmation=False)
    asked = run.ask(resource_id, "ada")
    browser = Browser()
    callback = browser.decide(run.started(browser, asked["start_url"])).headers["Location"]
    run.planted.add("authorization code", query_of(callback)["code"])
    assert query_of(browser.open(callback).headers["Location"])["error"] == "exchange_failed"


def misfit(run: Run) -> None:
    """The answer does not fit the resource: what it brought is revoked."""
    resource_id = run.register(
        "misfit",
        metadata=["shard"],
        refresh={"url": f"{run.provider.url}/token?at={{{{shard}}}}"},
        connection_variables={"shard": {"pattern": "[a-z]+"}},
    )
    run.provider.will(resource_id, Answer(members={"shard": "NOT ONE"}))
    asked = run.ask(resource_id, "ada", variables={"shard": "a"})
    run.trip(asked)


@contextmanager
def redriven(run: Run, name: str, dead_letters: str) -> Iterator[None]:
    """What fails once is a dead letter."""
    sqs, url = run.stack.client("sqs"), run.queue(name)
    names = ["VisibilityTimeout", "RedrivePolicy"]
    before = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    arn = run.stack.attributes[dead_letters]["Arn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "1", "RedrivePolicy": policy})
    yield
    sqs.set_queue_attributes(QueueUrl=url, Attributes=before)


def no_commit(run: Run) -> None:
    """No token set can be committed: the rescue has them. One comes too late, one is a dead letter."""
    resource_id = run.register("rescued")
    for name in ("by-hand", "by-schedule"):
        run.connect(resource_id, name)
    with run.gate.closed(is_commit):
        assert run.trip(run.ask(resource_id, "late")).status_code == 503
        assert run.refresh(resource_id, "by-hand").status_code == 503
        run.make_due(resource_id, "by-schedule")
        assert eventually(
            lambda: run.gate.seen(
                lambda call: (
                    (call.caller, call.operation) == ("RefreshWorkerFunction", "SendMessage")
                    and call.request["QueueUrl"] == run.queue("RescueQueue")
                )
            )
        )
        run.delete(resource_id, "late")
    for name in ("by-hand", "by-schedule"):
        run.await_generation(resource_id, name, 2)
    assert eventually(lambda: is_left(run, "RescueFunction"))
    with redriven(run, "RescueQueue", "RescueDeadLetters"), run.gate.closed(is_commit):
        assert run.trip(run.ask(resource_id, "lost")).status_code == 503
        assert eventually(lambda: bool(run.messages("RescueDeadLetters")))


def is_left(run: Run, function: str) -> bool:
    """Whether a function has left something to the worker to revoke."""
    return run.gate.seen(
        lambda call: (
            (call.caller, call.operation) == (function, "PutItem")
            and call.request["Item"]["pk"]["S"].startswith("D#")
        )
    )


def paused(run: Run) -> None:
    """The client is refused for a while: what is due meanwhile is looked at, since it may have news."""
    resource_id = run.register("paused")
    for name in ("ada", "bob"):
        run.connect(resource_id, name)
        run.await_news(resource_id, name)
    run.provider.will(resource_id, *[Answer(401, error="invalid_client")] * 5)
    run.make_due(resource_id, "ada")
    path = f"/v1/resources/{resource_id}"
    assert eventually(lambda: run.broker.call("GET", path).json()["provider_state"]["state"] != "closed")
    run.make_due(resource_id, "bob")
    key = place_of(resource_id, "bob")[0]
    assert eventually(
        lambda: run.gate.seen(
            lambda call: (
                (call.caller, call.operation) == ("RefreshWorkerFunction", "BatchGetItem")
                and key in json.dumps(call.request)
            )
        )
    )


def unreachable(run: Run) -> None:
    """Nobody listens where tokens come from: the fifth code in vain pauses the resource."""
    resource_id = run.register("unreachable", token={"url": "http://127.0.0.1:9/token"})
    for number in range(5):
        returned = run.trip(run.ask(resource_id, f"number-{number}"))
        assert query_of(returned.headers["Location"])["error"] == "exchange_failed"
    shown = run.broker.call("GET", f"/v1/resources/{resource_id}").json()
    assert shown["provider_state"]["state"] != "closed"


def no_work(run: Run) -> None:
    """A nudge whose worker finds no table ends as a dead letter."""
    resource_id = run.register("nudged")
    run.connect(resource_id, "ada")
    run.make_due(resource_id, "ada")

    def is_query(call: AwsCall) -> bool:
        return (call.caller, call.operation) == ("RefreshWorkerFunction", "Query")

    with redriven(run, "WorkQueue", "WorkDeadLetters"), run.gate.closed(is_query):
        assert eventually(lambda: bool(run.messages("WorkDeadLetters")))


def gone_meanwhile(run: Run) -> None:
    """A connection is deleted while the provider is asked for its tokens: what comes is left to revoke."""
    resource_id = run.register("gone")
    for name in ("by-hand", "by-schedule"):
        run.connect(resource_id, name)
    browser = Browser()
    callback = run.callback(browser, run.ask(resource_id, "by-callback"))
    asks: dict[str, tuple[str, Callable[[], Any]]] = {
        "by-callback": ("CallbackFunction", lambda: browser.open(callback)),
        "by-hand": ("AccessFunction", lambda: run.refresh(resource_id, "by-hand")),
        "by-schedule": ("RefreshWorkerFunction", lambda: run.make_due(resource_id, "by-schedule")),
    }
    for name, (function, ask) in asks.items():
        with held_answer(run, resource_id, ask):
            run.delete(resource_id, name)
        assert eventually(partial(is_left, run, function)), function


@contextmanager
def held_answer(run: Run, client_id: str, ask: Callable[[], Any]) -> Iterator[threading.Event]:
    """`ask` in a thread; its call to the provider is under way in the block, and is answered after it."""
    let_go = threading.Event()
    run.provider.will(client_id, Answer(let_go=let_go))
    asking = threading.Thread(target=ask)
    asking.start()
    try:
        assert run.provider.held.acquire(timeout=30)
        yield let_go
    finally:
        let_go.set()
        asking.join()


def changed_meanwhile(run: Run) -> None:
    """A connection is refreshed between the look of a worker that deletes a resource, and its delete."""
    resource_id = run.register("changed")
    run.connect(resource_id, "ada")
    place = place_of(resource_id, "ada")
    run.await_news(resource_id, "ada")
    before = run.broker.item(*place)["ts"]
    with held_answer(run, resource_id, lambda: run.refresh(resource_id, "ada")) as let_go:

        def refresh_first() -> None:
            let_go.set()
            assert eventually(lambda: run.broker.item(*place)["ts"] != before)

        run.gate.before(
            lambda call: (
                (call.caller, call.operation) == ("RefreshWorkerFunction", "TransactWriteItems")
                and place[0] in json.dumps(call.request, default=repr)
            ),
            refresh_first,
        )
        path = f"/v1/resources/{resource_id}?connections=revoke"
        assert run.broker.call("DELETE", path).status_code == 202
        assert eventually(lambda: not run.rows_of(resource_id))


def mistakes(run: Run) -> None:
    """Secrets where none belong, and wrong ones where some do."""
    secret = run.planted.new("client secret")
    post = run.broker.call
    for wrong in (
        {"client_secrets": secret},
        {"client_secret": [secret]},
        {"client_secret": {secret: secret}},
        {"client_id": {"secret": secret}},
        {"secret_variables": {"api_key": {"value": secret}}},
        {"secret_variables": {secret: "value"}},
        {"token": {"url": f"http://127.0.0.1:9/token?client_secret={secret}", "method": secret}},
        {"authorization": {"url": "http://127.0.0.1:9/?key={{api_key}}"}},
        {secret: secret},
        {"callback_params": {"code": "their_code"}, "callback_variables": ["their_code"]},
    ):
        assert post("POST", "/v1/resources", run.registration("mistaken") | wrong).status_code == 422, wrong
    send("POST", f"{run.broker.url}/v1/resources", data=f'{{"client_secret": "{secret}"')
    send("POST", f"{run.broker.url}/v1/resources", json=secret, headers={"X-Secret": secret})
    resource_id = run.register("mistakes", require_confirmation=True)
    user = run.planted.new("user")
    asked = run.ask(resource_id, "ada", user=user)
    path = f"/v1/resources/{resource_id}/connections"
    assert post("POST", path, {"connection_id": secret, "user": user}).status_code == 422
    browser = Browser()
    ticket = query_of(asked["start_url"])["ticket"]
    browser.open(f"{run.broker.url}/oauth/start?ticket={ticket}x")
    browser.open(f"{run.broker.url}/oauth/start?ticket={ticket}&ticket={ticket}")
    callback = run.callback(browser, asked)
    for wrong_callback in (f"{callback}x", f"{callback}&code=x", callback.replace("state=", "stat=")):
        assert browser.open(wrong_callback).status_code in {303, 400}
    send("POST", callback.partition("?")[0], data=query_of(callback))
    returned = query_of(browser.open(callback).headers["Location"])
    for body in (
        {"confirmation_code": returned["confirmation_code"], "user": [user]},
        {"confirmation_code": returned["confirmation_code"], "user": run.planted.new("user")},
        {"confirmation_code": secret, "user": user, secret: secret},
    ):
        assert post("POST", f"{path}/ada/confirm", body).status_code in {409, 422}
    for header in ("If-Match", "Authorization", "Cookie"):
        send("GET", f"{run.broker.url}/v1/resources/{resource_id}?{secret[:12]}", headers={header: secret})


CHAPTERS = (
    echoes,
    wrong_secret,
    misfit,
    no_commit,
    paused,
    unreachable,
    no_work,
    gone_meanwhile,
    changed_meanwhile,
    mistakes,
)
