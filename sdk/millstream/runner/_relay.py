"""The flow's output on its way to the container's log, with a copy of its end.

Two pipes and one thread of the supervisor: bytes go through as they come, unchanged, each stream in its order. The
copy has to be taken here rather than in the flow's process, where neither a segmentation fault nor a subprocess
would leave anything in it.
"""

import os
import select
import threading
import time

__all__ = ["Relay"]

_CHUNK = 1 << 16
_STREAMS = (1, 2)


class Relay:
    """Passes on what a process and its descendants write to stdout and stderr.

    Built before the fork; then `open_in_child` in the new process and `open_in_supervisor` in the old one.
    """

    def __init__(self, *, tail_bytes: int) -> None:
        self._tail = Tail(tail_bytes)
        self._write_ends: dict[int, int] = {}
        self._targets: dict[int, int] = {}
        for stream in _STREAMS:
            self._connect(stream)

    def _connect(self, stream: int) -> None:
        for other, write_end in self._write_ends.items():
            # Two names of one file: one pipe keeps the order between them.
            if os.path.sameopenfile(stream, other):
                self._write_ends[stream] = write_end
                return
        read_end, self._write_ends[stream] = os.pipe()
        self._targets[read_end] = stream

    def open_in_child(self) -> None:
        """Let this process write into the pipes."""
        for stream, write_end in self._write_ends.items():
            os.dup2(write_end, stream)
        for pipe_end in {*self._write_ends.values(), *self._targets}:
            os.close(pipe_end)

    def open_in_supervisor(self) -> None:
        """Begin to pass on."""
        for write_end in set(self._write_ends.values()):
            os.close(write_end)
        self._finish_read, self._finish_write = os.pipe()
        self._give_up_at = float("inf")
        self._thread = threading.Thread(target=self._pass_on, name="millstream-relay", daemon=True)
        self._thread.start()

    def finish(self, seconds: float) -> bytes:
        """Pass on what is still in the pipes, and return the end of all output.

        Does not wait for the pipes' end, as a process that the flow left behind may hold them open.

        Args:
            seconds: after which to give up, if such a process goes on writing or the log does not take the output.
        """
        self._give_up_at = time.monotonic() + seconds
        os.close(self._finish_write)
        self._thread.join(seconds)
        return self._tail.content()

    def _pass_on(self) -> None:
        poll = select.poll()
        for source in (*self._targets, self._finish_read):
            poll.register(source, select.POLLIN)
        finishing = False
        while self._targets and time.monotonic() < self._give_up_at:
            ready = [source for source, _ in poll.poll(0 if finishing else None)]
            if finishing and not ready:
                return
            if self._finish_read in ready:
                finishing = True
                poll.unregister(self._finish_read)
                ready.remove(self._finish_read)
            for source in ready:
                if not self._pass_on_chunk(source):
                    poll.unregister(source)
                    del self._targets[source]

    def _pass_on_chunk(self, source: int) -> bool:
        chunk = os.read(source, _CHUNK)
        self._tail.append(chunk)
        _write_all(self._targets[source], chunk)
        return bool(chunk)


class Tail:
    """The last bytes of a stream.

    Args:
        size: how many.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._bytes = bytearray()
        self._seen = 0

    def append(self, chunk: bytes) -> None:
        """Add what comes next."""
        self._seen += len(chunk)
        self._bytes += chunk[-self._size :]
        if len(self._bytes) > 2 * self._size:
            del self._bytes[: -self._size]

    def content(self) -> bytes:
        """Return the last bytes, without the line whose beginning may no longer be among them."""
        kept = bytes(self._bytes[-self._size :])
        return kept if self._seen <= self._size else kept.partition(b"\n")[2]


def _write_all(target: int, chunk: bytes) -> None:
    """Write all of `chunk`, also to a stream that somebody has made non-blocking; drop it if nobody reads."""
    left = memoryview(chunk)
    while left:
        try:
            left = left[os.write(target, left) :]
        except BlockingIOError:
            writable = select.poll()
            writable.register(target, select.POLLOUT)
            writable.poll()
        except OSError:
            return
