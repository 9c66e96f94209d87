"""How far a log has been read, so that it can be read on where it broke off."""

from __future__ import annotations

from collections import Counter, defaultdict
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

    The API server gives what was written since a second, as far as it has not been rotated away. The lines of that time
    that were read before are known, by their times, which are exact to the nanosecond.

    Args:
        is_of_tail: Whether the reading began in the middle of the log.

    Attributes:
        last_text: The last line that was read.
        excuse: What the kubelet said in place of a line, such as that it cannot read the file.
    """

    def __init__(self, *, is_of_tail: bool = False) -> None:
        self._is_of_tail = is_of_tail
        self._first: datetime | None = None
        self._newest: datetime | None = None
        self._read: defaultdict[datetime, Counter[LogLine]] = defaultdict(Counter)  # by the second
        self._known: Counter[LogLine] = Counter()
        self._held: list[LogLine] | None = None
        self.last_text: str | None = None
        self.excuse = ""

    def resume(self) -> dict[str, str]:
        """The options by which reading goes on; from now on lines are passed over that were read before."""
        self.excuse = ""
        if self._newest is None:
            return {}
        self._known = sum(self._read.values(), Counter())
        self._held = [] if self._is_of_tail else None
        # Kubernetes takes whole seconds only.
        return {"sinceTime": self._oldest(self._newest).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}

    def take(self, raw: str) -> list[LogLine]:
        """What is new by the next line, which has its time before it; what is none of the flow's is not.

        After a tail, lines that are not known may be older ones: they are, if one that is known comes after them.
        """
        stamp, _, text = raw.partition(" ")
        line = LogLine(text, stamp)
        try:
            time = datetime.fromisoformat(stamp)
        except ValueError:
            self.excuse = raw.strip()
            return []
        if self._known[line]:
            self._known[line] -= 1
            self._held = None
            return []
        if self._held is None:
            return [self._noted(line)]
        self._held.append(line)
        return [] if self._first is not None and time <= self._first + _MARGIN else self.rest()

    def rest(self) -> list[LogLine]:
        """What is new as nothing comes any more."""
        held, self._held = self._held or [], None
        return [self._noted(line) for line in held]

    def _noted(self, line: LogLine) -> LogLine:
        time = datetime.fromisoformat(line.time)
        self._first = self._first or time
        if self._newest is None or time > self._newest:
            self._newest = time
            for second in [second for second in self._read if second < self._oldest(time)]:
                del self._read[second]
        if time >= self._oldest(self._newest):
            self._read[time.replace(microsecond=0)][line] += 1
        self.last_text = line.text
        return line

    @staticmethod
    def _oldest(newest: datetime) -> datetime:
        """Since when it is read again."""
        return newest.replace(microsecond=0) - _MARGIN
