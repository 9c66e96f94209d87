"""`millstream backfill` on a real API server, where the operator knows what it makes as its own."""

import os
import signal
import subprocess
import sys

import pytest
from patience import HANG_SECONDS, eventually

from millstream.resources.kinds import FLOW_RUNS
from millstream.resources.states import RunState

HOURLY = {"name": "hourly", "cron": "0 * * * *", "timeZone": "Europe/Berlin", "parameters": {"x": 1}}
DAY = ("--from", "2026-01-01", "--to", "2026-01-02")


@pytest.fixture
def etl(ns):
    """A deployment whose own ticks never come while a test runs."""
    return ns.deploy(schedules=[HOURLY], suspend=True)


def runs(ns):
    found = sorted(ns.items(FLOW_RUNS), key=lambda run: run["spec"]["scheduledTime"])
    return [run["metadata"]["name"] for run in found]


def test_each_tick_gets_a_run_and_only_once(call, ns, etl):
    done = call("backfill", "etl", *DAY, "--yes", "--tag", "again")
    assert (done.exit_code, len(done.stdout.splitlines())) == (0, 24)
    assert "24 runs created." in done.stderr
    first = ns.items(FLOW_RUNS)[0]
    assert first["spec"]["scheduledTime"].startswith("2025-12-31T23:00:00")  # midnight in Berlin
    assert (first["spec"]["parameters"], first["spec"]["tags"]) == ({"x": 1}, ["again"])
    again = call("backfill", "etl", *DAY, "--yes")
    assert again.exit_code == 0
    assert "24 ticks with a run already" in again.stderr
    assert "Nothing is to be created." in again.stderr
    assert len(runs(ns)) == 24


def test_dry_run_lists_and_creates_nothing(call, ns, etl):
    call("backfill", "etl", "--from", "2026-01-01", "--to", "2026-01-01T01:00")
    shown = call("backfill", "etl", *DAY, "--dry-run")
    lines = shown.stdout.splitlines()
    assert lines[0].split() == ["TICK", "RUN", "STATE"]
    assert lines[1].split()[0] == "2026-01-01T00:00:00+01:00"
    assert [line.split(maxsplit=2)[2] for line in lines[1:4]] == ["new", "to create", "to create"]
    assert "23 runs to create, for the ticks from 2026-01-01T01:00:00+01:00 to" in shown.stderr
    assert "runHistory of etl deletes finished runs: 10 completed" in shown.stderr
    assert len(runs(ns)) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((*DAY,), "To create 24 runs without being asked, give --yes."),
        (("--from", "2026-01-02", "--to", "2026-01-01"), "The range is empty"),
        (("--from", "2026-01-01", "--to", "2149-01-01"), "The range ends in the future"),
        (("--from", "1990-01-01"), "more than 5,000 ticks"),
        ((*DAY, "--schedule", "daily"), "etl has no schedule daily, only hourly."),
        ((*DAY, "--parallel", "0"), "0 is not in the range x>=1"),
    ],
)
def test_wrong_use_creates_nothing(call, ns, etl, arguments, said):
    failed = call("backfill", "etl", *arguments)
    assert failed.exit_code == 2
    assert said in failed.stderr
    assert runs(ns) == []


def test_killed_in_the_middle_it_goes_on_when_repeated(call, plane, ns, etl, tmp_path):
    command = [sys.executable, "-m", "millstream.cli", "backfill", "etl", *DAY, "--parallel", "5", "--yes"]
    environment = os.environ | {"KUBECONFIG": str(plane.kubeconfig), "MILLSTREAM_HOME": str(tmp_path)}
    with subprocess.Popen(
        [*command, "-n", ns.name], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        for _ in range(5):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    assert len(runs(ns)) == 5
    again = call("backfill", "etl", *DAY, "--yes")
    assert "19 runs created." in again.stderr
    assert len(set(runs(ns))) == 24


def test_interrupted_it_says_how_to_go_on(plane, ns, etl, tmp_path):
    command = [sys.executable, "-m", "millstream.cli", "backfill", "etl", *DAY, "--parallel", "2", "--yes"]
    environment = os.environ | {"KUBECONFIG": str(plane.kubeconfig), "MILLSTREAM_HOME": str(tmp_path)}
    with subprocess.Popen(
        [*command, "-n", ns.name],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        for _ in range(2):
            process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=HANG_SECONDS)
    assert process.returncode == 130
    assert "Stopped: 2 of 24 runs are created" in said
    assert "repeat the command with --from 2026-01-01T02:00:00+01:00." in said


def test_with_the_operator_past_ticks_start_at_once_and_count_with_the_schedules_own(call, ns, operator):
    ns.deploy(schedules=[HOURLY], suspend=True, concurrency={"limit": 1})
    ns.ready()
    call("backfill", "etl", "--from", "2026-01-01", "--to", "2026-01-01T02:00")
    first, second = runs(ns)
    ns.becomes(RunState.PENDING, name=first)
    ns.becomes(RunState.QUEUED, name=second)
    pod = ns.pod(run=first)
    ns.start(pod)
    ns.finish(pod, 0, {"state": RunState.COMPLETED})
    ns.becomes(RunState.COMPLETED, name=first)
    shown = call("backfill", "etl", "--from", "2026-01-01", "--to", "2026-01-01T02:00").stderr
    assert "1 Completed" in shown
    assert "Nothing is to be created." in shown


def test_in_parallel_the_next_comes_when_one_has_ended(plane, ns, operator, tmp_path):
    ns.deploy(schedules=[HOURLY], suspend=True)
    ns.ready()
    command = [sys.executable, "-m", "millstream.cli", "backfill", "etl", "--from", "2026-01-01"]
    command += ["--to", "2026-01-01T03:00", "--parallel", "1", "-n", ns.name]
    environment = os.environ | {"KUBECONFIG": str(plane.kubeconfig), "MILLSTREAM_HOME": str(tmp_path)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        for number in range(3):
            eventually(lambda number=number: len(runs(ns)) == number + 1, "the next run")
            name = runs(ns)[-1]
            pod = ns.pod(run=name)
            ns.start(pod)
            ns.becomes(RunState.RUNNING, name=name)
            assert len(runs(ns)) == number + 1
            ns.finish(pod, 0, {"state": RunState.COMPLETED})
    assert process.returncode == 0


def test_a_deployment_that_is_not_there(call, ns):
    failed = call("backfill", "etl", *DAY)
    assert failed.exit_code == 1
    assert "There is no FlowDeployment etl in namespace" in failed.stderr


def test_a_deployment_without_schedules(call, ns):
    ns.deploy()
    assert "etl has no schedule" in call("backfill", "etl", *DAY).stderr
