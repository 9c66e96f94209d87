"""How far a log has been read, so that it can be read on where it broke off."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple


class LogLine(NamedTuple):
    """A line of a log.

    Attributes:
        text: The line.
        time: When it was written, as the kubelet says it; empty for lines that were kept otherwise.
    """

    text: str
    time: str = ""


class LogPosition:
    """How far the log of one container has been read.

    The API server gives what was written since a second. Of that second, as many lines are known as were read before.

    Attributes:
        last_text: The last line that was read.
        excuse: What the kubelet said in place of a line, such as that it cannot read the file.
    """

    def __init__(self) -> None:
        self._first: datetime | None = None
        self._newest: datetime | None = None
        self._second: datetime | None = None
        self._of_second = 0
        self._known = 0
        self.last_text: str | None = None
        self.excuse = ""

    def resume(self) -> dict[str, str]:
        """The options by which reading goes on; from now on lines are passed over that were read before."""
        self.excuse = ""
        if self._second is None:
            return {}
        self._known = self._of_second
        # Kubernetes takes whole seconds only.
        return {"sinceTime": self._second.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}

    def take(self, raw: str) -> LogLine | None:
        """The next line, with its time before it; None for one that was read before, or that is none of the flow's."""
        stamp, _, text = raw.partition(" ")
        try:
            time = datetime.fromisoformat(stamp)
        except ValueError:
            self.excuse = raw.strip()
            return None
        if self._is_known(time):
            return None
        self._known = 0
        second = time.replace(microsecond=0)
        if self._second is None or second > self._second:
            self._second, self._of_second = second, 0
        # Lines of the two streams may be in the wrong order by a hair.
        self._of_second += second == self._second
        self._first = self._first or time
        self._newest = time if self._newest is None else max(time, self._newest)
        self.last_text = text
        return LogLine(text, stamp)

    def _is_known(self, time: datetime) -> bool:
        if self._known == 0 or self._newest is None or self._first is None:
            return False
        if time < self._first:  # which --tail has left out
            return True
        if time > self._newest:  # the file was changed for a new one
            return False
        self._known -= 1
        return True
