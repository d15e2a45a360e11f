"""The indexes in pip's configuration, and how to reach them: read once, for pip and for uv.

Usage: ``pip_settings.py UV-ARGUMENT...`` runs uv with the index, proxy and certificates of pip.

Of the user's configuration, files and variables alike, only what reaches an index is kept: other
options may ask for an install outside the environment (prefix, target, user, root, python) or for
none at all (dry-run).
"""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Mapping

OPTIONS = (
    "cache-dir",
    "cert",
    "client-cert",
    "constraint",
    "default-timeout",
    "extra-index-url",
    "find-links",
    "index-url",
    "keyring-provider",
    "no-cache-dir",
    "no-index",
    "proxy",
    "retries",
    "timeout",
    "trusted-host",
    "use-deprecated",
    "use-feature",
)
# Sections of pip's configuration, the strongest last; those of other commands do not count.
SECTIONS = ("global", "install", ":env:")
LINE = re.compile(r"^(global|install|:env:)\.([\w-]+)=('.*'|\".*\")$", re.MULTILINE)
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")

Settings = Mapping[str, str]


class PipFailed(Exception):
    """Pip cannot read its configuration; the message says why."""


def read(python: str, environ: Mapping[str, str]) -> Settings:
    """Read the configuration of an environment's pip, from files and from these variables.

    Raises:
        PipFailed: a configuration file is broken.
    """
    # A file may ask pip to be quiet, or to run in another Python.
    overrides = {"PIP_QUIET": "0", "PIP_PYTHON": python}
    process = subprocess.run(
        (python, "-I", "-m", "pip", "config", "list"),
        env={**environ, **overrides},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        raise PipFailed(process.stderr.strip())
    return choose(process.stdout)


def choose(listing: str) -> Settings:
    """Select lines of ``pip config list`` as ``pip install`` does."""
    lines = [(section, name, value) for section, name, value in LINE.findall(listing)]
    lines.sort(key=lambda line: SECTIONS.index(line[0]))
    values = ((name, ast.literal_eval(value)) for _, name, value in lines if name in OPTIONS)
    return {name: value for name, value in values if value}  # an empty value sets nothing


def for_pip(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which pip has these settings and no other file or variable."""
    inherited = {name: value for name, value in environ.items() if not name.startswith("PIP_")}
    variables = {f"PIP_{name.upper().replace('-', '_')}": value for name, value in settings.items()}
    return {**inherited, "PIP_CONFIG_FILE": os.devnull, **variables}


def for_uv(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which uv uses the indexes and certificates of pip."""
    inherited = {
        name: value
        for name, value in environ.items()
        if not name.startswith("UV_") or name == "UV_CACHE_DIR"
    }
    variables = {
        "UV_NO_CONFIG": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        # Pip has no order among indexes either.
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_DEFAULT_INDEX": settings.get("index-url"),
        "UV_INDEX": settings.get("extra-index-url"),
        "UV_FIND_LINKS": ",".join(settings.get("find-links", "").split()),
        "UV_INSECURE_HOST": settings.get("trusted-host"),
        "UV_CONSTRAINT": settings.get("constraint"),
        "UV_HTTP_TIMEOUT": settings.get("timeout") or settings.get("default-timeout"),
        "UV_KEYRING_PROVIDER": "subprocess" if "keyring-provider" in settings else None,
        "SSL_CLIENT_CERT": settings.get("client-cert"),
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), settings.get("proxy")),
        **_certificates(settings, environ),
    }
    return {**inherited, **{name: value for name, value in variables.items() if value}}


def _certificates(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    path = settings.get("cert") or next(filter(None, map(environ.get, CERTIFICATES)), None)
    if path:
        return {"SSL_CERT_DIR" if os.path.isdir(path) else "SSL_CERT_FILE": path}
    return {"UV_SYSTEM_CERTS": "1"}


def shown(settings: Settings) -> str:
    """Name the indexes, without credentials."""
    index = settings.get("index-url", "the public index")
    places = [] if _true(settings.get("no-index")) else [index]
    places += settings.get("extra-index-url", "").split() if places else []
    places += settings.get("find-links", "").split()
    return without_credentials(", ".join(places) or "no index")


def without_credentials(text: str) -> str:
    """Remove user names and passwords from the addresses in a text."""
    return re.sub(r"://[^/@\s]*@", "://", text)


def _true(value: str | None) -> bool:
    return (value or "").lower() in ("1", "on", "t", "true", "y", "yes")


def main(*arguments: str) -> int:
    """Run uv; return its exit status."""
    try:
        settings = read(sys.executable, os.environ)
    except PipFailed as failure:
        print(f"pip cannot read its configuration: {failure}", file=sys.stderr)
        return 2
    options = ("--no-index",) if arguments[0] == "pip" and _true(settings.get("no-index")) else ()
    command = (sys.executable, "-m", "uv", *arguments, *options)
    return subprocess.run(command, env=for_uv(settings, os.environ), check=False).returncode


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
