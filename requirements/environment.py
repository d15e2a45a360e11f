"""Bring a virtual environment to the state its locks describe, or leave it alone if it is there.

Usage: ``environment.py FOLDER LAYER...``. A layer is the name of a lock beside this file, or
``project`` for the editable install. What was done is remembered in ``FOLDER/state.json``, by
content; the file is absent meanwhile, so that an interrupted set-up is begun again.
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

# Python is isolated (-I), so that nothing but this folder's own module is found here.
sys.path.append(str(LOCKS))
import pip_settings  # noqa: E402

PIP = ("-I", "-m", "pip", "install", "-qq", "--no-input", "--disable-pip-version-check")
LOCKED = ("--no-user", "--no-deps", "--require-hashes", "--only-binary", ":all:", "--requirement")
LINKED = ("--no-user", "--no-deps", "--no-build-isolation", "--editable")
ADVICE = "Look at the network, and at the index, proxy and certificates pip is told of:  "
MISSING = re.compile(r"No matching distribution found for ([^\s;]+)")
UNREAD = re.compile(r"Could not fetch URL (\S+): (.+) - skipping$|The repository .* being ignored")
# What pip's account of a failure comes down to.
CAUSE = re.compile(r"\[(?:Errno|SSL)[^]]*\] [^'\")]+|\d{3} \w+ Error: .*?(?= for url)")

State = dict[str, str]


def main(folder: str, *layers: str) -> None:
    """Wait for another set-up of the same environment, then take the steps that are missing."""
    os.umask(0o022)
    with source(layers[0]).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        bring(PROJECT / folder, ("interpreter", *layers))


def bring(environment: Path, steps: Sequence[str]) -> None:
    """Take the missing steps, remembering each once it is done.

    A step that fails in words has changed nothing (pip looks before it installs), so what was there
    before serves on; after an interruption nothing is taken for good.
    """
    known = recall(environment)
    todo = missing(known, {step: content(step) for step in {*known, *steps}}, steps)
    if not todo:
        return
    kept = {} if "interpreter" in todo else known
    for step in todo:
        (environment / "state.json").unlink(missing_ok=True)
        try:
            take(step, environment)
        except SystemExit:
            if kept:
                remember(environment, kept)
            raise
        kept |= {step: content(step)}
        remember(environment, kept)


def missing(known: State, now: State, steps: Sequence[str]) -> list[str]:
    """Decide what to do: all of it after a change of a lock or the interpreter, else the rest."""
    changed = {step for step in known if known[step] != now[step]}
    if not known or changed - {"project"}:
        return list(steps)
    return [step for step in steps if step in changed or step not in known]


def recall(environment: Path) -> State:
    """Read what is there; nothing when a set-up was cut short or the interpreter is gone."""
    if not (environment / "bin" / "python").exists():
        return {}
    try:
        return dict(json.loads((environment / "state.json").read_text("utf-8")))
    except (OSError, ValueError):
        return {}


def remember(environment: Path, state: State) -> None:
    """Write what is there in one motion."""
    unfinished = environment / "state.json.part"
    unfinished.write_text(json.dumps(state, indent=1), "utf-8")
    unfinished.replace(environment / "state.json")


def source(layer: str) -> Path:
    """Name the file a layer is made from."""
    return PROJECT / "pyproject.toml" if layer == "project" else LOCKS / f"{layer}.txt"


def content(step: str) -> str:
    """Describe what a step would lead to today."""
    if step == "interpreter":
        # A checkout that was moved or copied has an environment that points to the old place.
        return f"{platform.python_version()} {base_interpreter()} {PROJECT}"
    try:
        return hashlib.sha256(source(step).read_bytes()).hexdigest()
    except FileNotFoundError:
        return "gone"


def base_interpreter() -> str:
    """Name the interpreter that made the environment this one may be running in."""
    return os.path.realpath(getattr(sys, "_base_executable", sys.executable))


def take(step: str, environment: Path) -> None:
    """Do one step, with one line to say so."""
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
    status, said = told(command, os.environ)
    if status:
        fail(said)


def install(environment: Path, *arguments: str) -> None:
    """Run pip with what it is told of indexes; end with one sentence if it fails."""
    python = str(environment / "bin" / "python")
    try:
        settings = settings_of(python)
    except pip_settings.PipFailed as failure:
        fail(str(failure))
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        command = (python, *PIP, "--log", str(log), *arguments)
        status, said = told(command, pip_settings.for_pip(settings, os.environ))
        if status:
            notes = log.read_text("utf-8", "replace") if log.exists() else ""
            reason = not_found(said, notes, settings)
            if reason:
                config = f"{environment.name}/bin/python -m pip config list"
                sys.exit(f"{environment.name} is not set up: {reason}\n{ADVICE}{config}")
            fail(said)


@cache
def settings_of(python: str) -> pip_settings.Settings:
    """Ask once what an environment's pip is told of indexes."""
    return pip_settings.read(python, os.environ)


def told(command: Sequence[str], environ: Mapping[str, str]) -> tuple[int, str]:
    """Run a command; give its exit status and all it says."""
    done = subprocess.run(
        command,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return done.returncode, done.stdout.decode(errors="replace").strip()


def not_found(said: str, log: str, settings: pip_settings.Settings) -> str | None:
    """Say where a package was looked for in vain, and what stopped pip there; None if otherwise."""
    missing = MISSING.search(said)
    if missing is None:
        return None
    unread = [found for line in log.splitlines() if (found := UNREAD.search(line))]
    reasons = "; ".join(
        f"{found[1]}: {cause(found[2])}" if found[1] else found[0] for found in unread
    )
    why = f" ({pip_settings.without_credentials(reasons)})" if reasons else ""
    return f"no {missing[1]} was found at {pip_settings.shown(settings)}{why}."


def cause(reason: str) -> str:
    """Shorten pip's account of why an address could not be read."""
    found = CAUSE.search(reason)
    return f"{'the proxy, ' if 'proxy' in reason.lower() else ''}{found[0] if found else reason}"


def fail(said: str) -> NoReturn:
    """End with what a program said, and a sentence."""
    say(pip_settings.without_credentials(said))
    sys.exit("The environment is not set up; the lines above say why. Run make again after that.")


def say(line: str) -> None:
    """Report on standard error, so that a target's own output stays clean."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
