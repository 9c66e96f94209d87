"""Servers that take notifications, as Slack and a mail server would."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue

from aiosmtpd.controller import Controller


class Webhook:
    """An HTTP server.

    Attributes:
        url: Where it is.
        received: Path and body of each request.
        status: What it answers.
    """

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.port = server.server_port
        self.url = f"http://127.0.0.1:{server.server_port}/services/T000/B000/XXXtoken1234"
        self.received: Queue[tuple[str, bytes]] = Queue()
        self.status: list[int] = []
        self.gate = threading.Event()
        self.gate.set()


@contextmanager
def webhook() -> Iterator[Webhook]:
    """Have one as long as the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            hook.gate.wait(60)
            hook.received.put((self.path, body))
            self.send_response(hook.status.pop(0) if hook.status else 200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        hook = Webhook(server)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield hook
        finally:
            hook.gate.set()
            server.shutdown()
            thread.join()


class Mailbox:
    """A mail server.

    Attributes:
        port: Where it is.
        received: The mails.
    """

    def __init__(self) -> None:
        self.port = 0
        self.received: Queue[tuple[list[str], bytes]] = Queue()

    async def handle_DATA(self, _server, _session, envelope) -> str:  # noqa: N802 - aiosmtpd's name
        self.received.put((envelope.rcpt_tos, envelope.content))
        return "250 OK"


class _AnyPort(Controller):
    def _trigger_server(self) -> None:
        """Without a first connection, which needs the port that is known only now."""
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    """Have one as long as the block lasts."""
    box = Mailbox()
    controller = _AnyPort(box, hostname="127.0.0.1", port=0)
    controller.start()
    box.port = controller.port
    try:
        yield box
    finally:
        controller.stop()
