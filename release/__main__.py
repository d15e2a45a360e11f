"""Make a release, publish it, verify what an index serves, or withdraw a version."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from release import checksums, files, git, index, publishing, verifying, withdrawal
from release.errors import Problem

PROJECT = Path(__file__).resolve().parent.parent


def main(argv: Sequence[str] | None = None, project: Path = PROJECT) -> int:
    """Carry out a command and give its exit status: 0 done, 1 something has to be changed."""
    options = _parser().parse_args(argv)
    run: Callable[[argparse.Namespace, Path], None] = options.run
    try:
        run(options, project)
    except Problem as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m release", description=__doc__)
    steps = parser.add_subparsers(required=True, metavar="COMMAND")
    build = steps.add_parser("build", help="make the files of a release in dist/")
    build.add_argument("--dirty", action="store_true", help="from a tree that is not committed")
    build.add_argument("--sign", metavar="KEY", help="sign the checksums with this SSH key")
    build.set_defaults(run=_build)
    publish = steps.add_parser("publish", help="bring them to an index")
    publish.add_argument("index", metavar="NAME", help="of an index in uv's configuration")
    publish.add_argument("--dry-run", action="store_true", help="only say what would happen")
    publish.add_argument(
        "--allow-forwarding", default="", metavar="HOST", help="where the index looks by itself"
    )
    publish.add_argument("--sign", metavar="KEY", help="sign the checksums with this SSH key")
    publish.set_defaults(run=_publish, dirty=False)
    check = steps.add_parser("verify", help="compare an index with what a tag gives")
    check.add_argument("index", metavar="NAME", help="of an index in uv's configuration")
    check.add_argument("--version", required=True, help="the tag's, without its v")
    check.set_defaults(run=_verify)
    withdraw = steps.add_parser("withdraw", help="exclude a version")
    withdraw.add_argument("--version", required=True)
    withdraw.add_argument("--reason", required=True, help="for whoever is affected")
    withdraw.set_defaults(run=_withdraw)
    return parser


def _build(options: argparse.Namespace, project: Path) -> None:
    if options.dirty:
        names = files.build(project, project / "dist", options.sign)
    else:
        git.require_clean(project)
        with git.checked_out(project) as tree:
            names = files.build(tree, project / "dist", options.sign)
    for name in names:
        print(f"dist/{name}")


def _publish(options: argparse.Namespace, project: Path) -> None:
    git.require_clean(project)
    target_index = index.find(options.index, project, os.environ)
    _build(options, project)  # what is in dist/ may come from a tree that was not clean
    for version in filter(None, map(verifying.version_of, checksums.read(project / "dist"))):
        withdrawal.require_usable(project, version)
    lines = publishing.publish(
        project / "dist",
        target_index,
        os.environ,
        dry=options.dry_run,
        forwarding=options.allow_forwarding,
    )
    for line in lines:
        print(line, flush=True)


def _verify(options: argparse.Namespace, project: Path) -> None:
    target_index = index.find(options.index, project, os.environ, to_publish=False)
    for line in verifying.verify(project, target_index, options.version, os.environ):
        print(line, flush=True)


def _withdraw(options: argparse.Namespace, project: Path) -> None:
    version = verifying.parse(options.version)
    line = withdrawal.withdraw(project, version, options.reason)
    print(
        f"{withdrawal.NAME} excludes {version}: commit it. No request to an index can do that, so "
        f"send this line to everybody who installs chainhub, for their constraints:\n{line}"
    )


if __name__ == "__main__":
    sys.exit(main())
