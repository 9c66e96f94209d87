"""Keys of a kubeconfig are nowhere but in it, however a process ends that has used them."""

import json
import os
import signal
import ssl
import subprocess
import sys
import threading
from base64 import b64encode
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from millstream._cluster.connection import Place
from millstream._cluster.kinds import FLOW_RUNS
from millstream.exceptions import ClusterUnreachable

SDK = """
from millstream._cluster.connection import Place
from millstream._cluster.kinds import FLOW_RUNS
assert list(Place().connect().list(FLOW_RUNS)) == []
assert list(Place().connect().list(FLOW_RUNS)) == []
"""
OPERATOR = """
import asyncio
from millstream_operator.credentials import Credentials
async def ask():
    async with Credentials.load().session() as session, session.get("/") as answer:
        assert answer.status == 200
asyncio.run(ask())
"""
PROGRAMS = {
    "sdk": ["-c", SDK],
    "operator": ["-c", OPERATOR],
    "command": ["-c", "from millstream.cli import main; main()", "run", "ls"],
    "os._exit": ["-c", f"{SDK}\nimport os\nos._exit(0)"],
}


class Handler(BaseHTTPRequestHandler):
    """An API server without any objects, which answers when it is told to."""

    def __init__(self, asked, told, *arguments):
        self.asked, self.told = asked, told
        super().__init__(*arguments)

    def do_GET(self):
        self.asked.set()
        assert self.told.wait(60)
        body = json.dumps({"kind": "FlowRunList", "metadata": {"resourceVersion": "1"}, "items": []}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """Who asks may be killed."""


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A certificate and its key, for the server and for who asks it."""
    folder = tmp_path_factory.mktemp("pair")
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=me"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "keyUsage=digitalSignature,keyCertSign"]
    files = folder / "certificate", folder / "key"
    subprocess.run([*made, *names, "-out", files[0], "-keyout", files[1]], check=True, capture_output=True)
    return files


@pytest.fixture
def asked():
    return threading.Event()


@pytest.fixture
def told():
    return threading.Event()


@pytest.fixture
def kubeconfig(pair, asked, told, tmp_path):
    """A kubeconfig that has the pair in it, of a server that talks to its owner only."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=pair[0])
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(*pair)
    with Server(("127.0.0.1", 0), partial(Handler, asked, told)) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        path = tmp_path / "kubeconfig"
        path.write_text(json.dumps(document(server.server_port, *(file.read_bytes() for file in pair))))
        yield path
        told.set()
        server.shutdown()
        thread.join()


def document(port, certificate, key):
    certificate, key = b64encode(certificate).decode(), b64encode(key).decode()
    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority-data": certificate}
    user = {"client-certificate-data": certificate, "client-key-data": key}
    return {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": "team"}}],
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": user}],
    }


@pytest.fixture
def start(kubeconfig, tmp_path):
    """Start a program whose temporary files are in a folder of its own."""
    (tmp_path / "temporary").mkdir()
    environment = os.environ | {
        "KUBECONFIG": str(kubeconfig),
        "TMPDIR": str(tmp_path / "temporary"),
        "MILLSTREAM_HOME": str(tmp_path / "home"),
    }
    return lambda program: subprocess.Popen(
        [sys.executable, *PROGRAMS[program]], env=environment, stdout=subprocess.DEVNULL
    )


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_process_that_ends_leaves_no_key_behind(start, told, tmp_path, program):
    told.set()
    with start(program) as process:
        assert process.wait(60) == 0
    assert not list((tmp_path / "temporary").rglob("*"))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda how: how.name)
@pytest.mark.parametrize("program", ["sdk", "operator", "command"])
def test_a_process_that_is_ended_leaves_no_key_behind(start, asked, tmp_path, program, how):
    with start(program) as process:
        assert asked.wait(60)
        process.send_signal(how)
        assert process.wait(60) != 0
    assert not list((tmp_path / "temporary").rglob("*"))


@pytest.mark.parametrize("file", [0, 1], ids=["certificate", "key"])
def test_what_is_no_key_is_told(pair, tmp_path, file):
    pair = [path.read_bytes() for path in pair]
    pair[file] = b"nothing"
    (tmp_path / "kubeconfig").write_text(json.dumps(document(1, *pair)))
    with pytest.raises(ClusterUnreachable, match="kubeconfig has a certificate or a key that is none: "):
        Place(str(tmp_path / "kubeconfig")).connect()


def test_many_threads_find_a_cluster_at_once(kubeconfig, told):
    told.set()
    problems = []

    def find():
        try:
            for _ in range(20):
                assert list(Place(str(kubeconfig)).connect().list(FLOW_RUNS)) == []
        except BaseException as error:  # noqa: BLE001 - for the test
            problems.append(error)

    threads = [threading.Thread(target=find) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
