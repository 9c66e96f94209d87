"""Which runs a backfill creates, and when."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from still_world import still

from millstream._cluster import backfills
from millstream._cluster.answers import refusal
from millstream._cluster.kinds import FLOW_RUNS
from millstream.exceptions import ClusterUnreachable, DeploymentError, ObjectAlreadyExists, ParameterTypeError
from millstream.resources.flow_run import FlowRunSpec
from millstream.resources.names import scheduled_run_name
from millstream.resources.schedule_spec import ScheduleSpec

__all__ = ["still"]

DAILY = {"name": "daily", "cron": "30 2 * * *", "timeZone": "Europe/Berlin", "parameters": {"day": "x"}}
HOURLY = {"name": "hourly", "interval": 3600}


def utc(*time):
    return datetime(*time, tzinfo=UTC)


def deployment(*schedules, ready="True", reason="Valid", **spec):
    condition = {"type": "Ready", "status": ready, "reason": reason, "message": "because"}
    return {
        "metadata": {"name": "etl", "namespace": "team"},
        "spec": {"schedules": list(schedules), **spec},
        "status": {"conditions": [condition]},
    }


def spec_of(schedule):
    return ScheduleSpec.model_validate(schedule)


def run(name="r", state=None, **spec):
    return {"metadata": {"name": name}, "spec": spec, "status": {"state": state} if state else {}}


def test_the_only_schedule_needs_no_name():
    assert backfills.chosen_schedule(deployment(DAILY), None) == spec_of(DAILY)
    assert backfills.chosen_schedule(deployment(DAILY, HOURLY), "hourly") == spec_of(HOURLY)


@pytest.mark.parametrize(
    ("schedules", "name", "said"),
    [
        ((), None, "etl has no schedule"),
        ((DAILY, HOURLY), None, "several schedules: choose one with --schedule, of daily, hourly"),
        ((DAILY, HOURLY), "weekly", "etl has no schedule weekly, only daily, hourly"),
        (
            ({"name": "daily", "moon": "full"},),
            None,
            "cannot read the schedule daily of etl (moon: Extra inputs",
        ),
    ],
)
def test_a_schedule_that_cannot_be_chosen(schedules, name, said):
    with pytest.raises(DeploymentError) as caught:
        backfills.chosen_schedule(deployment(*schedules), name)
    assert said in str(caught.value)


def test_the_range_has_its_begin_and_not_its_end():
    ticks = backfills.ticks_between(spec_of(HOURLY), utc(2026, 1, 1, 5), utc(2026, 1, 1, 7))
    assert ticks == [utc(2026, 1, 1, 5), utc(2026, 1, 1, 6)]


def test_the_ticks_are_those_of_the_schedule_where_clocks_change():
    ticks = backfills.ticks_between(spec_of(DAILY), utc(2026, 3, 28), utc(2026, 3, 31))
    assert ticks == [utc(2026, 3, 28, 1, 30), utc(2026, 3, 29, 1), utc(2026, 3, 30, 0, 30)]
    autumn = backfills.ticks_between(spec_of(DAILY), utc(2026, 10, 25), utc(2026, 10, 26))
    assert autumn == [utc(2026, 10, 25, 0, 30)]


BERLIN, CAIRO = ZoneInfo("Europe/Berlin"), ZoneInfo("Africa/Cairo")
LATE = {"name": "late", "cron": "30 3 * * *", "timeZone": "Europe/Berlin"}
MIDNIGHTS = {"name": "midnights", "cron": "0 0 * * *", "timeZone": "Africa/Cairo"}


@pytest.mark.parametrize(
    ("schedule", "start", "end", "ticks"),
    [
        (
            LATE,
            datetime(2026, 3, 29, 3, tzinfo=BERLIN),
            datetime(2026, 3, 30, tzinfo=BERLIN),
            [utc(2026, 3, 29, 1, 30)],
        ),
        (
            HOURLY,
            datetime(2026, 10, 25, 3, tzinfo=BERLIN),
            datetime(2026, 10, 25, 5, tzinfo=BERLIN),
            [utc(2026, 10, 25, 2), utc(2026, 10, 25, 3)],
        ),
        (
            HOURLY,
            datetime(2026, 10, 25, 2, tzinfo=BERLIN),
            datetime(2026, 10, 25, 2, tzinfo=BERLIN, fold=1),
            [utc(2026, 10, 25)],
        ),
        (
            HOURLY,
            datetime(2026, 3, 29, 1, tzinfo=BERLIN),
            datetime(2026, 3, 29, 3, tzinfo=BERLIN),
            [utc(2026, 3, 29)],
        ),
        (
            MIDNIGHTS,
            datetime(2025, 10, 31, tzinfo=CAIRO),
            datetime(2025, 11, 1, tzinfo=CAIRO),
            [utc(2025, 10, 30, 22)],
        ),
    ],
)
def test_a_range_may_begin_or_end_where_clocks_change(schedule, start, end, ticks):
    assert backfills.ticks_between(spec_of(schedule), start, end) == ticks


@pytest.mark.parametrize(
    ("schedule", "start", "end", "said"),
    [
        (HOURLY, utc(2026, 1, 2), utc(2026, 1, 1), "The range is empty"),
        (HOURLY, utc(2026, 1, 2), utc(2026, 1, 2), "The range is empty"),
        (
            HOURLY,
            utc(2025, 1, 1),
            utc(2026, 1, 1),
            "more than 5,000 ticks: the first 5,000 end before 2025-07-28",
        ),
        ({"name": "never", "cron": "0 0 30 2 *"}, utc(2025, 1, 1), utc(2026, 1, 1), "never has no tick from"),
        ({"name": "wrong", "cron": "61 * * * *"}, utc(2025, 1, 1), utc(2026, 1, 1), "wrong cannot be read"),
    ],
)
def test_a_range_that_cannot_be(schedule, start, end, said):
    with pytest.raises(DeploymentError) as caught:
        backfills.ticks_between(spec_of(schedule), start, end)
    assert said in str(caught.value)


def test_a_tick_that_has_a_run_is_known_by_its_name_or_its_time():
    times = [utc(2026, 1, 1, hour) for hour in range(4)]
    names = [scheduled_run_name("etl", "hourly", time) for time in times]
    runs = [
        run(names[0], "Failed"),
        run("mine", "Running", scheduleName="hourly", scheduledTime="2026-01-01T01:00:00Z"),
        run("other", "Running", scheduleName="daily", scheduledTime="2026-01-01T02:00:00Z"),
        run(names[3]),
    ]
    found = backfills.ticks_with_runs(deployment(HOURLY), spec_of(HOURLY), times, runs)
    assert [(tick.run, tick.state) for tick in found] == [
        (names[0], "Failed"),
        ("mine", "Running"),
        (names[2], None),
        (names[3], ""),
    ]


SKIP = {"concurrency": {"limit": 2, "policy": "Skip"}}


@pytest.mark.parametrize(
    ("options", "parallel", "said"),
    [
        ({}, None, None),
        ({"ready": "False", "reason": "InvalidSchedule"}, None, None),
        (
            {"ready": "False", "reason": "InvalidPod"},
            None,
            "etl is not ready, so its runs would fail: because",
        ),
        ({"concurrency": {"limit": 2}}, None, None),
        (SKIP, None, "is Skip, which cancels what is over its limit of 2: give --parallel 2, or less."),
        (SKIP, 3, "give --parallel 2, or less."),
        (SKIP, 2, None),
    ],
)
def test_runs_that_could_only_fail_or_be_cancelled_are_refused(options, parallel, said):
    found = deployment(HOURLY, **options)
    if said is None:
        backfills.check_deployment(found, runs=5, parallel=parallel)
    else:
        with pytest.raises(DeploymentError) as caught:
            backfills.check_deployment(found, runs=5, parallel=parallel)
        assert said in str(caught.value)


def test_a_run_is_as_the_operator_makes_it_and_comes_after_others():
    found = deployment(DAILY, priority=3)
    made = backfills.template_of_runs(found, spec_of(DAILY), {"n": 1}, ["again"])
    spec = FlowRunSpec.model_validate(made["spec"])
    assert (spec.parameters, spec.tags, spec.priority) == ({"day": "x", "n": 1}, ["again"], 2)
    assert (spec.schedule_name, made["metadata"]["labels"]["millstream.dev/schedule"]) == ("daily", "daily")
    assert "millstream.dev/backfill" in made["metadata"]["labels"]


def test_parameters_are_checked_before_anything_is_created():
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    with pytest.raises(ParameterTypeError, match="The parameters do not fit etl"):
        backfills.template_of_runs(
            deployment(HOURLY, parameterSchema=schema), spec_of(HOURLY), {"n": "x"}, ()
        )


class Runs:
    """A cluster that has runs only; one ends with each look at those that are live."""

    def __init__(self):
        self.runs = {}
        self.most = 0
        self.away = dict.fromkeys(("list", "get", "create"), 0)
        self.lost = 0

    def _answer(self, verb):
        if self.away[verb]:
            self.away[verb] -= 1
            said = b'{"message": "etcdserver: request timed out"}'
            raise refusal(verb, FLOW_RUNS, "team", None, (500, 503)[self.away[verb] % 2], said)

    def list(self, kind, *, namespace, fields):
        self._answer("list")
        of, *states = fields.split(",")
        assert (namespace, of) == ("team", "spec.deploymentRef.name=etl")
        live = next((one for one in self.runs.values() if one["status"]["state"] == "Running"), None)
        if live is not None:
            live["status"]["state"] = "Failed"
        found = list(self.runs.values())
        return (one for one in found if f"status.state!={one['status']['state']}" not in states)

    def get(self, kind, name, *, namespace):
        self._answer("get")
        return self.runs[name]

    def create(self, kind, body, *, namespace):
        self._answer("create")
        name = body["metadata"]["name"]
        if name in self.runs:
            raise ObjectAlreadyExists(name)
        self.runs[name] = {**body, "status": {"state": "Running"}}
        self.most = max(self.most, sum(one["status"]["state"] == "Running" for one in self.runs.values()))
        if self.lost:
            self.lost -= 1
            raise ClusterUnreachable("the answer is lost")


@pytest.fixture
def begin():
    found = deployment(HOURLY)
    template = backfills.template_of_runs(found, spec_of(HOURLY), {}, ())
    times = [utc(2026, 1, 1) + timedelta(hours=hour) for hour in range(6)]

    def create(cluster, parallel=None):
        ticks = backfills.ticks_with_runs(found, spec_of(HOURLY), times, cluster.runs.values())
        return backfills.create_runs(cluster, found, template, ticks, parallel)

    return create


@pytest.mark.parametrize("killed_after", range(7))
def test_killed_anywhere_and_repeated_it_creates_each_run_once(still, begin, killed_after):
    cluster = Runs()
    steps = begin(cluster)
    before = [next(steps).tick.run for _ in range(killed_after)]
    after = [step.tick.run for step in begin(cluster)]
    assert before + after == list(cluster.runs)
    assert [one["spec"]["scheduledTime"] for one in cluster.runs.values()] == [
        f"2026-01-01T0{hour}:00:00+00:00" for hour in range(6)
    ]


def test_two_at_once_create_each_run_once(still, begin):
    cluster = Runs()
    first, second = begin(cluster), begin(cluster)
    steps = [step for pair in zip(first, second, strict=True) for step in pair]
    assert [step.created for step in steps] == [True, False] * 6
    assert len(cluster.runs) == 6


@pytest.mark.parametrize("parallel", [1, 2, 5])
def test_no_more_are_live_than_wanted(still, begin, parallel):
    cluster = Runs()
    assert len(list(begin(cluster, parallel))) == 6
    assert cluster.most == parallel


@pytest.mark.parametrize("verb", ["list", "create"])
def test_an_api_server_that_is_away_is_waited_for(still, begin, verb):
    cluster = Runs()
    steps = begin(cluster, 2)
    next(steps)
    cluster.away[verb] = 5
    assert [step.created for step in steps] == [True] * 5
    assert cluster.away[verb] == 0
    cluster.runs.clear()
    cluster.away[verb] = 1000
    with pytest.raises(ClusterUnreachable):
        list(begin(cluster, 2))


def test_what_was_created_though_its_answer_was_lost_counts_as_created(still, begin):
    cluster = Runs()
    cluster.lost = 2
    assert [step.created for step in begin(cluster)] == [True] * 6
    assert len(cluster.runs) == 6


def test_a_run_of_another_deployment_is_not_the_tick_s(still, begin):
    cluster = Runs()
    steps = begin(cluster)
    name = scheduled_run_name("etl", "hourly", utc(2026, 1, 1, 1))
    cluster.runs[name] = run(name, "Completed", deploymentRef={"name": "other"})
    cluster.away["get"] = 2
    assert next(steps).created
    with pytest.raises(
        DeploymentError, match=f"there is a FlowRun {name} already, which is of the deployment other"
    ):
        next(steps)


def test_runs_that_have_ended_are_not_read_while_others_are_waited_for(still, begin):
    cluster = Runs()
    read = []
    look = cluster.list

    def listed(kind, **options):
        found = list(look(kind, **options))
        read.append(len(found))
        return found

    cluster.list = listed
    assert len(list(begin(cluster, 1))) == 6
    assert max(read) == 0


def test_a_state_of_a_newer_operator_is_told(still, begin):
    cluster = Runs()
    steps = begin(cluster, 1)
    name = next(steps).tick.run
    cluster.runs[name]["status"]["state"] = "Napping"
    with pytest.raises(
        DeploymentError, match=f"{name} is in the state Napping, which this millstream does not"
    ):
        next(steps)
