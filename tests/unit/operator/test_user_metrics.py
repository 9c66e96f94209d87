import pytest
from builders import NAMESPACE, NOW, TEMPLATE, after, make_deployment, make_run, make_status

from millstream.resources.states import RunState
from millstream.resources.user_metrics import MOST_SERIES, UserMetric, UserSample
from millstream_operator.cache import Cache
from millstream_operator.decide.observed import Run
from millstream_operator.kinds import FLOW_DEPLOYMENTS, FLOW_RUNS
from millstream_operator.metrics import Metrics
from millstream_operator.owners import Owners
from millstream_operator.user_metrics import UserMetrics, fits

ROWS = {"name": "rows", "type": "Counter", "labels": ["table"]}
CALLS = {"name": "calls", "type": "Counter"}
FILL = {"name": "fill", "type": "Gauge"}
COUNTED = "millstream_user_counter_total"
DROPPED = "millstream_user_samples_dropped_total"


def rows(value, table="a"):
    return {"name": "rows", "type": "Counter", "labels": {"table": table}, "value": value}


def fill(value):
    return {"name": "fill", "type": "Gauge", "value": value}


def make(*samples, name="etl-1", seconds=50, **more):
    status = make_status(
        RunState.COMPLETED, start_time=NOW, completion_time=after(seconds), metrics=samples, **more
    )
    return make_run(name, status=status, uid=name)


class World:
    def __init__(self, *declared, metrics=None):
        self.cache, self.metrics = Cache(), metrics or Metrics()
        self.user = UserMetrics(self.metrics, self.cache)
        self.metrics.show(self.user)
        Owners(self.metrics, self.user, self.cache).begin()
        self.deploy(*declared)

    def deploy(self, *declared, version=1):
        self.cache.put(FLOW_DEPLOYMENTS, make_deployment(metrics=list(declared), version=version))

    def record(self, *samples, **more):
        self.user.record(Run.from_object(make(*samples, **more)))

    def samples(self, name):
        return {
            tuple(
                v for label, v in sample.labels.items() if label not in {"namespace", "deployment"}
            ): sample.value
            for family in self.metrics.collect()
            for sample in family.samples
            if sample.name == name
        }


@pytest.fixture
def world():
    return World(ROWS, CALLS, FILL)


def test_counters_add_up(world):
    world.record(rows(3), rows(1, "b"))
    world.record(rows(4))
    assert world.samples(COUNTED) == {("rows", "a"): 7, ("rows", "b"): 1, ("calls",): 0}


def test_a_gauge_is_what_the_newest_run_says(world):
    world.cache.put(FLOW_RUNS, make(fill(1), name="old", seconds=10))
    world.cache.put(FLOW_RUNS, make(fill(2), rows(1), name="new", seconds=20))
    assert world.samples("millstream_user_gauge") == {("fill",): 2}
    assert world.samples(COUNTED) == {("calls",): 0}


def test_what_is_not_declared_is_counted_as_dropped(world):
    world.record(
        rows(1),
        {"name": "other", "type": "Counter", "value": 1},
        {"name": "rows", "type": "Gauge", "labels": {"table": "a"}, "value": 1},
        {"name": "rows", "type": "Counter", "labels": {"column": "a"}, "value": 1},
        metrics_dropped=4,
        metrics_invalid=2,
    )
    assert world.samples(DROPPED) == {
        ("FullRecord",): 4, ("Invalid",): 2, ("Undeclared",): 3, ("TooManySeries",): 0,
    }  # fmt: skip
    assert world.samples(COUNTED) == {("rows", "a"): 1, ("calls",): 0}


def test_there_are_no_more_series_than_there_may_be(world):
    for number in range(MOST_SERIES + 7):
        world.record(rows(1, f"t{number}"))
    world.record(rows(1, "t0"))
    world.cache.put(FLOW_RUNS, make(fill(1)))
    assert len(world.samples(COUNTED)) + len(world.samples("millstream_user_gauge")) == MOST_SERIES
    assert world.samples(DROPPED)[("TooManySeries",)] == 8  # one of the places is that of CALLS


def test_what_is_declared_no_more_goes(world):
    world.record(rows(1))
    world.deploy(CALLS, version=2)
    assert world.samples(COUNTED) == {("rows", "a"): 1, ("calls",): 0}  # so that all have seen it
    assert world.samples(COUNTED) == {("calls",): 0}
    world.deploy(CALLS, ROWS, version=3)
    assert world.samples(COUNTED) == {("calls",): 0}
    world.cache.remove(FLOW_DEPLOYMENTS, NAMESPACE, "etl", "uid-etl")
    world.metrics.page()
    assert world.samples(COUNTED) == {}
    assert world.samples(DROPPED) == {}


def test_what_leaves_takes_no_room_from_what_is_declared_now(world):
    for number in range(MOST_SERIES):
        world.record(rows(1, f"t{number}"))
    world.deploy(ROWS | {"labels": ["column"]}, version=2)
    world.record({"name": "rows", "type": "Counter", "labels": {"column": "b"}, "value": 1})
    assert world.samples(COUNTED)[("rows", "b")] == 1


def test_gauges_that_have_no_room_are_counted():
    world = World(ROWS, {"name": "fill", "type": "Gauge", "labels": ["part"]})
    for number in range(MOST_SERIES - 1):
        world.record(rows(1, f"t{number}"))
    parts = [fill(n) | {"labels": {"part": f"p{n}"}} for n in range(3)]
    world.cache.put(FLOW_RUNS, make(*parts))
    world.record(*parts)
    assert world.samples("millstream_user_gauge") == {("fill", "p0"): 0}
    assert world.samples(DROPPED)[("TooManySeries",)] == 2


def test_a_run_of_no_deployment_shows_nothing(world):
    status = make_status(RunState.COMPLETED, metrics=[rows(1)])
    world.user.record(Run.from_object(make_run(status=status, template=TEMPLATE)))
    assert world.samples(COUNTED) == {("calls",): 0}


@pytest.mark.parametrize(
    ("sample", "declared", "expected"),
    [
        (rows(1), ROWS, True),
        (fill(1), FILL, True),
        (fill(1), None, False),
        (fill(1), FILL | {"type": "Counter"}, False),
        (fill(1), FILL | {"labels": ["x"]}, False),
        (rows(1), ROWS | {"labels": []}, False),
    ],
)
def test_fits(sample, declared, expected):
    metric = UserMetric.model_validate(declared) if declared else None
    assert fits(UserSample.model_validate(sample), metric) is expected


def test_all_deployments_together_have_no_more_series_than_a_metric_may():
    world = World(metrics=Metrics(most_series=3))
    for number in range(3):
        name = f"d{number}"
        world.cache.put(FLOW_DEPLOYMENTS, make_deployment(name, metrics=[ROWS]))
        for table in ("a", "b"):
            run = make_run(
                deployment=name, status=make_status(RunState.COMPLETED, metrics=[rows(1, f"{name}{table}")])
            )
            world.user.record(Run.from_object(run))
    assert len(world.samples(COUNTED)) == 3
    assert world.samples("millstream_operator_series_dropped_total")[(COUNTED,)] == 3
