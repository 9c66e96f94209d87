import pytest
from builders import NOW, TEMPLATE, after, make_deployment, make_run, make_status, text

from millstream.resources.states import RunState
from millstream_operator.cache import Cache
from millstream_operator.cluster_metrics import ClusterMetrics, since
from millstream_operator.decide.observed import Run
from millstream_operator.kinds import FLOW_DEPLOYMENTS, FLOW_RUNS
from millstream_operator.metric_registry import METRICS
from millstream_operator.metrics import Metrics
from millstream_operator.user_metrics import UserMetrics

SUCCESS = "millstream_flow_run_last_success_timestamp_seconds"
OLDEST = "millstream_flow_run_oldest_seconds"


class World:
    def __init__(self):
        self.cache, self.metrics, self.leads = Cache(), Metrics(most_series=5), True
        user = UserMetrics(self.metrics, self.cache)
        self.collector = ClusterMetrics(self.cache, user, lambda: self.leads, lambda: after(100))
        self.metrics.show(self.collector)

    def deploy(self, name="etl", **more):
        self.cache.put(FLOW_DEPLOYMENTS, make_deployment(name, **more))

    def run(self, name, status=None, **more):
        self.cache.put(FLOW_RUNS, make_run(name, status=status, **more))

    def samples(self, name):
        return {
            tuple(
                sample.labels[label] for label in METRICS[name].labels if label != "namespace"
            ): sample.value
            for family in self.metrics.collect()
            for sample in family.samples
            if sample.name == name
        }


@pytest.fixture
def world():
    return World()


def test_runs_by_state(world):
    world.deploy()
    world.run("a")
    world.run("b", make_status(RunState.RUNNING))
    world.run("c", make_status(RunState.RUNNING))
    world.run("d", make_status(RunState.COMPLETED), template=TEMPLATE)
    world.run("e", make_status(RunState.FAILED), deployment="invented")
    assert world.samples("millstream_flow_runs") == {
        ("etl", "Pending"): 1,
        ("etl", "Running"): 2,
        ("", "Completed"): 1,
        ("", "Failed"): 1,
    }


def test_those_who_stand_by_show_nothing(world):
    world.deploy()
    world.leads = False
    assert list(world.collector.collect()) == []


def test_no_metric_has_more_series_than_it_may_and_the_rest_is_counted(world):
    for number in range(8):
        world.deploy(f"d{number}", metrics=[{"name": "fill", "type": "Gauge"}])
        fill = [{"name": "fill", "type": "Gauge", "value": 1}]
        world.run(f"r{number}", make_status(RunState.COMPLETED, metrics=fill), deployment=f"d{number}")
    for name in ("millstream_deployment_info", "millstream_user_gauge"):
        before = world.samples("millstream_operator_series_dropped_total")[(name,)]
        assert len(world.samples(name)) == 5
        assert world.samples("millstream_operator_series_dropped_total")[(name,)] == before + 6


def test_what_a_deployment_says_for_people(world):
    world.deploy(owner="data", severity="page")
    assert world.samples("millstream_deployment_info") == {("etl", "", "data", "page"): 1}


def test_runs_that_failed_in_a_row(world):
    def ended(name, state, seconds):
        world.run(name, make_status(state, completionTime=text(after(seconds))))

    row = "millstream_flow_runs_failed_in_a_row"
    world.deploy()
    assert world.samples(row) == {("etl",): 0}
    ended("a", RunState.FAILED, 1)
    ended("b", RunState.CRASHED, 2)
    ended("c", RunState.CANCELLED, 3)
    assert world.samples(row) == {("etl",): 2}
    ended("d", RunState.COMPLETED, 4)
    assert world.samples(row) == {("etl",): 0}
    ended("e", RunState.TIMED_OUT, 5)
    assert world.samples(row) == {("etl",): 1}
    world.deploy("pruned", status={"lastSuccessTime": text(after(6))})
    world.run("f", make_status(RunState.FAILED, completionTime=text(after(5))), deployment="pruned")
    assert world.samples(row) == {("etl",): 1, ("pruned",): 0}


def test_schedules(world):
    suspended = {
        "type": "Suspended",
        "status": "True",
        "reason": "Suspended",
        "lastTransitionTime": text(NOW),
    }
    status = {"nextTime": text(after(60)), "ticksFired": 4, "ticksMissed": 2, "conditions": [suspended]}
    world.deploy(schedules=[{"name": "often", "interval": 60}], status=status)
    world.deploy("quiet")
    assert world.samples("millstream_schedule_ticks_total") == {("etl", "Fired"): 4, ("etl", "Missed"): 2}
    assert world.samples("millstream_schedule_next_timestamp_seconds") == {("etl",): after(60).timestamp()}
    assert world.samples("millstream_deployment_suspended") == {("etl",): 1, ("quiet",): 0}


def test_what_has_passed_of_the_schedules_that_go_on(world):
    def schedule(name, begun, last, following):
        times = {"since": begun, "lastTime": last, "nextTime": following}
        return {"name": name, "specHash": "x"} | {
            key: text(after(s)) for key, s in times.items() if s is not None
        }

    both = [schedule("a", 0, 60, 120), schedule("b", 10, 70, 130)]
    world.deploy("going", status={"schedules": both})
    world.deploy("resumed", status={"schedules": [schedule("a", 50, 40, 120)]})
    world.deploy("ended", status={"schedules": [schedule("a", 0, 60, None)]})
    last, begun = (f"millstream_schedule_{what}_timestamp_seconds" for what in ("last", "since"))
    assert world.samples(last) == {("going",): after(70).timestamp()}
    assert world.samples(begun) == {("going",): after(10).timestamp(), ("resumed",): after(50).timestamp()}


def test_the_last_success_outlives_its_run(world):
    world.deploy(status={"lastSuccessTime": text(after(10))})
    assert world.samples(SUCCESS) == {("etl",): after(10).timestamp()}
    world.run("new", make_status(RunState.COMPLETED, start_time=NOW, completion_time=after(50)))
    world.run("bad", make_status(RunState.FAILED, start_time=NOW, completion_time=after(70)))
    assert world.samples(SUCCESS) == {("etl",): after(50).timestamp()}
    assert world.samples("millstream_flow_run_last_duration_seconds") == {("etl",): 70}


def test_who_has_been_there_longest(world):
    world.deploy()
    world.run("old", make_status(RunState.RUNNING))
    world.run("new", created=after(90))
    assert world.samples(OLDEST) == {("etl", "Running"): 100, ("etl", "Pending"): 10}


SINCE = {
    "no attempt yet": (make_status(RunState.QUEUED, attempt=0), {"scheduledTime": text(after(7))}, 7),
    "pending": (make_status(RunState.PENDING), {}, 0),
    "queued again": (make_status(RunState.QUEUED), {}, 0),
}


@pytest.mark.parametrize("case", SINCE)
def test_since_when(case):
    status, spec, seconds = SINCE[case]
    assert since(Run.from_object(make_run(status=status, **spec))) == after(seconds)


def test_since_when_with_the_times_of_the_attempt():
    status = make_status(RunState.RUNNING)
    started = status.replace(attempts=[status.current.replace(start_time=after(5))])
    assert since(Run.from_object(make_run(status=started))) == after(5)
    ended = status.replace(state=RunState.QUEUED, attempts=[status.current.replace(completion_time=after(9))])
    assert since(Run.from_object(make_run(status=ended))) == after(9)
