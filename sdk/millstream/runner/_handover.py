"""How the flow's process hands its outcome to the supervisor: a pipe, and one line of JSON for each step."""

import contextlib
import json
import os
from typing import Any

from millstream.resources.completion_record import CompletionRecord

__all__ = ["Handover"]

_CHUNK = 1 << 16


class Handover:
    """A pipe from the flow's process to its supervisor.

    Only the process for which `open_in_child` was called can write: programs that the flow starts do not inherit
    the pipe, and a copy of the process that the flow forks keeps silent. The supervisor never waits for the pipe's
    end, which such a copy may hold open.

    Attributes:
        start_time: when the flow's code was entered, None if it never was.
        record: how the flow ended, None as long as its process has not said so.
    """

    def __init__(self, *, uid: str, attempt: int) -> None:
        self.start_time: str | None = None
        self.record: CompletionRecord | None = None
        self._uid = uid
        self._attempt = attempt
        self._received = b""
        self._writer: int | None = None
        self._read_end, self._write_end = os.pipe()  # closed by exec

    def open_in_child(self) -> None:
        """Make this process the one that writes."""
        os.close(self._read_end)
        self._writer = os.getpid()

    def open_in_supervisor(self) -> None:
        """Make this process the one that reads."""
        os.close(self._write_end)
        os.set_blocking(self._read_end, False)

    def started(self, at: str) -> None:
        """Tell that the flow's code is entered now."""
        self._send({"start_time": at})

    def ended(self, record: CompletionRecord) -> None:
        """Tell how the flow ended."""
        self._send({"record": record.encode().decode()})

    def _send(self, step: dict[str, Any]) -> None:
        # A record is far smaller than a pipe's buffer, so this does not block on a supervisor that is busy.
        if self._writer == os.getpid():
            os.write(self._write_end, json.dumps(step).encode() + b"\n")

    def receive(self) -> None:
        """Take in what has been said so far; never blocks."""
        try:
            while chunk := os.read(self._read_end, _CHUNK):
                self._received += chunk
        except BlockingIOError:
            pass
        *lines, self._received = self._received.split(b"\n")
        for line in lines:
            # What the flow's code may write into a descriptor that it does not know is no reason to stumble.
            with contextlib.suppress(ValueError, AttributeError, TypeError):
                self._take(json.loads(line))

    def _take(self, step: dict[str, Any]) -> None:
        self.start_time = step.get("start_time", self.start_time)
        if "record" in step and self.record is None:
            self.record = CompletionRecord.decode(step["record"], uid=self._uid, attempt=self._attempt)
