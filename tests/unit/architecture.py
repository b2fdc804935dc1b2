"""Who may import whom, read from source: every module stands in a row, and a row may import what it names."""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OURS: Final = ("oauth_broker", "functions", "local", "operations")


# The standard library's ways to the clock, to chance and out of the process: a flow has its doors for them.
WAYS_OUT: Final = frozenset(
    {"asyncio", "os", "random", "secrets", "signal", "socket", "ssl", "subprocess", "time", "uuid"}
)
# All its ways to the world, and to run more than one thing at once: closed to what decides.
IMPURE: Final = WAYS_OUT | frozenset(
    {
        *("_thread", "concurrent", "ctypes", "fcntl", "ftplib", "glob", "io", "mmap", "multiprocessing"),
        *("pathlib", "platform", "pty", "sched", "select", "selectors", "shutil", "smtplib", "socketserver"),
        *("sqlite3", "sys", "tempfile", "threading", "tracemalloc"),
        *("http.client", "http.server", "urllib.request", "logging.handlers"),
    }
)


@dataclass(frozen=True)
class Row:
    """Modules, themselves or by the package they stand in, the rows they may import, and whether each other.

    `for_types` are rows whose names may stand in annotations only; `closed_to`, modules of the standard
    library that none may import.
    """

    modules: tuple[str, ...]
    may_import: tuple[str, ...] = ()
    each_other: bool = True
    for_types: tuple[str, ...] = ()
    closed_to: frozenset[str] = frozenset()


ROWS: Final[Mapping[str, Row]] = {
    "package": Row(
        ("oauth_broker", "oauth_broker.flows", "oauth_broker.doors", "oauth_broker.protocol"),
        each_other=False,
    ),
    "foundation": Row(("oauth_broker.errors", "oauth_broker.secret"), each_other=False, closed_to=IMPURE),
    # What doors carry: things as values, and what can be said of an address.
    "values": Row(
        (
            "oauth_broker.resource",
            "oauth_broker.connection",
            "oauth_broker.pause",
            "oauth_broker.transaction",
            "oauth_broker.commits",
            "oauth_broker.sealed",
            "oauth_broker.protocol.http",
            "oauth_broker.protocol.destinations",
            "oauth_broker.protocol.addresses",
        ),
        ("foundation",),
        closed_to=IMPURE,
    ),
    "decisions": Row(
        (
            "oauth_broker.registration",
            "oauth_broker.asking",
            "oauth_broker.return_url",
            "oauth_broker.importing",
            "oauth_broker.preview",
            "oauth_broker.timestamps",
            "oauth_broker.attempt",
            "oauth_broker.attempts",
            "oauth_broker.revocation_job",
            "oauth_broker.breaker",
            "oauth_broker.schedule",
            "oauth_broker.forecast",
            "oauth_broker.protocol.",
        ),
        ("foundation", "values"),
        closed_to=IMPURE,
    ),
    "doors": Row(("oauth_broker.doors.",), ("foundation", "values"), for_types=("house",)),
    "flows": Row(
        ("oauth_broker.flows.",),
        ("foundation", "values", "decisions", "house"),
        for_types=("doors",),
        closed_to=WAYS_OUT,
    ),
    "house": Row(
        tuple(f"oauth_broker.{name}" for name in ("settings", "environment", "caller", "strict_json", "log")),
        ("foundation",),
    ),
    "front": Row(
        tuple(
            f"oauth_broker.{name}"
            for name in ("gateway", "request", "response", "problems", "pages", "static_file")
        ),
        ("foundation", "house"),
    ),
    # Where a function's doors are opened, since doors come to flows as arguments.
    "wiring": Row(("oauth_broker.wiring",), ("foundation", "values", "doors", "flows", "house")),
    "functions": Row(
        ("functions.",),
        ("foundation", "values", "decisions", "doors", "flows", "house", "front", "wiring"),
        each_other=False,
    ),
    "local": Row(("local",)),
    # What an operator's commands find and write is decided apart from their reading, writing and telling.
    "operators decide": Row(
        ("operations.judgement", "operations.remedy", "operations.wording"),
        ("foundation", "values", "decisions", "doors"),
        closed_to=IMPURE,
    ),
    "operations": Row(
        ("operations",),
        ("foundation", "values", "decisions", "doors", "house", "operators decide"),
    ),
}

# The files that make one door together, by the module that others open. `aws` holds the one botocore session.
SPLIT_DOORS: Final[Mapping[str, str]] = {"pinned_connection": "egress", "answer": "egress"}
SHARED_BY_DOORS: Final = "oauth_broker.doors.aws"

# What doors take and give, as values: a flow may name these, but the doors themselves come as arguments.
HANDED_OVER: Final[Mapping[str, frozenset[str]]] = {
    "oauth_broker.doors.queues": frozenset({"MOST_CONTINUED", "Nudge"}),
    "oauth_broker.doors.store": frozenset(
        {"LONGEST_CALL", "LeftToRevoke", "NotConsumed", "NotTaken", "ResourceRow"}
    ),
}

# Foreign packages, and the modules or packages of ours that alone may import them. `local` brings its own.
FOREIGN: Final[Mapping[str, tuple[str, ...]]] = {
    "aws_lambda_powertools": ("oauth_broker.log",),
    "boto3": ("operations.deployment", "operations.command_line"),
    "botocore": (
        SHARED_BY_DOORS,
        "oauth_broker.doors.store.",
        "oauth_broker.doors.sealing",
        "oauth_broker.doors.signing",
        "oauth_broker.doors.queues",
        "oauth_broker.doors.announcements",
        "operations.table",
        "operations.deployment",
        "operations.command_line",
    ),
    "certifi": ("oauth_broker.doors.egress", "oauth_broker.doors.pinned_connection"),
    "cryptography": (
        "oauth_broker.sealed",
        "oauth_broker.protocol.",
        "oauth_broker.doors.sealing",
    ),
    "joserfc": ("oauth_broker.protocol.id_token", "oauth_broker.protocol.signing_keys"),
    "jmespath": ("oauth_broker.protocol.", "oauth_broker.registration"),
    "publicsuffixlist": ("oauth_broker.registration", "oauth_broker.protocol."),
    "re2": ("oauth_broker.protocol.variables",),
    "requests": (
        "oauth_broker.doors.egress",
        "oauth_broker.doors.pinned_connection",
        "oauth_broker.doors.answer",
    ),
    "urllib3": (
        "oauth_broker.doors.egress",
        "oauth_broker.doors.pinned_connection",
        "oauth_broker.doors.answer",
    ),
}

IMPURE_CALLS: Final = frozenset(
    {"open", "print", "input", "breakpoint", "exec", "eval", "compile", "__import__"}
)
IMPURE_METHODS: Final = frozenset({"now", "utcnow", "today"})
# Imports that no reader of `import` lines can see.
HIDDEN_IMPORTS: Final = frozenset({"importlib", "runpy", "pkgutil"})


@dataclass(frozen=True)
class Import:
    """One import: the module, whether only a type checker sees it, and the name that is taken from it."""

    target: str
    for_types: bool
    name: str = ""


def violations(sources: Mapping[str, str]) -> list[str]:
    """Say what breaks the table in modules given by name and source, one sentence each."""
    trees = {name: ast.parse(source) for name, source in sources.items()}
    imports = {name: list(imports_of(name, tree, frozenset(sources))) for name, tree in trees.items()}
    found: list[str] = []
    for name in sorted(sources):
        row = row_of(name)
        if row is None:
            found.append(f"{name} stands in no row")
            continue
        for one in imports[name]:
            found += [f"{name} imports {one.target}: {why}" for why in objections(name, row, one)]
        found += [
            f"{name} may not reach for {one.target}"
            for one in imports[name]
            if not one.for_types and {one.target, one.target.partition(".")[0]} & ROWS[row].closed_to
        ]
        if ROWS[row].closed_to is IMPURE:
            found += [f"{name} is pure and calls {call}" for call in impure_calls(trees[name])]
    return found + [f"cycle: {' → '.join(cycle)}" for cycle in cycles(imports)]


def row_of(module: str) -> str | None:
    """Give the row of a module: that of the longest entry that means it; None for a stranger."""
    entries = [
        (len(entry), row) for row, about in ROWS.items() for entry in about.modules if covers(entry, module)
    ]
    return max(entries)[1] if entries else None


def covers(entry: str, module: str) -> bool:
    """Say whether an entry means a module: `a.b` is itself and all below, `a.` only what is below."""
    if entry.endswith("."):
        return module.startswith(entry)
    return module == entry or (entry not in ROWS["package"].modules and module.startswith(f"{entry}."))


def imports_of(module: str, tree: ast.AST, known: frozenset[str]) -> Iterator[Import]:
    """Read the imports of a module, wherever they stand in it; a name that is a module counts as one."""
    for node, for_types in walk(tree, for_types=False):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, for_types) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parent = module.split(".")[: -node.level]
                base = ".".join([*parent, base] if base else parent)
            for alias in node.names:
                full = f"{base}.{alias.name}"
                yield Import(full, for_types) if full in known else Import(base, for_types, alias.name)


def walk(node: ast.AST, *, for_types: bool) -> Iterator[tuple[ast.AST, bool]]:
    """Give every node and whether it stands under `if TYPE_CHECKING`."""
    yield node, for_types
    typed: list[ast.stmt] = []
    match node:
        case ast.If(test=ast.Name("TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING")):
            typed = node.body
    for child in ast.iter_child_nodes(node):
        yield from walk(child, for_types=for_types or child in typed)


def objections(module: str, row: str, one: Import) -> Iterator[str]:
    """Say why a module of a row may not import what it does."""
    top = one.target.partition(".")[0]
    if top in OURS:
        yield from ours(module, row, one)
    elif row == "local":
        return
    elif top in HIDDEN_IMPORTS:
        yield "imports that nobody can read"
    elif top not in sys.stdlib_module_names and not (one.for_types and top == "_typeshed"):
        allowed = FOREIGN.get(top, ())
        if not any(covers(entry, module) for entry in allowed):
            yield f"only {', '.join(allowed) or 'nobody'} may"


def ours(module: str, row: str, one: Import) -> Iterator[str]:
    """Say why a module of ours may not import another of ours."""
    target_row, about = row_of(one.target), ROWS[row]
    if target_row == row:
        if not about.each_other:
            yield f"{row} do not import each other"
        elif row == "doors" and door_of(module) != door_of(one.target) and one.target != SHARED_BY_DOORS:
            yield "a door opens no other door"
    elif row == "flows" and one.name in HANDED_OVER.get(one.target, ()):
        return
    elif target_row not in about.may_import and not (one.for_types and target_row in about.for_types):
        yield f"{row} may not import {target_row}"


def door_of(module: str) -> str:
    """Give the door to which a module of `doors` belongs."""
    first = module.split(".")[2]
    return SPLIT_DOORS.get(first, first)


def impure_calls(tree: ast.AST) -> Iterator[str]:
    """Give the calls by which a module reaches for files or the clock without an import that tells."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in IMPURE_CALLS:
                yield f"{name}()"
            case ast.Call(func=ast.Attribute(attr=name)) if name in IMPURE_METHODS:
                yield f".{name}()"


def cycles(imports: Mapping[str, list[Import]]) -> list[list[str]]:
    """Give each cycle of imports that a running program follows, once, beginning with its first name."""
    graph = {
        name: sorted({one.target for one in found if not one.for_types and one.target in imports} - {name})
        for name, found in imports.items()
    }
    found: list[list[str]] = []
    done: set[str] = set()

    def visit(name: str, path: list[str]) -> None:
        if name in path:
            found.append([*path[path.index(name) :], name])
        elif name not in done:
            for target in graph[name]:
                visit(target, [*path, name])
            done.add(name)

    for name in sorted(graph):
        visit(name, [])
    return found
