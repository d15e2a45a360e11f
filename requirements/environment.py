"""Bring a virtual environment to the state its locks describe, or leave it alone if it is there.

Usage: ``environment.py FOLDER LAYER...``. A layer is the name of a lock beside this file, or
``project`` for the editable install. The steps done are recorded in ``FOLDER/state.json``, by
content; during a set-up the file is absent, so that an interrupted set-up starts again.
"""

import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NoReturn

LOCKS = Path(__file__).resolve().parent
PROJECT = LOCKS.parent

# Python is isolated (-I), so that only this folder's module is importable.
sys.path.append(str(LOCKS))
import pip_settings  # noqa: E402

PIP = ("-I", "-m", "pip", "install", "-qq", "--no-input", "--disable-pip-version-check")
LOCKED = ("--no-user", "--no-deps", "--require-hashes", "--only-binary", ":all:", "--requirement")
LINKED = ("--no-user", "--no-deps", "--no-build-isolation", "--editable")
ADVICE = "Look at the network, and at the index, proxy and certificates pip is told of:  "
MISSING = re.compile(r"No matching distribution found for ([^\s;]+)")
UNREAD = re.compile(r"Could not fetch URL (\S+): (.+) - skipping$|The repository .* being ignored")
# The cause in pip's message about a failure.
CAUSE = re.compile(r"\[(?:Errno|SSL)[^]]*\] [^'\")]+|\d{3} \w+ Error: .*?(?= for url)")

State = dict[str, str]


def main(folder: str, *layers: str) -> None:
    """Wait for another set-up of the same environment, then take the steps that are missing."""
    os.umask(0o022)
    with source(layers[0]).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        bring(PROJECT / folder, ("interpreter", *layers))


def bring(environment: Path, steps: Sequence[str]) -> None:
    """Take the missing steps, and record each when it is done.

    A step that fails with a message has changed nothing (pip checks before it installs), so the
    previous state stays valid; after an interruption no state is recorded.
    """
    state = recall(environment)
    todo = missing(state, {step: content(step) for step in {*state, *steps}}, steps)
    if not todo:
        return
    installed = {} if "interpreter" in todo else state
    for step in todo:
        (environment / "state.json").unlink(missing_ok=True)
        try:
            take(step, environment)
        except SystemExit:
            if installed:
                remember(environment, installed)
            raise
        installed |= {step: content(step)}
        remember(environment, installed)


def missing(state: State, current: State, steps: Sequence[str]) -> list[str]:
    """Return the steps to take: all after a change of a lock or the interpreter, else the rest."""
    changed = {step for step in state if state[step] != current[step]}
    if not state or changed - {"project"}:
        return list(steps)
    return [step for step in steps if step in changed or step not in state]


def recall(environment: Path) -> State:
    """Read the recorded state; empty after an interrupted set-up or without an interpreter."""
    if not (environment / "bin" / "python").exists():
        return {}
    try:
        return dict(json.loads((environment / "state.json").read_text("utf-8")))
    except (OSError, ValueError):
        return {}


def remember(environment: Path, state: State) -> None:
    """Write the state in one step."""
    unfinished = environment / "state.json.part"
    unfinished.write_text(json.dumps(state, indent=1), "utf-8")
    unfinished.replace(environment / "state.json")


def source(layer: str) -> Path:
    """Return the file that a layer is made from."""
    return PROJECT / "pyproject.toml" if layer == "project" else LOCKS / f"{layer}.txt"


def content(step: str) -> str:
    """Return the state that a step would lead to now."""
    if step == "interpreter":
        # A checkout that was moved or copied has an environment that points to the old place.
        return f"{platform.python_version()} {base_interpreter()} {PROJECT}"
    try:
        return hashlib.sha256(source(step).read_bytes()).hexdigest()
    except FileNotFoundError:
        return "gone"


def base_interpreter() -> str:
    """Return the interpreter that made the environment of this process, or its own."""
    return os.path.realpath(getattr(sys, "_base_executable", sys.executable))


def take(step: str, environment: Path) -> None:
    """Take one step, and print a line about it."""
    name = environment.name
    if step == "interpreter":
        say(f"{name}: a new environment with Python {platform.python_version()}")
        if environment.exists():
            shutil.rmtree(environment)
        run(base_interpreter(), "-I", "-m", "venv", str(environment))
    elif step == "project":
        say(f"{name}: linking chainhub")
        install(environment, *LINKED, str(PROJECT))
    else:
        packages = len(re.findall(r"^\w", source(step).read_text("utf-8"), re.MULTILINE))
        say(f"{name}: installing requirements/{step}.txt, {packages} packages")
        install(environment, *LOCKED, str(source(step)))


def run(*command: str) -> None:
    """Run a command of the set-up; end with one sentence if it fails."""
    status, output = capture(command, os.environ)
    if status:
        fail(output)


def install(environment: Path, *arguments: str) -> None:
    """Run pip with its settings of indexes; end with one sentence if it fails."""
    python = str(environment / "bin" / "python")
    try:
        settings = settings_of(python)
    except pip_settings.PipFailed as failure:
        fail(str(failure))
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        command = (python, *PIP, "--log", str(log), *arguments)
        status, output = capture(command, pip_settings.for_pip(settings, os.environ))
        if status:
            notes = log.read_text("utf-8", "replace") if log.exists() else ""
            reason = not_found(output, notes, settings)
            if reason:
                config = f"{environment.name}/bin/python -m pip config list"
                sys.exit(f"{environment.name} is not set up: {reason}\n{ADVICE}{config}")
            fail(output)


@cache
def settings_of(python: str) -> pip_settings.Settings:
    """Read, once, the settings of indexes of an environment's pip."""
    return pip_settings.read(python, os.environ)


def capture(command: Sequence[str], environ: Mapping[str, str]) -> tuple[int, str]:
    """Run a command; return its exit status and its output."""
    process = subprocess.run(
        command,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return process.returncode, process.stdout.decode(errors="replace").strip()


def not_found(output: str, log: str, settings: pip_settings.Settings) -> str | None:
    """Say at which indexes a package was not found, and why; None if another error occurred."""
    missing = MISSING.search(output)
    if missing is None:
        return None
    unread = [match for line in log.splitlines() if (match := UNREAD.search(line))]
    reasons = "; ".join(
        f"{match[1]}: {cause(match[2])}" if match[1] else match[0] for match in unread
    )
    why = f" ({pip_settings.without_credentials(reasons)})" if reasons else ""
    return f"no {missing[1]} was found at {pip_settings.shown(settings)}{why}."


def cause(reason: str) -> str:
    """Shorten pip's reason why an address could not be read."""
    match = CAUSE.search(reason)
    return f"{'the proxy, ' if 'proxy' in reason.lower() else ''}{match[0] if match else reason}"


def fail(output: str) -> NoReturn:
    """End with the output of a program, and a sentence."""
    say(pip_settings.without_credentials(output))
    sys.exit("The environment is not set up; the lines above say why. Run make again after that.")


def say(line: str) -> None:
    """Report on standard error, so that a target's own output stays clean."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
