"""`millstream deployment ls`, `show`, `run`, ...: what is done with the deployments of a cluster."""

import json
import sys
import threading

import pytest
import yaml
from api_server import COMPLETED, FAILED
from patience import eventually

from millstream.resources.states import RunState
from millstream_operator.kinds import FLOW_DEPLOYMENTS, FLOW_RUNS

pytestmark = pytest.mark.control_plane

SCHEMA = {
    "type": "object",
    "properties": {
        "day": {"type": "string", "format": "date", "description": "Of the report."},
        "n": {"type": "integer", "default": 1},
        "tags": {
            "anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}],
            "default": None,
        },
    },
    "required": ["day"],
    "additionalProperties": False,
}
SCHEDULES = [
    {
        "name": "nightly",
        "cron": "0 6 * * *",
        "timeZone": "Europe/Berlin",
        "parameters": {"day": "2026-01-01"},
    },
    {"name": "often", "interval": 3600, "suspend": True, "parameters": {"day": "2026-01-01"}},
]


@pytest.fixture
def etl(operator, ns):
    ns.deploy(parameterSchema=SCHEMA, schedules=SCHEDULES, tags=["a"], description="Makes reports.")
    ns.ready()
    return ns


def rows(result):
    assert result.exit_code == 0, result.stderr
    return [line.split() for line in result.stdout.splitlines()]


def test_deployments_are_listed(etl, call):
    etl.deploy("broken", schedules=[{"name": "x", "cron": "61 * * * *"}])
    etl.ready("broken")
    etl.deploy("rests", suspend=True)
    etl.ready("rests")
    told = {line.split()[0]: line for line in call("deployment", "ls").stdout.splitlines()}
    assert list(told) == ["NAME", "broken", "etl", "rests"]
    assert "0 6 * * *, Europe/Berlin, and 1 more   in " in told["etl"]
    assert told["etl"].endswith("yes")
    assert told["broken"].endswith("no: InvalidSchedule")
    assert told["rests"].split()[-2:] == ["yes", "yes"]
    assert (
        call("deployment", "ls", "-o", "name", "--tag", "a").stdout == "flowdeployment.millstream.dev/etl\n"
    )
    assert len(yaml.safe_load(call("deployment", "ls", "-o", "yaml").stdout)["items"]) == 3
    assert "entrypoint" in call("deployment", "ls", "-o", "wide").stdout.lower()
    assert etl.name in call("deployment", "ls", "-A", "--name", "rests").stdout


def test_a_deployment_is_shown(etl, call):
    etl.run(parameters={"day": "2026-01-01"})
    eventually(lambda: etl.play("etl-1", COMPLETED))
    eventually(lambda: etl.get(FLOW_DEPLOYMENTS, "etl")["status"].get("lastRun"))
    told = call("deployment", "show", "flowdeployment/etl").stdout
    for said in (
        "Makes reports.",
        "nightly",
        "every hour",
        "Of the report.",
        "list of text or null",
        "etl-1",
    ):
        assert said in told
    assert "etl-1: Completed" in told
    document = json.loads(call("deployment", "show", "etl", "-o", "json").stdout)
    assert document["spec"]["parameterSchema"] == SCHEMA


def test_a_deployment_that_there_is_not(etl, call):
    for command in ("show", "run", "pause", "resume", "delete"):
        result = call("deployment", command, "elt")
        assert (result.exit_code, result.stdout) == (1, ""), command
        assert "There is no FlowDeployment elt" in result.stderr
        assert "Did you mean etl?" in result.stderr


def test_parameters_are_of_the_types_of_the_schema(etl, call):
    arguments = ("-p", "day=2026-01-31", "-p", "n=3", "-p", 'tags=["a"]', "--tag", "b", "--priority", "0")
    overrides = ("--run-seconds", "60", "--retries", "0", "--at", "1d")
    made = call("deployment", "run", "etl", "--name", "mine", *arguments, *overrides, "-o", "json")
    assert made.exit_code == 0, made.stderr
    run = json.loads(made.stdout)
    spec = run["spec"]
    assert run["metadata"]["name"] == "mine"
    assert spec["parameters"] == {"day": "2026-01-31", "n": 3, "tags": ["a"]}
    assert (spec["tags"], spec["priority"]) == (["b"], 0)
    assert spec["overrides"] == {"timeouts": {"runSeconds": 60}, "retryPolicy": {"failures": 0}}
    etl.becomes(RunState.SCHEDULED, name="mine")
    again = call("deployment", "run", "etl", "--name", "mine", "-p", "day=2026-01-31")
    assert again.exit_code == 1
    assert "There is a FlowRun mine already" in again.stderr


def test_all_that_is_wrong_is_told_and_nothing_is_made(etl, call):
    result = call("deployment", "run", "etl", "-p", "n=x", "-p", "dy=1")
    assert result.exit_code == 2
    for said in ("day is missing", "n must be integer, not 'x'", "dy: the flow has no such parameter"):
        assert said in result.stderr
    assert call("deployment", "run", "etl", "--name", "a", "--idempotency-key", "b").exit_code == 2
    assert etl.items(FLOW_RUNS) == []


def test_an_image_that_the_deployment_does_not_allow(etl, call):
    order = ("deployment", "run", "etl", "-p", "day=2026-01-31", "--image", "other")
    refused = call(*order)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "`overrides: {allowImage: true}` in millstream.yaml" in refused.stderr
    assert etl.items(FLOW_RUNS) == []
    etl.patch(FLOW_DEPLOYMENTS, "etl", {"spec": {"overrides": {"allowImage": True}}})
    assert call(*order).exit_code == 0


def test_a_name_that_is_none(etl, call):
    refused = call("deployment", "run", "etl", "-p", "day=2026-01-31", "--name", "Foo_1")
    assert refused.exit_code == 2
    assert "'Foo_1' is no name of a run, which has up to 52 of a-z, 0-9 and -" in refused.stderr


def test_a_time_that_has_passed_is_told(etl, call):
    order = ("deployment", "run", "etl", "-p", "day=2026-01-31", "--at")
    assert "--at is in the past: the run is due now." in call(*order, "2020-01-01T00:00").stderr
    assert "past" not in call(*order, "1h").stderr


def test_a_key_makes_one_run(etl, call):
    arguments = ("deployment", "run", "etl", "-p", "day=2026-01-31", "--idempotency-key", "k", "-o", "name")
    first, second = call(*arguments), call(*arguments)
    assert first.exit_code == second.exit_code == 0
    assert first.stdout == second.stdout
    assert "has this key already" in second.stderr
    assert len(etl.items(FLOW_RUNS)) == 1


@pytest.mark.parametrize(("end", "code"), [(COMPLETED, 0), (FAILED, 1)])
def test_a_run_is_watched_to_its_end(etl, call, monkeypatch, end, code):
    over = threading.Event()

    def play():
        while not over.is_set() and not etl.play("mine", end):
            over.wait(0.05)

    monkeypatch.setattr("millstream._cluster.cluster.Cluster.log", lambda *_, **__: iter(LOG))
    player = threading.Thread(target=play)
    player.start()
    try:
        result = call("deployment", "run", "etl", "-p", "day=2026-01-31", "--name", "mine", "--watch")
    finally:
        over.set()
        player.join()
    assert (result.exit_code, result.stdout) == (code, "one [bold]\n")
    told = result.stderr.splitlines()
    assert told[0].startswith("Created mine.")
    assert any(line.startswith("mine is Running") for line in told)
    assert told[-1].startswith("mine is Completed" if code == 0 else "mine is Failed (FlowFailed)")


LOG = ["2026-03-01T12:00:00.000000000Z one [bold]"]


def test_ctrl_c_leaves_the_run_alone(etl, call, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("millstream.cli._watching.interleaved", interrupted)
    result = call("deployment", "run", "etl", "-p", "day=2026-01-31", "--name", "mine", "--watch")
    assert result.exit_code == 130
    assert (
        f"mine goes on. Watch its log again by `millstream run logs -f mine -n {etl.name}`" in result.stderr
    )
    assert f"end it by `millstream run cancel mine -n {etl.name}`" in result.stderr
    assert not etl.get(FLOW_RUNS, "mine")["spec"].get("cancel")


def test_a_run_that_is_deleted_while_it_is_watched(etl, call, monkeypatch):
    monkeypatch.setattr("millstream.cli._watching.print_state", lambda _: etl.delete(FLOW_RUNS, "mine"))
    result = call(
        "deployment", "run", "etl", "-p", "day=2026-01-31", "--name", "mine", "--at", "1d", "--watch"
    )
    assert result.exit_code == 1
    assert "mine was deleted before it had ended" in result.stderr


def test_schedules_are_paused_and_go_on(etl, call):
    paused = call("deployment", "pause", "etl")
    assert (paused.exit_code, paused.stdout) == (0, "")
    assert paused.stderr == "etl is paused: its schedules make no runs.\n"
    assert etl.get(FLOW_DEPLOYMENTS, "etl")["spec"]["suspend"] is True
    assert call("deployment", "pause", "etl").stderr == "etl is paused already.\n"
    etl.ready()
    assert "yes" in rows(call("deployment", "ls"))[1][-2:]
    assert call("deployment", "resume", "etl").stderr == "etl goes on: its schedules make runs again.\n"
    assert etl.get(FLOW_DEPLOYMENTS, "etl")["spec"]["suspend"] is False
    assert call("deployment", "resume", "etl").stderr == "etl is not paused already.\n"


@pytest.fixture
def terminal(monkeypatch):
    """Somebody who can be asked."""
    stdin = type("Terminal", (), {"isatty": staticmethod(lambda: True)})
    monkeypatch.setattr("millstream.cli._many.sys", type("Sys", (), {"stdin": stdin, "exit": sys.exit}))


def test_a_deployment_is_not_deleted_unless_that_is_meant(etl, call):
    etl.run("waits", parameters={"day": "2026-01-01"}, scheduledTime="2100-01-01T00:00:00Z")
    etl.becomes(RunState.SCHEDULED, name="waits")
    refused = call("deployment", "delete", "etl")
    assert refused.exit_code == 2
    assert "1 deployment would be deleted, and there is no terminal to ask on. Give --yes" in refused.stderr
    dry = call("deployment", "delete", "--tag", "a", "--dry-run")
    assert dry.exit_code == 0
    assert [line.split()[0] for line in dry.stdout.splitlines()] == ["NAME", "etl"]
    assert dry.stderr == (
        "1 deployment would be deleted. Their runs stay: 0 of them under way go on, and 1 that wait will fail.\n"
    )
    assert call("deployment", "delete").exit_code == 2
    assert call("deployment", "delete", "etl", "--tag", "a").exit_code == 2
    assert call("deployment", "delete", "--tag", "b").stderr == "No deployments found to be deleted.\n"
    assert etl.get(FLOW_DEPLOYMENTS, "etl")


def test_deployments_are_deleted_and_their_runs_stay(etl, call, terminal):
    etl.run("waits", parameters={"day": "2026-01-01"}, scheduledTime="2100-01-01T00:00:00Z")
    for name in ("trial-1", "trial-2", "rests"):
        etl.deploy(name)
    no = call("deployment", "delete", "etl", stdin="n\n")
    assert no.exit_code == 1
    assert "Delete 1 deployment?" in no.stderr
    assert etl.get(FLOW_DEPLOYMENTS, "etl")
    assert call("deployment", "delete", "etl", stdin="y\n").stderr.endswith("Deleted etl.\n")
    eventually(lambda: etl.get(FLOW_DEPLOYMENTS, "etl") is None)
    assert etl.get(FLOW_RUNS, "waits")
    some = call("deployment", "delete", "rests", "rsets", "--yes")
    assert some.exit_code == 1
    assert "There is no FlowDeployment rsets" in some.stderr
    assert some.stderr.endswith("Deleted rests.\n1 of 2 deployments could not be deleted.\n")
    trials = call("deployment", "delete", "--name", "trial-*", "--yes")
    assert (trials.exit_code, trials.stderr) == (0, "Deleted trial-1.\nDeleted trial-2.\n")
