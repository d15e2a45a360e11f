"""Run one step of the contract pipeline: `python -m tools <command>`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tools import commands, layout, pages, surface, validation
from tools.layout import shown
from tools.problem import Problem


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out the command and give its exit status: 0 done, 1 a bad contract, 2 bad usage."""
    options = _parser().parse_args(argv)
    try:
        result: int = options.run(options)
        return result
    except Problem as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped; nothing was changed.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools", description=__doc__)
    steps = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    spec = steps.add_parser("spec", help="write openapi.yaml from published pages")
    spec.add_argument("pages", nargs="+", type=Path, metavar="PAGE")
    spec.add_argument("--out", type=Path, default=layout.CONTRACT, metavar="FILE")
    spec.set_defaults(run=_spec)
    for name, run, text in (
        ("repair", _repair, "lay the overlay over the contract: build/openapi.json"),
        ("validate", _validate, "repair and check the contract"),
        ("generate", _generate, "repair, check, generate and swap the client in"),
    ):
        step = steps.add_parser(name, help=text, description=text)
        step.add_argument("--contract", type=Path, default=layout.CONTRACT, metavar="FILE")
        step.set_defaults(run=run)
    step.add_argument("--into", type=Path, default=layout.GENERATED, metavar="DIR")
    for name, run, text in (
        ("surface", _surface, "write generated/API.md"),
        ("drift", _drift, "regenerate aside and compare"),
    ):
        steps.add_parser(name, help=text, description=text).set_defaults(run=run)
    return parser


def _spec(options: argparse.Namespace) -> int:
    commands.write(options.out, pages.contract(options.pages))
    print(f"{shown(options.out)} is written.")
    return 0


def _repair(options: argparse.Namespace) -> int:
    repaired = commands.repair(options.contract)
    commands.write_repaired(repaired, layout.REPAIRED)
    for name in repaired.unmatched:
        print(f"{name} finds nothing in {shown(options.contract)}.")
    print(f"{shown(layout.REPAIRED)} is written.")
    return 0


def _validate(options: argparse.Namespace) -> int:
    repaired = commands.repair(options.contract)
    count = validation.validate(repaired.document, f"{shown(options.contract)} (repaired)")
    print(f"{shown(options.contract)} is good once repaired: {count} operation(s).")
    return 0


def _generate(options: argparse.Namespace) -> int:
    count = commands.generate(options.contract, options.into)
    print(f"{shown(options.into)} is generated: {count} operation(s).")
    return 0


def _surface(options: argparse.Namespace) -> int:
    target = layout.GENERATED / layout.SURFACE
    commands.write(target, surface.surface(layout.GENERATED / layout.PACKAGE))
    print(f"{shown(target)} is written.")
    return 0


def _drift(options: argparse.Namespace) -> int:
    names = commands.drift()
    for name in names:
        print(f"{shown(layout.GENERATED / name)} is not what the contract gives.", file=sys.stderr)
    return 1 if names else 0


if __name__ == "__main__":
    sys.exit(main())
