"""How logs of pods come over the wire: from a small API server that breaks off, says nothing, or refuses."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from urllib3.response import HTTPResponse

from millstream._cluster import cluster as cluster_module
from millstream._cluster.connection import Place
from millstream._cluster.kinds import FLOW_RUNS
from millstream.exceptions import ClusterForbidden, ClusterUnreachable, ObjectInvalid, ObjectNotFound


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        server = self.server
        server.asked.append(parse_qs(urlsplit(self.path).query))
        code, parts, is_whole = server.answer
        self.send_response(code)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for part in parts:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.flush()
        if is_whole is None:
            server.over.wait(30)
        if is_whole:
            self.wfile.write(b"0\r\n\r\n")
        self.close_connection = True

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.asked = []
    server.over = threading.Event()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.over.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def cluster(server, tmp_path):
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_address[1]}"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    return Place(str(tmp_path / "kubeconfig"), namespace="team").connect()


def refused(code, reason, message, **details):
    status = {"kind": "Status", "code": code, "reason": reason, "message": message, "details": details}
    return code, [json.dumps(status).encode()], True


def read(cluster, **options):
    return list(cluster.log("etl-1-1", container="flow", **options))


def test_lines_are_put_together_from_pieces(server, cluster):
    server.answer = 200, [b"a\nb", b"c\r\n", b"\xff\n", "ä".encode()[:1], "ä".encode()[1:]], True
    assert read(cluster, tailLines="5") == ["a", "bc\r", "�", "ä"]
    assert server.asked == [{"container": ["flow"], "tailLines": ["5"]}]


def test_a_long_line_costs_its_length(server, cluster, monkeypatch):
    """Each of its pieces is looked through once, not with all that came before."""
    looked_through = []

    class Piece(bytes):
        def split(self, *arguments):
            looked_through.append(len(self))
            return super().split(*arguments)

        def __radd__(self, other):
            return Piece(bytes(other) + self)

    monkeypatch.setattr(HTTPResponse, "stream", lambda *_, **__: (Piece(b"x" * 10) for _ in range(100)))
    server.answer = 200, [], True
    assert read(cluster) == ["x" * 1000]
    assert sum(looked_through) == 1000


def test_of_a_log_that_is_followed_a_line_without_an_end_is_none_yet(server, cluster):
    server.answer = 200, [b"a\nb"], True
    assert read(cluster, follow=True) == ["a"]
    assert server.asked[0]["follow"] == ["true"]


@pytest.mark.parametrize("follow", [False, True])
def test_a_connection_that_breaks_is_told_after_its_whole_lines(server, cluster, follow):
    server.answer = 200, [b"a\nb\nc"], False
    seen = []
    with pytest.raises(ClusterUnreachable):
        seen.extend(cluster.log("etl-1-1", container="flow", follow=follow))
    assert seen == ["a", "b"]


def test_a_silent_connection_is_given_up(server, cluster, monkeypatch):
    monkeypatch.setattr(cluster_module, "_SILENT_SECONDS", 0.1)
    server.answer = 200, [b"a\n"], None
    lines = cluster.log("etl-1-1", container="flow", follow=True)
    assert next(lines) == "a"
    with pytest.raises(ClusterUnreachable):
        next(lines)


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (
            refused(
                403,
                "Forbidden",
                'pods "etl-1-1" is forbidden: User "u" cannot get resource "pods/log" in API group ""',
            ),
            ClusterForbidden,
            r"You may not get pods/log in namespace team\. Ask for a role that allows the verb get on pods/log\.$",
        ),
        (
            refused(404, "NotFound", 'pods "etl-1-1" not found', name="etl-1-1", kind="pods"),
            ObjectNotFound,
            "There is no pod etl-1-1 in namespace team",
        ),
        (
            refused(400, "BadRequest", 'container "flow" in pod "etl-1-1" is waiting to start'),
            ObjectInvalid,
            "is waiting to start",
        ),
    ],
)
def test_refusals_of_logs(server, cluster, answer, error, said):
    server.answer = answer
    with pytest.raises(error, match=said):
        read(cluster)


@pytest.mark.parametrize("said", [b"<html>Please log in</html>", b"", b"[]", b'{"ok": true}'])
def test_what_is_no_api_server_is_told(server, cluster, said):
    server.answer = 200, [said] if said else [], True
    with pytest.raises(ClusterUnreachable, match=r"What answers at http://127.* is no API server: it says '"):
        cluster.get(FLOW_RUNS, "r")
    with pytest.raises(ClusterUnreachable):
        list(cluster.list(FLOW_RUNS))
    server.answer = 200, [said + b"\n"], True
    with pytest.raises(ClusterUnreachable):
        list(cluster.watch(FLOW_RUNS, since="1", name="r"))
