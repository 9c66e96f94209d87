import pytest
from builders import NAMESPACE, NOW, after, make_deployment, make_pod, make_run, make_status, text

from millstream.resources import labels
from millstream.resources.flow_run import FlowRunStatus
from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.cache import Cache
from millstream_operator.decide.observed import Run
from millstream_operator.kinds import FLOW_DEPLOYMENTS, FLOW_RUNS, PODS
from millstream_operator.metrics import Metrics
from millstream_operator.run_metrics import RunMetrics, before_its_end, entries
from millstream_operator.user_metrics import UserMetrics

UNSEEN = FlowRunStatus()
PENDING = make_status(RunState.PENDING)
RUNNING = make_status(RunState.RUNNING, start_time=NOW)
FINISHED = "millstream_flow_runs_finished_total"
PODS_FAILED = "millstream_pod_failures_total"
RETRIES = "millstream_flow_run_retries_total"
DELAY = "millstream_flow_run_start_delay_seconds"


def ended(state, reason=None, *, attempt=1, **more):
    status = make_status(state, reason, attempt=attempt, completion_time=after(50), **more)
    last = status.current.replace(completion_time=after(50), reason=reason)
    return status.replace(attempts=[*status.attempts[:-1], last])


def counted(before, now, **run):
    """Give what a change counts for: labels without the namespace and the deployment, and the amount."""
    found = entries(before, Run.from_object(make_run(status=now, **run)), "etl")
    short = {}
    for entry in found:
        assert entry.labels[0] == NAMESPACE
        labels = tuple(label for label in entry.labels[1:] if label != "etl")
        assert (entry.metric, labels) not in short
        short[entry.metric, labels] = entry.amount
    return short


CREATED = "millstream_flow_runs_created_total"
DURATION = "millstream_flow_run_duration_seconds"
LAG = "millstream_schedule_lag_seconds"
OF_TICK = {"scheduleName": "daily", "scheduledTime": text(after(-3))}
SCHEDULED = OF_TICK | {"made_by": [labels.SCHEDULE]}

CHANGES = {
    "nothing": (PENDING, PENDING, {}, {}),
    "taken up": (UNSEEN, make_status(RunState.QUEUED), {}, {(CREATED, ("Manual",)): 1}),
    "taken up after a tick": (
        UNSEEN, PENDING, SCHEDULED, {(CREATED, ("Schedule",)): 1, (LAG, ()): 3},
    ),
    "taken up of a backfill": (
        UNSEEN, PENDING, OF_TICK | {"made_by": [labels.SCHEDULE, labels.BACKFILL]}, {(CREATED, ("Backfill",)): 1},
    ),
    "taken up of somebody who names a schedule": (
        UNSEEN, PENDING, OF_TICK | {"priority": -1}, {(CREATED, ("Manual",)): 1},
    ),
    "started, though it was made for a time long ago": (
        PENDING, make_status(RunState.RUNNING, start_time=after(30)),
        {"scheduledTime": text(after(-86_400))}, {(DELAY, ()): 30},
    ),
    "started": (PENDING, make_status(RunState.RUNNING, start_time=after(30)), {}, {(DELAY, ()): 30}),
    "started, from the time due": (
        PENDING, make_status(RunState.RUNNING, start_time=after(30)),
        {"scheduledTime": text(after(20))}, {(DELAY, ()): 10},
    ),
    "started again": (
        make_status(RunState.PENDING, attempt=2, start_time=NOW),
        make_status(RunState.RUNNING, attempt=2, start_time=NOW), {}, {},
    ),
    "completed": (
        RUNNING, ended(RunState.COMPLETED, start_time=NOW), {},
        {(FINISHED, ("Completed",)): 1, (DURATION, ()): 50},
    ),
    "completed before its start was seen": (
        PENDING, ended(RunState.COMPLETED, start_time=after(30)), {},
        {(FINISHED, ("Completed",)): 1, (DURATION, ()): 20, (DELAY, ()): 30},
    ),
    "out of memory": (
        RUNNING, ended(RunState.FAILED, Reason.OOM_KILLED, start_time=NOW), {},
        {(FINISHED, ("Failed",)): 1, (DURATION, ()): 50, (PODS_FAILED, ("OOMKilled",)): 1},
    ),
    "failed by its own code": (
        RUNNING, ended(RunState.FAILED, Reason.FLOW_FAILED, start_time=NOW), {},
        {(FINISHED, ("Failed",)): 1, (DURATION, ()): 50},
    ),
    "evicted, and again": (
        RUNNING, ended(RunState.AWAITING_RETRY, Reason.EVICTED, start_time=NOW, disruptions=1), {},
        {(PODS_FAILED, ("Evicted",)): 1, (RETRIES, ("Disruption",)): 1},
    ),
    "failed, and again": (
        RUNNING, ended(RunState.AWAITING_RETRY, Reason.FLOW_FAILED, start_time=NOW, failures=1), {},
        {(RETRIES, ("Failure",)): 1},
    ),
    "taken away, as somebody else had written down": (
        before_its_end(ended(RunState.AWAITING_RETRY, Reason.POD_LOST, start_time=NOW, disruptions=1)),
        ended(RunState.AWAITING_RETRY, Reason.POD_LOST, start_time=NOW, disruptions=1), {},
        {(PODS_FAILED, ("PodLost",)): 1, (RETRIES, ("Disruption",)): 1},
    ),
    "paused": (RUNNING, ended(RunState.PAUSED, Reason.SUSPENDED, start_time=NOW), {}, {}),
    "waits for its image": (
        PENDING, make_status(RunState.PENDING, Reason.IMAGE_PULL_ERROR), {},
        {(PODS_FAILED, ("ImagePullError",)): 1},
    ),
    "still waits for its image": (
        make_status(RunState.PENDING, Reason.IMAGE_PULL_ERROR),
        make_status(RunState.PENDING, Reason.IMAGE_PULL_ERROR, job_uid="x"), {}, {},
    ),
    "waits for its pod": (PENDING, make_status(RunState.PENDING, Reason.WAITING_FOR_POD), {}, {}),
    "skipped": (
        make_status(RunState.QUEUED, attempt=0),
        make_status(RunState.CANCELLED, Reason.CONCURRENCY_LIMIT, attempt=0, completion_time=NOW), {},
        {(FINISHED, ("Cancelled",)): 1, ("millstream_flow_runs_skipped_total", ()): 1},
    ),
    "never ran": (
        UNSEEN, make_status(RunState.FAILED, Reason.INVALID_PARAMETERS, attempt=0, completion_time=NOW), {},
        {(CREATED, ("Manual",)): 1, (FINISHED, ("Failed",)): 1},
    ),
    "left a record": (
        RUNNING,
        ended(
            RunState.COMPLETED, start_time=NOW, recorded_attempt=1,
            tasks={"Completed": 3, "Mine": 1}, task_retries=2,
        ), {},
        {
            (FINISHED, ("Completed",)): 1, (DURATION, ()): 50,
            ("millstream_task_runs_finished_total", ("Completed",)): 3,
            ("millstream_task_runs_finished_total", ("Other",)): 1,
            ("millstream_task_retries_total", ()): 2,
        },
    ),
    "the second attempt left no record": (
        make_status(RunState.RUNNING, attempt=2, start_time=NOW, recorded_attempt=1, tasks={"Failed": 1}),
        ended(RunState.CRASHED, Reason.NO_RESULT, attempt=2, start_time=NOW, recorded_attempt=1, tasks={"Failed": 1}),
        {},
        {(FINISHED, ("Crashed",)): 1, (DURATION, ()): 50, (PODS_FAILED, ("NoResult",)): 1},
    ),
    "a final run is written again": (
        ended(RunState.COMPLETED, start_time=NOW),
        ended(RunState.COMPLETED, start_time=NOW).replace(message="more"), {}, {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_what_a_change_counts_for(change):
    before, now, run, expected = CHANGES[change]
    assert counted(before, now, **run) == expected


def test_two_attempts_whose_ends_were_not_seen_apart_both_count():
    first = ended(RunState.AWAITING_RETRY, Reason.EVICTED, disruptions=1).current
    both = ended(RunState.FAILED, Reason.OOM_KILLED, attempt=2, start_time=NOW, disruptions=1)
    both = both.replace(attempts=[first, both.current])
    assert counted(RUNNING, both) == {
        (PODS_FAILED, ("Evicted",)): 1,
        (RETRIES, ("Disruption",)): 1,
        (PODS_FAILED, ("OOMKilled",)): 1,
        (FINISHED, ("Failed",)): 1,
        (DURATION, ()): 50,
    }


class World:
    def __init__(self):
        self.cache, self.metrics = Cache(), Metrics()
        self.counts = RunMetrics(self.metrics, UserMetrics(self.metrics, self.cache), self.cache)
        self.cache.put(FLOW_DEPLOYMENTS, make_deployment())

    def see(self, status, version, **run):
        self.cache.put(FLOW_RUNS, make_run(status=status, version=version, **run))

    def finished(self):
        page = self.metrics.page()[0].decode().splitlines()
        return [line.removeprefix(FINISHED) for line in page if line.startswith(f"{FINISHED}{{")]


DONE = ended(RunState.COMPLETED, start_time=NOW)
ONE = [f'{{deployment="etl",namespace="{NAMESPACE}",state="Completed"}} 1.0']


@pytest.fixture
def world():
    return World()


def test_each_version_counts_once(world):
    world.counts.begin(())
    world.see(RUNNING, 1)
    world.see(DONE, 2)
    world.see(DONE, 2)
    world.see(RUNNING, 1)  # a watch that lags behind our own write
    assert world.finished() == ONE


def test_those_who_stand_by_count_nothing(world):
    world.see(RUNNING, 1)
    world.see(DONE, 2)
    world.counts.begin(world.cache.unreleased())
    assert world.finished() == []


def test_what_had_ended_before_is_not_counted_again(world):
    world.see(DONE, 1)
    world.counts.begin(world.cache.unreleased())
    world.see(DONE.replace(message="x"), 2)
    assert world.finished() == []


def test_an_end_counts_whose_writer_died_before_it_let_go_of_the_pod(world):
    world.see(DONE, 1)
    world.cache.put(PODS, make_pod(held=True))
    world.counts.begin(world.cache.unreleased())
    assert world.finished() == ONE


@pytest.mark.parametrize("pod", [{"held": False}, {"held": True, "attempt": 2}])
def test_an_end_does_not_count_again_whose_pod_was_let_go_of(world, pod):
    world.see(DONE, 1)
    world.cache.put(PODS, make_pod(**pod))
    world.counts.begin(world.cache.unreleased())
    assert world.finished() == []


def test_a_run_of_the_same_name_is_another_one(world):
    world.counts.begin(())
    world.see(RUNNING, 1, uid="one")
    world.see(DONE, 2, uid="two")
    assert world.finished() == []


def test_a_deployment_that_does_not_exist_is_no_label(world):
    world.counts.begin(())
    world.see(RUNNING, 1, deployment="invented")
    world.see(DONE, 2, deployment="invented")
    assert world.finished() == [ONE[0].replace("etl", "")]


def test_before_its_end():
    before = before_its_end(DONE.replace(recorded_attempt=1))
    assert (before.state, before.recorded_attempt, before.current.completion_time) == (
        RunState.RUNNING,
        0,
        None,
    )
    assert before_its_end(DONE.replace(recorded_attempt=3)).recorded_attempt == 3
