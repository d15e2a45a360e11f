#!/bin/sh
# Find a Python that can build an environment and hand over to environment.py.
# Usage: environment.sh FOLDER LOCK...   (PYTHON=… names the interpreter; otherwise PATH is searched, newest first)
set -eu

cd "$(dirname "$0")/.."
supported='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))'
complete='import ensurepip, venv'
version='import sys; print("%d.%d" % sys.version_info[:2])'
incomplete=

# -I keeps a foreign PYTHONPATH and the user's own packages out of the question.
try() {
    python=$1
    shift
    command -v "$python" >/dev/null 2>&1 || return 0
    "$python" -I -c "$supported" >/dev/null 2>&1 || return 0
    if "$python" -I -c "$complete" >/dev/null 2>&1; then
        exec "$python" -I requirements/environment.py "$@"
    fi
    incomplete=${incomplete:-$python}
}

if [ -n "${PYTHON:-}" ]; then
    try "$PYTHON" "$@"
else
    # The environment's own Python first: it is kept when a newer one appears, and asking it is quick.
    for candidate in "$1/bin/python" python3.14 python3.13 python3.12 python3.11 python3 python; do
        try "$candidate" "$@"
    done
fi

if [ -n "$incomplete" ]; then
    found=$("$incomplete" -I -c "$version")
    cat >&2 <<EOF
$incomplete (Python $found) cannot make virtual environments: its modules venv and ensurepip are not installed.
Debian and Ubuntu ship them separately:  apt install python$found-venv
Or name another Python 3.11 to 3.14:     make … PYTHON=/path/to/python
EOF
elif [ -n "${PYTHON:-}" ]; then
    cat >&2 <<EOF
PYTHON=$PYTHON is not a Python 3.11, 3.12, 3.13 or 3.14 that runs here.
EOF
else
    cat >&2 <<EOF
chainhub needs Python 3.11, 3.12, 3.13 or 3.14, and none was found on PATH.
Debian 12, Ubuntu 24.04 and later:  apt install python3 python3-venv
Fedora:                             dnf install python3
macOS:                              brew install python
Or name one that is not on PATH:    make … PYTHON=/path/to/python
EOF
fi
exit 1
