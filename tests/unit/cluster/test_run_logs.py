"""What a run prints, over attempts, hiccups and pods that are gone; a stand-in plays the cluster."""

import pytest
from still_world import still

from millstream._cluster.kinds import FLOW_RUNS
from millstream._cluster.log_positions import LogLine
from millstream._cluster.run_logs import LogNote, RunLog, unseen
from millstream._cluster.runs import Run
from millstream.exceptions import (
    ClusterError,
    ClusterForbidden,
    ClusterUnreachable,
    ObjectInvalid,
    ObjectNotFound,
)

__all__ = ["still"]

AT = "2026-03-01T12:00:00Z"
BROKEN = ClusterUnreachable("The cluster does not answer.")


def at(second, text):
    return f"2026-03-01T12:00:{second:02}.000000000Z {text}"


class Away:
    """A stand-in for a cluster in which a run has some life.

    Attributes:
        answers: Of each attempt, what each reading of its log gives: lines, or what is raised.
    """

    def __init__(self):
        self.namespace = "team"
        self.attempts = {}
        self.pods = {}
        self.answers = {}
        self.asked = []
        self.state = "Running"
        self.uid = "u"
        self.trouble = []

    def attempt(self, number, *answers, ended=True, pod=True, **facts):
        record = {"number": number, "job": f"r-{number}", "creationTime": AT, "startTime": AT}
        self.attempts[number] = record | ({"completionTime": AT} if ended else {}) | facts
        self.answers[number] = list(answers)
        if pod:
            self.pods[number] = ended

    def body(self):
        status = {"state": self.state, "attempt": max(self.attempts, default=0)}
        meta = {
            "name": "r",
            "namespace": "team",
            "uid": self.uid,
            "creationTimestamp": AT,
            "resourceVersion": "1",
        }
        return {"metadata": meta, "spec": {}, "status": status | {"attempts": list(self.attempts.values())}}

    def get(self, kind, name, namespace=None):
        if self.trouble:
            raise self.trouble.pop(0)
        return self.body()

    def look(self, kind, name, namespace=None):
        return self.get(kind, name, namespace), "1"

    def watch(self, *_, **__):
        return iter(())

    def list(self, kind, namespace, labels):
        if self.trouble:
            raise self.trouble.pop(0)
        number = int(labels.rpartition("=")[2])
        assert f"millstream.dev/run-uid={self.uid}" in labels
        if number in self.pods:
            container = {
                "name": "flow",
                "state": {"terminated": {}} if self.pods[number] else {"running": {}},
            }
            meta = {"name": f"pod-{number}", "namespace": namespace, "creationTimestamp": AT}
            yield {"metadata": meta, "status": {"phase": "Running", "containerStatuses": [container]}}

    def log(self, pod, **options):
        number = int(pod.rpartition("-")[2])
        self.asked.append(
            (number, {key: options[key] for key in ("follow", "sinceTime", "tailLines") if key in options})
        )
        for line in self.answers[number].pop(0):
            if isinstance(line, Exception):
                raise line
            if callable(line):
                line()
            else:
                yield line

    def said(self, *, only=None, **options):
        log = RunLog(self, Run.of(self.body()), **options)
        return [
            f"# {said.text}" if isinstance(said, LogNote) else said.text
            for said in (log.all() if only is None else log.only(only))
        ]

    def becomes(self, **facts):
        return lambda: self.__dict__.update(facts)


@pytest.fixture
def cluster(still):
    return Away()


def test_all_attempts_are_read_in_order(cluster):
    cluster.attempt(1, [at(0, "a"), at(1, "b")])
    cluster.attempt(2, [at(5, "c")])
    cluster.state = "Completed"
    assert cluster.said() == ["# Attempt 1:", "a", "b", "# Attempt 2:", "c"]
    assert cluster.asked == [(1, {"follow": False}), (2, {"follow": False})]


def test_one_attempt_and_its_end(cluster):
    cluster.attempt(1, [at(0, "a"), at(1, "b")])
    cluster.attempt(2, [at(5, "c")], [at(5, "c")])
    assert cluster.said(only=1) == ["a", "b"]
    assert cluster.said(only=2, tail=3) == ["c"]
    assert cluster.asked[-1] == (2, {"follow": False, "tailLines": "3"})
    with pytest.raises(ObjectNotFound, match="r has no attempt 3; the newest one is 2"):
        cluster.said(only=3)


def test_a_tail_is_that_of_the_newest_attempt(cluster):
    cluster.attempt(1)
    cluster.attempt(2, [at(5, "c")])
    assert cluster.said(tail=1) == ["# Attempt 2:", "c"]


def test_a_tail_is_asked_for_once(cluster):
    """What a flow prints after a long silence is new, and not the tail of then."""
    end = cluster.becomes(state="Completed", pods={1: True})
    lines = [at(second, f"{second}") for second in range(5)]
    cluster.attempt(1, [], [BROKEN], [*lines, end], lines[3:], ended=False)
    assert cluster.said(tail=2, is_followed=True) == ["0", "1", "2", "3", "4"]
    assert [options.get("tailLines") for _, options in cluster.asked] == ["2", None, None, None]


def test_a_tail_of_nothing_begins_where_the_log_is(cluster):
    end = cluster.becomes(state="Completed", pods={1: True})
    log = [at(1, "old"), at(2, "last"), at(3, "new")]
    cluster.attempt(1, log[1:2], [log[0], log[1], BROKEN], [*log, end], log, ended=False)
    assert cluster.said(tail=0, is_followed=True) == ["new"]


def test_a_tail_that_breaks_is_read_on(cluster):
    end = cluster.becomes(state="Completed", pods={1: True})
    log = [at(1, "old"), at(2, "a"), at(3, "b")]
    cluster.attempt(1, [BROKEN], [log[1], BROKEN], [*log, end], log, ended=False)
    assert cluster.said(tail=2, is_followed=True) == ["a", "b"]


def test_a_container_that_has_not_begun_has_no_tail(cluster):
    end = cluster.becomes(state="Completed", pods={1: True})
    log = [at(1, "a"), at(2, "b")]
    cluster.attempt(1, [ObjectInvalid("It is creating.")], [*log, end], log, ended=False)
    assert cluster.said(tail=1, is_followed=True)[1:] == ["a", "b"]


def test_of_an_attempt_that_begins_while_it_is_waited_for_nothing_is_left_out(cluster):
    log = [at(1, "a"), at(2, "b")]
    cluster.attempt(1, log, startTime=None, ended=False)
    run = Run.of(cluster.body())
    cluster.attempt(1, log)
    cluster.state = "Completed"
    said = RunLog(cluster, run, tail=1, is_followed=True).all()
    assert [line.text for line in said] == ["a", "b"]
    assert cluster.asked == [(1, {"follow": False})]


def test_of_a_pod_that_is_gone_the_stored_tail_is_shown(cluster):
    cluster.attempt(1, pod=False, logTail="x\ny")
    cluster.attempt(2, pod=False)
    cluster.attempt(3, pod=False, startTime=None, message="Evicted before it ran.")
    cluster.state = "Crashed"
    assert cluster.said() == [
        "# Attempt 1:",
        "# The log of attempt 1 is gone with its pod. These are the last lines that the run has kept:",
        "x",
        "y",
        "# Attempt 2:",
        "# The log of attempt 2 is gone with its pod. The run has kept nothing of it.",
        "# Attempt 3:",
        "# Attempt 3 has no log: its container has not run. Evicted before it ran.",
    ]


@pytest.mark.parametrize(("tail", "lines"), [(0, []), (1, ["y"]), (5, ["x", "y"])])
def test_a_tail_is_also_one_of_what_is_stored(cluster, tail, lines):
    cluster.attempt(1, pod=False, logTail="x\ny")
    cluster.state = "Failed"
    assert cluster.said(tail=tail)[1:] == lines


def test_a_run_without_attempts(cluster):
    cluster.state = "Queued"
    assert cluster.said() == ["# r has had no attempt. No operator has seen it yet."]


def test_the_end_of_a_run_is_known_when_its_log_is_read(cluster):
    end = cluster.becomes(state="Cancelled", pods={1: True})
    cluster.attempt(1, [at(0, "a"), end], [at(0, "a")], ended=False)
    log = RunLog(cluster, Run.of(cluster.body()), is_followed=True)
    assert log.end is None
    assert [said.text for said in log.all()] == ["a"]
    assert log.end.state == "Cancelled"


def test_attempts_that_are_not_kept_are_told(cluster):
    cluster.attempt(4, [at(0, "a")])
    assert cluster.said()[0] == "# Nothing is known any more of the attempts before attempt 4."


def test_following_goes_over_from_one_attempt_to_the_next(cluster, still):
    def end_first():
        cluster.attempts[1]["completionTime"] = AT
        del cluster.pods[1]
        still.while_asleep = second

    def second():
        still.while_asleep = lambda: None
        cluster.attempt(2, [at(9, "b"), cluster.becomes(state="Completed", pods={2: True})], [], ended=False)

    cluster.attempt(1, [at(0, "a"), end_first], [], ended=False)
    assert cluster.said(is_followed=True) == ["a", "# Attempt 2:", "b"]
    assert cluster.asked[0] == (1, {"follow": True})


def test_a_line_that_breaks_is_mended_without_loss_or_doubles(cluster):
    end = cluster.becomes(state="Completed", pods={1: True})
    cluster.attempt(
        1,
        [at(0, "a"), at(1, "b"), BROKEN],
        [at(0, "a"), at(1, "b"), at(1, "c"), BROKEN],
        [at(0, "a"), at(1, "b"), at(1, "c"), at(2, "d"), end],
        [at(1, "b"), at(1, "c"), at(2, "d"), at(2, "e")],
        ended=False,
    )
    assert cluster.said(is_followed=True) == ["a", "b", "c", "d", "e"]
    assert [options.get("sinceTime", "")[-3:-1] for _, options in cluster.asked] == ["", "00", "00", "01"]


def test_an_api_server_that_is_away_for_a_while_is_waited_for(cluster):
    def away():
        cluster.trouble = [BROKEN] * 30

    cluster.attempt(
        1,
        [at(0, "a"), away, BROKEN],
        [at(0, "a"), at(1, "b"), cluster.becomes(pods={1: True}, state="Completed")],
        [at(1, "b")],
        ended=False,
    )
    assert cluster.said(is_followed=True) == ["a", "b"]


def test_an_api_server_that_is_away_now_and_then_is_waited_for(cluster, still):
    """Each time for a minute, while nothing happens to the run: what is broken then is another line."""
    cluster.attempt(1, [at(0, "a")], startTime=None, ended=False)
    looks = [0]

    def watch(*_, **__):
        looks[0] += 1
        still.sleep(20)
        cluster.trouble = [BROKEN] * 3
        if looks[0] > 20:
            cluster.attempt(1, [at(0, "a")], pod=True)
            cluster.state = "Completed"
        raise BROKEN
        yield

    cluster.watch = watch
    assert cluster.said(is_followed=True) == ["a"]


def test_an_api_server_that_stays_away_is_given_up(cluster):
    def away():
        cluster.trouble = [BROKEN] * 300

    cluster.attempt(1, [at(0, "a"), away, BROKEN], ended=False)
    with pytest.raises(ClusterUnreachable):
        cluster.said(is_followed=True)


def test_a_pod_that_goes_while_its_log_is_read_leaves_its_tail(cluster):
    """As when the kubelet removes a container before the last lines were sent."""

    def gone():
        cluster.pods = {}
        cluster.state = "Crashed"
        cluster.attempts[1] |= {"completionTime": AT, "logTail": "a\nb\nc"}

    cluster.attempt(1, [at(0, "a"), at(1, "b"), gone, BROKEN], ended=False)
    assert cluster.said(is_followed=True) == [
        "a",
        "b",
        "# The log of attempt 1 cannot be read: The cluster does not answer. Lines may be missing here.",
        "c",
    ]


def test_a_line_that_ends_before_the_log_does_leaves_its_tail(cluster, still):
    """As when a node goes down: its kubelet ends the line, and the operator says later what became of it."""

    def gone():
        cluster.pods = {}
        still.while_asleep = told

    def told():
        cluster.state = "Crashed"
        cluster.attempts[1] |= {"completionTime": AT, "logTail": "a\nb\nc"}

    cluster.watch = lambda *_, **__: iter(still.sleep(1) or ())
    cluster.attempt(1, [at(0, "a"), gone], ended=False)
    assert cluster.said(is_followed=True) == ["a", "b", "c"]


def test_a_pod_that_goes_after_its_log_was_read_leaves_nothing_to_say(cluster):
    def gone():
        cluster.pods = {}
        cluster.state = "Crashed"
        cluster.attempts[1] |= {"completionTime": AT, "logTail": "a"}

    cluster.attempt(1, [at(0, "a"), gone], ended=False)
    assert cluster.said(is_followed=True) == ["a"]


@pytest.mark.parametrize(
    "excuse",
    [
        [ClusterError("The kubelet says no.")],
        [ObjectInvalid("The kubelet says no.")],
        ["The kubelet says no."],
    ],
)
def test_a_log_that_the_kubelet_cannot_read_is_told_once_and_tried_again(cluster, excuse):
    end = cluster.becomes(state="Completed", pods={1: True})
    cluster.attempt(1, excuse, excuse, [at(0, "a"), end], [at(0, "a")], ended=False)
    assert cluster.said(is_followed=True) == [
        "# The log of attempt 1 cannot be read now: The kubelet says no.",
        "a",
    ]


def test_a_lost_node_holds_nobody_up(cluster):
    """Its pod is there and does not end, but the run has gone on."""
    lost = ClusterError("no route")
    cluster.attempt(1, [lost], logTail="x")
    cluster.pods[1] = False
    cluster.attempt(2, [at(9, "b")])
    cluster.state = "Completed"
    assert cluster.said(is_followed=True)[1:] == [
        "# The log of attempt 1 cannot be read: no route. These are the last lines that the run has kept:",
        "x",
        "# Attempt 2:",
        "b",
    ]


def test_a_right_that_is_missing_ends_it(cluster):
    cluster.attempt(1, [ClusterForbidden("You may not get pods/log.")])
    with pytest.raises(ClusterForbidden):
        cluster.said()


def test_a_run_that_is_deleted_while_it_is_followed(cluster, still):
    cluster.attempt(1, [at(0, "a"), cluster.becomes(uid="another", pods={})], ended=False)
    log = RunLog(cluster, Run.of(cluster.body()), is_followed=True)
    cluster.uid = "u"
    cluster.list = lambda *_, **__: iter(()) if cluster.uid != "u" else Away.list(cluster, *_, **__)
    said = [one.text for one in log.all()]
    assert said == ["a", "r has been deleted."]


def test_what_of_the_tail_has_been_seen():
    assert unseen(["a", "b", "a", "c"], "a") == ["c"]
    assert unseen(["a", "b"], "b") == []
    assert unseen(["a", "b"], "x") == ["a", "b"]


def test_lines_have_their_times():
    away = Away()
    away.attempt(1, [at(3, "a b")])
    (line,) = RunLog(away, Run.of(away.body())).only(1)
    assert line == LogLine("a b", "2026-03-01T12:00:03.000000000Z")
    assert away.get(FLOW_RUNS, "r")
