"""Parse a command line, run its step, and print the result."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn, TextIO

from tools import commands, documents, layout, update
from tools.changes import snapshots, surface
from tools.contract import operations
from tools.errors import PipelineError
from tools.layout import shown
from tools.repair import examples

_BASE = "a git revision, a folder, a wheel, a contract or an API.md"


def run(argv: Sequence[str] | None) -> int:
    """Carry out a command and give its exit status: 0 done, 1 a bad contract, 2 bad usage.

    An update from pages has its own statuses; see `tools.update`.
    """
    options = _parser().parse_args(argv)
    step: Callable[[argparse.Namespace], int] = options.run
    try:
        return step(options)
    except PipelineError as problem:
        _say(str(problem), sys.stderr)
        return update.REFUSED if step in (_update, _renew) else 1


def _say(text: str, to: TextIO | None = None) -> None:
    """Print lines; control characters from a page must not reach the terminal."""
    for line in text.split("\n"):
        printable = (char if char.isprintable() else ascii(char)[1:-1] for char in line)
        print("".join(printable), file=to or sys.stdout)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; {self.prog} --help shows what it takes.\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m tools", description="Run one step of the contract pipeline.")
    steps = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def step(run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        command = steps.add_parser(
            run.__name__.removeprefix("_").replace("_", "-"), help=text, description=text
        )
        command.set_defaults(run=run)
        return command

    spec = step(_spec, "add the vendor's published pages to openapi.yaml")
    renew = step(_renew, "carry out an update here, in a clone of its own: two commits")
    change = step(_update, "do all that a change of the pages asks for, on a branch")
    for command in (spec, renew):
        command.add_argument("pages", nargs="+", type=Path, metavar="PAGE")
    change.add_argument("source", metavar="FROM", help="a folder, a file, an llms.txt or a URL")
    change.add_argument("--branch", default=update.BRANCH, help="the branch to make or move")
    change.add_argument("--tests", metavar="COMMAND", help="what has to pass; '' for nothing")
    for command in (spec, renew, change):
        command.add_argument(
            "--allow-host", action="append", default=[], metavar="HOST", help="one or several"
        )
        command.add_argument(
            "--replace", action="store_true", help="drop what the pages do not describe"
        )
    spec.add_argument("--out", type=Path, default=layout.CONTRACT, metavar="FILE")
    generate = step(_generate, "repair, validate, generate, swap the client in")
    generate.add_argument(
        "--strict", action="store_true", help="an operation that cannot be generated is an error"
    )
    generate.add_argument(
        "--untried", action="store_true", help="do not try the requests and examples of operations"
    )
    generate.add_argument("--into", type=Path, default=layout.GENERATED, metavar="DIR")
    for command in (
        step(_repair, "lay the overlay over the contract: build/openapi.json"),
        step(_validate, "check the repaired contract"),
        propose := step(_propose, "propose overlay actions from recorded answers"),
        generate,
    ):
        command.add_argument("--contract", type=Path, default=layout.CONTRACT, metavar="FILE")
    propose.add_argument("answers", nargs="+", type=Path, metavar="FROM")
    step(_surface, "write generated/API.md from the generated client")
    step(_drift, "generate aside and compare with generated/")
    diff = step(_diff, "say what changed for callers, and which version that asks for")
    diff.add_argument("base", metavar="BASE", help=_BASE)
    release = step(_release_check, "refuse a version too small for what changed")
    release.add_argument("base", nargs="?", metavar="BASE", help=f"{_BASE}; else the newest tag")
    release.add_argument("--version", metavar="VERSION", help="else the one written down")
    for command in (diff, release):
        command.add_argument("--previous", metavar="VERSION", help="of BASE, where it says none")
    return parser


def _allowed_hosts(options: argparse.Namespace) -> list[str]:
    return [host for value in options.allow_host for host in value.replace(",", " ").split()]


def _update(options: argparse.Namespace) -> int:
    status, report, notes = update.update(
        options.source,
        _allowed_hosts(options),
        replace=options.replace,
        branch=options.branch,
        tests=options.tests,
    )
    for note in notes:
        _say(note, sys.stderr)
    _say(report or "Nothing new.")
    return status


def _renew(options: argparse.Namespace) -> int:
    status, notes = update.renew(options.pages, _allowed_hosts(options), replace=options.replace)
    for note in notes:
        _say(note, sys.stderr)
    return status


def _spec(options: argparse.Namespace) -> int:
    allowed_hosts = _allowed_hosts(options)
    imported = commands.spec(options.pages, allowed_hosts, options.out, replace=options.replace)
    for note in imported.notes:
        _say(note)
    for sentence in imported.refused:
        _say(sentence, sys.stderr)
    refused = f"; {len(imported.refused)} page(s) refused" if imported.refused else ""
    _say(f"{shown(options.out)} is written{refused}.")
    return 0


def _propose(options: argparse.Namespace) -> int:
    actions, notes = commands.proposed(options.contract, options.answers)
    for note in notes:
        _say(note, sys.stderr)
    if actions:
        _say("# Put them before the actions on fields that answers leave out.")
        _say(documents.text_of({"actions": [*actions]}).rstrip("\n"))
    return 0


def _repair(options: argparse.Namespace) -> int:
    repaired = commands.repair(options.contract)
    for name in repaired.unmatched:
        _say(f"{name} finds nothing in {shown(options.contract)}.")
    _say(f"{shown(commands.write_repaired(repaired))} is written.")
    return 0


def _validate(options: argparse.Namespace) -> int:
    repaired = commands.repair(options.contract)
    count = commands.validate(repaired, options.contract)
    for note in examples.mismatches(repaired.document):
        _say(note)
    _say(f"{shown(options.contract)} is good once repaired: {count} operation(s).")
    return 0


def _generate(options: argparse.Namespace) -> int:
    repaired = commands.generate(
        options.contract, options.into, strict=options.strict, tried=not options.untried
    )
    count = sum(1 for _ in operations(repaired.document))
    operation_count = "1 operation" if count == 1 else f"{count} operations"
    left_out = f"; {len(repaired.left_out)} left out" if repaired.left_out else ""
    for line in (line for lines in repaired.notes().values() for line in lines):
        _say(line, sys.stderr)
    _say(f"{shown(options.into)}/ holds the client for {operation_count}{left_out}.")
    return 0


def _surface(options: argparse.Namespace) -> int:
    target = layout.GENERATED / layout.SURFACE
    commands.write(target, surface.surface(layout.GENERATED / layout.PACKAGE))
    _say(f"{shown(target)} is written.")
    return 0


def _drift(options: argparse.Namespace) -> int:
    lines = commands.drift()
    for line in lines:
        _say(f"{shown(layout.GENERATED)}/{line}; make generate restores it.", sys.stderr)
    return 1 if lines else 0


def _diff(options: argparse.Namespace) -> int:
    changes = commands.changed_since(options.base)
    _say(changes.draft().rstrip("\n"))
    previous = options.previous or changes.previous or snapshots.current().version
    if previous:
        _say(f"\nAfter {previous} this asks for {changes.asked_for(previous)} or more.")
    for part in changes.missing:
        _say(f"{options.base} lacks {part}: not compared.", sys.stderr)
    return 0


def _release_check(options: argparse.Namespace) -> int:
    base = options.base or snapshots.latest_tag()
    if base is None:
        _say("No earlier version has a tag; any version will do.")
        return 0
    version, required = commands.check_release(base, options.version, options.previous)
    _say(f"{version} is enough: what changed since {base} asks for {required}.")
    return 0
