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
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

LOCKS = Path(__file__).resolve().parent
PROJECT = LOCKS.parent
PIP = ("-I", "-m", "pip", "install", "-qq", "--no-input", "--disable-pip-version-check")
LOCKED = ("--no-user", "--no-deps", "--require-hashes", "--only-binary", ":all:", "--requirement")
LINKED = ("--no-user", "--no-deps", "--no-build-isolation", "--editable")
# A personal pip configuration may ask for an install outside the environment.
ELSEWHERE = ("PIP_PREFIX", "PIP_ROOT", "PIP_TARGET", "PIP_USER")

State = dict[str, str]


def main(folder: str, *layers: str) -> None:
    """Wait for another set-up of the same environment, then take the steps that are missing."""
    os.umask(0o022)
    with source(layers[0]).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        bring(PROJECT / folder, ("interpreter", *layers))


def bring(environment: Path, steps: Sequence[str]) -> None:
    """Take the missing steps, remembering them only once all are done."""
    known = recall(environment)
    todo = missing(known, {step: content(step) for step in {*known, *steps}}, steps)
    if not todo:
        return
    (environment / "state.json").unlink(missing_ok=True)
    for step in todo:
        take(step, environment)
    kept = {} if "interpreter" in todo else known
    remember(environment, kept | {step: content(step) for step in todo})


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
    python = str(environment / "bin" / "python")
    name = environment.name
    if step == "interpreter":
        say(f"{name}: a new environment with Python {platform.python_version()}")
        if environment.exists():
            shutil.rmtree(environment)
        run(base_interpreter(), "-I", "-m", "venv", str(environment))
    elif step == "project":
        say(f"{name}: linking chainhub")
        run(python, *PIP, *LINKED, str(PROJECT))
    else:
        say(f"{name}: installing requirements/{step}.txt")
        run(python, *PIP, *LOCKED, str(source(step)))


def run(*command: str) -> None:
    """Run a command of the set-up; end with one sentence if it fails."""
    settings = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}
    done = subprocess.run(
        command,
        env=settings,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode:
        say(done.stdout.decode(errors="replace").strip())
        sys.exit(
            "The environment is not set up; the lines above say why. Run make again after that."
        )


def say(line: str) -> None:
    """Report on standard error, so that a target's own output stays clean."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
