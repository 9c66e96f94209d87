import pytest
from builders import NAMESPACE, TEMPLATE, after, make_deployment, make_run, make_status

from millstream.resources.states import RunState
from millstream_operator.cache import Cache
from millstream_operator.kinds import FLOW_DEPLOYMENTS, FLOW_RUNS
from millstream_operator.metric_registry import LABEL_VALUES, POD_REASONS
from millstream_operator.metrics import MOST_SERIES, Metrics
from millstream_operator.owners import Owners
from millstream_operator.run_metrics import RunMetrics
from millstream_operator.user_metrics import UserMetrics

FINISHED = "millstream_flow_runs_finished_total"
PODS = "millstream_pod_failures_total"
STATES = LABEL_VALUES[FINISHED, "state"]
DELAY = "millstream_flow_run_start_delay_seconds"
PENDING, FAILED = make_status(RunState.PENDING), make_status(RunState.FAILED)
RUNNING = make_status(RunState.RUNNING, start_time=after(5))


class World:
    def __init__(self):
        self.time = 0.0
        self.cache, self.metrics = Cache(), Metrics(zero_seconds=10, clock=lambda: self.time)
        user = UserMetrics(self.metrics, self.cache)
        self.owners = Owners(self.metrics, user, self.cache)
        self.counts = RunMetrics(self.metrics, user, self.cache)

    def begin(self):
        self.owners.begin()
        self.counts.begin(())

    def deploy(self, name="etl", **more):
        self.cache.put(FLOW_DEPLOYMENTS, make_deployment(name, **more))

    def end(self, name="etl"):
        self.cache.remove(FLOW_DEPLOYMENTS, NAMESPACE, name, f"uid-{name}")

    def run(self, status=RUNNING, version=1, **more):
        self.cache.put(FLOW_RUNS, make_run("one", status=status, version=version, **more))

    def delete_run(self):
        self.cache.remove(FLOW_RUNS, NAMESPACE, "one", "uid-one")

    def samples(self, name=FINISHED, seconds=0.0):
        """Give what is shown so much later: deployment and state, or reason."""
        self.time += seconds
        return {
            tuple(value for label, value in sample.labels.items() if label != "namespace"): sample.value
            for family in self.metrics.collect()
            for sample in family.samples
            if sample.name == name
        }

    def fail(self):
        """Have a run fail."""
        self.run()
        self.run(FAILED, version=2)


@pytest.fixture
def world():
    return World()


def test_a_deployments_counters_begin_at_zero_and_go_with_it(world):
    world.begin()
    assert world.samples() == {}
    world.deploy()
    assert world.samples() == {("etl", state): 0 for state in STATES}
    world.end()
    assert world.samples() == world.samples(PODS) == {}


def test_histograms_begin_with_what_a_first_run_has_to_say(world):
    world.begin()
    world.deploy()
    assert world.samples(f"{DELAY}_count") == {}
    world.run(PENDING)
    world.run(RUNNING, version=2)
    assert world.samples(f"{DELAY}_count") == {("etl",): 0}
    assert world.samples(f"{DELAY}_count", seconds=10) == {("etl",): 1}
    world.delete_run()
    world.end()
    world.samples()
    assert world.samples(f"{DELAY}_count", seconds=10) == {}


def test_an_idle_deployment_has_few_lines(world):
    """Each scrape reads them all, and is paid for by whoever decides meanwhile."""
    world.begin()
    before = world.metrics.page()[0].count(b"\n")
    world.deploy()
    assert world.metrics.page()[0].count(b"\n") - before < 25 + len(POD_REASONS)


def test_deployments_that_come_and_go_leave_nothing_where_nobody_looks(world):
    world.begin()
    for number in range(MOST_SERIES // len(STATES) + 1):
        world.deploy(f"d{number}", version=2 * number + 1)
        world.end(f"d{number}")
    world.deploy(version=10**6)
    assert world.samples() == {("etl", state): 0 for state in STATES}


def test_nothing_begins_before_this_operator_leads(world):
    world.deploy()
    world.run(template=TEMPLATE)
    assert world.samples() == world.samples(PODS) == {}
    world.begin()
    assert world.samples().keys() == {(name, state) for name in ("etl", "") for state in STATES}
    assert world.samples(PODS)


def test_what_has_gone_is_shown_with_all_that_it_counted_for_as_long_as_what_is_new(world):
    world.begin()
    world.deploy()
    assert world.samples()["etl", "Failed"] == 0
    world.fail()
    world.delete_run()
    world.end()
    assert world.samples(seconds=1)["etl", "Failed"] == 0
    assert world.samples(seconds=9)["etl", "Failed"] == 1
    assert world.samples(seconds=9)["etl", "Failed"] == 1
    assert world.samples(seconds=1) == {}


def test_a_run_that_is_deleted_with_all_of_its_namespace_between_two_scrapes_is_counted(world):
    world.begin()
    world.fail()
    world.delete_run()
    assert world.samples()["", "Failed"] == 0
    assert world.samples(seconds=10)["", "Failed"] == 1
    assert world.samples(seconds=10) == {}


def test_a_deployment_that_comes_back_keeps_what_was_counted(world):
    world.begin()
    world.deploy()
    world.fail()
    world.samples()
    world.end()
    world.deploy(version=9, uid="another")
    assert world.samples(seconds=10)["etl", "Failed"] == 1
    assert world.samples(seconds=50)["etl", "Failed"] == 1


def test_a_deployment_of_the_same_name_is_another_one(world):
    world.begin()
    world.deploy()
    world.deploy(version=9, uid="another")
    world.samples()
    assert world.samples(seconds=50).keys() == {("etl", state) for state in STATES}


def test_what_a_namespace_has_counted_stays_as_long_as_it_has_runs(world):
    world.begin()
    world.deploy()
    world.run(template=TEMPLATE)
    world.run(FAILED, version=2, template=TEMPLATE)
    world.end()
    world.samples()
    assert world.samples(seconds=10)["", "Failed"] == 1
    world.samples(seconds=10)
    assert world.samples(seconds=10)["", "Failed"] == 1
    assert world.samples(PODS)
    world.delete_run()
    world.samples()
    assert world.samples(seconds=10) == world.samples(PODS) == {}
