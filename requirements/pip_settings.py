"""Which index pip is configured to ask, and how: read in one place, for pip itself and for uv.

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

KEPT = (
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
# Sections of pip's configuration, the strongest last; what is said for other commands is not asked.
SECTIONS = ("global", "install", ":env:")
LINE = re.compile(r"^(global|install|:env:)\.([\w-]+)=('.*'|\".*\")$", re.MULTILINE)
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")

Settings = Mapping[str, str]


class PipFailed(Exception):
    """Pip cannot read its configuration; the text says why."""


def read(python: str, environ: Mapping[str, str]) -> Settings:
    """Ask the pip of an environment how it is configured, in files and in these variables.

    Raises:
        PipFailed: a configuration file is broken.
    """
    # A file may ask pip to be quiet, or to run in another Python.
    asked = {"PIP_QUIET": "0", "PIP_PYTHON": python}
    done = subprocess.run(
        (python, "-I", "-m", "pip", "config", "list"),
        env={**environ, **asked},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise PipFailed(done.stderr.strip())
    return choose(done.stdout)


def choose(listing: str) -> Settings:
    """Choose among the lines of ``pip config list`` as ``pip install`` does."""
    found = [(section, name, value) for section, name, value in LINE.findall(listing)]
    found.sort(key=lambda line: SECTIONS.index(line[0]))
    said = ((name, ast.literal_eval(value)) for _, name, value in found if name in KEPT)
    return {name: value for name, value in said if value}  # an empty one says nothing


def for_pip(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """Give an environment in which pip knows these settings, and no file or variable besides."""
    kept = {name: value for name, value in environ.items() if not name.startswith("PIP_")}
    said = {f"PIP_{name.upper().replace('-', '_')}": value for name, value in settings.items()}
    return {**kept, "PIP_CONFIG_FILE": os.devnull, **said}


def for_uv(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """Give an environment in which uv asks the index that pip asks, and trusts whom pip trusts."""
    kept = {
        name: value
        for name, value in environ.items()
        if not name.startswith("UV_") or name == "UV_CACHE_DIR"
    }
    made = {
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
    return {**kept, **{name: value for name, value in made.items() if value}}


def _certificates(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    named = settings.get("cert") or next(filter(None, map(environ.get, CERTIFICATES)), None)
    if named:
        return {"SSL_CERT_DIR" if os.path.isdir(named) else "SSL_CERT_FILE": named}
    return {"UV_SYSTEM_CERTS": "1"}


def shown(settings: Settings) -> str:
    """Name what is asked, without anybody's credentials."""
    index = settings.get("index-url", "the public index")
    places = [] if _true(settings.get("no-index")) else [index]
    places += settings.get("extra-index-url", "").split() if places else []
    places += settings.get("find-links", "").split()
    return without_credentials(", ".join(places) or "no index")


def without_credentials(text: str) -> str:
    """Cut user names and passwords out of the addresses in a text."""
    return re.sub(r"://[^/@\s]*@", "://", text)


def _true(value: str | None) -> bool:
    return (value or "").lower() in ("1", "on", "t", "true", "y", "yes")


def main(*arguments: str) -> int:
    """Run uv; give its exit status."""
    try:
        settings = read(sys.executable, os.environ)
    except PipFailed as failure:
        print(f"pip cannot read its configuration: {failure}", file=sys.stderr)
        return 2
    more = ("--no-index",) if arguments[0] == "pip" and _true(settings.get("no-index")) else ()
    command = (sys.executable, "-m", "uv", *arguments, *more)
    return subprocess.run(command, env=for_uv(settings, os.environ), check=False).returncode


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
