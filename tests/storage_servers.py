"""An S3 server and a PostgreSQL server that live as long as a block, without any network but the loopback."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

# One request at a time: moto checks the condition of a write and writes in two steps.
S3_SERVER = """
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server
server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app))
print(server.port, flush=True)
server.serve_forever()
"""


@contextmanager
def s3_server(bucket: str) -> Iterator[dict[str, object]]:
    """Run a server that has a bucket; gives the options with which an ObjectStorage finds it."""
    command = [sys.executable, "-c", S3_SERVER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            endpoint = f"http://127.0.0.1:{int(server.stdout.readline())}"
            urlopen(Request(f"{endpoint}/{bucket}", method="PUT"), timeout=30).close()  # noqa: S310 - our own server
            yield {
                "endpoint": endpoint,
                "access_key_id": "nobody",
                "secret_access_key": "not-a-secret",
                "region": "us-east-1",
                "client_options": {"allow_http": True},
            }
        finally:
            server.kill()


def postgres_programs() -> Path | None:
    """The folder of PostgreSQL's server programs, if they are installed."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent  # past the links that some systems have in other folders
    folders = Path("/usr/lib/postgresql").glob("*/bin")  # Debian's, which are not on the path
    return max(folders, key=lambda folder: float(folder.parent.name), default=None)


@contextmanager
def postgres_server(programs: Path) -> Iterator[str]:
    """Run a server with a new cluster, on a Unix socket only; gives the DSN."""
    with tempfile.TemporaryDirectory(prefix="millstream-postgres-") as name:
        folder = Path(name)
        user = _unprivileged(folder)
        data = folder / "data"
        initialise = [
            programs / "initdb",
            "-D",
            data,
            "-U",
            "millstream",
            "--auth=trust",
            "--no-sync",
            "-E",
            "UTF8",
        ]
        subprocess.run(initialise, check=True, stdout=subprocess.DEVNULL, cwd=folder, **user)
        command = [programs / "postgres", "-D", data, "-k", folder, "-h", "", "-F"]
        with (
            (folder / "log").open("w") as log,
            subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **user) as server,
        ):
            try:
                _await_postgres(programs, folder)
                yield f"postgresql://millstream@/postgres?host={folder}"
            finally:
                server.kill()  # its children notice, and what they leave behind is removed with the folder


def _unprivileged(folder: Path) -> dict[str, object]:
    """As whom PostgreSQL runs: it refuses root."""
    if os.getuid() != 0:
        return {}
    user = pwd.getpwnam("postgres")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _await_postgres(programs: Path, folder: Path) -> None:
    deadline = time.monotonic() + 60
    while subprocess.run([programs / "pg_isready", "-q", "-h", folder], check=False).returncode:
        if time.monotonic() > deadline:
            raise TimeoutError((folder / "log").read_text())
        time.sleep(0.05)
