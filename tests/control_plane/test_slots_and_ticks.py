"""Which runs there are, and which of them go first, on a real API server."""

from datetime import UTC, datetime, timedelta

import pytest
from api_server import COMPLETED, FINAL
from builders import TEMPLATE
from patience import eventually

from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.kinds import FLOW_DEPLOYMENTS, FLOW_RUNS, PODS

pytestmark = [pytest.mark.control_plane, pytest.mark.usefixtures("operator")]

EVERY_SECOND = {"name": "often", "interval": 1, "missed": "All"}


def runs(ns):
    return {run["metadata"]["name"]: run for run in ns.items(FLOW_RUNS)}


def live(ns):
    states = {name: run.get("status", {}).get("state") for name, run in runs(ns).items()}
    return {name for name, state in states.items() if state not in {None, "Queued", "Scheduled", *FINAL}}


def suspended(ns):
    conditions = ns.get(FLOW_DEPLOYMENTS, "etl")["status"]["conditions"]
    return next((c["status"], c["reason"]) for c in conditions if c["type"] == "Suspended")


def schedule(ns, name="etl"):
    return ns.get(FLOW_DEPLOYMENTS, name).get("status", {}).get("schedules", [{}])[0]


def test_a_late_run_of_high_priority_overtakes_those_that_wait(ns):
    ns.deploy(concurrency={"limit": 1})
    ns.run("first")
    pod = ns.pod(run="first")
    for number in range(20):
        ns.run(f"low-{number:02}")
    eventually(lambda: sum(r.get("status", {}).get("state") == "Queued" for r in runs(ns).values()) == 20)
    ns.run("high", priority=5)
    ns.becomes(RunState.QUEUED, Reason.CONCURRENCY_LIMIT, name="high")
    ns.start(pod)
    ns.becomes(RunState.RUNNING, name="first")
    ns.finish(pod, *COMPLETED)
    ns.becomes(RunState.PENDING, name="high")
    assert live(ns) == {"high"}


def test_each_slot_is_given_once(ns):
    ns.deploy(concurrency={"limit": 3})
    names = [f"run-{number}" for number in range(8)]
    for name in names:
        ns.run(name)
    while True:
        assert len(live(ns)) <= 3
        assert len([pod for pod in ns.items(PODS) if pod["status"]["phase"] in {"Pending", "Running"}]) <= 3
        played = [ns.play(name, COMPLETED) for name in names]
        if all(played):
            break
    assert {ns.status(name)["state"] for name in names} == {"Completed"}


def test_skip_cancels_what_is_one_too_many(ns):
    ns.deploy(concurrency={"limit": 1, "policy": "Skip"})
    ns.run("first")
    ns.becomes(RunState.PENDING, name="first")
    ns.run("second")
    ns.becomes(RunState.CANCELLED, Reason.CONCURRENCY_LIMIT, name="second")
    eventually(lambda: ns.play("first", COMPLETED))


def test_replace_keeps_the_newest(ns):
    ns.deploy(concurrency={"limit": 1, "policy": "Replace"})
    ns.run("first")
    ns.pod(run="first")
    for name in ("second", "third"):
        due = datetime.now(UTC) - timedelta(minutes=1 if name == "second" else 0)
        ns.run(name, scheduledTime=due.isoformat())
    ns.becomes(RunState.CANCELLED, Reason.REPLACED, name="second")
    eventually(lambda: ns.status("first").get("state") == "Cancelled" or ns.status("first"))
    ns.becomes(RunState.CANCELLED, Reason.REPLACED, name="first")
    eventually(lambda: ns.play("third", COMPLETED))
    ns.becomes(RunState.COMPLETED, name="third")


def test_a_raised_limit_lets_go_at_once(ns):
    ns.deploy(concurrency={"limit": 1})
    for name in ("a", "b", "c"):
        ns.run(name)
    eventually(lambda: len(live(ns)) == 1)
    ns.patch(FLOW_DEPLOYMENTS, "etl", {"spec": {"concurrency": {"limit": 2}}})
    eventually(lambda: len(live(ns)) == 2)
    ns.patch(FLOW_DEPLOYMENTS, "etl", {"spec": {"concurrency": None}})
    eventually(lambda: len(live(ns)) == 3)


def test_each_tick_makes_one_run(ns):
    ns.deploy(schedules=[EVERY_SECOND | {"parameters": {"by": "schedule"}}])
    made = eventually(lambda: len(found := runs(ns)) >= 4 and found)
    for name, run in made.items():
        assert name.startswith("etl-")
        assert (run["spec"]["scheduleName"], run["spec"]["parameters"]) == ("often", {"by": "schedule"})
    times = sorted(datetime.fromisoformat(run["spec"]["scheduledTime"]) for run in made.values())
    assert times == [times[0] + timedelta(seconds=n) for n in range(len(times))]
    status = eventually(lambda: (s := schedule(ns)).get("lastTime") and s)
    assert datetime.fromisoformat(status["nextTime"]) > datetime.fromisoformat(status["lastTime"])


def test_a_suspended_schedule_rests_and_nothing_fires_for_the_past(ns):
    ns.deploy(schedules=[EVERY_SECOND])
    eventually(lambda: runs(ns))
    ns.patch(FLOW_DEPLOYMENTS, "etl", {"spec": {"suspend": True}})
    eventually(lambda: schedule(ns).get("message") == "Suspended.")
    before = runs(ns)
    eventually(lambda: suspended(ns) == ("True", "Suspended"))
    ns.run("by-hand")  # a suspend keeps schedules only
    ns.becomes(RunState.PENDING, name="by-hand")
    ns.patch(FLOW_DEPLOYMENTS, "etl", {"spec": {"suspend": False}})
    resumed = eventually(lambda: schedule(ns).get("since") if schedule(ns).get("nextTime") else None)
    new = eventually(lambda: set(runs(ns)) - set(before) - {"by-hand"})
    for name in new:
        assert runs(ns)[name]["spec"]["scheduledTime"] > resumed


@pytest.mark.parametrize(
    ("timing", "said"),
    [
        ({"cron": "61 * * * *"}, ""),
        ({"cron": "0 0 30 2 *"}, "never fires"),
        ({"cron": "@daily", "timeZone": "Europe/Berln"}, "Europe/Berlin"),
        ({"rrule": "FREQ=SOMETIMES"}, ""),
    ],
)
def test_a_schedule_that_cannot_fire_says_so_and_others_go_on(ns, timing, said):
    ns.deploy(schedules=[{"name": "bad", **timing}, EVERY_SECOND])
    condition = ns.ready()
    assert (condition["status"], condition["reason"]) == ("False", "InvalidSchedule")
    assert "bad: " in condition["message"]
    assert said in condition["message"]
    assert said in schedule(ns)["message"]
    assert eventually(lambda: runs(ns))


def test_only_the_newest_finished_runs_are_kept(ns):
    ns.deploy(runHistory={"successful": 2, "failed": 0})
    names = [f"run-{number}" for number in range(5)]
    for name in names:
        ns.run(name)
        eventually(lambda name=name: ns.get(FLOW_RUNS, name) is None or ns.play(name, COMPLETED))
    ns.run("bad", parameters={}, overrides={"image": "other"})
    eventually(lambda: len(runs(ns)) == 2)
    assert set(runs(ns)) <= set(names)


def test_a_finished_run_lives_as_long_as_it_says(ns):
    ns.run("brief", template=TEMPLATE, ttlSecondsAfterFinished=0)
    ns.run("kept", template=TEMPLATE)
    eventually(lambda: ns.get(FLOW_RUNS, "brief") is None or ns.play("brief", COMPLETED))
    eventually(lambda: ns.get(FLOW_RUNS, "brief") is None)
    eventually(lambda: ns.play("kept", COMPLETED))
    assert ns.get(FLOW_RUNS, "kept")
