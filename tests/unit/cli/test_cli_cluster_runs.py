"""What commands on the runs of a cluster decide without one."""

import queue
import sys
from datetime import UTC, datetime, timedelta

import click
import pytest
from click.testing import CliRunner
from still_world import still

from millstream._cluster import new_runs
from millstream._cluster.deployments import Deployment
from millstream._cluster.log_positions import LogLine
from millstream._cluster.new_runs import another_run
from millstream._cluster.runs import Run
from millstream.cli._app import root
from millstream.cli._choices import FINAL, LIVE, UNSUCCESSFUL, Choice, States
from millstream.cli._deployment_views import paused, ready, schedule_words
from millstream.cli._flow_run_views import print_run
from millstream.cli._interleaving import interleaved
from millstream.cli._log_lines import print_said
from millstream.cli._objects import ObjectName
from millstream.cli._output import show_fields
from millstream.cli._schema_words import parameters, takes
from millstream.cli._terminal import harmless
from millstream.cli._times import Moment
from millstream.cli._timings import Timings, timings
from millstream.cli.run import names_a_flow
from millstream.resources.flow_run import FlowRunSpec
from millstream.resources.names import MAX_RUN_NAME
from millstream.resources.states import RunState

__all__ = ["still"]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def at(seconds):
    return (NOON + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def run(name="etl-1", created=0, spec=None, **status):
    meta = {"name": name, "namespace": "team", "uid": "u", "creationTimestamp": at(created)}
    spec = {"deploymentRef": {"name": "etl"}} if spec is None else spec
    return Run.of({"metadata": meta, "spec": spec, "status": status})


def attempt(number, created, started=None, ended=None):
    times = {"creationTime": created, "startTime": started, "completionTime": ended}
    given = {name: at(time) for name, time in times.items() if time is not None}
    return {"number": number, "job": f"etl-1-{number}"} | given


def test_every_state_is_live_or_final():
    assert {*LIVE, *FINAL} == {"", *RunState}
    assert set(FINAL) == {state for state in RunState if state.is_final}
    assert set(UNSUCCESSFUL) < set(FINAL)


@pytest.mark.parametrize(
    ("choice", "fits"),
    [
        (Choice(), True),
        (Choice(states=frozenset(["Failed"])), True),
        (Choice(states=frozenset(LIVE)), False),
        (Choice(reasons=frozenset(["oomkilled", "flowfailed"])), True),
        (Choice(reasons=frozenset(["evicted"])), False),
        (Choice(deployments=frozenset(["etl", "b"])), True),
        (Choice(deployments=frozenset(["b"])), False),
        (Choice(tags=frozenset(["a"])), True),
        (Choice(tags=frozenset(["a", "c"])), False),
        (Choice(since=NOON), True),
        (Choice(since=NOON + timedelta(seconds=1)), False),
        (Choice(before=NOON), False),
        (Choice(before=NOON + timedelta(seconds=1)), True),
        (Choice(pattern="etl-?"), True),
        (Choice(pattern="ETL*"), False),
    ],
)
def test_which_runs_fit(choice, fits):
    spec = {"deploymentRef": {"name": "etl"}, "tags": ["a", "b"]}
    assert choice.fits(run(spec=spec, state="Failed", reason="FlowFailed")) is fits


def test_a_run_that_no_operator_has_seen_is_live():
    assert Choice(states=frozenset(LIVE)).fits(run())


@pytest.mark.parametrize(
    ("choice", "fields"),
    [
        (Choice(), ""),
        (Choice(states=frozenset(["Failed"])), "status.state=Failed"),
        (Choice(states=frozenset(LIVE)), ",".join(f"status.state!={state}" for state in FINAL)),
        (
            Choice(states=frozenset(["Paused", *FINAL]), deployments=frozenset(["etl"])),
            ",".join(
                [
                    *(f"status.state!={state}" for state in LIVE if state != "Paused"),
                    "spec.deploymentRef.name=etl",
                ]
            ),
        ),
        (Choice(deployments=frozenset(["a", "b"])), ""),
    ],
)
def test_the_api_server_is_asked_for_little_more(choice, fields):
    assert choice.fields() == fields


def test_states_and_their_short_words():
    convert = States().convert
    assert convert("failed", None, None) == ("Failed",)
    assert convert("AWAITINGRETRY", None, None) == ("AwaitingRetry",)
    assert convert("live", None, None) == LIVE
    assert convert("unsuccessful", None, None) == UNSUCCESSFUL
    with pytest.raises(click.BadParameter, match="'' is no state"):
        convert("", None, None)
    words = [item.value for item in States().shell_complete(None, None, "c")]
    assert words == ["Cancelling", "Completed", "Crashed", "Cancelled"]


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        (run(state="Queued"), Timings(100, None, None, None, None)),
        (run(spec={"scheduledTime": at(60)}, state="Queued"), Timings(40, None, None, None, None)),
        (run(spec={"scheduledTime": at(200)}, state="Scheduled"), Timings(None, None, None, None, None)),
        (
            run(state="Running", admissionTime=at(3), attempts=[attempt(1, 3, 5)]),
            Timings(3, 2, 95, None, None),
        ),
        (
            run(
                state="Completed",
                admissionTime=at(3),
                completionTime=at(50),
                attempts=[attempt(1, 3, 5, 15), attempt(2, 25, 26, 50)],
            ),
            Timings(3, 3, 34, 10, None),
        ),
        (
            run(state="AwaitingRetry", admissionTime=at(0), attempts=[attempt(1, 0, 5, 90)]),
            Timings(0, 5, 85, 10, None),
        ),
        (
            run(
                state="Paused",
                admissionTime=at(0),
                pausedTime=at(60),
                pausedSeconds=7,
                attempts=[attempt(1, 0, 5, 50)],
            ),
            Timings(0, 5, 45, 3, 47),
        ),
        (
            run(
                state="Crashed", admissionTime=at(0), completionTime=at(9), attempts=[attempt(1, 0, None, 9)]
            ),
            Timings(0, 9, None, None, None),
        ),
    ],
)
def test_how_long_each_phase_took(observed, expected):
    assert timings(observed, NOON + timedelta(seconds=100)) == expected


def test_another_run_has_the_same_input():
    spec = {
        "deploymentRef": {"name": "etl"},
        "parameters": {"n": 1},
        "tags": ["a"],
        "scheduledTime": at(0),
        "overrides": {"image": "i"},
    }
    old = run(spec={**spec, "scheduleName": "nightly", "cancel": True, "suspend": True}).body
    made = another_run(old)
    assert made["spec"] == spec
    assert made["metadata"]["labels"] == {"millstream.dev/retry-of": "etl-1"}
    assert made["metadata"]["name"].startswith("etl-")
    long = another_run(run("a" * MAX_RUN_NAME, spec={"template": {}}).body)
    assert len(long["metadata"]["name"]) <= MAX_RUN_NAME


def test_every_field_of_a_run_is_taken_over_or_left_out_on_purpose():
    fields = {field.alias for field in FlowRunSpec.model_fields.values()}
    assert fields == {*new_runs._AGAIN, "scheduleName", "cancel", "suspend"}


@pytest.mark.parametrize("word", ["etl-1", "flowrun/etl-1", "flowruns/etl-1", "FlowRun.millstream.dev/etl-1"])
def test_names_of_runs_as_they_are_printed(word):
    assert ObjectName("flowrun").convert(word, None, None) == "etl-1"


@pytest.mark.parametrize("word", ["pod/etl-1", "flowdeployment/etl", "", "flowrun/", ".", "..", "r1#x", "R"])
def test_names_that_are_none(word):
    with pytest.raises(click.BadParameter):
        ObjectName("flowrun").convert(word, None, None)


def test_names_of_deployments_may_have_a_flow_before_them():
    convert = ObjectName("flowdeployment", takes_flow=True).convert
    assert convert("my-flow/etl", None, None) == convert("flowdeployment/etl", None, None) == "etl"
    for other in ("pod/etl", "FlowRuns/etl", "flowrun.millstream.dev/etl", "my-flow/"):
        with pytest.raises(click.BadParameter):
            convert(other, None, None)


def test_commands_are_no_flows():
    assert not names_a_flow("ls")
    assert names_a_flow("ls.py")


def test_times_ahead(still):
    ahead = Moment(is_ahead=True).convert("1h30m", None, None)
    assert ahead.timestamp() == still.now + 5400
    with pytest.raises(click.BadParameter, match="too far ahead"):
        Moment(is_ahead=True).convert("99999999w", None, None)


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({}, "anything"),
        ({"type": "integer"}, "integer"),
        ({"type": ["string", "null"]}, "text or null"),
        ({"type": "string", "format": "date"}, "date"),
        ({"type": "array", "items": {"type": "string"}}, "list of text"),
        ({"type": "array"}, "list"),
        ({"anyOf": [{"type": "number"}, {"type": "null"}, {"type": "number"}]}, "number or null"),
        ({"enum": ["a", 1]}, '"a" or 1'),
        ({"const": None}, "null"),
        ({"$ref": "#/definitions/Colour"}, '"red"'),
        ({"$ref": "#/definitions/Absent"}, "anything"),
        ({"$ref": "#/definitions/Loop"}, "anything"),
        (True, "anything"),
    ],
)
def test_what_a_parameter_takes(schema, words):
    document = {"definitions": {"Colour": {"enum": ["red"]}, "Loop": {"$ref": "#/definitions/Loop"}}}
    assert takes(schema, document) == words


def test_secrets_are_not_shown_however_deep_they_are():
    secret = {"type": "string", "writeOnly": True}
    schema = {
        "properties": {
            "a": secret,
            "b": {"anyOf": [secret, {"type": "null"}], "default": "hunter2"},
            "c": {"$ref": "#/definitions/Db"},
            "d": secret,
        },
        "definitions": {"Db": {"properties": {"password": secret}}},
    }
    rows = parameters(schema, {"a": "hunter2", "c": {"password": "hunter2"}})
    values = {row.name: row.value for row in rows}
    assert values == {"a": "(not shown)", "b": "(not shown)", "c": "(not shown)", "d": ""}


def test_parameters_and_what_they_are_if_not_given():
    schema = {
        "properties": {"a": {"default": 1, "description": "First."}, "b": {"type": "integer"}, "c": True}
    }
    rows = [tuple(row) for row in parameters(schema, {"a": "x", "d": None})]
    assert sorted(rows) == [
        ("a", "anything", '"x"', "First."),
        ("b", "integer", "", ""),
        ("c", "anything", "", ""),
        ("d", "anything", "null", ""),
    ]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"cron": "0 6 * * *", "timeZone": "Europe/Berlin"}, "at 06:00 (cron 0 6 * * *, Europe/Berlin)"),
        ({"cron": "@daily"}, "cron @daily, UTC"),
        ({"cron": "61 * * * *"}, "61 * * * *"),
        ({"interval": 3600}, "every hour"),
        ({"rrule": "FREQ=DAILY;BYHOUR=6"}, "rrule FREQ=DAILY;BYHOUR=6, UTC"),
    ],
)
def test_schedules_in_words(spec, words):
    assert schedule_words(spec) == words


def deployment(*conditions, **spec):
    said = [
        {
            "type": kind,
            "status": status,
            "reason": reason,
            "lastTransitionTime": at(0),
            "observedGeneration": seen,
        }
        for kind, status, reason, seen in conditions
    ]
    return Deployment.of({"metadata": {"generation": 2}, "spec": spec, "status": {"conditions": said}})


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        (deployment(), ("", "not seen yet")),
        (deployment(suspend=True), ("yes", "not seen yet")),
        (deployment(("Ready", "True", "Valid", 2), ("Suspended", "False", "Active", 2)), ("", "yes")),
        (deployment(("Ready", "False", "InvalidPod", 2)), ("", "no: InvalidPod")),
        (deployment(("Ready", "True", "Valid", 1)), ("", "not seen yet")),
        (deployment(("Suspended", "True", "NamespaceSuspended", 2)), ("by its namespace", "not seen yet")),
        (deployment(("Suspended", "True", "OfTomorrow", 2)), ("OfTomorrow", "not seen yet")),
    ],
)
def test_who_pauses_a_deployment_and_whether_it_is_ready(observed, expected):
    assert (paused(observed), ready(observed)) == expected


def test_a_log_is_no_markup_and_no_control_of_a_terminal(capsys, monkeypatch):
    line = "[bold]a\x1b[31m\x1b]0;title\x07 b\r\tc\x9b"
    assert harmless(line) == line  # in a pipe
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert harmless(line) == "[bold]a]0;title b\tc"
    print_said(LogLine(line, "now"), with_times=True)
    assert capsys.readouterr().out == "now [bold]a]0;title b\tc\n"


def test_several_things_come_as_one():
    first, second = queue.SimpleQueue(), queue.SimpleQueue()
    both = interleaved(iter(first.get, None), iter(second.get, None))
    for source, item in ((first, 1), (second, 2), (second, 3), (first, 4)):
        source.put(item)
        assert next(both) == item
    first.put(None)
    second.put(5)
    assert next(both) == 5
    second.put(None)
    assert list(both) == []


def test_an_error_of_one_ends_all():
    def fails():
        yield 1
        raise ValueError("no")

    waits = queue.SimpleQueue()
    both = interleaved(fails(), iter(waits.get, None))
    assert next(both) == 1
    with pytest.raises(ValueError, match="no"):
        next(both)
    waits.put(None)


def test_what_a_run_says_is_shown_once_and_of_its_log_the_end(capsys):
    message = "ValueError: no. See its log: millstream run logs etl-1 -n team"
    ended = attempt(1, 0, 1, 5) | {
        "message": "ValueError: no",
        "reason": "FlowFailed",
        "logTail": "\n".join(map(str, range(30))),
    }
    event = {
        "reason": "FlowFailed",
        "metadata": {"creationTimestamp": at(6)},
        "involvedObject": {"kind": "FlowRun", "name": "etl-1"},
        "message": message,
    }
    other = {**event, "reason": "FailedMount", "message": "No such volume."}
    failed = run(state="Failed", reason="FlowFailed", message=message, attempt=1, attempts=[ended])
    print_run(failed, [event, other], frozenset())
    told = capsys.readouterr().out
    assert told.count("ValueError: no") == 1
    assert "Attempt 1: its last lines:\n  20\n" in told
    assert "as above" in told
    assert "No such volume." in told


def test_a_field_of_several_lines_stays_in_its_column(capsys):
    show_fields([("Name", "etl"), ("Description", "Makes\nreports."), ("Owner", "")])
    assert capsys.readouterr().out == "Name:          etl\nDescription:   Makes\n               reports.\n"


def test_parameters_are_in_the_order_of_the_flow():
    properties = {"a": {"position": 1}, "b": {"position": 0}, "c": True}
    assert [one.name for one in parameters({"properties": properties}, {})] == ["b", "a", "c"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "ls", "--namespace", ""),
        ("run", "ls", "--context", " "),
        ("deployment", "run", "etl", "--idempotency-key", ""),
        ("deploy", "flows.py", "--name", ""),
        ("run", "flows.py", "--name", ""),
        ("config", "profile", "create", ""),
    ],
)
def test_an_empty_text_is_no_text(arguments):
    """As of a variable of the shell that is not set: nobody means all that."""
    result = CliRunner().invoke(root, arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "it is empty: leave it out, or give a text." in result.stderr
