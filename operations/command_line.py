"""The command line: what there is to say, what it means, and what comes out."""

from __future__ import annotations

import argparse
import random
import sys
import time
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from oauth_broker.settings import MAX_SHARDS
from operations.deployment import Access, DeployedStack
from operations.judgement import Deployed
from operations.redrive import Queues, send_back, throw_away
from operations.repair import Repair
from operations.report import OperationError, Progress, show
from operations.reshard import Reshard
from operations.revocations import list_revocations
from operations.table import OperatedTable, Pace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from operations.report import Result

QUEUES: Final = {
    "rescue": ("RescueDeadLetters", "RescueQueue"),
    "work": ("WorkDeadLetters", None),
    "schedule": ("ScheduleDeadLetters", None),
}
"""What a redrive is called → the logical ids of its dead letters and of where they go back to."""

WRITING: Final = ("repair", "reshard", "redrive")
STATUSES: Final = "Exit status: 0 nothing is left to do, 1 something is, 2 the command could not do its work."

ABOUT: Final = {
    "repair": """\
Finds what is wrong with the due index, from which the schedule learns what to refresh: connections (and
revocations, and resources being deleted) that ought to be in it and are not, or are without need, in a shard
that no worker serves, or far later than they ought to be; what was set aside because a worker could not
handle it; leases left behind; what is long overdue; what cannot be read at all.

It reads the whole table. Without --apply it writes nothing. With it, each item is written only if it is still
as it was read, and never while somebody holds its lease; the stack may run meanwhile. What a write cannot
mend (overdue, no resource, unreadable) is listed for you to look at.""",
    "reshard": """\
Moves everything in the due index to the shard where N shards put it. The stack may run meanwhile; broken off,
it is run again and goes on.

Lowering Shards: deploy the new number, then run this with it at once. From the deployment until this has run,
what stands in a dropped shard is not refreshed by the schedule (a token that is read still is). To keep
that short, run it with --apply before the deployment as well: the lower shards are served by then.

Raising Shards: deploy, and run this if you like. Nothing waits: the old shards are served as before, and
each connection moves at its next refresh.""",
    "redrive": """\
rescue: sends the rescue's dead letters back to its queue. Each is the only copy of a token set, kept until 14
days after it was made: mend what kept it from being committed (see the log of the rescue function), then run
this. One that comes too late, or twice, is refused by its condition and does no harm.

work, schedule: there is nothing to gain by sending these back, since each period sends its own. --apply
throws them away, so that their alarm ends.""",
    "revocations": """\
Lists what became of the tokens of a resource's connections that were disconnected: what is still to be
revoked, with its attempts and what went wrong last, and how the others ended, for 30 days, also of a resource
that is gone. It writes nothing.""",
}


def main(argv: Sequence[str], *, session: boto3.Session | None = None) -> int:
    """Run a command; gives the exit status. `session`: the operator's AWS session, else a new one."""
    arguments = _parser().parse_args(argv)
    progress = Progress(sys.stderr, time.monotonic)
    try:
        access = Access(session or boto3.Session(region_name=arguments.region), arguments.endpoint_url)
        result: Result = arguments.run(arguments, access, progress)
    except OperationError as error:
        progress.say(str(error))
    except ClientError as error:
        told = error.response["Error"]
        progress.say(f"AWS refused {error.operation_name}: {told['Code']}: {told['Message']}")
    except BotoCoreError as error:
        progress.say(f"AWS cannot be asked: {error}")
    except KeyboardInterrupt:
        progress.say("Broken off. What was written stands; run the command again to go on.")
    else:
        return show(result, as_json=arguments.json, stream=sys.stdout)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m operations",
        description="Commands for the people who operate a deployed broker, with their own AWS credentials.",
        epilog=f"{STATUSES} See docs/operations.md.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    repair = _command(commands, "repair", "find and mend what is wrong with the due index", _repair)
    _table_options(repair)
    repair.add_argument("--shards", type=_shards, metavar="N", help="with --table: the stack's Shards")
    repair.add_argument(
        "--period", type=int, default=60, metavar="SECONDS", help="the schedule's period (60, as deployed)"
    )

    reshard = _command(commands, "reshard", "move what is due to where another number puts it", _reshard)
    _table_options(reshard)
    reshard.add_argument("--shards", type=_shards, required=True, metavar="N", help="the number of shards")

    redrive = _command(commands, "redrive", "send dead letters back to their queue", _redrive)
    redrive.add_argument("queue", choices=QUEUES, help="whose dead letters")
    place = redrive.add_mutually_exclusive_group(required=True)
    place.add_argument("--stack", metavar="NAME", help="the CloudFormation stack, in which the queues are")
    place.add_argument("--dead-letters-url", metavar="URL", help="or the dead letter queue")
    redrive.add_argument("--queue-url", metavar="URL", help="with it, for rescue: the queue to send them to")

    revocations = _command(commands, "revocations", "list what was revoked of a resource", _revocations)
    revocations.add_argument("resource", help="the resource's id")
    _table_options(revocations)
    return parser


def _command(commands: Any, name: str, title: str, run: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=title,
        description=ABOUT[name],
        epilog=STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    if name in WRITING:
        parser.add_argument("--apply", action="store_true", help="write; without it, only say what would be")
    parser.add_argument("--json", action="store_true", help="give the result as JSON")
    parser.add_argument("--region", help="the AWS region (else that of your AWS configuration)")
    parser.add_argument(
        "--endpoint-url", metavar="URL", help="another address for AWS: DynamoDB Local, or the local stack"
    )
    return parser


def _table_options(parser: argparse.ArgumentParser) -> None:
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--stack", metavar="NAME", help="the CloudFormation stack, in which the table is")
    place.add_argument("--table", metavar="NAME", help="or the table")
    parser.add_argument(
        "--rate",
        type=_rate,
        default=500.0,
        metavar="UNITS",
        help="capacity units a second to use at most: a unit reads 4 KB (500)",
    )


def _shards(text: str) -> int:
    number = int(text)
    if not 1 <= number <= MAX_SHARDS:
        raise argparse.ArgumentTypeError(f"it must be from 1 to {MAX_SHARDS}")
    return number


def _rate(text: str) -> float:
    rate = float(text)
    if not rate >= 1:
        raise argparse.ArgumentTypeError("it must be 1 or more")
    return rate


def _table(arguments: argparse.Namespace, client: Any, name: str) -> OperatedTable:
    return OperatedTable(client, name, Pace(arguments.rate, clock=time.monotonic, sleep=time.sleep))


def _repair(arguments: argparse.Namespace, access: Access, progress: Progress) -> Result:
    if arguments.stack:
        if arguments.shards:
            raise OperationError("--shards goes with --table: a stack knows its number.")
        stack = DeployedStack(access, arguments.stack)
        name, shards = stack.physical_id("Table"), stack.shards()
    elif arguments.shards:
        name, shards = arguments.table, arguments.shards
    else:
        raise OperationError("--table needs --shards too: how many shards do the deployed functions serve?")
    return Repair(
        _table(arguments, access.client("dynamodb"), name),
        Deployed(shards, arguments.period),
        apply=arguments.apply,
        now=time.time,
        draw=random.random,
        progress=progress,
    ).run()


def _reshard(arguments: argparse.Namespace, access: Access, progress: Progress) -> Result:
    name = arguments.table
    if arguments.stack:
        stack = DeployedStack(access, arguments.stack)
        name, deployed = stack.physical_id("Table"), stack.shards()
        if arguments.shards > deployed:
            raise OperationError(
                f"The stack serves {deployed} shards: what moved beyond them would not be refreshed. "
                f"Deploy Shards={arguments.shards} first."
            )
        if arguments.shards < deployed:
            progress.say(
                f"The stack still serves {deployed} shards, and puts what it commits there: "
                "run this once more when the new number is deployed."
            )
    table = _table(arguments, access.client("dynamodb"), name)
    return Reshard(table, arguments.shards, apply=arguments.apply, progress=progress).run()


def _redrive(arguments: argparse.Namespace, access: Access, progress: Progress) -> Result:
    dead_letters, back = arguments.dead_letters_url, arguments.queue_url
    letters_id, back_id = QUEUES[arguments.queue]
    if arguments.stack:
        stack = DeployedStack(access, arguments.stack)
        dead_letters = stack.physical_id(letters_id)
        back = stack.physical_id(back_id) if back_id else None
    sqs, in_aws = access.client("sqs"), access.endpoint_url is None
    queues = Queues(sqs, move_tasks=in_aws, sleep=time.sleep, progress=progress)
    source = queues.find(dead_letters)
    if back_id is None:
        return throw_away(queues, arguments.queue, source, apply=arguments.apply)
    if back is None:
        raise OperationError("--dead-letters-url needs --queue-url too: where do they go back to?")
    target = queues.find(back)
    return send_back(queues, arguments.queue, source, target, apply=arguments.apply)


def _revocations(arguments: argparse.Namespace, access: Access, _progress: Progress) -> Result:
    stack = DeployedStack(access, arguments.stack) if arguments.stack else None
    name = stack.physical_id("Table") if stack else arguments.table
    client = access.client("dynamodb")
    table = _table(arguments, client, name)
    return list_revocations(client, table, arguments.resource, now=int(time.time()))
