"""Index servers on loopback, started the way docs/publishing.md starts them."""

import base64
import hashlib
import http.server
import json
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from packaging.utils import canonicalize_name

from tests.e2e.walk import Walk

USER, PASSWORD, ROOT = "ann", "sk-test-publisher", "sk-test-root"
READY = 120.0
ANSWERS = {
    "devpi login root": (ROOT,),
    "devpi user -c ann": (PASSWORD, PASSWORD),
    "devpi login ann": (PASSWORD,),
}


@dataclass(frozen=True)
class Index:
    """The URLs of a running index, for reading and for publishing."""

    url: str
    publish_url: str

    @property
    def replacements(self) -> dict[str, str]:
        """Return the values of the pages' placeholders; the longer ones first."""
        return {
            "https://packages.example.com/simple/": self.url,
            "https://INDEX/simple/": self.url,
            "https://packages.example.com/": self.publish_url,
            "packages.example.com": "127.0.0.1",
            "machine INDEX": "machine 127.0.0.1",
            "password PASSWORD": f"password {PASSWORD}",
        }


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@contextmanager
def running(command: str, folder: Path, environment: Mapping[str, str], url: str) -> Iterator[None]:
    """Run a server until the end of a `with`, once it answers at this address."""
    with (
        (folder / "server.log").open("wb") as log,
        subprocess.Popen(
            ("bash", "-c", f"exec {command}"),
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        ) as process,
    ):
        try:
            _wait(process, url, folder / "server.log")
            yield
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    limit = time.monotonic() + READY
    while time.monotonic() < limit and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except urllib.error.HTTPError as answer:
            answer.close()
            return
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"{process.args} does not answer:\n{log.read_text('utf-8', 'replace')}")


@contextmanager
def pypiserver(
    command: str, folder: Path, packages: Path, environment: Mapping[str, str]
) -> Iterator[Index]:
    """Run the page's pypiserver over these packages."""
    folder.mkdir()
    shutil.copytree(packages, folder / "packages")
    digest = base64.b64encode(hashlib.sha1(PASSWORD.encode()).digest()).decode()
    (folder / "htpasswd").write_text(f"{USER}:{{SHA}}{digest}\n", "utf-8")
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    with running(command.replace("8080", str(port)).strip(), folder, environment, url):
        yield Index(f"{url}simple/", url)


@contextmanager
def outside_index(folder: Path, packages: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """Run a substitute for the public index, without passwords."""
    folder.mkdir()
    port = free_port()
    command = f"pypi-server run -i 127.0.0.1 -p {port} -P . -a . --disable-fallback '{packages}'"
    with running(command, folder, environment, f"http://127.0.0.1:{port}/"):
        yield f"http://127.0.0.1:{port}/simple/"


@contextmanager
def dated_index(packages: Path, uploaded: str = "2020-01-01T00:00:00Z") -> Iterator[str]:
    """Run an index that states upload times: all of them long ago."""

    def wheels() -> list[Path]:
        return sorted(packages.glob("*.whl"))

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = unquote(self.path.rstrip("/").rpartition("/")[2])
            path = packages / name
            if self.path.startswith("/files/") and path.is_file():
                return self.answer("application/octet-stream", path.read_bytes())
            if self.path == "/simple/":
                names = {canonicalize_name(wheel.name.partition("-")[0]) for wheel in wheels()}
                return self.page({"projects": [{"name": name} for name in sorted(names)]})
            files = [
                {
                    "filename": wheel.name,
                    "url": f"/files/{wheel.name}",
                    "hashes": {"sha256": hashlib.sha256(wheel.read_bytes()).hexdigest()},
                    "size": wheel.stat().st_size,
                    "upload-time": uploaded,
                }
                for wheel in wheels()
                if canonicalize_name(wheel.name.partition("-")[0]) == name
            ]
            if not files:
                return self.send_error(404)
            return self.page({"name": name, "files": files, "versions": []})

        def page(self, content: dict[str, object]) -> None:
            text = json.dumps({"meta": {"api-version": "1.1"}, **content})
            self.answer("application/vnd.pypi.simple.v1+json", text.encode())

        def answer(self, kind: str, content: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        do_HEAD = do_GET  # noqa: N815 - the name that the base class calls

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/simple/"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def devpi(walk: Walk, mirror: str) -> Iterator[Index]:
    """Run the page's devpi-server, with the page's index on it."""
    make, start, setup = (block.text for block in walk.unread.pop("Run a devpi-server"))
    walk.run(make.replace("devpi-init", f"devpi-init --root-passwd {ROOT}"))
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    command = start.replace("3141", str(port)).strip()
    with running(command, walk.folder, walk.environment, f"{url}+api"):
        text = setup.replace("http://127.0.0.1:3141/", url)
        text = text.replace("https://mirror.example.com/simple/", mirror)
        for line in text.splitlines():
            # A program that prompts reads ahead, so each gets its own input.
            walk.run(line, *ANSWERS.get(line, ()))
        yield Index(f"{url}{USER}/main/+simple/", f"{url}{USER}/main/")


def programs(project: Path) -> dict[str, Path]:
    """Return the programs of the pages that are installed."""
    scripts = Path(sys.executable).parent
    base = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    index_scripts = project / ".venv-index" / "bin"
    paths = {"python3": base, "uv": scripts / "uv", "pypi-server": scripts / "pypi-server"}
    for name in ("twine", "devpi", "devpi-init", "devpi-server", "pip-audit", "pdm", "poetry"):
        if (index_scripts / name).exists():
            paths[name] = index_scripts / name
    return paths
