"""Attempts of flows, each in a process of its own as in a pod: `python -m millstream.runner`."""

import os
import queue
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

from millstream.resources.completion_record import CompletionRecord
from millstream.resources.run_document import RunDocument

DEADLINE = 30.0
UID = "0b5e2f6c-7d1a-4c58-9a53-0d3a1c6f2b90"

PREAMBLE = """
import os, signal, subprocess, sys, threading, time
from millstream import flow, task

def wait(fifo):
    print("waiting", flush=True)
    with open(fifo) as file:
        return file.read()
"""


@dataclass(frozen=True)
class Outcome:
    exit_code: int
    record: CompletionRecord | None
    message: str
    out: bytes
    err: bytes


class Stream:
    """A stream of an attempt, read as it comes."""

    def __init__(self, source: IO[bytes]) -> None:
        self.content = b""
        self._source = source
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with self._source:
            for line in self._source:
                self.content += line
                self._lines.put(line)

    def wait_for(self, text: str) -> None:
        try:
            while text.encode() not in self._lines.get(timeout=DEADLINE):
                pass
        except queue.Empty:
            pytest.fail(f"no line with {text!r} in {self.content!r}")

    def rest(self) -> bytes:
        self._thread.join(DEADLINE)
        assert not self._thread.is_alive(), "somebody holds the attempt's output open"
        return self.content


class Attempt:
    """One running attempt."""

    def __init__(
        self, process: subprocess.Popen[bytes], message_path: Path, supervisor: int | None = None
    ) -> None:
        self.process = process
        self.supervisor = supervisor or process.pid
        self.out = Stream(process.stdout)
        self.err = Stream(process.stderr)
        self._message_path = message_path

    def signal(self, number: int = signal.SIGTERM) -> None:
        os.kill(self.supervisor, number)

    def exit_code(self) -> int:
        return self.process.wait(DEADLINE)

    def children(self) -> list[int]:
        try:
            return [
                int(pid)
                for pid in Path(f"/proc/{self.supervisor}/task/{self.supervisor}/children")
                .read_text()
                .split()
            ]
        except OSError:
            return []

    def kill(self) -> None:
        """After a test that failed, leave nothing behind; the flow's process is in a session of its own."""
        for pid in [*self.children(), self.process.pid] if self.process.poll() is None else []:
            os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def finish(self) -> Outcome:
        code = self.exit_code()
        message = self._message_path.read_text() if self._message_path.exists() else ""
        record = CompletionRecord.decode(message, uid=UID, attempt=2)
        return Outcome(code, record, message, self.out.rest(), self.err.rest())


class Workbench:
    """Where a test puts its flow file and starts it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.message_path = directory / "termination-log"
        self.message_path.touch()
        self.fifo = directory / "fifo"
        os.mkfifo(self.fifo)
        self._attempts: list[Attempt] = []

    def start(
        self, source: str, *, environment: dict[str, str] | None = None, prefix=(), **fields
    ) -> Attempt:
        (self.directory / "flows.py").write_text(PREAMBLE + textwrap.dedent(source))
        document = RunDocument(
            **{"run": "etl-1", "namespace": "ns", "uid": UID, "attempt": 2, "entrypoint": "flows.py:main"}
            | fields
        )
        return self.start_with_document(document.to_json(), environment=environment, prefix=prefix)

    def start_with_document(
        self, text: str, *, environment: dict[str, str] | None = None, prefix=()
    ) -> Attempt:
        path = self.directory / "run.json"
        path.write_text(text)
        process = subprocess.Popen(
            [*prefix, sys.executable, "-m", "millstream.runner", str(path), str(self.message_path)],
            cwd=self.directory,
            env=os.environ | (environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        attempt = Attempt(process, self.message_path)
        self._attempts.append(attempt)
        return attempt

    def run(self, source: str, **options) -> Outcome:
        return self.start(source, **options).finish()

    def release(self, text: str = "go") -> None:
        self.fifo.write_text(text)

    def close(self) -> None:
        for attempt in self._attempts:
            attempt.kill()


@pytest.fixture
def workbench(tmp_path) -> Iterator[Workbench]:
    workbench = Workbench(tmp_path)
    yield workbench
    workbench.close()


@pytest.fixture
def run(workbench) -> Callable[..., Outcome]:
    return workbench.run
