"""A log that is read over broken lines and rotated files, against what the kubelet had to give."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from still_world import Still

from millstream import _surroundings
from millstream._cluster.log_positions import LogLine
from millstream._cluster.run_logs import RunLog
from millstream._cluster.runs import Run
from millstream.exceptions import ClusterUnreachable

BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
STEPS = [1, 7, 999, 40_000, 300_000_000, 900_000_000, 2_500_000_000]  # nanoseconds
JITTER = 200_000_000


@st.composite
def logs(draw):
    """Lines with their times, each once, and those of two streams in the wrong order by a hair."""
    lines, time = [], 0
    for number, step in enumerate(draw(st.lists(st.sampled_from(STEPS), min_size=1, max_size=40))):
        time += step
        late = draw(st.sampled_from([0, 0, 2_000, JITTER]))
        lines.append((max(0, time - late), f"line {number}"))
    return lines


def raw(line):
    nanoseconds, text = line
    second, rest = divmod(nanoseconds, 10**9)
    return f"{BEGIN + timedelta(seconds=second):%Y-%m-%dT%H:%M:%S}.{rest:09}Z {text}"


class Kubelet:
    """Has the log of one container, which grows, breaks off and is rotated as is drawn.

    Attributes:
        sent: The places of the lines that it has sent.
        tail_begins: The place of the first line of the tail that was asked for, as the log was then.
        has_tail: Whether there was one.
    """

    namespace = "team"

    def __init__(self, data, log, *, is_rotated):
        self._draw = data.draw
        self._log = log
        self._is_rotated = is_rotated
        self._file_begins = self._written = self._asked = 0
        self._is_over = False
        self.sent = set()
        self.tail_begins = 0
        self.has_tail = False

    def get(self, *_, **__):
        meta = {"name": "r", "namespace": "team", "uid": "u", "resourceVersion": "1"}
        attempt = {
            "number": 1,
            "job": "r-1",
            "startTime": BEGIN.isoformat(),
            "creationTime": BEGIN.isoformat(),
        }
        over = {"completionTime": BEGIN.isoformat()} if self._is_over else {}
        status = {"state": "Completed" if self._is_over else "Running", "attempt": 1}
        return {"metadata": meta, "spec": {}, "status": status | {"attempts": [attempt | over]}}

    def look(self, *_, **__):
        return self.get(), "1"

    def watch(self, *_, **__):
        return iter(())

    def list(self, *_, **__):
        self._asked += 1
        if self._asked > 30 or (self._written == len(self._log) and self._draw(st.booleans())):
            self._written, self._is_over = len(self._log), True
        meta = {"name": "pod", "namespace": "team", "creationTimestamp": BEGIN.isoformat()}
        yield {"metadata": meta, "status": {"phase": "Succeeded" if self._is_over else "Running"}}

    def log(self, _, *, follow, **options):
        self._written += self._draw(st.integers(0, len(self._log) - self._written))
        if self._is_rotated and self._draw(st.booleans()):
            self._file_begins = self._draw(st.integers(self._file_begins, self._written))
        since = options.get("sinceTime", "")[:-1]
        places = range(self._file_begins, self._written)
        if "tailLines" in options:
            places = places[-int(options["tailLines"]) :]
            self.tail_begins = places[0] if places else 0
            self.has_tail = bool(places)
        places = [place for place in places if raw(self._log[place])[:29] >= since]
        # The last answer is whole: a run that has ended and an API server that is there.
        is_whole = self._is_over or self._draw(st.booleans())
        for place in places if is_whole else places[: self._draw(st.integers(0, len(places)))]:
            self.sent.add(place)
            yield raw(self._log[place])
        if not is_whole or (follow and self._draw(st.booleans())):
            raise ClusterUnreachable


def read(kubelet, **options):
    with _surroundings.replaced(Still()):
        said = list(RunLog(kubelet, Run.of(kubelet.get()), is_followed=True, **options).all())
    assert all(isinstance(line, LogLine) for line in said)
    return [line.text for line in said]


@settings(deadline=None)
@given(st.data(), logs())
def test_each_line_that_the_kubelet_gave_is_read_once_and_in_order(data, log):
    kubelet = Kubelet(data, log, is_rotated=True)
    assert read(kubelet) == [text for place, (_, text) in enumerate(log) if place in kubelet.sent]


@settings(deadline=None)
@given(st.data(), logs(), st.integers(0, 5))
def test_after_a_tail_nothing_is_left_out_or_read_twice(data, log, tail):
    kubelet = Kubelet(data, log, is_rotated=False)
    said = read(kubelet, tail=tail)
    # Of a tail of nothing the last line is read nevertheless, as the place from which to go on.
    begin = kubelet.tail_begins + (tail == 0 and kubelet.has_tail)
    assert said == [text for _, text in log[begin:]]
