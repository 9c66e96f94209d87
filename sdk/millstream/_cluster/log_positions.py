"""How far a log has been read, so that it can be read on where it broke off."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple


class LogLine(NamedTuple):
    """A line of a log.

    Attributes:
        text: The line.
        time: When it was written, as the kubelet says it; empty for lines that were kept otherwise.
    """

    text: str
    time: str = ""


_MARGIN: Final = timedelta(seconds=1)
"""Lines of a container's two streams may be in the wrong order by a hair."""


class LogPosition:
    """How far the log of one container has been read.

    The API server gives what was written since a second. Of that time, as many lines are known as were read before.

    Attributes:
        last_text: The last line that was read.
        excuse: What the kubelet said in place of a line, such as that it cannot read the file.
    """

    def __init__(self) -> None:
        self._first: datetime | None = None
        self._newest: datetime | None = None
        self._counts: Counter[datetime] = Counter()
        self._known = 0
        self.last_text: str | None = None
        self.excuse = ""

    def resume(self) -> dict[str, str]:
        """The options by which reading goes on; from now on lines are passed over that were read before."""
        self.excuse = ""
        if self._newest is None:
            return {}
        self._known = self._counts.total()
        # Kubernetes takes whole seconds only.
        return {"sinceTime": self._oldest(self._newest).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}

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
        self._first = time if self._first is None else min(time, self._first)
        if self._newest is None or time > self._newest:
            self._newest = time
            for second in [second for second in self._counts if second < self._oldest(time)]:
                del self._counts[second]
        if time >= self._oldest(self._newest):
            self._counts[time.replace(microsecond=0)] += 1
        self.last_text = text
        return LogLine(text, stamp)

    @staticmethod
    def _oldest(newest: datetime) -> datetime:
        """Since when it is read again."""
        return newest.replace(microsecond=0) - _MARGIN

    def _is_known(self, time: datetime) -> bool:
        if self._known == 0 or self._newest is None or self._first is None:
            return False
        if time < self._first:  # which --tail has left out
            return True
        if time > self._newest:  # the file was changed for a new one
            return False
        self._known -= 1
        return True
