from datetime import timedelta

import pytest
from builders import NAMESPACE, NOW, after, make_defaults, make_deployment, text

from millstream_operator.decide import decide_deployment
from millstream_operator.decide.observed import Deployment, ObservedDeployment, TickRefusal
from millstream_operator.decide.plan import CreateRun, TryJob, WriteDeploymentStatus
from millstream_operator.decide.schedules import due_ticks, problem_of
from millstream_operator.defaults_reader import read_defaults

MINUTE = {"name": "often", "interval": 60}
STOP = make_defaults(suspend="true")


def observe(*schedules, status=None, now=NOW, defaults=(), **more):
    spec = {"suspend": True} if more.pop("suspend", False) else {}
    deployment = make_deployment(status=status, schedules=list(schedules), **spec)
    read = tuple(read_defaults(o, "millstream") for o in defaults)
    more = {"tried": 1} | more
    return ObservedDeployment(now=now, deployment=Deployment.from_object(deployment), defaults=read, **more)


def ticks_of(*schedules, **world):
    observed = observe(*schedules, **world)
    return due_ticks(observed, observed.deployment)


def times(ticks):
    return [action.run["spec"]["scheduledTime"] for action in ticks.due]


def iso(*seconds):
    return [after(s).isoformat() for s in seconds]


def remembered(ticks):
    """Give the status of a deployment that has stored these ticks."""
    return {"observedGeneration": 1, "schedules": [status.to_dict() for status in ticks.statuses]}


def since(schedule=MINUTE):
    """Give the status of a deployment that was looked at when it was made."""
    return remembered(ticks_of(schedule))


def test_nothing_is_due_at_the_creation():
    found = ticks_of(MINUTE)
    (status,) = found.statuses
    assert (found.due, found.next_time) == ((), after(60))
    assert (status.since, status.last_time, status.next_time, status.message) == (NOW, None, after(60), "")


def test_a_due_tick_is_a_run():
    found = ticks_of(MINUTE | {"parameters": {"n": 1}}, status=since(), now=after(60))
    (action,) = found.due
    assert action.run["spec"] == {
        "deploymentRef": {"name": "etl"},
        "parameters": {"n": 1},
        "scheduledTime": after(60).isoformat(),
        "scheduleName": "often",
    }
    meta = action.run["metadata"]
    assert meta["namespace"] == NAMESPACE
    assert meta["labels"] == {
        "app.kubernetes.io/managed-by": "millstream",
        "millstream.dev/deployment": "etl",
        "millstream.dev/schedule": "often",
    }
    assert meta["name"] == ticks_of(MINUTE, status=since(), now=after(99)).due[0].run["metadata"]["name"]
    (status,) = found.statuses
    assert (status.last_time, status.next_time) == (after(60), after(120))


def test_a_tick_that_is_written_down_is_not_due_again():
    found = ticks_of(MINUTE, status=since(), now=after(61))
    again = ticks_of(MINUTE, status=remembered(found), now=after(62))
    assert (again.due, again.statuses, again.next_time) == ((), found.statuses, after(120))


@pytest.mark.parametrize(
    ("policy", "late", "due"),
    [
        ({"missed": "Skip"}, 60, [60]),
        ({"missed": "Skip"}, 70, [60]),
        ({"missed": "Skip"}, 71, []),
        ({"missed": "Skip"}, 305, [300]),
        ({"missed": "Latest"}, 119, [60]),
        ({"missed": "Latest"}, 355, [300]),
        ({"missed": "Latest"}, 305, [300]),
        ({"missed": "All"}, 355, [60, 120, 180, 240, 300]),
        ({"missed": "All", "maxCatchUp": 2}, 355, [240, 300]),
        ({"missed": "All", "maxCatchUp": 1}, 305, [300]),
        ({"missed": "All", "missedDeadlineSeconds": 120}, 355, [240, 300]),
        ({"missed": "Latest", "missedDeadlineSeconds": 54}, 355, []),
        ({"missed": "Latest", "missedDeadlineSeconds": 55}, 355, [300]),
        ({"missed": "Skip", "missedDeadlineSeconds": 1}, 62, []),
    ],
)
def test_what_is_late_is_run_by_the_policy(policy, late, due):
    found = ticks_of(MINUTE | policy, status=since(), now=after(late))
    assert times(found) == iso(*due)
    assert found.statuses[0].last_time == after(late // 60 * 60)  # dealt with, run or not
    assert found.next_time == after(late // 60 * 60 + 60)


def test_many_that_are_on_time_are_all_run():
    second = {"name": "often", "interval": 1, "maxCatchUp": 1}
    for policy in ("Skip", "Latest", "All"):
        found = ticks_of(second | {"missed": policy}, status=since(second), now=after(5))
        assert times(found) == iso(1, 2, 3, 4, 5)


def test_what_was_missed_is_bounded():
    often = {"name": "often", "interval": 1, "missed": "All", "maxCatchUp": 100}
    found = ticks_of(often, status=since(often), now=after(1e7))
    assert len(found.due) == 100
    assert times(found)[-1] == after(1e7).isoformat()


def test_the_first_look_counts_from_the_creation():
    assert times(ticks_of(MINUTE, now=after(125))) == iso(120)
    assert times(ticks_of(MINUTE | {"missed": "All"}, now=after(125))) == iso(60, 120)


EDITS = {
    "its timing": MINUTE | {"interval": 30},
    "it is new": {"name": "another", "interval": 30},
    "its zone": MINUTE | {"timeZone": "Europe/Berlin"},
}


@pytest.mark.parametrize("case", EDITS)
def test_what_is_edited_has_no_past(case):
    found = ticks_of(EDITS[case] | {"missed": "All"}, status=since(), now=after(3600))
    assert found.due == ()
    assert (found.statuses[0].since, found.statuses[0].last_time) == (after(3600), None)
    assert found.next_time > after(3600)


@pytest.mark.parametrize("more", [{"parameters": {"n": 2}}, {"missed": "All"}, {"maxCatchUp": 3}])
def test_what_does_not_change_the_timing_keeps_the_past(more):
    assert times(ticks_of(MINUTE | more, status=since(), now=after(61))) == iso(60)


RESTS = {
    "the schedule": (MINUTE | {"suspend": True}, {}),
    "the deployment": (MINUTE, {"suspend": True}),
    "the namespace": (MINUTE, {"defaults": [STOP]}),
    "unreadable defaults": (MINUTE, {"defaults": [make_defaults(suspend="what")]}),
}


@pytest.mark.parametrize("case", RESTS)
def test_what_rests_does_not_fire_and_makes_nothing_good(case):
    schedule, world = RESTS[case]
    found = ticks_of(schedule, status=since(), now=after(90), **world)
    assert (found.due, found.next_time) == ((), None)
    assert found.statuses[0].message == "Suspended."
    later = ticks_of(schedule, status=remembered(found), now=after(900), **world)
    assert later.statuses == found.statuses
    resumed = ticks_of(MINUTE | {"missed": "All"}, status=remembered(found), now=after(905))
    assert (resumed.due, resumed.next_time) == ((), after(960))
    assert resumed.statuses[0].message == ""


def test_what_is_deleted_does_not_fire():
    both = remembered(ticks_of(MINUTE, MINUTE | {"name": "other"}))
    found = ticks_of(MINUTE, status=both, now=after(60))
    assert [status.name for status in found.statuses] == ["often"]
    assert len(found.due) == 1


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ({"cron": "0 0 30 2 *"}, "It never fires."),
        ({"cron": "61 * * * *"}, "61"),
        ({"cron": "* * * * *", "timeZone": "Europe/Nowhere"}, "Nowhere"),
        ({"rrule": "DTSTART:20200101T000000Z\nRRULE:FREQ=DAILY;COUNT=3"}, "It has no further tick."),
        ({"rrule": "FREQ=SOMETIMES"}, "SOMETIMES"),
    ],
)
def test_what_has_no_tick_says_so_once_and_holds_up_no_other(schedule, message):
    wrong = {"name": "wrong"} | schedule
    found = ticks_of(wrong, MINUTE, now=after(60))
    assert message in found.statuses[0].message
    assert len(found.statuses[0].message) <= 1024
    assert (found.statuses[0].next_time, found.next_time) == (None, after(120))
    assert times(found) == iso(60)
    again = ticks_of(wrong, MINUTE, status=remembered(found), now=after(70))
    assert (again.due, again.statuses) == ((), found.statuses)


def test_what_has_no_further_tick_is_not_searched_again(monkeypatch):
    ended = {"name": "ended", "rrule": "DTSTART:20200101T000000Z\nRRULE:FREQ=DAILY;COUNT=3"}
    status = since(ended)
    monkeypatch.setattr("millstream.resources.schedule_spec._parsed", None)
    assert ticks_of(ended, status=status, now=after(9)).statuses[0].message == "It has no further tick."


def test_its_last_tick_is_run():
    twice = {"name": "twice", "rrule": "DTSTART:20260301T120000Z\nRRULE:FREQ=MINUTELY;COUNT=2"}
    found = ticks_of(twice, status=since(twice), now=after(60))
    assert times(found) == iso(60)
    assert found.statuses[0].message == "It has no further tick."


@pytest.mark.parametrize(
    ("cron", "problem"),
    [("* * * * *", ""), ("0 0 31 6 *", "It never fires."), ("* * *", "five")],
)
def test_what_is_wrong_with_a_schedule(cron, problem):
    spec = observe({"name": "x", "cron": cron}).deployment.spec.schedules[0]
    assert problem in problem_of(spec)
    assert bool(problem_of(spec)) == bool(problem)


# --- and what is done about it ---


def kinds(plan):
    return [type(action) for action in plan.actions]


def test_the_run_is_made_before_its_time_is_written_down():
    due = observe(MINUTE, status=since(), now=after(60))
    plan = decide_deployment(due)
    assert kinds(plan) == [CreateRun]
    assert plan.requeue_at <= after(65)
    made = frozenset({plan.actions[0].run["metadata"]["name"]})
    told = decide_deployment(observe(MINUTE, status=since(), now=after(60.1), runs=made))
    assert kinds(told) == [WriteDeploymentStatus]
    assert told.actions[0].status.schedules[0].last_time == after(60)
    assert told.requeue_at == after(120)


def test_after_a_crash_between_the_two_nothing_is_run_twice():
    (created,) = decide_deployment(observe(MINUTE, status=since(), now=after(60))).actions
    made = frozenset({created.run["metadata"]["name"]})
    for late in (61, 75, 119):
        plan = decide_deployment(observe(MINUTE, status=since(), now=after(late), runs=made))
        assert kinds(plan) == [WriteDeploymentStatus]


def test_a_refused_run_of_a_tick_holds_up_its_own_schedule_only():
    (created,) = decide_deployment(observe(MINUTE, status=since(), now=after(60))).actions
    refused = {created.run["metadata"]["name"]: TickRefusal("exceeded quota", after(60))}
    plan = decide_deployment(observe(MINUTE, status=since(), now=after(61), refused=refused))
    (status,) = plan.actions[0].status.schedules
    assert "exceeded quota" in status.message
    assert status.last_time is None
    assert plan.requeue_at == after(70)
    told = {"observedGeneration": 1, "schedules": [status.to_dict()]}
    again = decide_deployment(observe(MINUTE, status=told, now=after(70), refused=refused))
    assert again.actions == (created,)


def test_what_its_schedules_have_come_to_does_not_wait_for_an_answer():
    plan = decide_deployment(observe(MINUTE, tried=None))
    assert kinds(plan) == [WriteDeploymentStatus, TryJob]
    status = plan.actions[0].status
    assert (status.observed_generation, status.schedules[0].next_time, status.next_time) == (
        0,
        after(60),
        after(60),
    )
    again = decide_deployment(observe(MINUTE, tried=None, status=status.to_dict(), now=after(9)))
    assert kinds(again) == [TryJob]
    assert again.requeue_at == after(60)


def test_an_edit_is_remembered_though_nobody_says_whether_its_jobs_are_accepted():
    edited = MINUTE | {"interval": 30}
    first = decide_deployment(observe(edited, tried=None, status=since(), now=after(5)))
    status = first.actions[0].status.to_dict()
    due = decide_deployment(observe(edited, tried=None, status=status, now=after(31)))
    assert kinds(due) == [CreateRun]


def test_the_run_of_a_tick_fits_into_a_name():
    deployment = Deployment.from_object(make_deployment("d" * 52, schedules=[MINUTE | {"name": "s" * 63}]))
    observed = ObservedDeployment(now=NOW + timedelta(days=1), deployment=deployment)
    (action,) = due_ticks(observed, deployment).due
    assert len(action.run["metadata"]["name"]) <= 52
    assert text(NOW)[:4] == "2026"


@pytest.mark.parametrize("field", ["since", "lastTime"])
def test_what_a_clock_that_was_ahead_has_left_is_forgotten(field):
    (known,) = since()["schedules"]
    ahead = known | {field: text(after(86_400)), "nextTime": text(after(86_460)), "message": "ended"}
    found = ticks_of(MINUTE, status={"observedGeneration": 1, "schedules": [ahead]}, now=after(3600))
    (status,) = found.statuses
    assert (status.since, status.last_time, status.message) == (after(3600), None, "")
    assert (found.due, found.next_time) == ((), after(3660))
    later = ticks_of(MINUTE, status=remembered(found), now=after(3660))
    assert times(later) == iso(3660)


def test_clocks_that_differ_a_little_forget_nothing():
    status = remembered(ticks_of(MINUTE, status=since(), now=after(60)))
    assert (
        ticks_of(MINUTE, status=status, now=after(1)).statuses
        == ticks_of(MINUTE, status=status, now=after(61)).statuses
    )
